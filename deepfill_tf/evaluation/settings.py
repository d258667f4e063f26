"""Settings of an evaluation, as the command's flags give them, and the manifest they lead to."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from deepfill_tf.data.file_list import list_images
from deepfill_tf.data.image_files import read_pixels
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation.manifest import FILES, Manifest, named
from deepfill_tf.evaluation.protocols import LEAST_SIDE

DEFAULT_PROTOCOL = "center"


@dataclass(frozen=True)
class Part:
    """A part of an evaluation: each `count`-th batch of images, from the `index`-th, from 1 on."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Returns the part of a text such as `1/2`. Raises UserError for another text."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise UserError(
                f"--part takes a part and the number of parts, such as 1/2, got {text!r}"
            )
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is evaluated, on what and how; the flags of `deepfill-evaluate`, see its `--help`."""

    images: str
    output: str
    model: str | None = None
    completed: Sequence[str] = field(default_factory=list)
    protocol: str | None = None
    masks: str | None = None
    manifest: str | None = None
    seed: int | None = None
    size: str | None = None
    limit: int | None = None
    require: Sequence[str] = field(default_factory=list)
    baseline: str | None = None
    fail_if_worse: bool = False
    cache: str | None = None
    lpips_weights: str | None = None
    fid_weights: str | None = None
    save_images: bool = False
    sketches: str = "empty"
    overwrite: bool = False
    part: Part | None = None

    def __post_init__(self):
        if not self.model and not self.completed:
            raise UserError("nothing to evaluate: pass --model or --completed")
        if self.limit is not None and self.limit < 1:
            raise UserError(f"--limit must be at least 1, got {self.limit}")
        if self.seed is not None and self.seed < 0:
            raise UserError(f"--seed must be at least 0, got {self.seed}")
        if self.protocol == FILES and not self.masks:
            raise UserError("--protocol=files needs the masks: pass --masks, a folder or one mask")
        if self.masks and self.protocol != FILES and not self.manifest:
            raise UserError(f"--masks={self.masks} goes with --protocol=files")
        if self.fail_if_worse and not self.baseline:
            raise UserError("--fail_if_worse needs the report to compare with: pass --baseline")
        if self.part and (self.require or self.baseline):
            raise UserError(
                "--part writes no report: --require and --baseline go with the last run"
            )
        if self.manifest:
            for name in ("protocol", "seed", "size", "limit"):
                if getattr(self, name) is not None:
                    raise UserError(
                        f"--{name}={getattr(self, name)} does not go with --manifest, which "
                        "describes the holes"
                    )

    def holes(self) -> tuple[Manifest, dict[str, str], list[str]]:
        """Returns the manifest, the path of each of its images, and why images were left out.

        Images that cannot be decoded, or are too small, are left out of a new manifest.

        Raises UserError if there are no images, if a mask does not fit, or if the images are not
        those of a given manifest.
        """
        paths = list_images(self.images)
        if self.manifest:
            manifest = Manifest.read(self.manifest)
            return manifest, manifest.verify(paths), []
        paths = sorted(paths)[: self.limit]
        size = parse_size(self.size) if self.size else None
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            problems = dict(zip(paths, pool.map(lambda p: _problem(p, size), paths), strict=True))
        left_out = [line for line in problems.values() if line is not None]
        usable = [path for path in paths if problems[path] is None]
        if not usable:
            raise UserError(f"no image can be evaluated: {left_out[0]}")
        protocol = self.protocol or DEFAULT_PROTOCOL
        manifest = Manifest.make(usable, protocol, self.seed or 0, size, self.masks)
        return manifest, named(usable), left_out


def parse_size(text: str) -> tuple[int, int]:
    """Returns height and width of `256` or `320x240` (width x height).

    Raises UserError for another text, or sides below 16.

    Example:

    >>> parse_size("320x240")
    (240, 320)
    """
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(width, height) < LEAST_SIDE:
        raise UserError(
            f"--size takes a number or width x height, such as 256 or 320x240, of at least "
            f"{LEAST_SIDE} pixels a side; got {text!r}"
        )
    return height, width


def _problem(path: str, size: tuple[int, int] | None) -> str | None:
    """Why an image cannot be evaluated; None if it can."""
    try:
        image = read_pixels(path)
    except UserError as error:
        return str(error)
    if size is None and min(image.shape[:2]) < LEAST_SIDE:
        return (
            f"{path} is {image.shape[1]} x {image.shape[0]}: an image must have at least "
            f"{LEAST_SIDE} pixels a side"
        )
    return None
