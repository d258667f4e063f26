import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers.activations import ACTIVATIONS, activation_named

X = np.linspace(-3, 3, 13, dtype="f")
CLOSED_FORMS = {
    "elu": np.where(X > 0, X, np.expm1(X)),
    "relu": np.where(X > 0, X, 0),
    "leaky_relu": np.where(X > 0, X, 0.2 * X),
    "tanh": 1 - 2 / (np.exp(2 * X) + 1),
    "clip": np.minimum(np.maximum(X, -1), 1),
}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_equal_their_closed_form(name):
    actual = activation_named(name)(tf.constant(X))
    np.testing.assert_allclose(actual, CLOSED_FORMS[name], rtol=0, atol=1e-6)


def test_activation_none_is_the_identity():
    np.testing.assert_array_equal(activation_named(None)(tf.constant(X)), X)
