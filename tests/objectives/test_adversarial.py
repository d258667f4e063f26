import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.objectives.adversarial import (
    HINGE,
    LEAST_SQUARES,
    LOGISTIC,
    WASSERSTEIN,
    hinge_discriminator_loss,
)
from tests.closeness import assert_close
from tests.reference_cases import case

RECORDED = {
    "gan_hinge": HINGE,
    "gan_wgan": WASSERSTEIN,
    "gan_log": LOGISTIC,
    "gan_ls": LEAST_SQUARES,
}


@pytest.mark.parametrize("shape", ["flat", "column"])
@pytest.mark.parametrize("name", RECORDED)
def test_values_and_gradients_as_released(name, shape):
    r, loss = case("losses.npz", f"{name}/{shape}"), RECORDED[name]
    real, completed = tf.constant(r["pos"]), tf.constant(r["neg"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, completed])
        discriminator = loss.discriminator(real, completed)
        generator = loss.generator(completed)
    assert_close(discriminator, r["d_loss"], tolerance=1e-5)
    assert_close(generator, r["g_loss"], tolerance=1e-5)
    assert_close(tape.gradient(discriminator, real), r["dd_dpos"], tolerance=1e-5)
    assert_close(tape.gradient(discriminator, completed), r["dd_dneg"], tolerance=1e-5)
    assert_close(tape.gradient(generator, completed), r["dg_dneg"], tolerance=1e-5)
    assert not r["dg_dpos"].any() and tape.gradient(generator, real) is None


@pytest.mark.parametrize(
    ("loss", "discriminator", "generator"),
    [
        # Scores of 2 for the one real image and of -1 and 3 for two completed ones.
        (HINGE, 0.5 * 0 + 0.5 * (0 + 4) / 2, -1.0),
        (WASSERSTEIN, 1.0 - 2.0, -1.0),
        (
            LOGISTIC,
            0.5 * np.log1p(np.exp(-2)) + 0.25 * (np.log1p(np.exp(-1)) + np.log1p(np.exp(3))),
            0.5 * (np.log1p(np.exp(1)) + np.log1p(np.exp(-3))),
        ),
        (LEAST_SQUARES, 0.5 * 1 + 0.5 * (1 + 9) / 2, (4 + 4) / 2),
    ],
    ids=["hinge", "wasserstein", "logistic", "least_squares"],
)
def test_closed_forms(loss, discriminator, generator):
    real, completed = tf.constant([[2.0]]), tf.constant([[-1.0], [3.0]])
    np.testing.assert_allclose(loss.discriminator(real, completed), discriminator, rtol=1e-6)
    np.testing.assert_allclose(loss.generator(completed), generator, rtol=1e-6)


def test_scores_beyond_the_margin_do_not_count():
    beyond = hinge_discriminator_loss(tf.constant([1.0, 7.0]), tf.constant([-1.0, -7.0]))
    assert beyond == 0
