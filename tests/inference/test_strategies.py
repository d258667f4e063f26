import cv2
import numpy as np
import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.inference.strategies import Strategy
from tests.small_generators import random_images


@pytest.fixture
def scene():
    """A smooth image of 300 x 400 and a mask with two holes that are far apart."""
    rows, columns = np.mgrid[:300, :400]
    image = np.stack([rows * 0.8, columns * 0.6, (rows + columns) / 3], axis=-1).astype(np.uint8)
    mask = np.zeros([300, 400, 1], np.uint8)
    mask[10:40, 20:60] = mask[230:270, 300:380] = 255
    return image, mask


def fill(image, mask):
    """Completes with OpenCV's own inpainting, which sees the surroundings of the hole only."""
    assert (mask == 0).any() and image.dtype == np.uint8
    return cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA)


@pytest.mark.parametrize("name", ["exact", "crop", "resize"])
def test_holes_are_filled_and_known_pixels_kept(scene, name):
    image, mask = scene
    hole = mask[:, :, 0] > 0
    damaged = np.where(mask > 0, random_images(300, 400, 3), image)
    strategy = Strategy(name, crop_margin=20, resize_limit=100)
    completed = strategy.complete(fill, damaged, mask)
    assert completed.dtype == np.uint8
    np.testing.assert_array_equal(completed[~hole], image[~hole])
    # What was under the hole does not matter, and the surroundings were seen.
    np.testing.assert_array_equal(completed, strategy.complete(fill, image, mask))
    assert np.abs(completed[hole].astype(int) - image[hole]).mean() < 12


def test_crops_are_completed_alone(scene):
    image, mask = scene
    seen = []

    def complete(image, mask, sketch):
        seen.append(image.shape)
        assert mask.shape == sketch.shape == (*image.shape[:2], 1)
        return np.full_like(image, 7)

    strategy = Strategy("crop", crop_margin=20)
    completed = strategy.complete(complete, image, mask, mask)
    assert seen == [(60, 80, 3), (80, 120, 3)]
    np.testing.assert_array_equal(completed, np.where(mask > 0, 7, image))


def test_the_resized_image_and_its_marks(scene):
    image, mask = scene
    sketch = np.zeros_like(mask)
    sketch[20, 25:55] = 255

    def complete(image, mask, sketch):
        assert image.shape == (75, 100, 3)
        # Of the hole are all pixels that it touches: 10 to 39 in quarters is 2 to 9.
        assert mask[2:10, 5:15].all() and not mask[:2].any() and not mask[10:40].any()
        assert sketch[5].any() and not sketch[:5].any() and not sketch[6:].any()
        return image

    Strategy("resize", resize_limit=100).complete(complete, image, mask, sketch)
    small = []
    Strategy("resize", resize_limit=400).complete(lambda *x: small.append(x) or x[0], image, mask)
    assert small[0][0] is image


def test_floats_stay_floats(scene):
    image, mask = scene
    floats = (image / 127.5 - 1).astype(np.float32)

    def complete(image, mask):
        assert image.dtype == np.float32 and np.abs(image).max() <= 1
        return np.where(mask > 0, np.float32(0.25), np.nan)  # valid in the hole only

    for name in ("crop", "resize"):
        completed = Strategy(name, crop_margin=20, resize_limit=100).complete(
            complete, floats, mask
        )
        assert completed.dtype == np.float32
        np.testing.assert_array_equal(completed[mask[..., 0] == 0], floats[mask[..., 0] == 0])
        assert np.abs(completed[mask[..., 0] > 0]).max() <= 1


def test_crops_have_the_least_size():
    boxes = np.array([[0, 90, 2, 93], [299, 0, 300, 3]])
    crops = Strategy("crop", crop_margin=1).crops(boxes, (300, 400))
    assert ((crops[:, 2:] - crops[:, :2]) >= 16).all()
    assert (crops[:, :2] <= boxes[:, :2]).all() and (crops[:, 2:] >= boxes[:, 2:]).all()
    assert crops.min() >= 0 and (crops[:, 2] <= 300).all()


def test_known_lines_that_vanish():
    mask = np.full([160, 160, 1], 255, np.uint8)
    mask[80] = 0
    with pytest.raises(UserError, match="no pixel is known at 16 x 16"):
        Strategy("resize", resize_limit=16).complete(fill, np.zeros([160, 160, 3], np.uint8), mask)


def test_bad_arguments():
    for arguments in ({"name": "tiles"}, {"crop_margin": 0}, {"resize_limit": 15}):
        with pytest.raises(ValueError):
            Strategy(**arguments)
