"""What the second paper minimises."""

from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.objectives.adversarial import hinge_discriminator_loss, hinge_generator_loss
from deepfill_tf.objectives.reconstruction import l1_loss
from deepfill_tf.ops import complete

Losses = tuple[tf.Tensor, dict[str, tf.Tensor]]


@dataclass(frozen=True, kw_only=True)
class ObjectiveV2:
    """Hinge for both players, and L1 over both stages for the generator.

    A batch is a dict of `image` `[N, H, W, C]` in [-1, 1] and `mask` `[N, H, W, 1]`.
    Each method gives the scalar to minimise and named scalars to report.

    Attributes:
      l1_weight: of `mean|image - coarse| + mean|image - refined|`, taken over the whole
        picture and of the raw predictions, as released.
      adversarial_weight: of the generator's hinge. The discriminator sees the completed
        picture, so that this gradient reaches the refined prediction only in the hole.
    """

    l1_weight: float = 1.0
    adversarial_weight: float = 1.0

    def build(
        self, generator: keras.Model, discriminator: keras.Model, batch: dict[str, tf.Tensor]
    ) -> None:
        """Makes both networks' variables by calling them on `batch`; `u` stays."""
        generator(batch["image"], batch["mask"])
        discriminator(batch["image"], batch["mask"], training=False)

    def discriminator_loss(
        self, generator: keras.Model, discriminator: keras.Model, batch: dict[str, tf.Tensor]
    ) -> Losses:
        """Loss of the discriminator; evaluates it once, real and completed together."""
        images, masks = batch["image"], batch["mask"]
        _, refined, _ = generator(images, masks)
        completed = tf.stop_gradient(complete(refined, images, masks))
        masks = tf.broadcast_to(masks, tf.shape(images[..., :1]))
        scores = discriminator(
            tf.concat([images, completed], axis=0),
            tf.concat([masks, masks], axis=0),
            training=True,
        )
        real_scores, completed_scores = tf.split(scores, 2)
        loss = hinge_discriminator_loss(real_scores, completed_scores)
        return loss, {
            "discriminator/loss": loss,
            "discriminator/real_score": tf.reduce_mean(real_scores),
            "discriminator/completed_score": tf.reduce_mean(completed_scores),
        }

    def generator_loss(
        self, generator: keras.Model, discriminator: keras.Model, batch: dict[str, tf.Tensor]
    ) -> Losses:
        """Loss of the generator; evaluates the discriminator once."""
        images, masks = batch["image"], batch["mask"]
        coarse, refined, _ = generator(images, masks)
        scores = discriminator(complete(refined, images, masks), masks, training=True)
        adversarial = hinge_generator_loss(scores)
        l1_coarse, l1_refined = l1_loss(coarse, images), l1_loss(refined, images)
        loss = self.l1_weight * (l1_coarse + l1_refined) + self.adversarial_weight * adversarial
        return loss, {
            "generator/loss": loss,
            "generator/adversarial": adversarial,
            "generator/l1_coarse": l1_coarse,
            "generator/l1_refined": l1_refined,
        }
