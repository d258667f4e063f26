"""Manifests: which image got which hole, so that anyone can draw the same holes again."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_type_hints

import numpy as np
import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.data.image_files import image_size
from deepfill_tf.data.records import open_image
from deepfill_tf.errors import UserError, reason
from deepfill_tf.evaluation.assigned_masks import assigned_masks, read_hole
from deepfill_tf.evaluation.protocols import LEAST_SIDE, PROTOCOLS, hole, hole_seed

SCHEMA = 1
FILES = "files"


@dataclass(frozen=True, order=True)
class Entry:
    """One hole of one image.

    Attributes:
      image: name of the file, relative to the folder that all images have in common, with /.
      index: number of the hole, from 0; an image may have several.
      image_sha256: of the file's content.
      height, width: size at which the image is evaluated.
      mask_seed: seed of the hole; 0 with the protocol `files`.
      mask_sha256: of the hole, see `mask_hash`.
      hole_share: share of the image, in [0, 1], rounded to six decimals.
      mask_file: name of the mask's file with the protocol `files`, else "".
    """

    image: str
    index: int
    image_sha256: str
    height: int
    width: int
    mask_seed: int
    mask_sha256: str
    hole_share: float
    mask_file: str = ""


@dataclass(frozen=True)
class Manifest:
    """The holes of a set of images.

    Attributes:
      protocol: a name in `PROTOCOLS`, or `files`.
      seed: of all holes.
      size: height and width to which images are brought, or None: each at its own.
      entries: sorted by image and index.
    """

    protocol: str
    seed: int
    size: tuple[int, int] | None
    entries: tuple[Entry, ...]

    @classmethod
    def make(
        cls,
        images: Sequence[str],
        protocol: str,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        masks: str | None = None,
    ) -> "Manifest":
        """Returns the manifest of images, in any order.

        Args:
          images: paths, at least one.
          protocol: a name in `PROTOCOLS`, or `files`.
          seed: an integer >= 0.
          size: height and width to which images are brought, or None.
          masks: for `files`, a folder of masks, see `assigned_masks`.

        Raises UserError if an image or a mask cannot be read, or a mask has another size than
        its image.
        """
        paths = named(images)
        is_files = protocol == FILES
        if is_files != (masks is not None):
            raise UserError(f"masks go with the protocol 'files', got {protocol!r} and {masks!r}")
        if not is_files and protocol not in PROTOCOLS:
            known = ", ".join([*PROTOCOLS, FILES])
            raise UserError(f"the protocol must be one of {known}, got {protocol!r}")
        hashes = {name: file_hash(path) for name, path in paths.items()}
        mask_paths = assigned_masks(hashes, masks) if masks is not None else {}
        count = 1 if is_files else PROTOCOLS[protocol].holes_per_image
        entries = []
        for name, path in sorted(paths.items()):
            height, width = size or image_size(path)
            for index in range(count):
                if is_files:
                    mask = read_hole(mask_paths[name], (height, width))
                else:
                    mask = hole(protocol, hashes[name], height, width, seed, index)
                entries.append(
                    Entry(
                        name,
                        index,
                        hashes[name],
                        height,
                        width,
                        0 if is_files else hole_seed(protocol, hashes[name], seed, index),
                        mask_hash(mask),
                        round(float((mask > 127).mean()), 6),
                        os.path.basename(mask_paths[name]) if is_files else "",
                    )
                )
        return cls(protocol, seed, size, tuple(entries))

    def write(self, path: str) -> None:
        """Writes the manifest as JSON. Raises UserError if that is not possible."""
        content = {"schema": SCHEMA, **dataclasses.asdict(self)}
        try:
            atomic.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        except (OSError, tf.errors.OpError) as error:
            raise UserError(f"cannot write the manifest {path}: {reason(error)}") from error

    @classmethod
    def read(cls, path: str) -> "Manifest":
        """Reads a manifest. Raises UserError if the file is missing or is no manifest."""
        try:
            with tf.io.gfile.GFile(path) as file:
                content = json.loads(file.read())
            if (schema := content["schema"]) != SCHEMA:
                raise UserError(
                    f"the manifest {path} has schema {schema!r}, this version reads {SCHEMA}"
                )
            return _parsed(content)
        except UserError:
            raise
        except (OSError, tf.errors.OpError) as error:
            raise UserError(f"cannot read the manifest {path}: {reason(error)}") from error
        except KeyError as error:
            raise UserError(f"{path} is not a manifest: it lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise UserError(f"{path} is not a manifest: {reason(error)}") from error

    @property
    def sha256(self) -> str:
        """Hash of everything that makes two manifests agree."""
        content = [dataclasses.asdict(entry) for entry in self.entries]
        text = json.dumps([self.protocol, self.size, content], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def verify(self, images: Sequence[str]) -> dict[str, str]:
        """Returns the path of each image of the manifest, by name.

        Images that the manifest does not name are ignored. Raises UserError if one that it
        names is missing, or has other content.
        """
        wanted = {entry.image: entry.image_sha256 for entry in self.entries}
        return {name: _matched(name, wanted[name], images) for name in sorted(wanted)}

    def hole(self, entry: Entry, masks: str | None = None) -> np.ndarray:
        """Draws the hole of an entry again: uint8 `[height, width, 1]`, 255 in the hole.

        Args:
          entry: one of `entries`.
          masks: folder of masks, or a single one, for the protocol `files`.

        Raises UserError if the hole is not the one that the manifest describes.
        """
        if self.protocol == FILES:
            if masks is None:
                raise UserError("the manifest's protocol is 'files': name the folder of masks")
            is_folder = tf.io.gfile.isdir(masks)
            path = os.path.join(masks, entry.mask_file) if is_folder else masks
            mask = read_hole(path, (entry.height, entry.width))
        else:
            mask = hole(
                self.protocol,
                entry.image_sha256,
                entry.height,
                entry.width,
                self.seed,
                entry.index,
            )
        share = round(float((mask > 127).mean()), 6)
        seed = self._mask_seed(entry.image_sha256, entry.index)
        recorded = (entry.mask_sha256, entry.hole_share, entry.mask_seed)
        if (mask_hash(mask), share, seed) != recorded:
            what = entry.mask_file or f"the hole {entry.index} drawn"
            raise UserError(f"{what} for {entry.image} is not the one of the manifest")
        return mask

    def _mask_seed(self, image_sha256: str, index: int) -> int:
        if self.protocol == FILES:
            return 0
        return hole_seed(self.protocol, image_sha256, self.seed, index)

    def difference(self, other: "Manifest") -> str | None:
        """Returns why results of two manifests cannot stand in one table; None if they can."""
        for name in ("protocol", "size"):
            if getattr(self, name) != getattr(other, name):
                return f"their {name} differs: {getattr(self, name)} and {getattr(other, name)}"
        mine = {(e.image, e.index): e for e in self.entries}
        others = {(e.image, e.index): e for e in other.entries}
        if alone := sorted(mine.keys() ^ others.keys()):
            return f"only one of them has {alone[0][0]}"
        for key, entry in sorted(mine.items()):
            for field in dataclasses.fields(Entry):
                first, second = getattr(entry, field.name), getattr(others[key], field.name)
                if first != second:
                    return f"{field.name} of {key[0]} differs: {first} and {second}"
        return None


def _parsed(content: dict) -> Manifest:
    """A manifest from JSON. Raises KeyError, TypeError or ValueError if it is none."""
    protocol, seed, size = content["protocol"], content["seed"], content["size"]
    if protocol != FILES and protocol not in PROTOCOLS:
        known = ", ".join([*PROTOCOLS, FILES])
        raise ValueError(f"the protocol must be one of {known}, got {protocol!r}")
    if type(seed) is not int or seed < 0:
        raise ValueError(f"the seed must be an integer >= 0, got {seed!r}")
    if size is not None and [type(side) for side in size] != [int, int]:
        raise ValueError(f"the size must be height and width or null, got {size!r}")
    entries = tuple(_entry(entry) for entry in content["entries"])
    if not entries:
        raise ValueError("it has no entries")
    keys = [(entry.image, entry.index) for entry in entries]
    if keys != sorted(set(keys)):
        raise ValueError("its entries are not sorted by image and index, or some occur twice")
    count = 1 if protocol == FILES else PROTOCOLS[protocol].holes_per_image
    for entry in entries:
        sides = (entry.height, entry.width)
        if min(sides) < LEAST_SIDE or sides != tuple(size or sides):
            raise ValueError(f"{entry.image} cannot have {entry.height} x {entry.width} pixels")
        if entry.index not in range(count):
            raise ValueError(f"{entry.image} cannot have a hole {entry.index}")
    return Manifest(protocol, seed, tuple(size) if size else None, entries)


def _entry(content: dict) -> Entry:
    values = {}
    for name, wanted in get_type_hints(Entry).items():
        value = content[name]
        # JSON may write 0.0 as 0.
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise ValueError(f"{name} must be of type {wanted.__name__}, got {value!r}")
        values[name] = value
    return Entry(**values)


def file_hash(path: str) -> str:
    """Returns the SHA-256 of a file's content. Raises UserError if it cannot be read."""
    try:
        with open_image(path) as file:
            return hashlib.sha256(file.read()).hexdigest()
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot read {path}: {reason(error)}") from error


