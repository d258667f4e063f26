import numpy as np
import tensorflow as tf

from deepfill_tf.evaluation import completion_metrics, mean_fill


def examples():
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, [2, 8, 12, 3]).astype(np.float32)
    masks = np.zeros([2, 8, 12, 1], np.float32)
    masks[0, 2:5, 3:9] = 1
    masks[1, :4] = 1
    return images, masks


def test_a_constant_error_has_its_closed_form():
    """An error of a tenth of the range everywhere is 20 dB, in the hole and in the image."""
    images, masks = examples()
    metrics = completion_metrics(tf.constant(images * 0.5 + 0.2), tf.constant(images * 0.5), masks)
    np.testing.assert_allclose(metrics["l1"], 0.1, rtol=1e-5)
    np.testing.assert_allclose(metrics["l2"], 0.01, rtol=1e-5)
    np.testing.assert_allclose(metrics["psnr"], 20, rtol=1e-5)
    np.testing.assert_allclose(metrics["psnr_in_hole"], 20, rtol=1e-5)


def test_the_known_part_does_not_count_in_the_hole():
    images, masks = examples()
    completed = images * 0.5 + 0.2 * masks + 0.7 * (1 - masks) * images
    metrics = completion_metrics(tf.constant(completed), tf.constant(images * 0.5), masks)
    np.testing.assert_allclose(metrics["psnr_in_hole"], 20, rtol=1e-5)


def test_total_variation_of_a_ramp():
    """Values rise by 1/11 from column to column: 11 steps in each of 8 rows."""
    ramp = np.broadcast_to(np.linspace(-1, 1, 12, dtype=np.float32)[:, None], [1, 8, 12, 3])
    metrics = completion_metrics(tf.constant(ramp), tf.constant(ramp), tf.ones([1, 8, 12, 1]))
    np.testing.assert_allclose(metrics["tv"], 8 * 3 / (8 * 12 * 3), rtol=1e-5)


def test_mean_fill_is_the_mean_of_the_known_pixels():
    images, masks = examples()
    filled = mean_fill(tf.constant(images), tf.constant(masks)).numpy()
    for image, mask, result in zip(images, masks[..., 0], filled, strict=True):
        mean = image[mask == 0].mean(axis=0)
        np.testing.assert_allclose(
            result[mask == 1], np.broadcast_to(mean, [int(mask.sum()), 3]), atol=1e-6
        )
        np.testing.assert_array_equal(result[mask == 0], image[mask == 0])
