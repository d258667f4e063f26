"""The layers as users of Keras expect layers to be."""

import numpy as np
import pytest

from deepfill_tf.compat import keras
from deepfill_tf.layers import (
    ContextualAttention,
    GatedConv2D,
    GatedUpConv2D,
    PartialConv2D,
    PlainConv2D,
    SpectralNorm,
)

FEATURES = np.random.default_rng(0).normal(size=[2, 8, 12, 3]).astype("float32")


@keras.utils.register_keras_serializable(package="tests")
def halved(x):
    return x / 2


def reloaded(layer, tmp_path):
    """The layer of a model that was saved and loaded."""
    model = keras.Sequential([keras.Input(FEATURES.shape[1:]), layer])
    model.save(str(tmp_path / "model.keras"))
    return keras.models.load_model(str(tmp_path / "model.keras")).layers[-1]


def test_sizes_may_be_given_for_both_directions():
    pairs = {"kernel_size": (3, 3), "strides": [1, 1], "dilation_rate": (2, 2)}
    layer = PlainConv2D(4, **pairs)
    assert layer.get_config() == PlainConv2D(4, 3, dilation_rate=2, name=layer.name).get_config()
    keras_layer = keras.layers.Conv2D(4, **pairs, padding="same", activation="elu")
    expected = keras_layer(FEATURES)
    layer(FEATURES)
    layer.set_weights(keras_layer.get_weights())
    np.testing.assert_allclose(layer(FEATURES), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation_rate"])
@pytest.mark.parametrize("value", [(3, 5), (3,), (3, 3, 3), "3", 3.0, (0, 0)])
def test_other_sizes_are_quoted(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*got"):
        PlainConv2D(4, **{name: value})


@pytest.mark.parametrize(
    "activation", ["sigmoid", "gelu", "swish", "linear", keras.activations.softplus, halved]
)
def test_any_activation_of_keras_is_applied_saved_and_loaded(activation, tmp_path):
    layer = PlainConv2D(4, activation=activation)
    features = layer(FEATURES)
    bare = PlainConv2D(4, activation=None)
    bare(FEATURES)
    bare.set_weights(layer.get_weights())
    expected = keras.activations.get(activation)(bare(FEATURES))
    np.testing.assert_allclose(features, expected, atol=1e-6)
    np.testing.assert_allclose(reloaded(layer, tmp_path)(FEATURES), features, atol=1e-6)


def test_an_unknown_activation_is_quoted_with_those_there_are():
    with pytest.raises(ValueError, match="one of .*'clip'.* or an activation of Keras, got 'elo'"):
        PlainConv2D(4, activation="elo")


def test_holes_of_partial_convolutions_are_zero_after_any_activation():
    masks = np.ones([1, 8, 12, 1], "float32")
    features, _ = PartialConv2D(4, activation="sigmoid")(FEATURES, masks)
    assert not np.asarray(features).any()


@pytest.mark.parametrize("layer_class", [PlainConv2D, GatedConv2D, GatedUpConv2D])
def test_regularizers_add_losses_and_are_saved(layer_class, tmp_path):
    layer = layer_class(4, kernel_regularizer="l2", bias_regularizer=keras.regularizers.L1(0.5))
    layer(FEATURES)
    layer.bias.assign(np.full(layer.bias.shape, -2.0, "float32"))
    norm = np.sum(np.asarray(layer.kernel) ** 2)
    for one in (layer, reloaded(layer, tmp_path)):
        assert sorted(map(float, one.losses)) == pytest.approx(
            sorted([0.01 * norm, 0.5 * 2 * layer.bias.shape[0]]), rel=1e-5
        )


def test_regularizers_of_a_normalised_layer_count():
    layer = SpectralNorm(PlainConv2D(4, kernel_regularizer="l2"))
    layer(FEATURES)
    assert len(layer.losses) == 1


def test_attention_in_a_model_that_keras_compiles_with_xla():
    """Inputs of a size that the model does not know when it is made, in batches of any size."""
    inputs = keras.Input([None, None, 3]), keras.Input([None, None, 1])
    features, offsets = ContextualAttention()(inputs[0], inputs[0], inputs[1])
    model = keras.Model(inputs, [features, offsets])
    masks = np.zeros([2, 8, 12, 1], "float32")
    masks[:, 2:6, 4:8] = 1
    expected = model([FEATURES, masks])
    model.compile(jit_compile=True)
    for actual, wanted in zip(model.predict([FEATURES, masks], verbose=0), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-5)

    dense = keras.layers.Dense(3)
    trained = keras.Model(inputs, ContextualAttention()(*[dense(inputs[0])] * 2, inputs[1])[0])
    before = dense.get_weights()
    trained.compile("sgd", loss="mse", jit_compile=True)
    trained.fit([FEATURES, masks], FEATURES, batch_size=2, verbose=0)
    assert any((b != a).any() for b, a in zip(before, dense.get_weights(), strict=True))
