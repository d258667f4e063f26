import tensorflow as tf

from deepfill_tf.objectives import l1_loss
from tests.closeness import assert_close
from tests.reference_cases import case


def test_l1_as_released():
    r = case("losses.npz", "l1_l2")
    assert_close(l1_loss(tf.constant(r["x"]), tf.constant(r["y"])), r["l1"], tolerance=1e-5)
