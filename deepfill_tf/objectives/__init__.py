"""Objectives: adversarial, reconstruction and other losses, and their composition.

"As released" means as in the original programs published with the papers; docs/differences.md
lists where they differ from the papers.
"""

from deepfill_tf.objectives.gan import GAN, GANS
from deepfill_tf.objectives.objective import Objective
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
]
