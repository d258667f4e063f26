import pytest
import tensorflow as tf

from deepfill_tf.objectives import hinge_discriminator_loss, hinge_generator_loss
from tests.closeness import assert_close
from tests.reference_cases import case


@pytest.mark.parametrize("key", ["flat", "column"])
def test_hinge_as_released(key):
    r = case("losses.npz", f"gan_hinge/{key}")
    real, completed = tf.constant(r["pos"]), tf.constant(r["neg"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, completed])
        discriminator = hinge_discriminator_loss(real, completed)
        generator = hinge_generator_loss(completed)
    assert_close(discriminator, r["d_loss"], tolerance=1e-5)
    assert_close(generator, r["g_loss"], tolerance=1e-5)
    assert_close(tape.gradient(discriminator, real), r["dd_dpos"], tolerance=1e-5)
    assert_close(tape.gradient(discriminator, completed), r["dd_dneg"], tolerance=1e-5)
    assert_close(tape.gradient(generator, completed), r["dg_dneg"], tolerance=1e-5)
    assert not r["dg_dpos"].any() and tape.gradient(generator, real) is None


def test_scores_beyond_the_margin_do_not_count():
    beyond = hinge_discriminator_loss(tf.constant([1.0, 7.0]), tf.constant([-1.0, -7.0]))
    assert beyond == 0
