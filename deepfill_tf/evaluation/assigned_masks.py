"""The user's masks: which belongs to which image, and its hole."""

import os
import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deepfill_tf.data.file_list import list_images
from deepfill_tf.data.image_files import read_mask
from deepfill_tf.errors import UserError

# Advice of `read_mask` to pass a flag that only completing files has.
_ADVICE = re.compile(r"(, or|; if [^;]*,) pass --.*")


def read_hole(path: str, size: tuple[int, int]) -> np.ndarray:
    """Returns the hole of a mask, uint8 `[H, W, 1]`: 255 where it is white, 0 elsewhere.

    Args:
      path: of the mask.
      size: height and width of its image.

    Raises UserError if it cannot be read, has another size, no hole, or nothing but a hole.
    """
    try:
        mask = read_mask(path, size)
    except UserError as error:
        raise UserError(_ADVICE.sub("", str(error))) from error
    if mask.why_empty:
        raise UserError(_ADVICE.sub("", mask.why_empty))
    return mask.pixels


def assigned_masks(hashes: Mapping[str, str], masks: str) -> dict[str, str]:
    """Returns the path of a mask for each image.

    A mask with the image's name, whatever the suffix, belongs to it. Where no mask is named as
    any image, each image gets the one that its hash selects out of the sorted masks.

    Args:
      hashes: of images, by name.
      masks: folder of masks, or a single one for all.

    Raises UserError if some images have a mask of their name and others do not.
    """
    if not tf.io.gfile.isdir(masks):
        return dict.fromkeys(hashes, masks)
    paths = list_images(masks)
    by_stem = {os.path.splitext(os.path.basename(path))[0]: path for path in paths}
    stems = {name: os.path.splitext(os.path.basename(name))[0] for name in hashes}
    missing = sorted(name for name, stem in stems.items() if stem not in by_stem)
    if not missing:
        return {name: by_stem[stem] for name, stem in stems.items()}
    if len(missing) < len(stems):
        raise UserError(f"{masks} has no mask for {missing[0]}, but masks for other images")
    return {name: paths[int(value, 16) % len(paths)] for name, value in hashes.items()}
