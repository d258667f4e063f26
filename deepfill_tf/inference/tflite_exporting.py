"""Export of a generator as a TensorFlow Lite file, which is run and compared before it is kept."""

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

import deepfill_tf
from deepfill_tf.checks import check_choice
from deepfill_tf.data.image_files import read_image
from deepfill_tf.errors import UserError
from deepfill_tf.inference.exported_files import (
    MIN_PSNR_OF_DETAILS,
    check_exported_path,
    check_fixed_size,
    write_exported,
)
from deepfill_tf.inference.tflite_conversion import (
    PRECISIONS,
    FixedSizeCompletion,
    convert_to_tflite,
    run_tflite,
)
from deepfill_tf.networks.generator import Generator
from deepfill_tf.storage.weights import copy_in_float32

SUFFIX = ".tflite"
# Bytes 4 to 7 of every TensorFlow Lite file.
_IDENTIFIER = b"TFL3"
_PHOTOGRAPHS = Path(deepfill_tf.__file__).parent / "photographs"
# The exported model is compared with TensorFlow on this photograph.
_COMPARED = _PHOTOGRAPHS / "validation" / "coffee.jpg"
# Smallest PSNR in the hole against TensorFlow, in dB. A largest difference would not do for float16
# and int8: where two patches are alike, rounding makes the attention choose another one.
MIN_PSNR = {"float32": 60.0, "float16": 40.0, "int8_weights": 30.0, "int8": 25.0}
# Of float32, in [-1, 1]: a level of 255.
MAX_DIFFERENCE = 2 / 255
# Images that int8 models are calibrated on, at most.
MAX_CALIBRATION_IMAGES = 100


def save_tflite(
    generator: Generator,
    path: str | os.PathLike,
    *,
    height: int,
    width: int,
    precision: str = "float32",
    calibration_images: Sequence[str] = (),
) -> str:
    """Writes a generator as a TensorFlow Lite file, if that completes a photograph as TensorFlow.

    Args:
      generator: a built generator, of whatever compute type.
      path: the file to write, ending in .tflite; an earlier one is replaced.
      height, width: of the images that the model takes, from `hole_crops.MIN_SIDE` on.
      precision: one of `tflite_conversion.PRECISIONS`.
      calibration_images: files that an int8 model is calibrated on, `MAX_CALIBRATION_IMAGES` at
        most; if none are given, the photographs of the package.

    Returns words that say how the result agrees with TensorFlow's.

    Raises UserError if `path` is something else or cannot be written, the generator does not
    convert, or results disagree, and for int8 if the generator copies details. Then no file is
    written.
    """
    check_choice("precision", precision, PRECISIONS)
    check_tflite_path(path)
    check_fixed_size(height, width)
    if precision == "int8" and generator.copies_details:
        # The converter's own program that measures ranges does not survive the loop.
        raise UserError(
            "int8 models cannot copy details of known pixels, as this model does (detail_weight): "
            "choose another precision, such as int8_weights"
        )
    copy = copy_in_float32(generator)
    completion = FixedSizeCompletion(copy, height, width)
    inputs = functools.partial(_inputs, generator=copy, height=height, width=width)
    files = list(calibration_images) or sorted(map(str, _PHOTOGRAPHS.glob("*/*.jpg")))

    def examples() -> Iterator[dict[str, np.ndarray]]:
        random = np.random.default_rng(0)
        for file in files[:MAX_CALIBRATION_IMAGES]:
            top, left = (int(random.integers(0, side // 2)) for side in (height, width))
            yield inputs(file, top=top, left=left)

    content = convert_to_tflite(completion, precision=precision, examples=examples())
    agreement = _agreement(
        content,
        completion,
        precision,
        inputs(str(_COMPARED)),
        copies_details=generator.copies_details,
    )
    write_exported(path, content)
    return agreement


def check_tflite_path(path: str | os.PathLike) -> None:
    """Raises UserError unless a TensorFlow Lite file may be written there, replacing only one."""
    check_exported_path(path, SUFFIX, "a TensorFlow Lite file", _is_tflite)


def _is_tflite(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(8)[4:] == _IDENTIFIER


def _agreement(
    content: bytes,
    completion: FixedSizeCompletion,
    precision: str,
    inputs: dict[str, np.ndarray],
    *,
    copies_details: bool,
) -> str:
    """Runs a model and compares its result with TensorFlow's in the hole, and says how it agrees.

    Raises UserError if they disagree, or if known pixels change.
    """
    expected = completion.complete(*map(tf.constant, inputs.values()))["completed"].numpy()
    completed = run_tflite(content, inputs)
    hole = inputs["mask"][..., 0] > 0
    difference = np.abs(completed - expected)
    largest = float(difference[hole].max())
    square = np.square(difference[hole]).mean()
    psnr = float(10 * np.log10(4 / square)) if square else float("inf")
    known = float(difference[~hole].max())
    words = (
        f"largest difference to TensorFlow {largest:.2g} in [-1, 1] ({largest * 127.5:.2g} of "
        f"255), PSNR in the hole {psnr:.1f} dB"
    )
    searches = precision == "float32" and copies_details
    limit = MIN_PSNR_OF_DETAILS if searches else MIN_PSNR[precision]
    # NaN agrees with nothing.
    if not psnr >= limit:
        raise UserError(
            f"the {precision} model disagrees: {words}, at least {limit:g} dB are required; "
            "nothing was written"
        )
    if precision == "float32" and not searches and largest > MAX_DIFFERENCE:
        raise UserError(
            f"the float32 model disagrees: {words}, at most {MAX_DIFFERENCE:.2g} is allowed; "
            "nothing was written"
        )
    if not known <= 0:
        raise UserError(
            f"the {precision} model changes known pixels by up to {known:.2g} in [-1, 1]; "
            "nothing was written"
        )
    return words


def _inputs(
    file: str,
    *,
    generator: Generator,
    height: int,
    width: int,
    top: int | None = None,
    left: int | None = None,
) -> dict[str, np.ndarray]:
    """An image file as inputs of a model: its middle, resized, with a box as the hole.

    The hole has half the height and the width of the image; it begins at `top` and `left`, in the
    middle if they are None. The sketch of guided generators is the image's edges.
    """
    pixels = read_image(file).pixels
    rows, columns = pixels.shape[:2]
    scale = min(rows / height, columns / width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    begin = (rows - size[0]) // 2, (columns - size[1]) // 2
    pixels = pixels[begin[0] : begin[0] + size[0], begin[1] : begin[1] + size[1]]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    pixels = cv2.resize(pixels, (width, height), interpolation=interpolation)
    mask = np.zeros([1, height, width, 1], np.float32)
    top = height // 4 if top is None else top
    left = width // 4 if left is None else left
    mask[:, top : top + height // 2, left : left + width // 2] = 1
    sketch = cv2.Canny(pixels, 100, 200)[None, ..., None].astype(np.float32) / 255
    if generator.channels != pixels.shape[-1]:
        grey = pixels.mean(axis=-1, keepdims=True)
        pixels = np.repeat(grey, generator.channels, axis=-1)
    inputs = {"image": pixels[None].astype(np.float32) / 127.5 - 1, "mask": mask}
    return inputs | ({"sketch": sketch * mask} if generator.guided else {})
