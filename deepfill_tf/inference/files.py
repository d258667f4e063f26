"""Completion of image files: one, or all of a folder.

In folders an image `a.jpg` belongs to the mask `a.png` or `a_mask.png` (with any suffix of
an image) and, for guided models, to the sketch `a.png` or `a_sketch.png`; the result is
`a.png`. If they lie in the images' folder, or masks and sketches in one folder, masks are
the files named `_mask`, and sketches those named `_sketch`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepfill_tf.data.file_list import IMAGE_SUFFIXES, is_image
from deepfill_tf.data.image_files import (
    ImageFile,
    MaskFile,
    read_image,
    read_mask,
    read_sketch,
    write_completed,
)
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.inpainter import Inpainter

# Kind of input beside an image -> ending of its file's name.
ENDINGS = {"mask": "_mask", "sketch": "_sketch"}
# Kind of input -> its plural, in messages.
PLURALS = {"image": "images", "mask": "masks", "sketch": "sketches"}


@dataclass(frozen=True)
class CompletionPaths:
    """Paths of a completion's inputs and output: all files, or all folders.

    Attributes:
      image: an image, or a folder of images.
      mask: the image's mask, or a folder of masks.
      output: the file, or the folder, to write.
      sketch: the image's sketch, or a folder of sketches; for guided models.
    """

    image: Path
    mask: Path
    output: Path
    sketch: Path | None = None

    @property
    def inputs(self) -> dict[str, Path]:
        """Kind of input -> its path, without a sketch if there is none."""
        mask = {"image": self.image, "mask": self.mask}
        return mask if self.sketch is None else mask | {"sketch": self.sketch}

    def check_files(self) -> None:
        """Raises UserError unless these are files to read and a file to write."""
        for kind, path in self.inputs.items():
            if not path.exists():
                raise UserError(f"there is no {kind} {path}")
            if path.is_dir():
                raise UserError(
                    f"{path} is a folder; image and {kind} must both be files or folders"
                )
            if self.output.exists() and self.output.samefile(path):
                raise UserError(
                    f"the output {self.output} is the {kind}, which is never overwritten"
                )
        if self.output.is_dir():
            raise UserError(f"the output {self.output} is a folder; pass the path of a file")
        parent = next(path for path in self.output.absolute().parents if path.exists())
        if not (parent.is_dir() and os.access(parent, os.W_OK)):
            raise UserError(f"cannot write {self.output}: {parent} is not a writable folder")
        if not is_image(self.output.name):
            raise UserError(f"the output {self.output} must end in one of {_suffixes()}")

    def check_folders(self) -> None:
        """Raises UserError unless these are folders whose files may be read and written."""
        for kind, folder in self.inputs.items():
            if not folder.is_dir():
                raise UserError(f"there is no folder of {PLURALS[kind]} {folder}")
            if self.output.exists() and self.output.samefile(folder):
                raise UserError(
                    f"the output {self.output} is the folder of {PLURALS[kind]}; "
                    "choose a new folder"
                )
        if self.output.exists() and not self.output.is_dir():
            raise UserError(
                f"the output {self.output} is a file; the output of a folder is a folder"
            )


def complete_file(inpainter: Inpainter, files: CompletionPaths) -> None:
    """Fills the hole of an image file and writes the output file, and folders above it.

    Raises UserError if a file cannot be read or written, if the sizes differ, if the image is
    too small or too large, or if the output is one of the inputs.
    """
    files.check_files()
    _check_sketch(inpainter, files.sketch)
    try:
        image = read_image(files.image, channels=inpainter.channels)
        mask = read_mask(files.mask, image.size)
        completed = _completed(inpainter, files, image, mask)
    except UserError:
        raise
    except (ValueError, MemoryError, tf.errors.OpError) as error:
        raise UserError(f"{files.image}: {reason(error)}") from error
    _make_folder(files.output.parent)
    write_completed(files.output, image, completed, mask.pixels)


def complete_folder(
    inpainter: Inpainter, folders: CompletionPaths, *, on_failure: Callable[[str], None]
) -> tuple[int, int]:
    """Completes all images of a folder; returns how many succeeded and how many failed.

    `on_failure` is called with one line for each image that cannot be completed. Raises UserError
    if the folders themselves are wrong.
    """
    folders.check_folders()
    _check_sketch(inpainter, folders.sketch)
    partner_folders = {kind: folder for kind, folder in folders.inputs.items() if kind in ENDINGS}
    images = _images(folders.image, partner_folders)
    if not images:
        raise UserError(f"there are no images in {folders.image}; they end in {_suffixes()}")
    partners = {}
    for kind, folder in partner_folders.items():
        others = [path for other, path in folders.inputs.items() if other != kind]
        partners[kind] = _partners(folder, kind, shared=any(map(folder.samefile, others)))
    _make_folder(folders.output)
    seen: dict[str, Path] = {}
    failures = 0
    for image in images:
        try:
            if image.stem in seen:
                raise UserError(f"{image} would be written where {seen[image.stem]} is")
            seen[image.stem] = image
            paths = {}
            for kind, partner_of in partners.items():
                partner = partner_of(image.stem)
                if partner is None:
                    raise UserError(f"{image} has no {kind} in {partner_folders[kind]}")
                paths[kind] = partner
            output = folders.output / f"{image.stem}.png"
            complete_file(inpainter, CompletionPaths(image=image, output=output, **paths))
        except UserError as error:
            failures += 1
            on_failure(str(error))
    return len(images) - failures, failures


def _check_sketch(inpainter: Inpainter, sketch: Path | None) -> None:
    """Raises UserError if a sketch is missing, or given to a model that takes none."""
    if inpainter.guided and sketch is None:
        raise UserError("this model is guided by sketches: pass one with --sketch; it may be empty")
    if sketch is not None and not inpainter.guided:
        raise UserError(f"this model is not guided: it takes no sketch, got {sketch}")


def _completed(
    inpainter: Inpainter, files: CompletionPaths, image: ImageFile, mask: MaskFile
) -> np.ndarray:
    """Returns uint8 `[H, W, C]`; float32 in [-1, 1] for an image of more than 8 bits."""
    others = [] if files.sketch is None else [read_sketch(files.sketch, image.size)]
    if image.is_deep:
        return inpainter.predict(image.floats, mask.pixels, *others)
    return inpainter(image.pixels, mask.pixels, *others)


def _partners(folder: Path, kind: str, *, shared: bool) -> Callable[[str], Path | None]:
    """Returns a function from an image's stem to its mask, or sketch, in a folder.

    `shared`: other inputs lie in that folder too, so that only a file with the ending counts.
    """
    by_stem = {path.stem: path for path in reversed(_images(folder))}

    def partner_of(stem: str) -> Path | None:
        with_ending = by_stem.get(stem + ENDINGS[kind])
        return with_ending if shared else by_stem.get(stem, with_ending)

    return partner_of


def _images(folder: Path, partner_folders: dict[str, Path] | None = None) -> list[Path]:
    """Returns a folder's image files, sorted, without those that are masks or sketches there."""
    partners = (partner_folders or {}).items()
    endings = tuple(ENDINGS[kind] for kind, other in partners if other.samefile(folder))
    paths = (path for path in folder.iterdir() if is_image(path.name))
    return sorted(path for path in paths if not (endings and path.stem.endswith(endings)))


def _suffixes() -> str:
    return ", ".join(IMAGE_SUFFIXES)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {reason(error)}") from error
