import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.networks import GeneratorV2, PatchDiscriminator
from deepfill_tf.objectives import (
    GAN,
    Objective,
    Reconstruction,
    Term,
)
from tests.closeness import assert_close
from tests.paper_objectives import paper_objective
from tests.reference_cases import case


def recorded_predictions(r):
    images = tf.constant(r["images_bgr"].astype("float32") / 127.5 - 1)
    return images, tf.constant(r["x1"]), tf.constant(r["x2"])


def test_the_second_papers_reconstruction_as_released():
    """The networks are functions that return the recorded predictions, and scores of 0."""
    r = case("losses.npz", "recon_v2")
    images, coarse, refined = recorded_predictions(r)

    def generator(images, masks, training):
        return coarse, refined, None

    def discriminator(images, masks, training):
        return tf.zeros([2, 4])

    hole = np.maximum(r["regular_mask"], r["free_mask"])
    np.testing.assert_array_equal(hole, r["mask"])
    terms = [Reconstruction(weight=float(r["l1_loss_alpha"]))]
    objective = paper_objective("v2", terms=terms)
    with tf.GradientTape() as tape:
        tape.watch([coarse, refined])
        batch = {"image": images, "mask": tf.constant(hole, tf.float32)}
        loss, _ = objective.generator_loss(generator, discriminator, batch)
    assert_close(loss, r["ae_loss"], tolerance=1e-5)
    gradients = tape.gradient(loss, [coarse, refined])
    for gradient, name in zip(gradients, ("x1", "x2"), strict=True):
        assert_close(gradient, r[f"dae_loss_d{name}"], tolerance=1e-5, what=name)


@pytest.mark.parametrize("pretrain", [True, False])
@pytest.mark.parametrize("discount", [True, False])
@pytest.mark.parametrize("key", ["l1_loss", "ae_loss"])
def test_the_first_papers_reconstruction_as_released(discount, pretrain, key):
    """Each of the two losses alone, with and without that of the refined prediction."""
    shared = case("losses.npz", "recon_v1")
    r = case("losses.npz", f"recon_v1/discount_{discount}_pretrain_{pretrain}")
    images, coarse, refined = recorded_predictions(shared)
    top, left, height, width = shared["bbox"]
    count = len(images)
    batch = {
        "image": images,
        "mask": tf.constant(r["mask"], tf.float32),
        "box_rows": tf.repeat(tf.range(top, top + height)[None], count, axis=0),
        "box_columns": tf.repeat(tf.range(left, left + width)[None], count, axis=0),
    }
    box, known = paper_objective("v1").terms
    # The recorded losses do not include the weight of 1.2 of the term.
    term = dataclasses.replace({"l1_loss": box, "ae_loss": known}[key], weight=1.0)
    if key == "l1_loss" and not discount:
        term = dataclasses.replace(term, discount=None)
    objective = paper_objective(
        "v1", terms=[term], pretrain_coarse=pretrain, adversarial_weight=0.0
    )
    with tf.GradientTape() as tape:
        tape.watch([coarse, refined])
        loss, reports = objective.generator_loss(
            lambda *inputs, training: (coarse, refined, None), _Scoreless(), batch
        )
    assert_close(loss, r[key], tolerance=1e-5)
    assert ("generator/adversarial" in reports) is not pretrain
    zeros = tf.UnconnectedGradients.ZERO
    gradients = tape.gradient(loss, [coarse, refined], unconnected_gradients=zeros)
    for gradient, name in zip(gradients, ("x1", "x2"), strict=True):
        expected = r[f"d{key}_d{name}"]
        if pretrain and name == "x2":
            assert not expected.any() and not np.any(gradient)
        else:
            assert_close(gradient, expected, tolerance=1e-5, what=name)


class _Scoreless:
    """Critics whose scores are 0."""

    def whole(self, images):
        return tf.zeros([len(images), 1])

    box = whole


def test_terms_are_weighted_by_stage():
    image = tf.zeros([1, 8, 8, 3])
    batch = {"image": image, "mask": tf.ones([1, 8, 8, 1])}
    term = Reconstruction(weight=2.0, coarse_weight=3.0, refined_weight=0.5)
    loss, reports = paper_objective("v2", terms=[term], adversarial_weight=0.0).generator_loss(
        lambda *inputs, training: (image + 1, image - 1, None),
        lambda *a, training: tf.zeros([1, 4]),
        batch,
    )
    assert loss == 2 * (3 * 1 + 0.5 * 1)
    left_out = Reconstruction(coarse_weight=0)
    _, reports = paper_objective("v2", terms=[left_out]).generator_loss(
        lambda *inputs, training: (image + 1, image - 1, None),
        lambda *a, training: tf.zeros([1, 4]),
        batch,
    )
    assert "generator/reconstruction_coarse" not in reports


def test_without_an_adversarial_loss():
    image = tf.zeros([1, 8, 8, 3])
    batch = {"image": image, "mask": tf.ones([1, 8, 8, 1])}
    objective = paper_objective("v2", terms=[Reconstruction()], adversarial_weight=None)
    assert not objective.has_adversarial_loss

    def discriminator(*args, **kwargs):
        raise AssertionError("it is not needed")

    loss, reports = objective.generator_loss(
        lambda *inputs, training: (image + 1, image - 1, None), discriminator, batch
    )
    assert loss == 2
    assert "generator/adversarial" not in reports


