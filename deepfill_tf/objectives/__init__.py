"""What is minimised: adversarial and other losses, and the papers' objectives made of them."""

from deepfill_tf.objectives.gan import GAN, GANS
from deepfill_tf.objectives.objective import Objective, objective_v1, objective_v2
from deepfill_tf.objectives.perceptual import Perceptual, Style
from deepfill_tf.objectives.reconstruction import (
    BoxReconstruction,
    HoleReconstruction,
    KnownReconstruction,
    Reconstruction,
)
from deepfill_tf.objectives.term import Term
from deepfill_tf.objectives.total_variation import TotalVariation

__all__ = [
    "GAN",
    "GANS",
    "BoxReconstruction",
    "HoleReconstruction",
    "KnownReconstruction",
    "Objective",
    "Perceptual",
    "Reconstruction",
    "Style",
    "Term",
    "TotalVariation",
    "objective_v1",
    "objective_v2",
]
