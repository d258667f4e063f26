"""Losses of the generator and of its discriminators, composed of a GAN and other terms.

`gin/models/v1.gin` and `gin/models/v2.gin` are the compositions of the two papers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.checks import check_at_least, check_bool
from deepfill_tf.compat import build_layer, keras
from deepfill_tf.networks.inputs import inputs_of
from deepfill_tf.objectives.gan import GAN, Losses
from deepfill_tf.objectives.term import Batch, Term
from deepfill_tf.ops import composite
from deepfill_tf.schedules import Scheduled, check_scheduled, value_at


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The losses of both networks.

    A batch is a dict of `image` `[N, H, W, C]` in [-1, 1] and `mask` `[N, H, W, 1]` or
    `[1, H, W, 1]` (1 is the hole), `sketch` `[N, H, W, 1]` for a guided generator, and of what
    `GAN` and the terms need.

    A generator with `refinement=False` returns one prediction as coarse and as refined (but for
    its border correction), so that each term counts twice, with `coarse_weight + refined_weight`;
    set `coarse_weight=0` to count it once.

    Attributes:
      gan: discriminators and adversarial loss.
      adversarial_weight: weight of the generator's adversarial loss, >= 0, which may change with
        the training step, see `schedules.PiecewiseLinear`. The discriminator sees the completed
        image: the gradient of this loss reaches the prediction only in the hole. None trains the
        generator by the terms alone, and the discriminator not at all.
      terms: further terms of the generator's loss, see `Term`, with different names; may be
        empty.
      pretrain_coarse: True trains the coarse network alone, by the terms: there is no
        adversarial loss, and the discriminator is not trained.

    Raises ValueError if an attribute has no valid value.
    """

    gan: GAN
    adversarial_weight: Scheduled | None = 1.0
    terms: Sequence[Term]
    pretrain_coarse: bool = False

    def __post_init__(self):
        if not isinstance(self.gan, GAN):
            raise ValueError(f"Objective.gan must be made by @GAN(), got {self.gan!r}")
        if self.adversarial_weight is not None:
            check_scheduled(check_at_least, "Objective.adversarial_weight", self.adversarial_weight)
        check_bool("Objective.pretrain_coarse", self.pretrain_coarse)
        listed = isinstance(self.terms, list | tuple)
        if not listed or not all(isinstance(term, Term) for term in self.terms):
            raise ValueError(
                "Objective.terms must be a list of terms, such as [@Reconstruction()] with the "
                f"brackets, got {self.terms!r}"
            )
        names = [getattr(type(term), "name", None) for term in self.terms]
        if None in names or len(set(names)) < len(names):
            found = ", ".join(
                f"{name!r} of {type(term).__name__}"
                for name, term in zip(names, self.terms, strict=True)
            )
            raise ValueError(
                f"Objective.terms must have different names, got {found}; set the class attribute "
                "`name`"
            )
        if self.pretrain_coarse and not any(t.weight * t.coarse_weight for t in self.terms):
            raise ValueError(
                "Objective.pretrain_coarse=True needs a term with weight and coarse_weight "
                "> 0: the coarse network would have no loss"
            )
        refined = self.pretrain_coarse or any(t.weight * t.refined_weight for t in self.terms)
        if self.adversarial_weight is None and not refined:
            raise ValueError(
                "Objective.adversarial_weight=None needs a term with weight and refined_weight "
                "> 0: the refinement network would have no loss"
            )

    @property
    def has_adversarial_loss(self) -> bool:
        """True if there is an adversarial loss, and so a discriminator to be trained."""
        return self.adversarial_weight is not None and not self.pretrain_coarse

    @property
    def needs_box(self) -> bool:
        """True if batches must have `box_rows` and `box_columns`."""
        boxed = any(term.needs_box for term in self.terms)
        return boxed or (self.gan.needs_box and self.has_adversarial_loss)

    def build(self, generator: keras.Model, discriminator: keras.Model, batch: Batch) -> None:
        """Creates all variables, for batches like `batch`, in a strategy's scope."""
        build_layer(generator, batch["image"].shape)
        self.gan.build(discriminator, batch)
        for term in self.terms:
            term.build()

    def discriminator_loss(
        self, generator: keras.Model, discriminator: keras.Model, batch: Batch
    ) -> Losses:
        """Returns the discriminator's loss, a scalar, and scalars to report by name."""
        _, refined, _ = generator(*inputs_of(batch), training=True)
        completed = composite(refined, batch["image"], batch["mask"])
        return self.gan.discriminator_loss(discriminator, completed, batch)

    def generator_loss(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        batch: Batch,
        training_step: tf.Tensor | int = 0,
    ) -> Losses:
        """Returns the generator's loss, a scalar, and scalars to report by name.

        `training_step` is the number of finished training steps, which the adversarial weight may
        depend on.
        """
        coarse, refined, _ = generator(*inputs_of(batch), training=True)
        loss, reports = tf.constant(0.0), {}
        adversarial_weight = self.adversarial_weight
        if adversarial_weight is not None and not self.pretrain_coarse:
            completed = composite(refined, batch["image"], batch["mask"])
            adversarial = self.gan.generator_loss(discriminator, completed, batch)
            loss += value_at(adversarial_weight, training_step) * adversarial
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
