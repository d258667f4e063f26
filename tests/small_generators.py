"""Small generators with weights that tell layers apart, and images with holes."""

from pathlib import Path

import numpy as np

from deepfill_tf.compat import named_variables
from deepfill_tf.networks import GeneratorV2
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.networks.generator import Generator
from deepfill_tf.storage.model_files import Provenance, write_model_files


def small_generator(seed: int = 0, **arguments) -> GeneratorV2:
    """A built `GeneratorV2(width=4)` whose every weight, biases too, is random."""
    return randomize(GeneratorV2(width=4, **arguments), seed)


def randomize(generator: Generator, seed: int = 0) -> Generator:
    """Builds a generator and makes its every weight random."""
    build_model(generator)
    random = np.random.default_rng(seed)
    for variable in named_variables(generator.weights).values():
        fan_in = np.prod(variable.shape[:-1]) if len(variable.shape) > 1 else 4
        variable.assign(random.normal(0, 1.5 / np.sqrt(fan_in), variable.shape))
    return generator


def write_small_model(folder: Path, step: int | None = None, **arguments) -> Path:
    """Makes a folder with the model files of `small_generator(**arguments)`, and no SavedModel."""
    folder.mkdir()
    provenance = Provenance("a test's random numbers", step)
    write_model_files(small_generator(**arguments), folder, provenance)
    return folder


def random_images(*shape: int, seed: int = 0) -> np.ndarray:
    """uint8 noise."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def random_masks(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 `[count, height, width, 1]`: a box and stray pixels, another for each example.

    The greys next to the threshold occur: 127 is known, 128 is the hole.
    """
    random = np.random.default_rng(seed)
    values = np.where(random.random([count, height, width, 1]) < 0.03, 128, 127).astype(np.uint8)
    for mask in values:
        top, left = random.integers(0, height // 2), random.integers(0, width // 2)
        mask[top : top + height // 3, left : left + width // 3] = 255
    return values
