"""Writes a trained generator as a model directory.

A model directory is a SavedModel that runs without this package, with model.json and
weights.safetensors beside it, from which deepfill_tf.load_generator loads the Keras
model. An existing model directory at --output is replaced.
"""

from absl import flags

from deepfill_tf.command_line import Command, Flag

COMMAND = Command(
    "deepfill-export",
    __doc__,
    [
        Flag(
            "model",
            "A run directory or a model directory; without it the package's model.",
        ),
        Flag("output", "The model directory to write.", required=True),
        Flag(
            "whole_image",
            "Let the SavedModel compute whole images, not only the regions around the holes.",
            False,
            define=flags.DEFINE_boolean,
        ),
    ],
)


def run(values: flags.FlagValues) -> None:
    from deepfill_tf.inference import save_model_directory
    from deepfill_tf.storage.loading import load_with_provenance
    from deepfill_tf.storage.model_files import check_replaceable

    check_replaceable(values.output)
    generator, provenance = load_with_provenance(values.model or None)
    save_model_directory(
        generator,
        values.output,
        origin=provenance.origin,
        step=provenance.step,
        whole_image=values.whole_image,
    )
    print(f"wrote {values.output}")


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
