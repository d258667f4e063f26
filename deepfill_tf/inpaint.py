"""Completes one image, or a folder of images.

The mask shows the hole in white and has the image's size. In folders the mask of
a.jpg is a.png or a_mask.png, and the result is a.png. A model that was trained with
sketches takes one as well: white lines on black, of which those in the hole count; in a
folder a.png or a_sketch.png. Known pixels stay as they are,
bit for bit, in formats without loss such as PNG.
"""

import os

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
        Flag("output", "The file, or for a folder the folder, to write.", required=True),
        Flag(
            "whole_image",
            "Compute the whole image, not only the regions around the holes.",
            False,
            define=flags.DEFINE_boolean,
        ),
    ],
)


def run(values: flags.FlagValues) -> int:
    from deepfill_tf.inference import Inpainter
    from deepfill_tf.inference.files import (
        check_file,
        check_folders,
        complete_file,
        complete_folder,
    )

    paths = (values.image, values.mask, values.output, values.sketch or None)
    if not os.path.isdir(values.image):
        check_file(*paths)
        complete_file(Inpainter.load(values.model, whole_image=values.whole_image), *paths)
        return DONE
    check_folders(*paths)
    inpainter = Inpainter.load(values.model, whole_image=values.whole_image)
    done, failed = complete_folder(inpainter, *paths, on_failure=COMMAND.print_error)
    print(f"completed {done} of {done + failed} images in {values.output}")
    if failed:
        return PARTIAL if done else FAILED
    return DONE


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
