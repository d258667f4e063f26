"""Completes one image, or many.

The mask shows the hole in white (or see --hole) and has the image's size. A guided model takes a
sketch as well, white lines on black, of which only the lines inside the hole count. Known pixels
are kept, bit for bit in lossless formats such as PNG.

Many images are a folder, a list (.txt, .flist, .csv or .tsv) or a quoted glob; then the mask of
a.jpg is a.png, a_mask.png or a_mask001.png, a_mask002.png, ... in the folder of masks, its sketch
a.png or a_sketch.png, and the output a.png. One mask file serves all images. Images that fail are
named, and the others are completed. docs/completing_files.md has more.

Exit codes: 0 if all were completed, 1 if none was, 2 if some failed, 130 if Ctrl-C was pressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from deepfill_tf.command_line import (
    DONE,
    FAILED,
    INTERRUPTED,
    PARTIAL,
    Command,
    Flag,
    has_tensorflow,
)
from deepfill_tf.errors import INSTALL_TENSORFLOW, UserError, truncated_list

if TYPE_CHECKING:
    from deepfill_tf.inference.completer import Completer
    from deepfill_tf.inference.pairing import Plan
    from deepfill_tf.inference.report import Report

_HOLES = ["white", "black", "alpha", "transparent", "nonzero"]
_FORMATS = ["png", "same", "jpg", "webp", "tif"]
_STRATEGIES = ["exact", "crop", "resize"]
# Files of one kind that are named in a line.
_NAMES_IN_A_LINE = 20
# What the report says of an image whose output was written.
_WRITTEN = ("completed", "copied")


def _switch(name: str, text: str) -> Flag:
    return Flag(name, text, False, define=flags.DEFINE_boolean)


def _choice(name: str, text: str, choices: list[str]) -> Flag:
    def define(name, default, text, **keywords):
        flags.DEFINE_enum(name, default, choices, text, **keywords)

    return Flag(name, f"{text}: {', '.join(choices)}.", choices[0], define=define)


def _number(name: str, text: str, default: int, low: int) -> Flag:
    def define(name, default, text, **keywords):
        flags.DEFINE_integer(name, default, text, lower_bound=low, **keywords)

    return Flag(name, text, default, define=define)


def _needs_tensorflow(values: flags.FlagValues) -> bool:
    """Raises UserError where it is needed and not installed."""
    from deepfill_tf.inference.onnx_inpainter import is_onnx_path

    if values.model and is_onnx_path(values.model):
        return False
    if not has_tensorflow():
        named = f"--model={values.model} is none" if values.model else "--model is missing"
        raise UserError(
            f"without TensorFlow --model must be an ONNX file, file.onnx, and {named}; for other "
            f"models {INSTALL_TENSORFLOW}"
        )
    return True


COMMAND = Command(
    "deepfill-inpaint",
    __doc__,
    [
        Flag(
            "model",
            "A run directory, a model directory, a SavedModel, or an ONNX file (*.onnx), which "
            "needs no TensorFlow; without it the package's model.",
        ),
        Flag("image", "An image; or a folder, a list or a glob of images.", required=True),
        Flag("mask", "The mask, or a folder of masks.", required=True),
        Flag("sketch", "The sketch, or a folder of sketches, for guided models."),
        Flag("output", "The file to write; for many images, a folder.", required=True),
        _choice("hole", "What in the mask file is the hole", _HOLES),
        _number("grow_hole", "Pixels by which the hole is enlarged.", 0, 0),
        _switch("resize_mask", "Resize a mask that has another size than its image."),
        _switch("overwrite", "Replace outputs that exist; without it they are refused."),
        _switch("skip_existing", "Skip images whose output exists, to continue a stopped run."),
        _choice("format", "The format of the outputs of many images", _FORMATS),
        _switch("recursive", "Complete the images in subfolders too."),
        _choice("strategy", "How large images are completed", _STRATEGIES),
        _number("crop_margin", "Pixels around a hole that --strategy=crop sees.", 256, 1),
        _number("resize_limit", "Longer side of the image for --strategy=resize.", 1280, 16),
        _number("max_megapixels", "Larger images are refused, in millions of pixels.", 100, 1),
        _switch("whole_image", "Compute the whole image, not only the regions around the holes."),
        _switch(
            "dry_run", "Read everything, tell what would be done, and write nothing but --report."
        ),
        Flag(
            "comparison",
            "Of one image: a file to write with original | masked | completed side by side.",
        ),
        Flag("report", "A JSON file to write: what was done, seconds, holes, notes, failures."),
    ],
    needs_tensorflow=_needs_tensorflow,
)


def run(values: flags.FlagValues) -> int:
    """Returns the exit code, see this module's docstring."""
    from deepfill_tf.inference.completion_paths import (
        CompletionPaths,
        check_apart,
        split_by_existence,
    )
    from deepfill_tf.inference.files import FileCompleter, FileOptions, complete_many
    from deepfill_tf.inference.pairing import Plan, plan_many
    from deepfill_tf.inference.report import Report
    from deepfill_tf.inference.strategies import Strategy

    if values.overwrite and values.skip_existing:
        raise UserError("--overwrite and --skip_existing exclude each other; pass one of them")
    paths = CompletionPaths(
        image=Path(values.image),
        mask=Path(values.mask),
        output=Path(values.output),
        sketch=Path(values.sketch) if values.sketch else None,
    )
    # Loading a model takes seconds: wrong paths are reported before.
    many = paths.has_many_images
    if values.comparison:
        _check_comparison(values, many=many)
    if many:
        suffix = values.format if values.format == "same" else f".{values.format}"
        plan = plan_many(paths, recursive=values.recursive, suffix=suffix)
    else:
        paths.check_one()
        if values["format"].present and f".{values.format}" != paths.output.suffix.lower():
            raise UserError(
                f"--format={values.format} is for many images; the suffix of the output "
                f"{paths.output} says its format"
            )
        plan = Plan([paths])
    names = [flag.name for flag in COMMAND.flags]
    report = Report(
        Path(values.report) if values.report else None,
        {name: getattr(values, name) for name in names if name not in ("help", "debug")},
    )
    for flag in ("report", "comparison"):
        if path := getattr(values, flag):
            check_apart(flag, Path(path), plan.completions)
    if values.report and values.report == values.comparison:
        raise UserError(f"--report and --comparison are both {values.report}; choose another name")
    plan.completions, skipped = split_by_existence(
        plan.completions,
        overwrite=values.overwrite or values.dry_run,
        skip_existing=values.skip_existing,
    )
    options = FileOptions(
        hole=values.hole,
        grow_hole=values.grow_hole,
        resize_mask=values.resize_mask,
        max_megapixels=values.max_megapixels,
        strategy=Strategy(values.strategy, values.crop_margin, values.resize_limit),
        dry_run=values.dry_run,
        always_forecast=values.dry_run or bool(values.report),
        comparison=Path(values.comparison) if values.comparison else None,
    )
    completer = FileCompleter(
        _completer(values.model or None, values.whole_image),
        options,
        inform=COMMAND.print_line,
        warn=COMMAND.print_error,
    )
    completer.check_sketch(paths.sketch)
    report.add_skipped(skipped)
    try:
        complete_many(completer, plan, report, debug=values.debug)
    except KeyboardInterrupt:
        report.write("interrupted")
        todo = len(plan.completions) - sum(report.counts[status] for status in _WRITTEN)
        COMMAND.print_error(
            f"interrupted; {todo} of {len(plan.completions)} images are left. All files that were "
            "written are whole. To go on, run the same command with --skip_existing"
        )
        return INTERRUPTED
    report.write("planned" if values.dry_run else "done")
    if many:
        _name_left_out(plan)
        COMMAND.print_line(_summary(report, values.output))
    counts = report.counts
    if counts["failed"] == 0:
        return DONE
    return PARTIAL if counts.total() > counts["failed"] else FAILED