def test_invalid_arguments_are_errors():
    gan = GAN(kind="hinge", width=4)
    with pytest.raises(ValueError, match="adversarial_weight .* got -1"):
        Objective(gan=gan, terms=[], adversarial_weight=-1)
    with pytest.raises(ValueError, match="terms must be a list of terms"):
        Objective(gan=gan, terms=[Reconstruction])
    message = "must have different names, got 'reconstruction' of Reconstruction, 'reconstruction'"
    with pytest.raises(ValueError, match=message):
        Objective(gan=gan, terms=[Reconstruction(), Reconstruction(error="l2")])

    class Nameless(Term):
        pass

    with pytest.raises(ValueError, match="got None of Nameless; set the class attribute `name`"):
        Objective(gan=gan, terms=[Nameless()])
    with pytest.raises(ValueError, match="pretrain_coarse=True needs a term"):
        Objective(gan=gan, terms=[], pretrain_coarse=True)
    with pytest.raises(ValueError, match="pretrain_coarse=True needs a term"):
        Objective(gan=gan, terms=[Reconstruction(coarse_weight=0)], pretrain_coarse=True)
    for terms in ([], [Reconstruction(weight=0)], [Reconstruction(refined_weight=0)]):
        with pytest.raises(ValueError, match="adversarial_weight=None needs a term"):
            Objective(gan=gan, terms=terms, adversarial_weight=None)
    with pytest.raises(ValueError, match="gan must be made by @GAN"):
        Objective(gan=None, terms=[])
    with pytest.raises(ValueError, match=r"Reconstruction.weight .* got -1"):
        Reconstruction(weight=-1)


@pytest.fixture(scope="module")
def small():
    generator = GeneratorV2(width=4, refinement=False)
    discriminator = PatchDiscriminator(width=4)
    images = tf.random.stateless_uniform([2, 32, 32, 3], [0, 1], -1, 1)
    masks = np.zeros([2, 32, 32, 1], "f")
    masks[0, 4:12, 4:20] = masks[1, 10:30, 16:24] = 1
    batch = {"image": images, "mask": tf.constant(masks)}
    generator(images, masks)
    discriminator(images, masks)
    return generator, discriminator, batch


def test_the_adversarial_gradient_reaches_the_refined_image_only_in_the_hole(small):
    _, discriminator, batch = small
    coarse, refined = tf.zeros([2, 32, 32, 3]), tf.zeros([2, 32, 32, 3])
    with tf.GradientTape() as tape:
        tape.watch([coarse, refined])
        loss, _ = paper_objective("v2", terms=[]).generator_loss(
            lambda images, masks, training: (coarse, refined, None), discriminator, batch
        )
    d_coarse, d_refined = tape.gradient(
        loss, [coarse, refined], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    known = batch["mask"][..., 0] == 0
    np.testing.assert_array_equal(d_coarse, tf.zeros_like(coarse))
    np.testing.assert_array_equal(d_refined[known], 0)
    assert np.abs(d_refined[~known]).max() > 0


def test_one_mask_for_the_batch_equals_the_mask_repeated(small):
    generator, discriminator, batch = small
    one = batch | {"mask": batch["mask"][:1]}
    repeated = batch | {"mask": tf.repeat(batch["mask"][:1], 2, axis=0)}
    for method in ("discriminator_loss", "generator_loss"):
        losses = []
        for examples in (one, repeated):
            vectors = [u.numpy() for u in discriminator.non_trainable_variables]
            loss_of = getattr(paper_objective("v2"), method)
            losses.append(loss_of(generator, discriminator, examples)[0])
            for u, old in zip(discriminator.non_trainable_variables, vectors, strict=True):
                u.assign(old)
        np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize("method", ["discriminator_loss", "generator_loss"])
def test_forward_and_backward_compile_with_static_shapes(small, method):
    """With given predictions: the generators themselves compile in `tests/conformance`."""
    _, discriminator, batch = small
    objective = paper_objective("v2")
    shape = batch["image"].shape
    predictions = [tf.Variable(tf.random.stateless_uniform(shape, [0, i], -1, 1)) for i in (2, 3)]
    learning = (
        predictions if method == "generator_loss" else list(discriminator.trainable_variables)
    )
    vectors = [u.numpy() for u in discriminator.non_trainable_variables]

    def generator(images, masks, training):
        return *(tf.convert_to_tensor(x) for x in predictions), None

    def loss_and_gradients(batch):
        with tf.GradientTape() as tape:
            loss, _ = getattr(objective, method)(generator, discriminator, batch)
        return loss, tape.gradient(loss, learning)

    eager_loss, eager = loss_and_gradients(batch)
    moved = [u.numpy() for u in discriminator.non_trainable_variables]
    for u, old in zip(discriminator.non_trainable_variables, vectors, strict=True):
        u.assign(old)
    loss, gradients = tf.function(loss_and_gradients, jit_compile=True)(batch)
    np.testing.assert_allclose(loss, eager_loss, rtol=1e-5)
    for gradient, expected in zip(gradients, eager, strict=True):
        assert_close(gradient, expected, tolerance=1e-3)
    for u, expected in zip(discriminator.non_trainable_variables, moved, strict=True):
        np.testing.assert_allclose(u, expected, rtol=0, atol=1e-5)
