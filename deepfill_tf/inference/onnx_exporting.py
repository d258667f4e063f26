"""Export of a generator as an ONNX file, which is run and compared before it is kept.

The file's properties (`metadata_props` of ONNX, strings) describe it:

    architecture        class and arguments of the generator, JSON (`networks.architecture`)
    guided              "true" or "false": whether `sketch` is an input
    min_size            smallest height and width of an image
    size                of all images, width x height such as 320x240; "" for any
    offsets_stride      pixels of the image per position of `offsets`, 4 * rate
    precision           "float32" or "float16"
    origin, step        where the weights came from, and the number of training steps if known
    weights_license     licence of the weights
    package_version     of this package
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import deepfill_tf
from deepfill_tf.checks import check_choice
from deepfill_tf.data.crops import resize_image
from deepfill_tf.data.image_files import read_image
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completion import complete_uint8
from deepfill_tf.inference.exported_files import (
    MIN_PSNR_OF_DETAILS,
    check_exported_path,
    check_fixed_size,
    write_exported,
)
from deepfill_tf.inference.hole_crops import MIN_SIDE
from deepfill_tf.inference.onnx_conversion import (
    convert_to_onnx,
    import_onnx_packages,
    store_weights_in_float16,
)
from deepfill_tf.inference.onnx_inpainter import SUFFIX
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.networks.generator import Generator
from deepfill_tf.storage.model_files import Provenance
from deepfill_tf.storage.weights import copy_in_float32

# Of the weights in the file; computing is float32.
PRECISIONS = ("float32", "float16")
PRODUCER = "deepfill-tf"
# The exported model is compared with TensorFlow on this photograph.
PHOTOGRAPH = Path(deepfill_tf.__file__).parent / "photographs" / "validation" / "coffee.jpg"
# Largest difference to TensorFlow in levels of 255, of float32 without copied details.
MAX_DIFFERENCE = 1
# Smallest PSNR in the hole against TensorFlow in float32, of float16: rounding may make the
# attention choose another of two patches that are alike.
MIN_PSNR = 40.0


@dataclass(frozen=True)
class Agreement:
    """Agreement of an exported model with TensorFlow in the hole of a photograph.

    Attributes:
      largest: difference in levels of 255.
      mean: absolute difference, in levels of 255.
      psnr: in dB; infinite if there is no difference.
    """

    largest: int
    mean: float
    psnr: float

    @classmethod
    def of(cls, completed: np.ndarray, expected: np.ndarray, hole: np.ndarray) -> "Agreement":
        """Compares uint8 images `[N, H, W, C]` in the hole, bool `[N, H, W]`."""
        difference = np.abs(completed[hole].astype(float) - expected[hole])
        square = np.square(difference).mean()
        psnr = 10 * np.log10(255**2 / square) if square else float("inf")
        return cls(int(difference.max()), float(difference.mean()), float(psnr))

    def __str__(self) -> str:
        return (
            f"largest difference to TensorFlow {self.largest} of 255, "
            f"mean {self.mean:.2g}, PSNR in the hole {self.psnr:.1f} dB"
        )


def save_onnx(
    generator: Generator,
    path: str | os.PathLike,
    provenance: Provenance,
    *,
    precision: str = "float32",
    extra_outputs: tuple[str, ...] = (),
    whole_image: bool = False,
    size: tuple[int, int] | None = None,
) -> Agreement:
    """Writes a generator as an ONNX file, if onnxruntime completes a photograph as TensorFlow does.

    Args:
      generator: a built generator, in whatever compute type.
      path: the file to write, ending in .onnx; an earlier ONNX file is replaced.
      provenance: of the weights, for the file's properties.
      precision: one of `PRECISIONS`, of the weights in the file; computing is float32.
      extra_outputs, whole_image, size: see `convert_to_onnx`.

    Returns how the completed photograph agrees with TensorFlow's.

    Raises UserError if `path` is something else or cannot be written, the generator does not
    convert, or the results disagree; then no file is written.
    """
    check_choice("precision", precision, PRECISIONS)
    check_onnx_path(path)
    if size:
        check_fixed_size(*size)
    # Before the conversion, which takes a minute.
    import_onnx_packages("onnxruntime")
    copy = copy_in_float32(generator)
    model = convert_to_onnx(copy, extra_outputs=extra_outputs, whole_image=whole_image, size=size)
    if precision == "float16":
        store_weights_in_float16(model)
    model.producer_name, model.producer_version = PRODUCER, deepfill_tf.__version__
    properties = {
        "architecture": json.dumps(architecture_of(generator)),
        "guided": json.dumps(generator.guided),
        "min_size": str(MIN_SIDE),
        "size": f"{size[1]}x{size[0]}" if size else "",
        "offsets_stride": str(generator.offsets_stride),
        "precision": precision,
        "origin": provenance.origin,
        "step": "" if provenance.step is None else str(provenance.step),
        "weights_license": provenance.weights_license,
        "package_version": deepfill_tf.__version__,
    }
    for name, value in properties.items():
        model.metadata_props.add(key=name, value=value)
    content = model.SerializeToString()
    agreement = compare_with_tensorflow(content, copy, size)
    if precision == "float32" and not copy.copies_details:
        agrees = agreement.largest <= MAX_DIFFERENCE
        limit = f"at most {MAX_DIFFERENCE} of 255 is allowed"
    else:
        least = MIN_PSNR if precision == "float16" else MIN_PSNR_OF_DETAILS
        agrees, limit = agreement.psnr >= least, f"at least {least:g} dB are required"
    if not agrees:
        raise UserError(f"the ONNX model disagrees: {agreement}; {limit}; nothing was written")
    write_exported(path, content)
    return agreement


def check_onnx_path(path: str | os.PathLike) -> None:
    """Raises UserError unless an ONNX file may be written there, replacing an ONNX file at most."""
    check_exported_path(path, SUFFIX, "an ONNX file", _is_onnx)


def _is_onnx(path: Path) -> bool:
    (onnx,) = import_onnx_packages("onnx")
    try:
        return bool(onnx.load(path, load_external_data=False).graph.node)
    except Exception:  # of any type: the file may hold anything
        return False


def compare_with_tensorflow(
    content: bytes, generator: Generator, size: tuple[int, int] | None = None
) -> Agreement:
    """Completes a photograph with onnxruntime and with a float32 generator, and compares.

    The photograph has a box and thin strokes as its hole, and the model's size, or odd sizes if it
    takes any; for guided generators the sketch is a grid of lines.

    Raises UserError if onnxruntime fails, or if pixels outside the hole change.
    """
    inputs = _photograph(generator, size)
    (runtime,) = import_onnx_packages("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        (completed,) = session.run(["completed"], inputs)
    except Exception as error:  # of any type, of onnxruntime
        raise UserError(f"onnxruntime cannot run the model: {reason(error)}") from error
    expected = complete_uint8(generator, *map(tf.constant, inputs.values())).numpy()
    hole = inputs["mask"][..., 0] > 127
    if not np.array_equal(completed[~hole], inputs["image"][~hole]):
        raise UserError("the ONNX model changes pixels outside the hole; nothing was written")
    return Agreement.of(completed, expected, hole)


def _photograph(generator: Generator, size: tuple[int, int] | None) -> dict[str, Any]:
    pixels = read_image(PHOTOGRAPH).pixels
    pixels = resize_image(pixels, *size) if size else pixels[:299, :365]
    if generator.channels != pixels.shape[2]:
        grey = pixels.mean(axis=2, keepdims=True).astype(np.uint8)
        pixels = np.repeat(grey, generator.channels, axis=2)
    height, width = pixels.shape[:2]
    mask = np.zeros([height, width, 1], np.uint8)
    mask[height * 3 // 10 : height * 6 // 10, width // 3 : width * 2 // 3] = 255
    mask[height * 2 // 3 : height * 2 // 3 + 4, width // 16 : width * 9 // 10] = 128
    inputs = {"image": pixels[None], "mask": mask[None]}
    if generator.guided:
        sketch = np.zeros_like(mask)
        sketch[::16], sketch[:, ::16] = 255, 255
        inputs["sketch"] = sketch[None]
    return inputs