def _check_comparison(values: flags.FlagValues, *, many: bool) -> None:
    """Raises UserError if no comparison can be written, before anything is computed."""
    from deepfill_tf.data.image_files.writing import format_of
    from deepfill_tf.inference.writable_paths import check_writable

    path = Path(values.comparison)
    if many:
        raise UserError(
            f"--comparison={path} shows one image, and {values.image} stands for many; complete "
            "one of them with it"
        )
    format_of(path)
    check_writable(path)
    if path.exists() and not values.overwrite:
        raise UserError(f"{path} exists; pass --overwrite to replace it")


def _completer(model: str | None, whole_image: bool) -> Completer:
    from deepfill_tf.inference.onnx_inpainter import OnnxInpainter, is_onnx_path

    if model is not None and is_onnx_path(model):
        if whole_image:
            raise UserError(
                f"--whole_image does not go with {model}: what an ONNX file computes was chosen "
                "when it was exported"
            )
        return OnnxInpainter(model)
    from deepfill_tf.inference.inpainter import Inpainter

    return Inpainter.load(model, whole_image=whole_image)


def _name_left_out(plan: Plan) -> None:
    """Names on standard error what took no part, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for path, why in plan.left_out:
        by_reason.setdefault(why, []).append(str(path))
    for why, names in by_reason.items():
        COMMAND.print_error(f"left out, {why}: {truncated_list(names, _NAMES_IN_A_LINE)}")


def _summary(report: Report, output: str) -> str:
    from deepfill_tf.inference.forecast import as_time

    counts = report.counts
    total = counts.total()
    if counts["planned"]:
        seconds = sum((r.forecast or {}).get("seconds", 0) for r in report.images)
        text = f"would complete {counts['planned']} of {total} images in {output}"
        text += f", in about {as_time(seconds)}" if seconds else ""
    else:
        text = f"completed {counts['completed'] + counts['copied']} of {total} images in {output}"
    others = {
        "copied because they have no hole": counts["copied"],
        "skipped because the output exists": counts["skipped"],
        "failed": counts["failed"],
        "files and folders left out": len(report.left_out),
    }
    return "; ".join([text, *(f"{count} {what}" for what, count in others.items() if count)])


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
