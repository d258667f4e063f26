"""Completing picture files: one, or a folder of them.

In folders a picture `a.jpg` goes with the mask `a.png` or `a_mask.png` (any suffix of
a picture) and becomes `a.png`. Where pictures and masks lie in one folder, masks are
those called `_mask`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepfill_tf.data.file_list import PICTURE_SUFFIXES, is_picture
from deepfill_tf.data.picture_files import read_mask, read_picture, write_picture
from deepfill_tf.errors import UserError
from deepfill_tf.inference.inpainter import Inpainter

MASK_ENDING = "_mask"


def complete_file(
    inpainter: Inpainter,
    image: str | os.PathLike,
    mask: str | os.PathLike,
    output: str | os.PathLike,
) -> None:
    """Fills the hole that the file `mask` shows in the file `image` and writes `output`.

    Folders above `output` are made. Raises UserError where a file cannot be read or
    written, where the sizes differ, where the picture is too small or too large, or
    where `output` is one of the inputs.
    """
    output = Path(output)
    check_file(image, mask, output)
    try:
        completed = _completed(inpainter, image, mask)
    except (ValueError, MemoryError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{image}: {reason}") from error
    _make_folder(output.parent)
    write_picture(str(output), completed)


def complete_folder(
    inpainter: Inpainter,
    images: str | os.PathLike,
    masks: str | os.PathLike,
    output: str | os.PathLike,
    *,
    on_failure: Callable[[str], None],
) -> tuple[int, int]:
    """Completes all pictures of a folder; gives how many succeeded and how many failed.

    A picture that cannot be completed is told to `on_failure` in one line, and the rest
    goes on. Raises UserError where the folders themselves are wrong.
    """
    check_folders(images, masks, output)
    images, masks, output = Path(images), Path(masks), Path(output)
    pairs = list(_pairs(images, masks))
    if not pairs:
        raise UserError(f"there are no pictures in {images}; they end in {_suffixes()}")
    _make_folder(output)
    seen, failures = {}, 0
    for image, mask in pairs:
        try:
            if image.stem in seen:
                raise UserError(f"{image} would be written where {seen[image.stem]} is")
            seen[image.stem] = image
            if mask is None:
                raise UserError(f"{image} has no mask in {masks}")
            complete_file(inpainter, image, mask, output / f"{image.stem}.png")
        except UserError as error:
            failures += 1
            on_failure(str(error))
    return len(pairs) - failures, failures


def check_file(
    image: str | os.PathLike, mask: str | os.PathLike, output: str | os.PathLike
) -> None:
    """Raises UserError unless these are two files to read and one to write."""
    output = Path(output)
    for name, path in (("picture", Path(image)), ("mask", Path(mask))):
        if not path.exists():
            raise UserError(f"there is no {name} {path}")
        if path.is_dir():
            raise UserError(f"{path} is a folder; picture and mask must both be files or folders")
        if output.exists() and output.samefile(path):
            raise UserError(f"the output {output} is the {name}, which is never overwritten")
    if output.is_dir():
        raise UserError(f"the output {output} is a folder; name the file to write")
    if not is_picture(output.name):
        raise UserError(f"the output {output} must end in one of {_suffixes()}")


def check_folders(
    images: str | os.PathLike, masks: str | os.PathLike, output: str | os.PathLike
) -> None:
    """Raises UserError unless these are folders whose files may be read and written."""
    output = Path(output)
    for name, folder in (("pictures", Path(images)), ("masks", Path(masks))):
        if not folder.is_dir():
            raise UserError(f"there is no folder of {name} {folder}")
        if output.exists() and output.samefile(folder):
            raise UserError(f"the output {output} is the folder of {name}; name another")
    if output.exists() and not output.is_dir():
        raise UserError(f"the output {output} is a file; pictures of a folder go to a folder")


def _completed(
    inpainter: Inpainter, image: str | os.PathLike, mask: str | os.PathLike
) -> np.ndarray:
    picture, hole = read_picture(str(image), inpainter.channels), read_mask(str(mask))
    if picture.shape[:2] != hole.shape[:2]:
        raise UserError(
            f"the mask {mask} is {_size(hole)} (width x height), "
            f"its picture {image} is {_size(picture)}; they must be of one size"
        )
    return inpainter(picture, hole)


def _pairs(images: Path, masks: Path) -> Iterator[tuple[Path, Path | None]]:
    """Every picture, sorted, with its mask or None."""
    together = images.samefile(masks)
    by_stem = {path.stem: path for path in reversed(_pictures(masks))}
    for image in _pictures(images):
        if together and image.stem.endswith(MASK_ENDING):
            continue
        mask = by_stem.get(image.stem + MASK_ENDING)
        yield image, mask if together else by_stem.get(image.stem, mask)


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if is_picture(p.name))


def _suffixes() -> str:
    return ", ".join(PICTURE_SUFFIXES)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error}") from error


def _size(picture) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
