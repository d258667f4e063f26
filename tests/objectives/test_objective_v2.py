import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import named_variables
from deepfill_tf.networks import GeneratorV2, PatchDiscriminator
from deepfill_tf.objectives import ObjectiveV2
from tests.closeness import assert_close
from tests.objectives.training_step import FILE, discriminator_pass, generator_pass
from tests.reference_cases import arrays, case
from tests.reference_networks import (
    assert_record_close,
    record,
    released_discriminator_name,
    released_generator_name,
)

PARTS = ("grad_adversarial", "grad")


def test_reconstruction_as_released():
    """With stand-ins for the networks: the recorded predictions, and scores of 0."""
    r = case("losses.npz", "recon_v2")
    images = tf.constant(r["images_bgr"].astype("float32") / 127.5 - 1)
    coarse, refined = tf.constant(r["x1"]), tf.constant(r["x2"])
    seen = []

    def generator(pictures, masks):
        seen.append(pictures * (1 - masks))
        return coarse, refined, None

    def discriminator(pictures, masks, training):
        return tf.zeros([2, 4])

    hole = np.maximum(r["regular_mask"], r["free_mask"])
    np.testing.assert_array_equal(hole, r["mask"])
    objective = ObjectiveV2(l1_weight=float(r["l1_loss_alpha"]))
    assert objective.l1_weight == 1.25
    with tf.GradientTape() as tape:
        tape.watch([coarse, refined])
        masks = tf.constant(hole, tf.float32)
        loss, _ = objective.generator_loss(
            generator, discriminator, {"image": images, "mask": masks}
        )
    np.testing.assert_allclose(seen[0], r["xin"], rtol=0, atol=1e-6)
    assert_close(loss, r["ae_loss"], tolerance=1e-5)
    gradients = tape.gradient(loss, [coarse, refined])
    for gradient, name in zip(gradients, ("x1", "x2"), strict=True):
        assert_close(gradient, r[f"dae_loss_d{name}"], tolerance=1e-5, what=name)


def test_losses_of_a_training_step_as_released():
    r, d, g = arrays(FILE), discriminator_pass(), generator_pass()
    assert d["loss"] == pytest.approx(float(r["d_pass/loss/d_loss"]), rel=1e-4)
    assert g["loss"] == pytest.approx(float(r["g_pass/loss/g_loss"]), rel=1e-4)
    reports = g["reports"]
    adversarial = float(r["g_pass/loss/part_g_adv"])
    assert reports["generator/adversarial"] == pytest.approx(adversarial, rel=1e-4)
    reconstruction = reports["generator/l1_coarse"] + reports["generator/l1_refined"]
    assert reconstruction == pytest.approx(float(r["g_pass/loss/ae_loss"]), rel=1e-4)


def test_scores_of_a_training_step_as_released():
    """Half of the scores tell apart: the real ones come first."""
    r, d, g = arrays(FILE), discriminator_pass(), generator_pass()
    deviation = r["d_pass/score_full/pos"].std()
    for scores, key in zip(np.split(d["scores"], 2), ("pos", "neg"), strict=True):
        recorded = r[f"d_pass/score_full/{key}"]
        np.testing.assert_allclose(scores[:, ::16], recorded, rtol=0, atol=1e-3 * deviation)
        assert_record_close(scores, r[f"d_pass/score/{key}"], tolerance=1e-3, what=key)
    recorded = r["g_pass/score_full/neg"]
    np.testing.assert_allclose(g["scores"][:, ::16], recorded, rtol=0, atol=1e-3 * deviation)
    means = d["reports"]["discriminator/real_score"], d["reports"]["discriminator/completed_score"]
    expected = [r[f"d_pass/score/{key}"][1] for key in ("pos", "neg")]
    np.testing.assert_allclose(means, expected, rtol=1e-4)


def test_discriminator_gradients_as_the_consistent_ones():
    """`old_u`: with `u` held at its value, as ordinary differentiation does."""
    recorded = arrays(FILE)
    gradients = discriminator_pass()["gradients"]
    assert len(gradients) == 12
    for name, gradient in gradients.items():
        key = released_discriminator_name(name)
        expected = recorded[f"old_u/d_pass/grad/{key}"]
        assert_record_close(gradient, expected, tolerance=5e-2, what=name)


