"""Completion with onnxruntime, by a graph whose result is known."""

import numpy as np
import pytest
from PIL import Image

from deepfill_tf import OnnxInpainter, UserError
from deepfill_tf.inference.completion_paths import CompletionPaths
from deepfill_tf.inference.files import FileCompleter
from tests.inference.onnx_files import write_graph, write_mean_fill
from tests.small_generators import random_images, random_masks


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_mean_fill(tmp_path_factory.mktemp("models") / "mean.onnx")


@pytest.fixture(scope="module")
def guided_file(tmp_path_factory):
    return write_mean_fill(tmp_path_factory.mktemp("models") / "guided.onnx", guided=True)


def filled(image, mask, value=None):
    """The image with its hole filled with a value, or the mean of the known pixels."""
    hole = mask[:, :, 0] > 127
    completed = image.copy()
    completed[hole] = image[~hole].mean(axis=0).astype(np.uint8) if value is None else value
    return completed


@pytest.mark.parametrize("channels", [1, 3])
def test_images_and_batches(tmp_path, channels):
    inpainter = OnnxInpainter(write_mean_fill(tmp_path / "mean.onnx", channels=channels))
    assert (inpainter.channels, inpainter.guided) == (channels, False)
    images, masks = random_images(2, 24, 33, channels), random_masks(2, 24, 33)
    expected = [filled(image, mask) for image, mask in zip(images, masks, strict=True)]
    np.testing.assert_array_equal(inpainter(images, masks), expected)
    np.testing.assert_array_equal(inpainter(images[0], masks[0, :, :, 0] > 127), expected[0])
    one_for_all = inpainter(images, masks[:1])
    np.testing.assert_array_equal(one_for_all[1], filled(images[1], masks[0]))


def test_sketches(guided_file):
    inpainter = OnnxInpainter(guided_file)
    assert inpainter.guided
    image, mask = random_images(24, 33, 3), random_masks(1, 24, 33)[0]
    np.testing.assert_array_equal(
        inpainter(image, mask, np.full([24, 33], 154, np.uint8)), filled(image, mask, 255)
    )
    empty = np.zeros([24, 33], bool)
    np.testing.assert_array_equal(inpainter(image, mask, empty), filled(image, mask))
    with pytest.raises(ValueError, match="it takes image, mask and sketch"):
        inpainter(image, mask)


def test_what_does_not_fit_is_refused_before_it_is_computed(file):
    inpainter = OnnxInpainter(file)
    image, mask = random_images(24, 33, 3), random_masks(1, 24, 33)[0]
    with pytest.raises(ValueError, match="no sketch"):
        inpainter(image, mask, mask)
    with pytest.raises(ValueError, match=r"uint8 \[H, W, 3\].*got float32"):
        inpainter(image.astype(np.float32), mask)
    with pytest.raises(ValueError, match="does not fit"):
        inpainter(image, mask[:-1])
    with pytest.raises(NotImplementedError, match="OnnxInpainter completes uint8 images only"):
        inpainter.predict(image.astype(np.float32), mask)


def test_files_that_are_no_such_model(tmp_path, file):
    with pytest.raises(UserError, match=r"there is no ONNX file .*missing\.onnx"):
        OnnxInpainter(tmp_path / "missing.onnx")
    (tmp_path / "half.onnx").write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(UserError, match=r"cannot load the ONNX file .*half\.onnx"):
        OnnxInpainter(tmp_path / "half.onnx")
    another = '<ir_version: 8, opset_import: ["": 17]> g (float[N] x) => (float[N] y) {y = Abs(x)}'
    with pytest.raises(UserError, match=r"not one that completes images.*they are x tensor\(float"):
        OnnxInpainter(write_graph(tmp_path / "another.onnx", another))


def test_further_outputs_are_not_asked_for(tmp_path):
    """Files of `--outputs=completed,coarse,offsets`, which the demo's page takes."""
    graph = """<ir_version: 8, opset_import: ["": 17]>
    g (uint8[N, H, W, 3] image, uint8[N, H, W, 1] mask)
    => (uint8[N, H, W, 3] completed, int32[N, H, W, 1] offsets) {
      hole = Cast <to: int = 9> (mask)
      completed = Where (hole, mask, image)
      offsets = Cast <to: int = 6> (mask)
    }"""
    inpainter = OnnxInpainter(write_graph(tmp_path / "more.onnx", graph))
    image, mask = random_images(24, 33, 3), random_masks(1, 24, 33)[0] // 255 * 255
    np.testing.assert_array_equal(inpainter(image, mask), np.where(mask > 0, 255, image))


def test_a_failure_of_the_runtime_is_one_of_its_errors(file):
    inpainter = OnnxInpainter(file)
    with pytest.raises(inpainter.errors):
        image = np.zeros([1, 16, 16, 3], np.uint8)
        inpainter._complete({"image": image, "mask": image[:, :9]})


def test_of_16_bits_known_pixels_stay_and_the_hole_gets_8(file, tmp_path):
    values = random_images(24, 33).astype(np.uint16) * 257 + 1
    mask = random_masks(1, 24, 33)[0, :, :, 0]
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray((mask > 127) * np.uint8(255)).save(tmp_path / "m.png")
    paths = CompletionPaths(tmp_path / "a.png", tmp_path / "m.png", tmp_path / "b.png")
    record = FileCompleter(OnnxInpainter(file)).complete(paths)
    assert "the hole gets 8 bits a channel, as this model computes them" in record.notes
    completed = np.asarray(Image.open(tmp_path / "b.png"))
    assert completed.dtype == np.uint16
    np.testing.assert_array_equal(completed[mask <= 127], values[mask <= 127])
    mean = (values[mask <= 127] // 257).mean()
    np.testing.assert_allclose(completed[mask > 127], mean * 257, atol=257)
