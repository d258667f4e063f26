"""What is minimised."""

from deepfill_tf.objectives.adversarial import hinge_discriminator_loss, hinge_generator_loss
from deepfill_tf.objectives.objective_v2 import ObjectiveV2
from deepfill_tf.objectives.reconstruction import l1_loss

__all__ = ["ObjectiveV2", "hinge_discriminator_loss", "hinge_generator_loss", "l1_loss"]
