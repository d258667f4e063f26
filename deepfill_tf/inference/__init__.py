"""From trained weights to completed images."""

from deepfill_tf.inference.inpainter import Inpainter
from deepfill_tf.inference.loading import load_generator
from deepfill_tf.inference.model_directory import save_model_directory

__all__ = ["Inpainter", "load_generator", "save_model_directory"]
