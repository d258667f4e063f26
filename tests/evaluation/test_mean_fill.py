import numpy as np
import tensorflow as tf

from deepfill_tf.evaluation import mean_fill


def test_mean_fill_is_the_mean_of_the_known_pixels():
    images = np.random.default_rng(0).uniform(-1, 1, [2, 8, 12, 3]).astype(np.float32)
    masks = np.zeros([2, 8, 12, 1], np.float32)
    masks[0, 2:5, 3:9] = 1
    masks[1, :4] = 1
    filled = mean_fill(tf.constant(images), tf.constant(masks)).numpy()
    for image, mask, result in zip(images, masks[..., 0], filled, strict=True):
        mean = image[mask == 0].mean(axis=0)
        np.testing.assert_allclose(
            result[mask == 1], np.broadcast_to(mean, [int(mask.sum()), 3]), atol=1e-6
        )
        np.testing.assert_array_equal(result[mask == 0], image[mask == 0])
