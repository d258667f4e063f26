import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import named_variables
from deepfill_tf.networks import PatchDiscriminator


@pytest.fixture(scope="module")
def full():
    discriminator = PatchDiscriminator()
    discriminator(tf.zeros([1, 16, 16, 3]), tf.zeros([1, 16, 16, 1]))
    return discriminator


def test_names_are_the_same_on_both_platforms(full):
    endings = ("convolution/kernel", "convolution/bias", "u")
    expected = [f"conv{i}/{ending}" for i in range(1, 7) for ending in endings]
    assert list(named_variables(full.weights)) == sorted(expected)


@pytest.mark.parametrize(
    ("height", "width", "scores"), [(256, 256, 4096), (128, 192, 2 * 3 * 256), (72, 40, 2 * 256)]
)
def test_number_of_scores(full, height, width, scores):
    """Six halvings, rounded up, of 256 features each."""
    result = full(tf.zeros([1, height, width, 3]), tf.zeros([1, height, width, 1]))
    assert result.shape == [1, scores]


@pytest.mark.parametrize("training", [None, False, True])
def test_u_moves_in_training_only(training):
    discriminator = PatchDiscriminator(width=4)
    images, masks = tf.ones([1, 32, 32, 3]), tf.ones([1, 32, 32, 1])
    discriminator(images, masks)
    before = [u.numpy() for u in discriminator.non_trainable_variables]
    discriminator(images, masks, training=training)
    assert len(before) == 6
    for u, old in zip(discriminator.non_trainable_variables, before, strict=True):
        assert (np.abs(u.numpy() - old).max() > 1e-3) == bool(training)


def test_every_image_is_scored_by_itself():
    discriminator = PatchDiscriminator(width=4)
    images = tf.random.stateless_normal([3, 64, 64, 3], [0, 1])
    masks = tf.cast(tf.random.stateless_uniform([3, 64, 64, 1], [0, 2]) > 0.5, tf.float32)
    together = discriminator(images, masks)
    for i in range(3):
        alone = discriminator(images[i : i + 1], masks[i : i + 1])
        np.testing.assert_allclose(together[i], alone[0], rtol=0, atol=1e-5)


def test_one_mask_for_the_batch_equals_the_mask_repeated():
    discriminator = PatchDiscriminator(width=4)
    images = tf.random.stateless_normal([3, 64, 64, 3], [0, 1])
    masks = tf.cast(tf.random.stateless_uniform([1, 64, 64, 1], [0, 2]) > 0.5, tf.float32)
    once, repeated = (discriminator(images, m) for m in (masks, tf.repeat(masks, 3, axis=0)))
    np.testing.assert_array_equal(once, repeated)


@pytest.mark.parametrize("channels", [1, 4])
def test_channels_of_the_image(channels):
    discriminator = PatchDiscriminator(width=4)
    discriminator(tf.zeros([1, 16, 16, channels]), tf.zeros([1, 16, 16, 1]))
    assert (
        named_variables(discriminator.weights)["conv1/convolution/kernel"].shape[2] == channels + 1
    )


@pytest.mark.parametrize("width", [0, -4, 6.5])
def test_bad_width(width):
    with pytest.raises(ValueError, match=f"width must be a positive integer, got {width}"):
        PatchDiscriminator(width=width)
