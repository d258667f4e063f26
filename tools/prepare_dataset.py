#!/usr/bin/env python3
"""Makes a dataset of the pictures that you have: looked at, sorted out, split, packed in shards.

    python tools/prepare_dataset.py --input=pictures/ --input=more.tar --output=prepared/
    python tools/prepare_dataset.py --input=train/ --validation=val/ --output=prepared/
    python tools/prepare_dataset.py --layout=celeba --root=data/

The first two want `pip install .[beam]`. Flags that are not listed here are Beam's, for instance
--runner=DataflowRunner, or --direct_running_mode=multi_processing --direct_num_workers=8.
"""

import argparse
import logging
import sys
import time

from deepfill_tf.command_line import import_tensorflow_quietly

DONE, NOTHING_DONE, SOME_NAMED = 0, 1, 2
# One process, which needs nothing from the network.
LOCAL_RUNNER = "FnApiRunner"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--input", action="append", default=[], help="a folder, glob, list or .tar; repeatable")
    add("--validation", action="append", default=[], help="likewise, for validation only")
    add("--output", help="a new folder for shards and report")
    add("--validation_share", type=float, default=0.01, help="of --input, without --validation")
    add("--train_shards", type=int, default=16)
    add("--validation_shards", type=int, default=1)
    add("--min_side", type=int, default=64, help="pixels; smaller pictures are left out")
    add("--layout", help="write file lists only: celeba, celebahq, places2, imagenet or dtd")
    add("--root", help="with --layout: the folder above the dataset's")
    arguments, beam_options = parser.parse_known_args()
    import_tensorflow_quietly()
    logging.getLogger().setLevel(logging.ERROR)  # Beam has much to say

    from deepfill_tf.errors import UserError

    try:
        if arguments.layout is not None:
            return write_layout(arguments)
        return prepare_dataset(arguments, beam_options)
    except UserError as error:
        print(f"prepare_dataset: {error}", file=sys.stderr)
        return NOTHING_DONE


def write_layout(arguments: argparse.Namespace) -> int:
    """Writes the file lists of a published dataset."""
    from deepfill_tf.data.preparation.layouts import LAYOUTS, write_lists
    from deepfill_tf.errors import UserError

    if arguments.layout not in LAYOUTS:
        raise UserError(f"--layout must be one of {', '.join(LAYOUTS)}, got {arguments.layout!r}")
    if not arguments.root:
        raise UserError("--layout needs --root, the folder above the dataset's")
    for path, count in write_lists(arguments.layout, arguments.root).items():
        print(f"{path}: {count} pictures")
    return DONE


def prepare_dataset(arguments: argparse.Namespace, beam_options: list[str]) -> int:
    """Runs the pipeline and prints what it found."""
    import tensorflow as tf

    from deepfill_tf.data.preparation.report import summary
    from deepfill_tf.data.preparation.sources import expand
    from deepfill_tf.data.preparation.splitting import TRAIN, VALIDATION
    from deepfill_tf.errors import UserError

    try:
        from deepfill_tf.data.preparation.beam_pipeline import Settings, prepare
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: pip install .[beam]") from error

    check(arguments)
    output = arguments.output.rstrip("/")
    if tf.io.gfile.exists(output) and (
        not tf.io.gfile.isdir(output) or tf.io.gfile.listdir(output)
    ):
        raise UserError(f"--output {output} is there already: name a new folder, or remove it")
    sources = [
        (origin, path)
        for origin, given in ((TRAIN, arguments.input), (VALIDATION, arguments.validation))
        for source in given
        for path in expand(source)
    ]
    aside = f"{output}.part"
    if tf.io.gfile.exists(aside):
        raise UserError(f"{aside} is of another run: wait for it, or remove it")
    settings = Settings(
        output=aside,
        validation_share=arguments.validation_share,
        train_shards=arguments.train_shards,
        validation_shards=arguments.validation_shards,
        min_side=arguments.min_side,
        has_validation=bool(arguments.validation),
    )
    if not any(option.startswith("--runner") for option in beam_options):
        beam_options = [*beam_options, f"--runner={LOCAL_RUNNER}"]
    started = time.monotonic()
    try:
        tf.io.gfile.makedirs(aside)
        report = prepare(sources, settings, beam_options)
        if not report["written"]:
            print(summary(report, time.monotonic() - started))
            raise UserError("no picture is left")
        if tf.io.gfile.exists(output):
            tf.io.gfile.rmtree(output)  # empty, as was seen
        tf.io.gfile.rename(aside, output)
    except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(f"{lines[-1] if lines else type(error).__name__}") from error
    finally:
        if tf.io.gfile.exists(aside):
            tf.io.gfile.rmtree(aside)
    print(summary(report, time.monotonic() - started))
    print(f"shards, report.json and dropped.tsv are in {output}")
    return SOME_NAMED if report["findings"].get("corrupt") else DONE


def check(arguments: argparse.Namespace) -> None:
    """Raises UserError for what makes no sense."""
    from deepfill_tf.errors import UserError

    if not arguments.input:
        raise UserError("--input is missing: a folder, glob, file list or .tar of pictures")
    if not arguments.output:
        raise UserError("--output is missing: a new folder")
    if not 0 <= arguments.validation_share < 1:
        raise UserError(f"--validation_share must be in [0, 1), got {arguments.validation_share}")
    for name in ("train_shards", "validation_shards", "min_side"):
        if not 1 <= getattr(arguments, name) < 100_000:
            raise UserError(f"--{name} must be positive, got {getattr(arguments, name)}")


if __name__ == "__main__":
    sys.exit(main())
