"""Completes one image, or all images of a folder.

The mask shows the hole in white and has the image's size. In folders the mask of
a.jpg is a.png or a_mask.png, and the output is a.png. A guided model takes a sketch as
well, white lines on black, of which only the lines inside the hole count; in folders it is
a.png or a_sketch.png. Known pixels are kept, bit for bit in lossless formats such as PNG.
"""

from pathlib import Path

from absl import flags

from deepfill_tf.command_line import DONE, FAILED, PARTIAL, Command, Flag

COMMAND = Command(
    "deepfill-inpaint",
    __doc__,
    [
        Flag("model", "A run directory, a model directory or a SavedModel.", required=True),
        Flag("image", "An image, or a folder of images.", required=True),
        Flag("mask", "The image's mask, or a folder of masks.", required=True),
        Flag("sketch", "The image's sketch, or a folder of sketches, for guided models."),
        Flag("output", "The file to write; for a folder of images, a folder.", required=True),
        Flag(
            "whole_image",
            "Compute the whole image, not only the regions around the holes.",
            False,
            define=flags.DEFINE_boolean,
        ),
    ],
)


def run(values: flags.FlagValues) -> int:
    """Returns 0 if all images were completed, 2 if some were, and 1 if none was."""
    from deepfill_tf.inference import Inpainter
    from deepfill_tf.inference.files import CompletionPaths, complete_file, complete_folder

    paths = CompletionPaths(
        image=Path(values.image),
        mask=Path(values.mask),
        output=Path(values.output),
        sketch=Path(values.sketch) if values.sketch else None,
    )
    # Loading a model takes seconds: wrong paths are reported before.
    is_folder = paths.image.is_dir()
    if is_folder:
        paths.check_folders()
    else:
        paths.check_files()
    inpainter = Inpainter.load(values.model, whole_image=values.whole_image)
    if not is_folder:
        complete_file(inpainter, paths)
        return DONE
    done, failed = complete_folder(inpainter, paths, on_failure=COMMAND.print_error)
    print(f"completed {done} of {done + failed} images in {values.output}")
    if failed:
        return PARTIAL if done else FAILED
    return DONE


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
