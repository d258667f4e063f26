"""The correction is a normalised convolution of the errors at known pixels."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from deepfill_tf.ops import Region, correct_borders, correction_radius


def _example(height=40, width=50, count=2):
    random = np.random.default_rng(0)
    predictions, images = random.uniform(-0.5, 0.5, [2, count, height, width, 3])
    masks = np.zeros([count, height, width, 1])
    masks[:, 10:24, 15:33] = 1
    masks[-1, 30:, :7] = 1
    return tuple(tf.constant(each, tf.float32) for each in (predictions, images, masks))


def _blurred(maps, deviation):
    """Along rows and columns; weights end at three deviations, zeros around."""
    return gaussian_filter(maps, (deviation, deviation, 0), mode="constant", truncate=3.0)


@pytest.mark.parametrize("deviations", [(2.0,), (4.0, 1.0)])
def test_it_is_what_scipy_computes(deviations):
    predictions, images, masks = _example()
    corrected = correct_borders(predictions, images, masks, deviations).numpy()
    for each, prediction, image, mask in zip(corrected, predictions, images, masks, strict=True):
        prediction, image, mask = (np.float64(x) for x in (prediction, image, mask))
        known, errors, expected = 1 - mask, (image - prediction) * (1 - mask), prediction.copy()
        for deviation in deviations:
            mean = _blurred(errors, deviation) / (_blurred(known, deviation) + 1e-2)
            expected += mean * mask
            errors -= mean * known
        np.testing.assert_allclose(each, expected, atol=2e-6)


def test_known_pixels_stay_and_a_constant_error_vanishes():
    _, images, masks = _example()
    predictions = images + tf.constant([0.1, -0.2, 0.05])
    corrected = correct_borders(predictions, images, masks, (8.0, 2.0))
    known = (masks == 0)[..., 0]
    np.testing.assert_array_equal(corrected[known], predictions[known])
    error = tf.boolean_mask(corrected - images, ~known)
    assert tf.reduce_max(tf.abs(error)) < 0.2 * 0.1


def test_it_fades_into_a_large_hole():
    """The correction of a constant error has no step that would be seen as a contour."""
    masks = np.zeros([1, 90, 100, 1], np.float32)
    masks[:, 15:75, 20:80] = 1
    predictions = tf.zeros([1, 90, 100, 3])
    corrected = correct_borders(predictions, predictions + 0.5, masks, (8.0, 3.0, 1.0)).numpy()
    inside = corrected[0, 15:75, 20:80, 0] / 0.5
    assert inside[0].min() > 0.97 and inside[30, 30] == 0
    assert max(np.abs(np.diff(inside, axis=axis)).max() for axis in (0, 1)) < 0.1


def test_values_in_the_hole_do_not_matter():
    predictions, images, masks = _example()
    other = tf.where(masks == 1, 0.9, images)
    results = [correct_borders(predictions, each, masks, (3.0,)) for each in (images, other)]
    np.testing.assert_array_equal(*results)


def test_one_mask_serves_all_images():
    predictions, images, masks = _example()
    masks = tf.repeat(masks[:1], 2, axis=0)
    results = [correct_borders(predictions, images, each, (3.0,)) for each in (masks, masks[:1])]
    np.testing.assert_array_equal(*results)


def test_a_pixel_depends_on_pixels_within_the_radius():
    predictions, images, masks = _example(60, 70)
    deviations = (4.0, 1.5)
    whole = correct_borders(predictions, images, masks, deviations)
    region = Region(tf.constant([9, 14]), tf.constant([26, 35]))
    seen = region.grown(correction_radius(deviations))
    seen = seen.intersection(Region.whole((60, 70)))
    part = correct_borders(*(seen.crop(x) for x in (predictions, images, masks)), deviations)
    np.testing.assert_allclose(region.crop(part, origin=seen), region.crop(whole), atol=1e-6)
    assert correction_radius(deviations) == 12 + 5


def test_results_stay_in_range():
    predictions, images, masks = _example()
    corrected = correct_borders(predictions * 1.9, images * 1.9, masks, (2.0,))
    assert tf.reduce_max(tf.abs(corrected)) == 1
