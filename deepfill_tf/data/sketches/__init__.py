"""Sketches of training images, for the second paper's user-guided mode.

Each source is a `SketchSource`; `data.sketches` of a gin file names one.
"""

from deepfill_tf.data.sketches.canny_sketches import CannySketches
from deepfill_tf.data.sketches.edge_files import EdgeFiles
from deepfill_tf.data.sketches.holistic_sketches import HolisticSketches
from deepfill_tf.data.sketches.landmark_sketches import LandmarkSketches
from deepfill_tf.data.sketches.source import SketchSource

__all__ = [
    "CannySketches",
    "EdgeFiles",
    "HolisticSketches",
    "LandmarkSketches",
    "SketchSource",
]
