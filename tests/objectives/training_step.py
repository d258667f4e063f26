"""The recorded loss graphs of both papers, evaluated here from the same weights."""

import functools

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import named_variables
from deepfill_tf.objectives import Objective
from tests.paper_objectives import paper_objective
from tests.reference_cases import arrays, case
from tests.reference_networks import reference_discriminator, reference_generator

NETS = ("v1", "v2", "v2_guided")


def recorded(net: str) -> dict[str, np.ndarray]:
    """What is recorded of a training step; the images are shared by all of them."""
    return case("images.npz", "training_step") | arrays(f"training_step_{net}.npz")


def objective(net: str) -> Objective:
    return paper_objective("v1" if net == "v1" else "v2")


def batch(net: str) -> dict[str, tf.Tensor]:
    """Images (BGR, as the recorded weights want them) and all that goes with them."""
    r = recorded(net)
    images = r["photos_bgr"].astype("float32") / 127.5 - 1
    hole = r["regular_mask"] if net == "v1" else np.maximum(r["regular_mask"], r["free_mask"])
    result = {"image": images, "mask": (hole > 0).astype("float32")[None, :, :, None]}
    if net == "v2_guided":
        result["sketch"] = (r["edge"][..., :1].astype("float32") / 255 > 0.6).astype("float32")
    if net == "v1":
        top, left, height, width = r["bbox"]
        result["box_rows"] = np.arange(top, top + height, dtype="int32")[None]
        result["box_columns"] = np.arange(left, left + width, dtype="int32")[None]
        result["penalty_alpha"] = np.concatenate([r["alpha_local"], r["alpha_global"]], axis=1)
    count = len(images)
    repeated = {k: v if len(v) == count else v.repeat(count, 0) for k, v in result.items()}
    return {name: tf.constant(value) for name, value in repeated.items()}


@functools.cache
def networks(net: str):
    seed = int(recorded(net)["weights_seed"])
    return reference_generator(seed, net), reference_discriminator(seed, net)


def _gradients(tape, loss, network) -> dict[str, np.ndarray]:
    variables = named_variables(network.trainable_variables)
    gradients = tape.gradient(loss, list(variables.values()))
    return {name: g.numpy() for name, g in zip(variables, gradients, strict=True)}


class _Recording:
    """A discriminator that keeps the scores it gives, below the view's name."""

    def __init__(self, discriminator):
        self.scores: dict[str, list] = {}
        self._discriminator = discriminator

    def __call__(self, *args, **kwargs):
        return self._kept("", self._discriminator(*args, **kwargs))

    def whole(self, images):
        return self._kept("global", self._discriminator.whole(images))

    def box(self, boxes):
        return self._kept("local", self._discriminator.box(boxes))

    def _kept(self, view, scores):
        self.scores.setdefault(view, []).append(scores)
        return scores

    def first_scores(self) -> dict[str, np.ndarray]:
        return {view: scores[0].numpy() for view, scores in self.scores.items()}


@functools.cache
def discriminator_pass(net: str) -> dict:
    """Loss, scores, gradients and `u` of one evaluation of the discriminator's loss."""
    generator, discriminator = networks(net)
    vectors = named_variables(discriminator.non_trainable_variables)
    start = {name: u.numpy() for name, u in vectors.items()}
    recording = _Recording(discriminator)
    with tf.GradientTape() as tape:
        loss, reports = objective(net).discriminator_loss(generator, recording, batch(net))
    gradients = _gradients(tape, loss, discriminator)
    after = {name: u.numpy() for name, u in vectors.items()}
    for name, u in vectors.items():
        u.assign(start[name])
    return {
        "loss": float(loss),
        "reports": {name: float(value) for name, value in reports.items()},
        "scores": recording.first_scores(),
        "gradients": gradients,
        "u": after,
    }


@functools.cache
def generator_pass(net: str) -> dict:
    """Losses, gradients and the adversarial part's gradients of the generator's loss."""
    generator, discriminator = networks(net)
    vectors = named_variables(discriminator.non_trainable_variables)
    start = {name: u.numpy() for name, u in vectors.items()}
    recording = _Recording(discriminator)
    with tf.GradientTape(persistent=True) as tape:
        loss, reports = objective(net).generator_loss(generator, recording, batch(net))
    adversarial = reports["generator/adversarial"]
    result = {
        "loss": float(loss),
        "reports": {name: float(value) for name, value in reports.items()},
        "scores": recording.first_scores(),
        "gradients": _gradients(tape, loss, generator),
        "adversarial_gradients": _gradients(tape, adversarial, generator),
        "u": {name: u.numpy() for name, u in vectors.items()},
    }
    for name, u in vectors.items():
        u.assign(start[name])
    return result
