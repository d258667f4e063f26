#!/usr/bin/env python3
"""Prepares a dataset: inspects images, drops duplicates, splits, and packs them into shards.

    python tools/prepare_dataset.py --input=images/ --input=more.tar --output=prepared/
    python tools/prepare_dataset.py --input=train/ --validation=val/ --output=prepared/
    python tools/prepare_dataset.py --layout=celeba --root=data/

The first two need `pip install ".[beam]"`. Flags that are not listed here are passed to Beam, such
as --runner=DataflowRunner, or --direct_running_mode=multi_processing --direct_num_workers=8.
"""

import logging
import time

import absl.flags

from deepfill_tf.checks import check_in_range
from deepfill_tf.command_line import DONE, PARTIAL, Command, Flag
from deepfill_tf.errors import UserError

# Runs in this process.
LOCAL_RUNNER = "FnApiRunner"


def several(name: str, help: str) -> Flag:
    return Flag(name, help, [], define=absl.flags.DEFINE_multi_string)


def number(name: str, default: int, help: str) -> Flag:
    return Flag(name, help, default, define=absl.flags.DEFINE_integer)


COMMAND = Command(
    "prepare_dataset",
    __doc__,
    [
        several("input", "A folder, glob, file list or .tar of images."),
        several("validation", "The same, of images for validation."),
        Flag("output", "A new folder for the shards and the report."),
        Flag(
            "validation_fraction",
            "Fraction of --input that is for validation, if there is no --validation.",
            0.01,
            define=absl.flags.DEFINE_float,
        ),
        number("train_shards", 16, "Number of shards of training images."),
        number("validation_shards", 1, "Number of shards of validation images."),
        number(
            "min_side",
            64,
            "Least height and width of an image, in pixels.",
        ),
        Flag("layout", "Write only the file lists of celeba, celebahq, places2, imagenet or dtd."),
        Flag("root", "With --layout: the parent of the dataset's folder."),
    ],
    accepts_unknown_flags=True,
)


def run(flags: absl.flags.FlagValues, beam_options: list[str]) -> int:
    """Prepares a dataset, or writes the file lists of a published one."""
    logging.getLogger().setLevel(logging.ERROR)  # Beam logs much
    if flags.layout is None:
        return prepare_dataset(flags, beam_options)
    if beam_options:
        raise UserError(f"--layout cannot be combined with {beam_options[0]}")
    return write_layout(flags)


def write_layout(flags: absl.flags.FlagValues) -> int:
    """Writes the file lists of a published dataset."""
    from deepfill_tf.preparation.layouts import LAYOUTS, write_lists

    if flags.layout not in LAYOUTS:
        raise UserError(f"--layout must be one of {', '.join(LAYOUTS)}, got {flags.layout!r}")
    if not flags.root:
        raise UserError("--layout needs --root, the parent of the dataset's folder")
    for path, count in write_lists(flags.layout, flags.root).items():
        print(f"{path}: {count} images")
    return DONE


def prepare_dataset(flags: absl.flags.FlagValues, beam_options: list[str]) -> int:
    """Runs the pipeline and prints its summary."""
    import tensorflow as tf

    from deepfill_tf import atomic
    from deepfill_tf.preparation.report import summary
    from deepfill_tf.preparation.sources import expand
    from deepfill_tf.preparation.splitting import TRAIN, VALIDATION

    try:
        from deepfill_tf.preparation.beam_pipeline import (
            Settings,
            check_options,
            prepare,
        )
    except ModuleNotFoundError as error:
        raise UserError(f'{error.name} is not installed: pip install ".[beam]"') from error

    check_flags(flags)
    is_local = not any(option.startswith("--runner") for option in beam_options)
    if is_local:
        beam_options = [*beam_options, f"--runner={LOCAL_RUNNER}"]
    check_options(beam_options, all_known=is_local)
    output = flags.output.rstrip("/") or "/"
    if tf.io.gfile.exists(output) and (
        not tf.io.gfile.isdir(output) or tf.io.gfile.listdir(output)
    ):
        raise UserError(f"--output {output} exists: choose a new folder, or remove it")
    sources = [
        (origin, path)
        for origin, given in ((TRAIN, flags.input), (VALIDATION, flags.validation))
        for source in given
        for path in expand(source)
    ]
    started = time.monotonic()
    try:
        with atomic.directory(output) as folder:
            settings = Settings(
                output=folder,
                validation_fraction=flags.validation_fraction,
                train_shards=flags.train_shards,
                validation_shards=flags.validation_shards,
                min_side=flags.min_side,
                has_validation=bool(flags.validation),
            )
            report = prepare(sources, settings, beam_options)
            if not report["written"].get(TRAIN):
                print(summary(report, time.monotonic() - started))
                raise UserError("no image is left for training")
    except UserError:
        raise
    except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(f"{lines[-1] if lines else type(error).__name__}") from error
    print(summary(report, time.monotonic() - started))
    print(f"shards, report.json and dropped.tsv are in {output}")
    return PARTIAL if report["findings"].get("corrupt") else DONE


def check_flags(flags: absl.flags.FlagValues) -> None:
    """Raises UserError for a missing or bad value."""
    if not flags.input:
        raise UserError("--input is missing: a folder, glob, file list or .tar of images")
    if not flags.output:
        raise UserError("--output is missing: a new folder")
    try:
        check_in_range("--validation_fraction", flags.validation_fraction, 0, 1)
        for name in ("train_shards", "validation_shards", "min_side"):
            check_in_range(f"--{name}", flags[name].value, 1, 100_000)
    except ValueError as error:
        raise UserError(str(error)) from error


if __name__ == "__main__":
    COMMAND.main(run)
