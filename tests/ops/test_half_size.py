"""The half size and what is made of it."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from deepfill_tf.ops import (
    half_size,
    half_size_sketches,
    inside_weights,
    least_side_with_inside,
)


def test_a_pixel_is_the_mean_of_the_known_ones_of_four():
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, [2, 12, 16, 3]).astype("f")
    masks = (random.random([2, 12, 16, 1]) < 0.5).astype("f")
    small, small_masks = half_size(tf.constant(images), tf.constant(masks))
    blocks = [x.reshape(2, 6, 2, 8, 2, -1).transpose(0, 1, 3, 2, 4, 5) for x in (images, masks)]
    pixels, holes = (x.reshape(2, 6, 8, 4, -1) for x in blocks)
    known = 4 - holes.sum(axis=3)
    np.testing.assert_array_equal(small_masks, known < 2)
    means = (pixels * (1 - holes)).sum(axis=3) / np.maximum(known, 1)
    np.testing.assert_allclose(small, np.where(known < 2, 0, means), rtol=0, atol=1e-6)
    assert len(np.unique(known)) == 5


def test_pixels_under_the_hole_do_not_matter():
    images, masks = np.ones([1, 4, 4, 1], "f"), np.zeros([1, 4, 4, 1], "f")
    masks[:, 1:3, 1:3] = 1
    results = [half_size(tf.constant(images * (1 + k * masks)), masks)[0] for k in (0, 1e6)]
    np.testing.assert_array_equal(*results)


def test_a_line_of_a_sketch_stays_a_line():
    sketch = np.zeros([1, 8, 8, 1], "f")
    sketch[:, :, 3] = 1
    small = half_size_sketches(tf.constant(sketch))[0, :, :, 0].numpy()
    np.testing.assert_array_equal(small, np.tile([0, 1, 0, 0], (4, 1)))


@pytest.mark.parametrize("deviation", [3.0, 8.0])
def test_weights_are_those_of_a_gaussian_neighbourhood_inside_the_image(deviation):
    random = np.random.default_rng(0)
    masks = (gaussian_filter(random.normal(size=[2, 40, 56, 1]), (0, 5, 5, 0)) > 0).astype("f")
    masks[1, :, :30] = 1
    weights = inside_weights(tf.constant(masks), deviation).numpy()
    options = {"sigma": deviation / 2, "axes": (0, 1), "mode": "constant", "truncate": 3.0}
    inside_image = gaussian_filter(np.ones([40, 56, 1]), **options)
    for mask, of_mask in zip(masks, weights, strict=True):
        share = gaussian_filter(np.float64(mask), **options) / inside_image
        expected = np.clip((share - 0.65) / 0.33, 0, 1) * mask
        np.testing.assert_allclose(of_mask, expected, rtol=0, atol=1e-5)
    # Up to the border of the image a hole has an inside.
    assert weights[1, 20, 0] == 1


@pytest.mark.parametrize("deviation", [8.0, 20.0, 33.3])
def test_the_narrowest_hole_with_an_inside_lies_along_the_image_border(deviation):
    least = least_side_with_inside(deviation)
    masks = np.zeros([3, 256, 128, 1], "f")
    masks[0, :, : (least - 1) // 2] = 1
    masks[1, :, : least // 2 + 2] = 1
    masks[2, :, 64 : 64 + least - 2] = 1
    narrow, wide, in_the_middle = inside_weights(tf.constant(masks), deviation).numpy()
    assert narrow.max() == 0 and wide.max() > 0 and in_the_middle.max() == 0
