"""Writes a trained generator as a model directory, an ONNX file or a TensorFlow Lite file.

A model directory is a SavedModel that runs without this package, with model.json and
weights.safetensors beside it, from which deepfill_tf.load_generator loads the Keras
model. An existing model directory at --output is replaced.

An ONNX file takes uint8 images and masks of any size from 16 x 16 on and returns completed
images; with --size, one image of that size. It completes a photograph with onnxruntime before
it is written, and the largest difference to TensorFlow is printed. An existing ONNX file at
--output is replaced.

A TensorFlow Lite file takes float images of one size. It is tried, compared and replaced
likewise. docs/exporting.md says how to use the files.
"""

import os
from collections.abc import Sequence
from dataclasses import replace

from absl import flags

from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError

COMMAND = Command(
    "deepfill-export",
    __doc__,
    [
        Flag(
            "model",
            "A run directory or a model directory; without it the package's model.",
        ),
        Flag("output", "The model directory or the file to write.", required=True),
        Flag("format", "saved_model, onnx or tflite.", "saved_model"),
        Flag("precision", "float32, float16 or, of tflite, int8_weights or int8.", "float32"),
        Flag(
            "outputs",
            "Of an ONNX file: completed, and also coarse and offsets; with these it computes whole "
            "images.",
            ["completed"],
            define=flags.DEFINE_list,
        ),
        Flag(
            "size",
            "Of the images that a TensorFlow Lite file takes: 256, or 320x240 (width x height); of "
            "an ONNX file for runtimes that need a fixed size: without it, any size.",
        ),
        Flag(
            "calibration_images",
            "Images to calibrate an int8 file on, a glob in quotes, a folder or a list; if it is "
            "not given, the photographs of the package.",
        ),
        Flag("weights_license", "Licence of the weights, for the model card or an ONNX file."),
        Flag(
            "whole_image",
            "Let the exported model compute whole images, not only the regions around the holes.",
            False,
            define=flags.DEFINE_boolean,
        ),
    ],
)


# Format -> the flags that it has beside the common ones.
FORMATS = {
    "saved_model": ("weights_license", "whole_image"),
    "onnx": ("outputs", "precision", "size", "weights_license", "whole_image"),
    "tflite": ("calibration_images", "precision", "size"),
}


def run(values: flags.FlagValues) -> None:
    check_formats(values)
    exports = {"saved_model": export_saved_model, "onnx": export_onnx, "tflite": export_tflite}
    exports[values.format](values)


def check_formats(values: flags.FlagValues) -> None:
    """Raises UserError if the format is unknown, or a flag is given that it does not have."""
    if values.format not in FORMATS:
        raise UserError(f"--format must be one of {', '.join(FORMATS)}, got {values.format!r}")
    for name in sorted(set().union(*FORMATS.values()) - set(FORMATS[values.format])):
        if values[name].present:
            raise UserError(f"--{name} does not go with --format={values.format}")


def check_precision(values: flags.FlagValues, precisions: Sequence[str]) -> None:
    """Raises UserError unless `--precision` is one that the format has."""
    if values.precision not in precisions:
        raise UserError(
            f"--precision must be one of {', '.join(precisions)}, got {values.precision!r}"
        )


def export_onnx(values: flags.FlagValues) -> None:
    from deepfill_tf.evaluation.settings import parse_size
    from deepfill_tf.inference.onnx_conversion import EXTRA_OUTPUTS, OPSET
    from deepfill_tf.inference.onnx_exporting import PRECISIONS, check_onnx_path, save_onnx
    from deepfill_tf.storage.loading import load_with_provenance

    check_precision(values, PRECISIONS)
    extra = tuple(name for name in values.outputs if name != "completed")
    unknown = set(extra) - set(EXTRA_OUTPUTS)
    if unknown:
        raise UserError(
            f"--outputs takes completed, {', '.join(EXTRA_OUTPUTS)}, got {sorted(unknown)[0]!r}"
        )
    size = parse_size(values.size) if values.size else None
    check_onnx_path(values.output)
    generator, provenance = load_with_provenance(values.model or None)
    if values.weights_license:
        provenance = replace(provenance, weights_license=values.weights_license)
    agreement = save_onnx(
        generator,
        values.output,
        provenance,
        precision=values.precision,
        extra_outputs=extra,
        whole_image=values.whole_image,
        size=size,
    )
    megabytes = os.path.getsize(values.output) / 1e6
    print(f"wrote {values.output}: {megabytes:.1f} MB, opset {OPSET}; {agreement}")


def export_saved_model(values: flags.FlagValues) -> None:
    from deepfill_tf.inference.exporting import save_model_directory
    from deepfill_tf.storage.loading import load_with_provenance
    from deepfill_tf.storage.model_files import check_replaceable

    check_replaceable(values.output)
    generator, provenance = load_with_provenance(values.model or None)
    save_model_directory(
        generator,
        values.output,
        origin=provenance.origin,
        step=provenance.step,
        weights_license=values.weights_license or provenance.weights_license,
        whole_image=values.whole_image,
    )
    print(f"wrote {values.output}")


def export_tflite(values: flags.FlagValues) -> None:
    from deepfill_tf.data.file_list import list_images
    from deepfill_tf.evaluation.settings import parse_size
    from deepfill_tf.inference.tflite_conversion import PRECISIONS
    from deepfill_tf.inference.tflite_exporting import check_tflite_path, save_tflite
    from deepfill_tf.storage.loading import load_generator

    check_precision(values, PRECISIONS)
    if values.size is None:
        raise UserError("--size is missing: a TensorFlow Lite file takes images of one size")
    if values.calibration_images and values.precision != "int8":
        raise UserError("--calibration_images goes with --precision=int8 only")
    height, width = parse_size(values.size)
    images = list_images(values.calibration_images) if values.calibration_images else []
    check_tflite_path(values.output)
    agreement = save_tflite(
        load_generator(values.model or None),
        values.output,
        height=height,
        width=width,
        precision=values.precision,
        calibration_images=images,
    )
    print(f"wrote {values.output}: {os.path.getsize(values.output) / 1e6:.1f} MB; {agreement}")


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
