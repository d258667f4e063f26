"""Completing image files: one, or a folder of them.

In folders an image `a.jpg` goes with the mask `a.png` or `a_mask.png` (any suffix of
an image), where the model is guided with the sketch `a.png` or `a_sketch.png`, and
becomes `a.png`. Where they lie in one folder, masks are those called `_mask` and sketches
those called `_sketch`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf.data.file_list import IMAGE_SUFFIXES, is_image
from deepfill_tf.data.image_files import read_image, read_mask, write_image
from deepfill_tf.errors import UserError
from deepfill_tf.inference.inpainter import Inpainter

# What is given beside an image -> how its file's name may end.
ENDINGS = {"mask": "_mask", "sketch": "_sketch"}


def complete_file(
    inpainter: Inpainter,
    image: str | os.PathLike,
    mask: str | os.PathLike,
    output: str | os.PathLike,
    sketch: str | os.PathLike | None = None,
) -> None:
    """Fills the hole that the file `mask` shows in the file `image` and writes `output`.

    `sketch` is a file too, where the model is guided. Folders above `output` are made.
    Raises UserError where a file cannot be read or written, where the sizes differ, where
    the image is too small or too large, or where `output` is one of the inputs.
    """
    output = Path(output)
    check_file(image, mask, output, sketch)
    check_sketch(inpainter, sketch)
    try:
        completed = _completed(inpainter, image, mask, sketch)
    except (ValueError, MemoryError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{image}: {reason}") from error
    _make_folder(output.parent)
    write_image(str(output), completed)


def complete_folder(
    inpainter: Inpainter,
    images: str | os.PathLike,
    masks: str | os.PathLike,
    output: str | os.PathLike,
    sketches: str | os.PathLike | None = None,
    *,
    on_failure: Callable[[str], None],
) -> tuple[int, int]:
    """Completes all images of a folder; gives how many succeeded and how many failed.

    An image that cannot be completed is told to `on_failure` in one line, and the rest
    goes on. Raises UserError where the folders themselves are wrong.
    """
    check_folders(images, masks, output, sketches)
    check_sketch(inpainter, sketches)
    images, output = Path(images), Path(output)
    folders = _given({"mask": masks, "sketch": sketches})
    paths = _images(images, folders)
    if not paths:
        raise UserError(f"there are no images in {images}; they end in {_suffixes()}")
    partners = {}
    for name, folder in folders.items():
        others = [images, *(other for n, other in folders.items() if n != name)]
        shared = any(folder.samefile(other) for other in others)
        partners[name] = _partners(folder, name, shared=shared)
    _make_folder(output)
    seen: dict[str, Path] = {}
    failures = 0
    for image in paths:
        try:
            if image.stem in seen:
                raise UserError(f"{image} would be written where {seen[image.stem]} is")
            seen[image.stem] = image
            files: dict[str, Any] = {}
            for name, partner_of in partners.items():
                files[name] = partner_of(image.stem)
                if files[name] is None:
                    raise UserError(f"{image} has no {name} in {folders[name]}")
            complete_file(inpainter, image, output=output / f"{image.stem}.png", **files)
        except UserError as error:
            failures += 1
            on_failure(str(error))
    return len(paths) - failures, failures


def check_file(
    image: str | os.PathLike,
    mask: str | os.PathLike,
    output: str | os.PathLike,
    sketch: str | os.PathLike | None = None,
) -> None:
    """Raises UserError unless these are files to read and one to write."""
    output = Path(output)
    for name, path in _given({"image": image, "mask": mask, "sketch": sketch}).items():
        if not path.exists():
            raise UserError(f"there is no {name} {path}")
        if path.is_dir():
            raise UserError(f"{path} is a folder; image and {name} must both be files or folders")
        if output.exists() and output.samefile(path):
            raise UserError(f"the output {output} is the {name}, which is never overwritten")
    if output.is_dir():
        raise UserError(f"the output {output} is a folder; name the file to write")
    if not is_image(output.name):
        raise UserError(f"the output {output} must end in one of {_suffixes()}")


def check_folders(
    images: str | os.PathLike,
    masks: str | os.PathLike,
    output: str | os.PathLike,
    sketches: str | os.PathLike | None = None,
) -> None:
    """Raises UserError unless these are folders whose files may be read and written."""
    output = Path(output)
    for name, folder in _given({"images": images, "masks": masks, "sketches": sketches}).items():
        if not folder.is_dir():
            raise UserError(f"there is no folder of {name} {folder}")
        if output.exists() and output.samefile(folder):
            raise UserError(f"the output {output} is the folder of {name}; name another")
    if output.exists() and not output.is_dir():
        raise UserError(f"the output {output} is a file; images of a folder go to a folder")


def check_sketch(inpainter: Inpainter, sketch: str | os.PathLike | None) -> None:
    """Raises UserError where a sketch is missing, or given to a model that takes none."""
    if inpainter.guided and sketch is None:
        raise UserError("this model is guided by sketches: give one with --sketch, perhaps empty")
    if sketch is not None and not inpainter.guided:
        raise UserError(f"this model is not guided: it can do nothing with the sketch {sketch}")


def _completed(
    inpainter: Inpainter,
    image: str | os.PathLike,
    mask: str | os.PathLike,
    sketch: str | os.PathLike | None,
) -> np.ndarray:
    pixels = read_image(str(image), inpainter.channels)
    others = []
    for name, path in _given({"mask": mask, "sketch": sketch}).items():
        other = read_mask(str(path))
        if pixels.shape[:2] != other.shape[:2]:
            raise UserError(
                f"the {name} {path} is {_size(other)} (width x height), "
                f"its image {image} is {_size(pixels)}; they must be of one size"
            )
        others.append(other)
    return inpainter(pixels, *others)


def _given(paths: dict[str, str | os.PathLike | None]) -> dict[str, Path]:
    return {name: Path(path) for name, path in paths.items() if path is not None}


def _partners(folder: Path, name: str, *, shared: bool) -> Callable[[str], Path | None]:
    """Stem of an image -> its mask, or sketch, in a folder that may hold other files too."""
    by_stem = {path.stem: path for path in reversed(_images(folder))}

    def partner_of(stem: str) -> Path | None:
        named = by_stem.get(stem + ENDINGS[name])
        return named if shared else by_stem.get(stem, named)

    return partner_of


def _images(folder: Path, others: dict[str, Path] | None = None) -> list[Path]:
    """The folder's images, sorted, without those that are masks or sketches there."""
    endings = tuple(ENDINGS[n] for n, other in (others or {}).items() if other.samefile(folder))
    paths = (path for path in folder.iterdir() if is_image(path.name))
    return sorted(path for path in paths if not (endings and path.stem.endswith(endings)))


def _suffixes() -> str:
    return ", ".join(IMAGE_SUFFIXES)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error}") from error


def _size(image) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
