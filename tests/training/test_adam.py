import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.schedules import PiecewiseLinear
from deepfill_tf.training.adam import Adam

SETTINGS = {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.999}


def test_agrees_with_keras_adam_for_the_same_epsilon():
    values = np.linspace(-1, 1, 7, dtype=np.float32)
    ours, theirs = tf.Variable(values), tf.Variable(values)
    adam_step = tf.Variable(0, dtype=tf.int64)
    adam = Adam({"w": ours}, step=adam_step, epsilon=1e-8, **SETTINGS)
    keras_adam = tf.keras.optimizers.Adam(epsilon=1e-8, **SETTINGS)
    for step in range(20):
        gradient = tf.sin(tf.range(7, dtype=tf.float32) + step)
        adam.apply({"w": gradient})
        keras_adam.apply_gradients([(gradient, theirs)])
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert adam_step.numpy() == 20


def test_first_update_moves_by_the_learning_rate_whatever_the_gradient():
    variable = tf.Variable([1.0, 1.0, 1.0])
    adam = Adam({"w": variable}, step=tf.Variable(0, dtype=tf.int64), epsilon=1e-8, **SETTINGS)
    adam.apply({"w": tf.constant([100.0, -0.1, 1.0])})
    np.testing.assert_allclose(variable, [0.99, 1.01, 0.99], atol=1e-6)


@pytest.mark.parametrize("share", [True, False])
def test_a_shared_step_corrects_the_second_network_as_its_second_update(share):
    """With one step the second network's first update sees t = 2."""
    first, second = tf.Variable([0.0]), tf.Variable([0.0])
    step = tf.Variable(0, dtype=tf.int64)
    own = step if share else tf.Variable(0, dtype=tf.int64)
    Adam({"w": first}, step=step, epsilon=1e-8, **SETTINGS).apply({"w": tf.constant([1.0])})
    Adam({"w": second}, step=own, epsilon=1e-8, **SETTINGS).apply({"w": tf.constant([1.0])})
    t = 2 if share else 1
    moments = 0.5 / np.sqrt(0.001)
    expected = -0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.5**t) * moments
    np.testing.assert_allclose(second, [expected], rtol=1e-4)


def test_a_learning_rate_may_change_with_the_training_step():
    """Of a constant gradient every update is the learning rate, whatever its number."""
    rate = PiecewiseLinear(steps=[0, 4], values=[0.0, 0.04])
    variable = tf.Variable([1.0])
    settings = SETTINGS | {"learning_rate": rate}
    adam = Adam({"w": variable}, step=tf.Variable(0, dtype=tf.int64), epsilon=1e-8, **settings)
    moved = []
    for step in range(6):
        before = float(variable[0])
        adam.apply({"w": tf.constant([2.0])}, tf.constant(step, tf.int64))
        moved.append(before - float(variable[0]))
    np.testing.assert_allclose(moved, [0.0, 0.01, 0.02, 0.03, 0.04, 0.04], atol=1e-6)
