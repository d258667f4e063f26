"""Paths of a completion's inputs and output, and what must hold of them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfill_tf.data.file_list import IMAGE_SUFFIXES
from deepfill_tf.data.image_files import WRITABLE_SUFFIXES
from deepfill_tf.data.list_files import LIST_SUFFIXES
from deepfill_tf.errors import UserError, system_reason
from deepfill_tf.inference.writable_paths import check_folder, check_name, check_writable

# Kind of input -> its plural, in messages.
PLURALS = {"image": "images", "mask": "masks", "sketch": "sketches"}
_GLOB_CHARACTERS = "*?["


@dataclass(frozen=True)
class CompletionPaths:
    """Paths of a completion's inputs and output.

    Attributes:
      image: an image, or many: a folder, a list or a glob.
      mask: the mask, or a folder of masks.
      output: the file to write; for many images, the folder.
      sketch: the sketch, or a folder of sketches; for guided models.
    """

    image: Path
    mask: Path
    output: Path
    sketch: Path | None = None

    @property
    def partners(self) -> dict[str, Path]:
        """Kind of input beside the image -> its path."""
        return {"mask": self.mask} | ({} if self.sketch is None else {"sketch": self.sketch})

    @property
    def inputs(self) -> dict[str, Path]:
        """Kind of input -> its path."""
        return {"image": self.image} | self.partners

    @property
    def has_many_images(self) -> bool:
        """Whether `image` is a folder, a list or a glob."""
        if os.path.exists(self.image):
            return os.path.isdir(self.image) or self.image.name.lower().endswith(LIST_SUFFIXES)
        return any(character in str(self.image) for character in _GLOB_CHARACTERS)

    def check_one(self) -> None:
        """Raises UserError unless these are files to read and a file to write."""
        for kind, path in self.inputs.items():
            _check_exists(path, f"{kind} {path}")
            if path.is_dir():
                raise UserError(f"{path} is a folder; image and {kind} must both be files")
            if os.path.exists(self.output) and self.output.samefile(path):
                raise UserError(
                    f"the output {self.output} is the {kind}, which is never overwritten"
                )
        if os.path.isdir(self.output):
            raise UserError(f"the output {self.output} is a folder; pass the path of a file")
        check_writable(self.output)
        if self.output.suffix.lower() not in WRITABLE_SUFFIXES:
            suffixes = ", ".join(WRITABLE_SUFFIXES)
            raise UserError(f"the output {self.output} must end in one of {suffixes}")

    def check_many(self) -> None:
        """Raises UserError unless these are inputs of many images and a folder to write."""
        for kind, path in self.inputs.items():
            if kind != "image":
                _check_exists(path, f"{kind}, and no folder of {PLURALS[kind]}, {path}")
            is_folder = os.path.isdir(path) and os.path.isdir(self.output)
            if is_folder and self.output.samefile(path):
                raise UserError(
                    f"the output {self.output} is the folder of {PLURALS[kind]}; "
                    "choose a new folder"
                )
        if os.path.lexists(self.output) and not os.path.isdir(self.output):
            raise UserError(
                f"the output {self.output} is a file; the output of a folder is a folder"
            )
        check_name(self.output)
        check_folder(self.output, self.output.absolute())


def _check_exists(path: Path, what: str) -> None:
    """Raises UserError if there is no such path, or if looking for it fails."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"there is no {what}") from error
    except OSError as error:
        raise UserError(f"cannot read the {what}: {system_reason(error)}") from error


def check_apart(flag: str, path: Path, completions: Iterable[CompletionPaths]) -> None:
    """Raises UserError if a file that `flag` names is an input or an output of completions."""
    real = os.path.realpath(path)
    for paths in completions:
        for kind, other in {**paths.inputs, "output": paths.output}.items():
            if os.path.realpath(other) == real:
                raise UserError(f"--{flag}={path} is the {kind} too; choose another name")


def image_suffixes() -> str:
    """Returns the suffixes of images, for messages."""
    return ", ".join(IMAGE_SUFFIXES)


def split_by_existence(
    completions: Sequence[CompletionPaths], *, overwrite: bool, skip_existing: bool
) -> tuple[list[CompletionPaths], list[CompletionPaths]]:
    """Returns the completions to do, and those to skip because their output exists.

    Raises UserError if outputs exist and are neither to be overwritten nor skipped.
    """
    existing = [paths for paths in completions if os.path.lexists(paths.output)]
    if existing and not (overwrite or skip_existing):
        count = f", and so do {len(existing) - 1} more outputs" if len(existing) > 1 else ""
        raise UserError(
            f"the output {existing[0].output} exists{count}; pass --overwrite or --skip_existing"
        )
    if not skip_existing:
        return list(completions), []
    skipped = {paths.output for paths in existing}
    return [paths for paths in completions if paths.output not in skipped], existing
