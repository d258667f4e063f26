import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.evaluation import completion_metrics
from deepfill_tf.objectives.total_variation import TotalVariation, total_variation


def batch(image, mask):
    return {"image": tf.constant(image, tf.float32), "mask": tf.constant(mask, tf.float32)}


def test_of_a_ramp_and_of_a_flat_image():
    """Steps of 0.1 to the right and 0.2 down: (H (W - 1) 0.1 + (H - 1) W 0.2) / (H W)."""
    rows, columns = np.meshgrid(np.arange(4), np.arange(5), indexing="ij")
    ramp = np.repeat((0.2 * rows + 0.1 * columns)[..., None], 3, axis=-1)
    images = tf.constant(np.stack([ramp, np.full_like(ramp, 0.7)]), tf.float32)
    expected = (4 * 4 * 0.1 + 3 * 5 * 0.2) / 20
    np.testing.assert_allclose(total_variation(images), expected / 2, rtol=1e-6)


@pytest.mark.parametrize("masks", [1, 2])
def test_only_the_hole_is_of_the_prediction(masks):
    """A hole of one pixel, of value 1 in an image of 0: four edges."""
    mask = np.zeros([masks, 4, 4, 1])
    mask[:, 1, 2] = 1
    prediction = tf.ones([2, 4, 4, 1])
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        value = TotalVariation()(prediction, batch(np.zeros([2, 4, 4, 1]), mask))
    np.testing.assert_allclose(value, 4 / 16, rtol=1e-6)
    gradient = tape.gradient(value, prediction).numpy()
    np.testing.assert_allclose(gradient, np.repeat(4 / 16 / 2 * mask, 2 // masks, axis=0))


def test_is_a_fiftieth_of_the_reported_one():
    """Which is per cent of the range, and the range is 2."""
    random = np.random.default_rng(0)
    image, predicted = random.integers(0, 256, [2, 3, 16, 18, 3]).astype(np.uint8)
    masks = random.integers(0, 2, [3, 16, 18, 1])
    rows = completion_metrics(image, predicted, masks > 0)
    reported = np.mean([row["tv"] for row in rows])
    prediction = tf.constant(predicted / 127.5 - 1, tf.float32)
    value = TotalVariation()(prediction, batch(image / 127.5 - 1, masks))
    np.testing.assert_allclose(value, reported / 50, rtol=1e-5)
