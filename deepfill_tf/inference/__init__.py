"""Completion of images with trained generators, and their export."""

from deepfill_tf.inference.exporting import save_model_directory
from deepfill_tf.inference.inpainter import Inpainter

__all__ = ["Inpainter", "save_model_directory"]
