import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.objectives import (
    BoxReconstruction,
    HoleReconstruction,
    KnownReconstruction,
    Reconstruction,
)
from tests.closeness import assert_close
from tests.reference_cases import case


@pytest.mark.parametrize("error", ["l1", "l2"])
def test_errors_as_released(error):
    r = case("losses.npz", "l1_l2")
    loss = Reconstruction(error=error)(tf.constant(r["x"]), {"image": tf.constant(r["y"])})
    assert_close(loss, r[error], tolerance=1e-5)


def two_holes():
    """A hole of one pixel and one of twelve, in images of 4 x 4; errors 1 and 3 inside."""
    masks = np.zeros([2, 4, 4, 1], "f")
    masks[0, 1, 2] = masks[1, :3] = 1
    errors = masks * np.array([1, 3], "f").reshape(2, 1, 1, 1) + (1 - masks) * 7
    return {"image": tf.zeros([2, 4, 4, 3]), "mask": tf.constant(masks)}, tf.constant(
        np.repeat(errors, 3, axis=-1)
    )


def test_every_image_counts_the_same_whatever_its_hole():
    batch, prediction = two_holes()
    assert HoleReconstruction(discount=None)(prediction, batch) == 2.0
    np.testing.assert_allclose(KnownReconstruction()(prediction, batch), 7.0, rtol=1e-6)


def test_the_discount_of_a_hole_of_any_shape():
    """Rows 0 to 2 are the hole, row 3 is known: distances 3, 2, 1."""
    batch, _ = two_holes()
    batch = {name: value[1:] for name, value in batch.items()}
    loss = HoleReconstruction(discount=0.5)(tf.ones([1, 4, 4, 3]), batch)
    np.testing.assert_allclose(loss, (0.5 + 0.25 + 0.125) / 3, rtol=1e-6)


def test_an_image_without_a_hole_adds_nothing():
    batch = {"image": tf.zeros([1, 4, 4, 3]), "mask": tf.zeros([1, 4, 4, 1])}
    for term in (HoleReconstruction(discount=0.99), HoleReconstruction()):
        assert term(tf.ones([1, 4, 4, 3]), batch) == 0
    batch["mask"] = tf.ones([1, 4, 4, 1])
    assert KnownReconstruction()(tf.ones([1, 4, 4, 3]), batch) == 0


def test_the_box_is_cut_out_of_each_image():
    images = tf.reshape(tf.range(2 * 6 * 6, dtype=tf.float32), [2, 6, 6, 1])
    batch = {
        "image": tf.zeros([2, 6, 6, 1]),
        "box_rows": tf.constant([[1, 2], [3, 4]]),
        "box_columns": tf.constant([[0, 1, 2], [2, 3, 4]]),
    }
    expected = np.mean([images[0, 1:3, 0:3], images[1, 3:5, 2:5]])
    np.testing.assert_allclose(BoxReconstruction(discount=None)(images, batch), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Reconstruction(error="l3"), "error must be one of .* got 'l3'"),
        (lambda: BoxReconstruction(discount=0), "BoxReconstruction.discount must be .* got 0"),
        (lambda: HoleReconstruction(discount=1.5), "HoleReconstruction.discount .* got 1.5"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
