"""The recorded loss graphs of the second paper, evaluated here from the same weights."""

import functools

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import named_variables
from deepfill_tf.objectives import ObjectiveV2
from tests.reference_cases import arrays
from tests.reference_networks import reference_discriminator, reference_generator

FILE = "training_step_v2.npz"


def batch() -> dict[str, tf.Tensor]:
    """Pictures (BGR, as the recorded weights want them); the hole is the union."""
    r = arrays(FILE)
    images = r["photos_bgr"].astype("float32") / 127.5 - 1
    hole = np.maximum(r["regular_mask"], r["free_mask"]) > 0
    masks = np.repeat(hole[None, :, :, None].astype("float32"), len(images), axis=0)
    return {"image": tf.constant(images), "mask": tf.constant(masks)}


@functools.cache
def networks():
    seed = int(arrays(FILE)["weights_seed"])
    return reference_generator(seed), reference_discriminator(seed)


def _gradients(tape, loss, network) -> dict[str, np.ndarray]:
    variables = named_variables(network.trainable_variables)
    gradients = tape.gradient(loss, list(variables.values()))
    return {name: g.numpy() for name, g in zip(variables, gradients, strict=True)}


def _recording_scores(discriminator, kept: list):
    def scored(*args, **kwargs):
        kept.append(discriminator(*args, **kwargs))
        return kept[-1]

    return scored


@functools.cache
def discriminator_pass() -> dict:
    """Loss, scores, gradients and `u` of one evaluation of the discriminator's loss."""
    generator, discriminator = networks()
    vectors = named_variables(discriminator.non_trainable_variables)
    start = {name: u.numpy() for name, u in vectors.items()}
    scores = []
    with tf.GradientTape() as tape:
        loss, reports = ObjectiveV2().discriminator_loss(
            generator, _recording_scores(discriminator, scores), batch()
        )
    gradients = _gradients(tape, loss, discriminator)
    after = {name: u.numpy() for name, u in vectors.items()}
    for name, u in vectors.items():
        u.assign(start[name])
    return {
        "loss": float(loss),
        "reports": {name: float(value) for name, value in reports.items()},
        "scores": np.concatenate([s.numpy() for s in scores]),
        "gradients": gradients,
        "u": after,
    }


@functools.cache
def generator_pass() -> dict:
    """Losses, gradients and the adversarial part's gradients of the generator's loss."""
    generator, discriminator = networks()
    vectors = named_variables(discriminator.non_trainable_variables)
    start = {name: u.numpy() for name, u in vectors.items()}
    scores = []
    with tf.GradientTape(persistent=True) as tape:
        loss, reports = ObjectiveV2().generator_loss(
            generator, _recording_scores(discriminator, scores), batch()
        )
    adversarial = reports["generator/adversarial"]
    result = {
        "loss": float(loss),
        "reports": {name: float(value) for name, value in reports.items()},
        "scores": scores[0].numpy(),
        "gradients": _gradients(tape, loss, generator),
        "adversarial_gradients": _gradients(tape, adversarial, generator),
        "u": {name: u.numpy() for name, u in vectors.items()},
    }
    for name, u in vectors.items():
        u.assign(start[name])
    return result
