import concurrent.futures
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import deepfill_tf
from deepfill_tf.data.image_files import read_pixels
from deepfill_tf.data.sketches.landmark_sketches import LandmarkSketches
from deepfill_tf.errors import UserError

ASTRONAUT = Path(deepfill_tf.__file__).parent / "photographs" / "train" / "astronaut.jpg"


def test_a_missing_package_is_named_with_two_solutions(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(UserError, match=r"deepfill-tf\[landmarks\].*@CannySketches\(\)"):
        LandmarkSketches().check([])


def test_a_mediapipe_without_a_model_needs_a_model_file(monkeypatch):
    bare = types.ModuleType("mediapipe")
    bare.__version__ = "1.2.2"
    monkeypatch.setitem(sys.modules, "mediapipe", bare)
    with pytest.raises(UserError, match=r"LandmarkSketches.model .* 1.2.2 .*@CannySketches"):
        LandmarkSketches().check([])


def test_a_line_without_width_is_refused():
    with pytest.raises(ValueError, match="line_width must be a positive integer, got 0"):
        LandmarkSketches(line_width=0)


@pytest.mark.needs_mediapipe
def test_a_missing_model_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no file .*none.task, which LandmarkSketches.model"):
        LandmarkSketches(model=str(tmp_path / "none.task")).check([])


@pytest.mark.needs_mediapipe
def test_a_foreign_model_file_is_named(tmp_path):
    path = tmp_path / "foreign.task"
    path.write_bytes(b"no model" * 99)
    with pytest.raises(UserError, match=r"cannot read LandmarkSketches.model '.*foreign.task'"):
        LandmarkSketches(model=str(path)).check([])


@pytest.mark.needs_mediapipe
def test_the_lines_are_on_the_face():
    """The lines are on her face, whose place in the photograph was measured by eye."""
    image = read_pixels(str(ASTRONAUT))
    source = LandmarkSketches()
    source.check([str(ASTRONAUT)])
    sketch = source(str(ASTRONAUT), image, None)
    assert sketch.shape == (*image.shape[:2], 1)
    assert sketch.dtype == np.uint8
    assert set(np.unique(sketch)) == {0, 255}
    rows, columns, _ = np.nonzero(sketch)
    assert np.abs(np.array([rows.min(), rows.max()]) - [52, 131]).max() <= 8
    assert np.abs(np.array([columns.min(), columns.max()]) - [134, 203]).max() <= 8
    # Lines, not a filled face.
    assert 300 < len(rows) < 1000


@pytest.mark.needs_mediapipe
def test_wider_lines_cover_the_thin_ones():
    image = read_pixels(str(ASTRONAUT))
    thin, wide = (LandmarkSketches(line_width=n)("", image, None) > 0 for n in (1, 3))
    assert wide[thin].all()
    assert wide.sum() > 1.5 * thin.sum()


@pytest.mark.needs_mediapipe
def test_two_faces_are_both_drawn():
    image = read_pixels(str(ASTRONAUT))[:192, 64:256]
    sketch = LandmarkSketches()("", np.concatenate([image, image], 1), None)
    assert sketch[:, :192].any()
    assert sketch[:, 192:].any()


@pytest.mark.needs_mediapipe
@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_face_the_sketch_is_empty(channels):
    sketch = LandmarkSketches()("", np.full([48, 80, channels], 99, np.uint8), None)
    assert sketch.shape == (48, 80, 1)
    assert not sketch.any()


@pytest.mark.needs_mediapipe
def test_threads_do_not_get_each_others_sketches():
    face = read_pixels(str(ASTRONAUT), channels=1)
    images = [face, np.zeros_like(face), np.ascontiguousarray(face[:, ::-1])] * 6
    source = LandmarkSketches()
    alone = [source("", image, None) for image in images[:3]] * 6
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda image: source("", image, None), images))
    np.testing.assert_array_equal(together, alone)
