"""Holes of training images from files: own pairs of image and mask."""

import concurrent.futures
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfill_tf import file_system
from deepfill_tf.checks import check_bool, check_choice, check_int
from deepfill_tf.data.examples import ExampleOptions, Fractions
from deepfill_tf.data.file_list import is_image, list_images
from deepfill_tf.data.image_files import image_size, read_mask
from deepfill_tf.data.image_files.mask_files import HOLES
from deepfill_tf.data.partners import by_name, has_ending, partners_of, tried_names
from deepfill_tf.data.records import is_record
from deepfill_tf.data.validate_images import MAX_LISTED, THREADS, check_readable
from deepfill_tf.errors import UserError, reason, truncated_list

# Masks that are read whole before the first step: what is wrong is mostly wrong with all of them.
READ_BEFORE = 100
# Crops that are drawn until one has a hole and known pixels.
ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class MaskFiles:
    """Masks of the training and validation images, read from files.

    The mask of `a.jpg` is `a.png`, else `a_mask.png`, else one of `a_mask001.png`,
    `a_mask002.png`, ..., another for each example. It has its image's size, and is cropped,
    resized and mirrored with it. Random crops are placed so that each holds a part of the hole.

    Attributes:
      path: a folder with the folders of `data.root` (`masks/train/a.png` for `train/a.jpg`), or
        with those of `train` (`masks/a.png`); a glob or a file list of masks, which are told by
        their names alone; a file, which serves all images. Relative to `data.root`. None: beside
        the images, where only names with `_mask` count, and are no images.
      hole: what of a file is the hole, see `read_mask`.
      grow: pixels by which holes are enlarged, before cropping.
      resize: whether masks of another size than their images are resized; else refused.
    """

    path: str | None = None
    hole: str = "white"
    grow: int = 0
    resize: bool = False

    def __post_init__(self):
        if not isinstance(self.path, str | None):
            raise ValueError(f"MaskFiles.path must be a path, such as 'masks', got {self.path!r}")
        check_choice("MaskFiles.hole", self.hole, HOLES)
        check_int("MaskFiles.grow", self.grow, 0)
        check_bool("MaskFiles.resize", self.resize)

    def are_among(self, paths: Sequence[str], root: str | None) -> set[str]:
        """Those of the paths of images that are masks: in the folder, or beside the images."""
        if self.path is None:
            return {path for path in paths if has_ending(Path(path).stem, "mask")}
        folder = os.path.normpath(os.path.join(root or "", self.path)) + "/"
        return {path for path in paths if os.path.normpath(path).startswith(folder)}

    def of(self, paths: Sequence[str], root: str | None) -> "PairedMasks":
        """Returns the masks of images. Raises UserError if there are none, or none for some."""
        if records := [path for path in paths if is_record(path)]:
            raise UserError(
                f"@MaskFiles() finds masks by the names of image files, and {records[0]} is in a "
                "shard: train on a folder, a glob or a list of files"
            )
        find = self._finder(root)
        masks, missing = {}, []
        for path in paths:
            masks[path] = find(path)
            if not masks[path]:
                missing.append(path)
        if missing:
            stem = Path(missing[0]).stem
            raise UserError(
                f"{len(missing)} of {len(paths)} images have no mask "
                f"{'beside them' if self.path is None else f'in {self.path}'}: "
                f"{truncated_list(missing, MAX_LISTED)}; for the first, tried "
                f"{tried_names(stem, 'mask', with_ending=self.path is None)}, and other suffixes"
            )
        return PairedMasks(self, masks)

    def _finder(self, root: str | None):
        """Returns a function of an image's path that returns its masks' paths."""
        if self.path is None:
            listed: dict[str, dict] = {}

            def beside(path: str) -> list[str]:
                folder = os.path.dirname(path)
                if folder not in listed:
                    listed[folder] = by_name(_listed(folder), "mask")
                return _found(path, listed[folder], with_ending=True)

            return beside
        where = os.path.join(root or "", self.path)
        if is_image(where) and "*" not in where:
            return lambda path: [where]
        files = list_images(self.path, root)
        if not file_system.is_folder(where):
            names = by_name(map(Path, files), "mask")
            for name, found in names.items():
                if len({path.parent for path in found}) > 1:
                    raise UserError(
                        f"{self.path} has several masks of the name {name}: "
                        f"{truncated_list([str(path) for path in found], 2)}"
                    )
            return lambda path: _found(path, names, with_ending=False)
        folders: dict[str, list[Path]] = {}
        for file in files:
            folders.setdefault(os.path.relpath(os.path.dirname(file), where), []).append(Path(file))
        by_folder = {folder: by_name(found, "mask") for folder, found in folders.items()}

        def in_folders(path: str) -> list[str]:
            parts = Path(os.path.relpath(os.path.dirname(path), root or ".")).parts
            for relative in (parts, parts[1:]):
                names = by_folder.get(os.path.join(".", *relative).removeprefix("./"), {})
                if found := _found(path, names, with_ending=False):
                    return found
            return []

        return in_folders