def mask_hash(mask: np.ndarray) -> str:
    """Returns the SHA-256 of a hole: of its size and of one bit a pixel, row by row."""
    inside = mask.reshape(mask.shape[:2]) > 127
    header = f"{inside.shape[0]}x{inside.shape[1]}/".encode()
    return hashlib.sha256(header + np.packbits(inside).tobytes()).hexdigest()


def named(paths: Sequence[str]) -> dict[str, str]:
    """Returns paths by their names relative to the folder that they have in common."""
    if not paths:
        raise UserError("there are no images")
    if len(set(paths)) == 1:
        return {os.path.basename(paths[0]): paths[0]}
    common = os.path.commonpath([os.path.dirname(path) for path in paths])
    return {os.path.relpath(path, common or ".").replace(os.sep, "/"): path for path in paths}


def _matched(name: str, sha256: str, images: Sequence[str]) -> str:
    """The path that ends with the name and has the content."""
    ends = "/" + name
    paths = [path for path in images if ("/" + path.replace(os.sep, "/")).endswith(ends)]
    for path in paths:
        if file_hash(path) == sha256:
            return path
    if paths:
        raise UserError(f"{paths[0]} is not the image {name} of the manifest: its content differs")
    raise UserError(f"the manifest names {name}, which is not among the images")
