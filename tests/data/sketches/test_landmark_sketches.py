import sys
import types
from pathlib import Path

import numpy as np
import pytest

import deepfill_tf
from deepfill_tf.data.picture_files import read_picture
from deepfill_tf.data.sketches.landmark_sketches import LandmarkSketches
from deepfill_tf.errors import UserError

ASTRONAUT = Path(deepfill_tf.__file__).parent / "photographs" / "train" / "astronaut.jpg"


@pytest.fixture
def bundled():
    """mediapipe, where it is installed and brings a model."""
    mediapipe = pytest.importorskip("mediapipe")
    if not hasattr(mediapipe, "solutions"):
        pytest.skip(f"mediapipe {mediapipe.__version__} brings no model")
    return mediapipe


def test_where_the_package_is_missing_two_ways_out_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(UserError, match=r"deepfill-tf\[landmarks\].*@CannySketches\(\)"):
        LandmarkSketches().check([])


def test_a_mediapipe_without_a_model_wants_one_named(monkeypatch):
    bare = types.ModuleType("mediapipe")
    bare.__version__ = "1.2.2"
    monkeypatch.setitem(sys.modules, "mediapipe", bare)
    with pytest.raises(UserError, match=r"LandmarkSketches.model .* 1.2.2 .*@CannySketches"):
        LandmarkSketches().check([])


def test_a_line_without_width_is_refused():
    with pytest.raises(ValueError, match="line_width must be at least 1, got 0"):
        LandmarkSketches(line_width=0)


def test_a_model_that_is_not_there_is_named(tmp_path):
    pytest.importorskip("mediapipe")
    with pytest.raises(UserError, match=r"no file .*none.task, which LandmarkSketches.model"):
        LandmarkSketches(model=str(tmp_path / "none.task")).check([])


def test_what_is_no_model_is_named(tmp_path):
    pytest.importorskip("mediapipe")
    path = tmp_path / "foreign.task"
    path.write_bytes(b"no model" * 99)
    with pytest.raises(UserError, match=r"cannot read LandmarkSketches.model '.*foreign.task'"):
        LandmarkSketches(model=str(path)).check([])


def test_the_astronaut(bundled):
    """The drawing is where her face is, which was measured by eye."""
    picture = read_picture(str(ASTRONAUT))
    source = LandmarkSketches()
    source.check([str(ASTRONAUT)])
    sketch = source(str(ASTRONAUT), picture, None)
    assert sketch.shape == (*picture.shape[:2], 1)
    assert sketch.dtype == np.uint8
    assert set(np.unique(sketch)) == {0, 255}