@dataclass(frozen=True)
class PairedMasks:
    """The masks of images.

    Attributes:
      settings: how they are read.
      masks: of each image's path the paths of its masks, at least one.
    """

    settings: MaskFiles
    masks: dict[str, list[str]]

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError if masks of some images are unreadable or of another size.

        The first `READ_BEFORE` masks are read whole, of the others the headers.
        """
        pairs = [(path, mask) for path in paths for mask in self.masks[path]]
        check_readable([mask for _, mask in pairs])
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            if not self.settings.resize:
                fits = list(
                    pool.map(lambda pair: image_size(pair[0]) == image_size(pair[1]), pairs)
                )
                wrong = [mask for (_, mask), fit in zip(pairs, fits, strict=True) if not fit]
                if wrong:
                    raise UserError(
                        f"{len(wrong)} of {len(pairs)} masks are not of their image's size: "
                        f"{truncated_list(wrong, MAX_LISTED)}; resize them, or set "
                        "MaskFiles.resize = True"
                    )
            some = pairs[:: max(1, len(pairs) // READ_BEFORE)]
            list(pool.map(lambda pair: self._read(pair[1], image_size(pair[0])), some))

    def example(
        self,
        path: str,
        size: tuple[int, int],
        options: ExampleOptions,
        random: np.random.Generator,
    ) -> tuple[np.ndarray, Fractions]:
        """Draws a mask of an image, and the crop of both.

        Returns uint8 `[height, width, 1]`, 255 in the hole, and the crop's fractions, see
        `crop_at_scale`. Raises UserError if the mask cannot be read, has no hole, or if crops
        hold no known pixel.
        """
        masks = self.masks[path]
        mask = masks[int(random.integers(len(masks)))]
        marked = self._read(mask, size)
        holes = np.argwhere(marked)
        for _ in range(ATTEMPTS):
            pixel = holes[random.integers(len(holes))]
            fractions = options.fractions_around(pixel, size, random.random(3))
            hole = options.fit_hole(marked, fractions)
            if hole.any() and not hole.all():  # enlarged, a hole of one pixel may vanish
                return hole.astype(np.uint8)[:, :, None] * 255, fractions
        raise UserError(
            f"the hole of {mask} fills crops of {options.width} x {options.height} pixels, in "
            "which nothing is known: set data.min_scale lower, or train on larger crops"
        )

    def _read(self, mask: str, size: tuple[int, int]) -> np.ndarray:
        """bool `[H, W]`, True in the hole."""
        settings = self.settings
        try:
            file = read_mask(
                mask, size, hole=settings.hole, grow=settings.grow, resize=settings.resize
            )
        except UserError as error:
            raise UserError(_in_gin(str(error))) from error
        if file.why_empty is not None:
            raise UserError(_in_gin(file.why_empty))
        return file.pixels[:, :, 0] > 0


def _listed(folder: str) -> list[Path]:
    try:
        return [Path(folder, name) for name in file_system.names_in(folder) if is_image(name)]
    except OSError as error:
        raise UserError(f"cannot read the folder {folder}: {reason(error)}") from error


def _found(path: str, names: dict, *, with_ending: bool) -> list[str]:
    found = partners_of(Path(path).stem, "mask", names, with_ending=with_ending)
    return [str(mask) for mask in found]


def _in_gin(line: str) -> str:
    """A line about a mask file with bindings in place of the command's flags."""
    line = line.replace("pass --resize_mask", "set MaskFiles.resize = True")
    return re.sub(r"pass --hole=(\w+)", r'set MaskFiles.hole = "\1"', line)
