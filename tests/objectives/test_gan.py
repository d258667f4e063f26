"""Each kind of GAN, with both papers' generators."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import named_variables
from deepfill_tf.networks import GeneratorV1, GeneratorV2
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.networks.inputs import inputs_of
from deepfill_tf.objectives import GAN, GANS, Objective


def example(count: int = 2, *, guided: bool = False, size: int = 32) -> dict[str, tf.Tensor]:
    images = tf.random.stateless_uniform([count, size, size, 3], [0, 1], -1, 1)
    masks, rows, columns = np.zeros([count, size, size, 1], "f"), [], []
    for i in range(count):
        top, left = 2 + 5 * i, 9 - 4 * i
        masks[i, top + 1 : top + 15, left + 2 : left + 14] = 1
        rows.append(range(top, top + 16))
        columns.append(range(left, left + 16))
    batch = {
        "image": images,
        "mask": tf.constant(masks),
        "box_rows": tf.constant(np.array(rows, "i")),
        "box_columns": tf.constant(np.array(columns, "i")),
        "penalty_alpha": tf.random.stateless_uniform([count, 2], [2, 3]),
    }
    if guided:
        edges = tf.random.stateless_uniform([count, size, size, 1], [4, 5]) > 0.8
        batch["sketch"] = tf.cast(edges, tf.float32)
    return batch


def test_an_unknown_name_fails_at_once_with_the_list():
    kinds = "'dcgan'.*'hinge'.*'lsgan'.*'wgan_gp'.*'wgan_gp_global'"
    with pytest.raises(ValueError, match=f"{kinds}.*got 'wgan'"):
        GAN(kind="wgan", width=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "GAN.width must be a positive integer, got 0"),
        ({"width": "a"}, "GAN.width must be a positive integer, got 'a'"),
        ({"gradient_penalty_weight": -1}, "GAN.gradient_penalty_weight must be .* got -1"),
        (
            {"global_discriminator_weight": "x"},
            "GAN.global_discriminator_weight must be .* got 'x'",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        GAN(**{"kind": "hinge", "width": 4} | arguments)


@functools.cache
def small(network):
    return build_model(network(width=4))


@pytest.mark.parametrize("kind", GANS)
@pytest.mark.parametrize("network", [GeneratorV1, GeneratorV2])
def test_both_networks_learn(network, kind):
    """Every weight of both has a gradient, and the discriminator's loss trains no generator."""
    generator, batch = small(network), example()
    objective = Objective(gan=GAN(kind=kind, width=4), terms=[])
    discriminator = objective.gan.make_discriminator()
    objective.build(generator, discriminator, batch)
    generator_weights = named_variables(generator.trainable_variables)
    discriminator_weights = named_variables(discriminator.trainable_variables)
    for loss_of, learning, resting in (
        (objective.discriminator_loss, discriminator_weights, generator_weights),
        (objective.generator_loss, generator_weights, None),
    ):
        with tf.GradientTape(persistent=True) as tape:
            loss, reports = loss_of(generator, discriminator, batch)
        assert np.isfinite(loss)
        assert all(np.isfinite(value) for value in reports.values())
        gradients = tape.gradient(loss, learning)
        for name, gradient in gradients.items():
            assert gradient is not None, name
            assert np.isfinite(gradient).all(), name
        if resting:
            assert not any(g is not None for g in tape.gradient(loss, resting).values())


def test_global_and_local_see_the_image_and_the_box():
    gan, batch = GAN(kind="dcgan", width=4), example()
    discriminator = gan.make_discriminator()
    gan.build(discriminator, batch)
    assert discriminator.whole.conv1.kernel.shape == discriminator.box.conv1.kernel.shape
    # Four halvings of 32 and of 16.
    assert discriminator.whole.score.kernel.shape == (2 * 2 * 16, 1)
    assert discriminator.box.score.kernel.shape == (1 * 1 * 32, 1)


def test_the_generators_loss_weighs_the_global_critic():
    batch = example()
    gan = GAN(kind="wgan_gp", width=4)
    discriminator = gan.make_discriminator()
    gan.build(discriminator, batch)
    losses = [
        float(
            GAN(kind="wgan_gp", width=4, global_discriminator_weight=w).generator_loss(
                discriminator, batch["image"], batch
            )
        )
        for w in (0.0, 1.0, 3.0)
    ]
    np.testing.assert_allclose(losses[2] - losses[0], 3 * (losses[1] - losses[0]), rtol=1e-4)


def test_the_penalty_is_weighted():
    batch = example()
    gan = GAN(kind="wgan_gp_global", width=4)
    discriminator = gan.make_discriminator()
    gan.build(discriminator, batch)
    completed = -batch["image"]
    losses = {}
    for weight in (0.0, 10.0):
        losses[weight], reports = GAN(
            kind="wgan_gp_global", width=4, gradient_penalty_weight=weight
        ).discriminator_loss(discriminator, completed, batch)
    penalty = reports["discriminator/gradient_penalty"]
    np.testing.assert_allclose(losses[10.0] - losses[0.0], 10 * penalty, rtol=1e-4)


def test_guided_patches_see_the_sketch_in_the_hole_only():
    batch = example(guided=True)
    gan = GAN(kind="hinge", width=4)
    generator = GeneratorV2(width=4, guided=True, refinement=False)
    discriminator = gan.make_discriminator(guided=True)
    Objective(gan=gan, terms=[]).build(generator, discriminator, batch)
    outside = batch | {"sketch": batch["sketch"] * batch["mask"]}
    inside = batch | {"sketch": batch["sketch"] * (1 - batch["mask"])}
    scores = [discriminator(*inputs_of(b), training=False) for b in (batch, outside, inside)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.abs(scores[0] - scores[2]).max() > 0
    coarse = [generator(*inputs_of(b))[0] for b in (batch, outside, inside)]
    np.testing.assert_array_equal(coarse[0], coarse[1])
    assert np.abs(coarse[0] - coarse[2]).max() > 0


@pytest.mark.parametrize("kind", GANS)
def test_losses_compile_with_static_shapes(kind):
    """With given predictions: the generators themselves compile in `tests/conformance`."""
    batch = example()
    refined = tf.random.stateless_uniform(batch["image"].shape, [0, 2], -1, 1)
    objective = Objective(gan=GAN(kind=kind, width=4), terms=[])
    discriminator = objective.gan.make_discriminator()
    objective.gan.build(discriminator, batch)

    def generator(images, masks, training):
        return refined, refined, None

    start = [v.numpy() for v in discriminator.non_trainable_variables]

    def losses(batch):
        return objective.discriminator_loss(generator, discriminator, batch)[0]

    eager = losses(batch)
    for variable, value in zip(discriminator.non_trainable_variables, start, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(tf.function(losses, jit_compile=True)(batch), eager, rtol=1e-4)
