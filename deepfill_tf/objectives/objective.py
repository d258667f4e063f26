"""What a generator and its discriminators minimise; each paper's is a composition of parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.networks.generators import inputs_of
from deepfill_tf.objectives.gan import GAN, Batch, Losses
from deepfill_tf.objectives.reconstruction import (
    BoxReconstruction,
    KnownReconstruction,
    Reconstruction,
)
from deepfill_tf.objectives.term import Term
from deepfill_tf.ops import composite


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The losses of both networks.

    A batch is a dict of `image` `[N, H, W, C]` in [-1, 1] and `mask` `[N, H, W, 1]` (1 is
    the hole), `sketch` likewise for a guided generator, and what `GAN` and the terms need.
    Both losses give the scalar to minimise and named scalars to report.

    Attributes:
      gan: discriminators and adversarial loss.
      adversarial_weight: of the generator's adversarial loss. The discriminator sees the
        completed image, so that this gradient reaches the prediction only in the hole.
      terms: what else the generator minimises, see `Term`; none at all is possible.
      pretrain_coarse: train the coarse network alone, by the terms; no adversarial loss, and
        the discriminator is not trained.
    """

    gan: GAN = field(default_factory=GAN)
    adversarial_weight: float = 1.0
    terms: Sequence[Term] = field(default_factory=lambda: (Reconstruction(),))
    pretrain_coarse: bool = False

    def __post_init__(self):
        if not isinstance(self.gan, GAN):
            raise ValueError(f"Objective.gan must be made by @GAN(), got {self.gan!r}")
        value = self.adversarial_weight
        if not isinstance(value, int | float) or not value >= 0:
            raise ValueError(
                f"Objective.adversarial_weight must be a number of at least 0, got {value!r}"
            )
        if not isinstance(self.pretrain_coarse, bool):
            raise ValueError(
                f"Objective.pretrain_coarse must be True or False, got {self.pretrain_coarse!r}"
            )
        listed = isinstance(self.terms, list | tuple)
        if not listed or not all(isinstance(term, Term) for term in self.terms):
            raise ValueError(
                "Objective.terms must be a list of terms, such as [@Reconstruction()] with the "
                f"brackets, got {self.terms!r}"
            )
        names = [term.name for term in self.terms]
        if len(set(names)) < len(names):
            raise ValueError(f"Objective.terms must differ in kind, got {names}")
        weighted = any(term.weight * term.coarse_weight for term in self.terms)
        if self.pretrain_coarse and not weighted:
            raise ValueError(
                "Objective.pretrain_coarse=True needs a term with weight and coarse_weight "
                "above 0: nothing else is left to minimise"
            )

    @property
    def needs_box(self) -> bool:
        """Whether batches must say where the box around the hole is."""
        boxed = any(term.needs_box for term in self.terms)
        return boxed or (self.gan.needs_box and not self.pretrain_coarse)

    def build(self, generator: keras.Model, discriminator: keras.Model, batch: Batch) -> None:
        """Makes all variables by calling the networks on `batch`, in a strategy's scope."""
        generator(*inputs_of(batch))
        self.gan.build(discriminator, batch)
        for term in self.terms:
            term.build()

    def discriminator_loss(
        self, generator: keras.Model, discriminator: keras.Model, batch: Batch
    ) -> Losses:
        """Loss of the discriminator, which sees completed images."""
        _, refined, _ = generator(*inputs_of(batch))
        completed = composite(refined, batch["image"], batch["mask"])
        return self.gan.discriminator_loss(discriminator, completed, batch)

    def generator_loss(
        self, generator: keras.Model, discriminator: keras.Model, batch: Batch
    ) -> Losses:
        """Loss of the generator."""
        coarse, refined, _ = generator(*inputs_of(batch))
        loss, reports = tf.constant(0.0), {}
        if not self.pretrain_coarse:
            completed = composite(refined, batch["image"], batch["mask"])
            adversarial = self.gan.generator_loss(discriminator, completed, batch)
            loss += self.adversarial_weight * adversarial
            reports["generator/adversarial"] = adversarial
        for term in self.terms:
            stages = {
                "coarse": (coarse, term.coarse_weight),
                "refined": (refined, term.refined_weight),
            }
            for stage, (prediction, weight) in stages.items():
                if weight and not (self.pretrain_coarse and stage == "refined"):
                    value = term(prediction, batch)
                    loss += term.weight * weight * value
                    reports[f"generator/{term.name}_{stage}"] = value
        return loss, {"generator/loss": loss, **reports}


def objective_v1(**arguments) -> Objective:
    """What the first paper minimises, as released; arguments are those of `Objective`."""
    first_paper: dict[str, Any] = {
        "gan": GAN(kind="wgan_gp"),
        "adversarial_weight": 1e-3,
        "terms": (BoxReconstruction(), KnownReconstruction()),
    }
    return Objective(**first_paper | arguments)


def objective_v2(**arguments) -> Objective:
    """What the second paper minimises, as released; arguments are those of `Objective`."""
    second_paper: dict[str, Any] = {"gan": GAN(kind="hinge"), "terms": (Reconstruction(),)}
    return Objective(**second_paper | arguments)
