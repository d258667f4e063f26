"""Writes a trained generator as a model directory.

A model directory is a SavedModel that runs without this package, with model.json and
weights.safetensors beside it, from which deepfill_tf.load_generator makes the Keras
model. An existing model directory of that name is replaced.
"""

from absl import flags

from deepfill_tf.command_line import Command, Flag

COMMAND = Command(
    "deepfill-export",
    __doc__,
    [
        Flag("model", "A run directory, or a model directory.", required=True),
        Flag("output", "The model directory to write.", required=True),
        Flag(
            "windows",
            "Let the SavedModel compute no more than the holes need; --nowindows: whole images.",
            True,
            define=flags.DEFINE_boolean,
        ),
    ],
)


def run(values: flags.FlagValues) -> None:
    from deepfill_tf.inference.loading import load_with_provenance
    from deepfill_tf.inference.model_directory import check_replaceable, save_model_directory

    check_replaceable(values.output)
    generator, provenance = load_with_provenance(values.model)
    save_model_directory(
        generator,
        values.output,
        origin=provenance.origin,
        step=provenance.step,
        windows=values.windows,
    )
    print(f"wrote {values.output}")


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
