#!/usr/bin/env python3
"""Makes a dataset of the images that you have: looked at, sorted out, split, packed in shards.

    python tools/prepare_dataset.py --input=images/ --input=more.tar --output=prepared/
    python tools/prepare_dataset.py --input=train/ --validation=val/ --output=prepared/
    python tools/prepare_dataset.py --layout=celeba --root=data/

The first two want `pip install .[beam]`. Flags that are not listed here are Beam's, for instance
--runner=DataflowRunner, or --direct_running_mode=multi_processing --direct_num_workers=8.
"""

import logging
import time

import absl.flags

from deepfill_tf.command_line import DONE, PARTIAL, Command, Flag
from deepfill_tf.errors import UserError

# One process, which needs nothing from the network.
LOCAL_RUNNER = "FnApiRunner"


def several(name: str, help: str) -> Flag:
    return Flag(name, help, [], define=absl.flags.DEFINE_multi_string)


def number(name: str, default: int, help: str) -> Flag:
    return Flag(name, help, default, define=absl.flags.DEFINE_integer)


COMMAND = Command(
    "prepare_dataset",
    __doc__,
    [
        several("input", "A folder, glob, list or .tar."),
        several("validation", "Likewise, for validation only."),
        Flag("output", "A new folder for shards and report."),
        Flag(
            "validation_share",
            "What share of --input is for validation, without --validation.",
            0.01,
            define=absl.flags.DEFINE_float,
        ),
        number("train_shards", 16, "Files that training images are packed in."),
        number("validation_shards", 1, "Files that validation images are packed in."),
        number("min_side", 64, "Pixels; smaller images are left out."),
        Flag("layout", "Write file lists only: celeba, celebahq, places2, imagenet or dtd."),
        Flag("root", "With --layout: the folder above the dataset's."),
    ],
    accepts_unknown_flags=True,
)


def run(flags: absl.flags.FlagValues, beam_options: list[str]) -> int:
    """Prepares a dataset, or writes the file lists of a published one."""
    logging.getLogger().setLevel(logging.ERROR)  # Beam has much to say
    if flags.layout is None:
        return prepare_dataset(flags, beam_options)
    if beam_options:
        raise UserError(f"--layout takes no {beam_options[0]}")
    return write_layout(flags)


def write_layout(flags: absl.flags.FlagValues) -> int:
    """Writes the file lists of a published dataset."""
    from deepfill_tf.preparation.layouts import LAYOUTS, write_lists

    if flags.layout not in LAYOUTS:
        raise UserError(f"--layout must be one of {', '.join(LAYOUTS)}, got {flags.layout!r}")
    if not flags.root:
        raise UserError("--layout needs --root, the folder above the dataset's")
    for path, count in write_lists(flags.layout, flags.root).items():
        print(f"{path}: {count} images")
    return DONE


def prepare_dataset(flags: absl.flags.FlagValues, beam_options: list[str]) -> int:
    """Runs the pipeline and prints what it found."""
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
        raise UserError(f"{error.name} is missing: pip install .[beam]") from error

    check(flags)
    is_local = not any(option.startswith("--runner") for option in beam_options)
    if is_local:
        beam_options = [*beam_options, f"--runner={LOCAL_RUNNER}"]
    check_options(beam_options, all_known=is_local)
    output = flags.output.rstrip("/") or "/"
    if tf.io.gfile.exists(output) and (
        not tf.io.gfile.isdir(output) or tf.io.gfile.listdir(output)
    ):
        raise UserError(f"--output {output} is there already: name a new folder, or remove it")
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
                validation_share=flags.validation_share,
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


def check(flags: absl.flags.FlagValues) -> None:
    """Raises UserError for what makes no sense."""
    if not flags.input:
        raise UserError("--input is missing: a folder, glob, file list or .tar of images")
    if not flags.output:
        raise UserError("--output is missing: a new folder")
    if not 0 <= flags.validation_share < 1:
        raise UserError(f"--validation_share must be in [0, 1), got {flags.validation_share}")
    for name in ("train_shards", "validation_shards", "min_side"):
        if not 1 <= flags[name].value < 100_000:
            raise UserError(f"--{name} must be in [1, 100000), got {flags[name].value}")


if __name__ == "__main__":
    COMMAND.main(run)