def test_generator_gradients_as_released():
    recorded = arrays(FILE)
    gradients = generator_pass()["gradients"]
    assert len(gradients) == len([k for k in recorded if k.startswith("g_pass/grad/")])
    for name, gradient in gradients.items():
        expected = recorded[f"g_pass/grad/{released_generator_name(name)}"]
        assert_record_close(gradient, expected, tolerance=3e-2, what=name)


def test_adversarial_gradients_of_the_generator_as_released():
    """A small part of the whole gradient, which leaky ReLUs on their kinks disturb more.

    Round-off alone (two versions of TensorFlow, say) moves single entries by 3e-2 of the
    part's rms. So all entries are held to the rms of the whole gradient, as far as the
    tolerance is the whole's, and nearly all variables to their own as well.
    """
    recorded, gradients = arrays(FILE), generator_pass()["adversarial_gradients"]
    differences = []
    for name, gradient in gradients.items():
        key = released_generator_name(name)
        expected, whole = (recorded[f"g_pass/{kind}/{key}"] for kind in PARTS)
        entries = np.abs(record(gradient)[1:] - expected[1:]) * np.sqrt(gradient.size)
        assert entries.max() <= 3e-2 * whole[0], name
        differences.append(entries.max() / expected[0])
    assert np.mean(np.array(differences) <= 3e-2) >= 0.95
    assert np.median(differences) <= 2e-2


def test_u_moves_once_with_either_loss():
    recorded, d, g = arrays(FILE), discriminator_pass(), generator_pass()
    assert len(d["u"]) == 6
    for name, u in d["u"].items():
        expected = recorded[f"d_pass/u_after/{released_discriminator_name(name)}"]
        np.testing.assert_allclose(u, expected, rtol=0, atol=1e-5)
        np.testing.assert_allclose(g["u"][name], expected, rtol=0, atol=1e-5)


def test_a_record_is_norm_mean_and_16_entries():
    array = np.arange(12.0).reshape(3, 4)
    entries = [(k * 2654435761 + 12345) % 12 for k in range(16)]
    np.testing.assert_allclose(record(array), [np.sqrt(506), 5.5, *entries])


@pytest.fixture(scope="module")
def small():
    generator, discriminator = GeneratorV2(width=4), PatchDiscriminator(width=4)
    images = tf.random.stateless_uniform([2, 32, 32, 3], [0, 1], -1, 1)
    masks = np.zeros([2, 32, 32, 1], "f")
    masks[0, 4:12, 4:20] = masks[1, 10:30, 16:24] = 1
    batch = {"image": images, "mask": tf.constant(masks)}
    generator(images, masks)
    discriminator(images, masks)
    # Gates halve the signal at every layer: without this, gradients are lost in round-off.
    for name, variable in named_variables(generator.weights).items():
        if name.endswith("kernel"):
            variable.assign(2 * variable)
    return generator, discriminator, batch


def test_the_discriminators_loss_does_not_train_the_generator(small):
    generator, discriminator, batch = small
    with tf.GradientTape() as tape:
        loss, _ = ObjectiveV2().discriminator_loss(generator, discriminator, batch)
    assert not any(g is not None for g in tape.gradient(loss, generator.trainable_variables))


def test_the_adversarial_gradient_reaches_the_refined_picture_only_in_the_hole(small):
    _, discriminator, batch = small
    coarse, refined = tf.zeros([2, 32, 32, 3]), tf.zeros([2, 32, 32, 3])
    with tf.GradientTape() as tape:
        tape.watch([coarse, refined])
        loss, _ = ObjectiveV2(l1_weight=0.0).generator_loss(
            lambda images, masks: (coarse, refined, None), discriminator, batch
        )
    d_coarse, d_refined = tape.gradient(loss, [coarse, refined])
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
            losses.append(getattr(ObjectiveV2(), method)(generator, discriminator, examples)[0])
            for u, old in zip(discriminator.non_trainable_variables, vectors, strict=True):
                u.assign(old)
        np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize("method", ["discriminator_loss", "generator_loss"])
def test_forward_and_backward_compile_with_static_shapes(small, method):
    generator, discriminator, batch = small
    network = generator if method == "generator_loss" else discriminator
    vectors = [u.numpy() for u in discriminator.non_trainable_variables]

    def loss_and_gradients(batch):
        with tf.GradientTape() as tape:
            loss, _ = getattr(ObjectiveV2(), method)(generator, discriminator, batch)
        return loss, tape.gradient(loss, network.trainable_variables)

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
