"""Converts a checkpoint of the original TensorFlow 1 programs to a model directory.

The original's weights are CC BY-NC 4.0, for non-commercial use with attribution, and so
are the converted ones; model.json records it.
"""

import os

from deepfill_tf.command_line import Command, Flag

COMMAND = Command(
    "deepfill-convert",
    __doc__,
    [
        Flag("checkpoint", "The checkpoint's path without .index, or its folder.", required=True),
        Flag("output", "The model directory to write.", required=True),
    ],
)

LICENSE = "CC BY-NC 4.0 (non-commercial, with attribution)"
LICENSE_NOTE = f"the weights are under {LICENSE}, converted or not"


def run(flags) -> None:
    from deepfill_tf.inference.exporting import save_model_directory
    from deepfill_tf.storage.model_files import check_replaceable
    from deepfill_tf.storage.tf1_checkpoint import checkpoint_prefix, convert_checkpoint

    check_replaceable(flags.output)
    prefix = checkpoint_prefix(flags.checkpoint)
    generator, _ = convert_checkpoint(prefix)
    name = os.path.basename(prefix)
    origin = f"converted from {name} of the original DeepFill program; {LICENSE_NOTE}"
    save_model_directory(generator, flags.output, origin=origin, weights_license=LICENSE)
    print(f"wrote {flags.output}; {LICENSE_NOTE}")


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
