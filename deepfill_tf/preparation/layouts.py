"""File lists of published datasets, from the layouts that they are published in.

What a dataset's gin file names is written: `celeba/train.flist` and `celeba/validation.flist` below
the data's root, and so on. Paths in a list are relative to its folder.
"""

import os
from collections.abc import Callable

import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.data.file_list import list_images
from deepfill_tf.errors import UserError, reason

Lists = dict[str, list[str]]

# CelebA-HQ has no published parts; the papers validate on the last 2,000 of 30,000.
CELEBAHQ_VALIDATION = 2000


def celeba(folder: str) -> Lists:
    """`img_align_celeba/` by `list_eval_partition.txt`: 0 training, 1 validation, 2 testing."""
    parts: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    for line in _lines(folder, "list_eval_partition.txt"):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in parts:
            raise UserError(f"{folder}/list_eval_partition.txt has a line {line!r}")
        parts[fields[1]].append(f"img_align_celeba/{fields[0]}")
    return {"train": parts["0"], "validation": parts["1"], "test": parts["2"]}


def celebahq(folder: str) -> Lists:
    """All images below, in the order of their names; the last 2,000 are for validation."""
    names = _below(folder)
    if len(names) <= CELEBAHQ_VALIDATION:
        raise UserError(f"{folder} has {len(names)} images; CelebA-HQ has 30,000")
    return {"train": names[:-CELEBAHQ_VALIDATION], "validation": names[-CELEBAHQ_VALIDATION:]}


def places2(folder: str) -> Lists:
    """`data_large/` and `val_large/`, or `data_256/` and `val_256/`, by their own lists if there.

    The lists are `places365_train_standard.txt` (a path and a number a line, from "/a/...") and
    `places365_val.txt`.
    """
    sizes = ("large", "256")
    size = next((s for s in sizes if tf.io.gfile.isdir(os.path.join(folder, f"data_{s}"))), None)
    if size is None:
        raise UserError(f"{folder} has neither data_large/ nor data_256/")

    def part(place: str, names: str) -> list[str]:
        if tf.io.gfile.exists(os.path.join(folder, names)):
            paths = [line.split()[0].lstrip("/") for line in _lines(folder, names)]
            return [f"{place}/{path}" for path in paths]
        return [f"{place}/{path}" for path in _below(os.path.join(folder, place))]

    return {
        "train": part(f"data_{size}", "places365_train_standard.txt"),
        "validation": part(f"val_{size}", "places365_val.txt"),
    }


def imagenet(folder: str) -> Lists:
    """ILSVRC2012: `train/<class>/*.JPEG` and `val/`, with or without folders of classes."""
    return {
        part: [f"{place}/{name}" for name in _below(os.path.join(folder, place))]
        for part, place in (("train", "train"), ("validation", "val"))
    }


def dtd(folder: str) -> Lists:
    """`images/<kind>/` by the first of the ten published partitions in `labels/`."""
    return {
        part: [f"images/{line}" for line in _lines(folder, f"labels/{name}1.txt")]
        for part, name in (("train", "train"), ("validation", "val"), ("test", "test"))
    }


LAYOUTS: dict[str, Callable[[str], Lists]] = {
    layout.__name__: layout for layout in (celeba, celebahq, places2, imagenet, dtd)
}


def write_lists(layout: str, root: str) -> dict[str, int]:
    """Writes the file lists of a dataset; gives each list's path and how many it names.

    Args:
      layout: of `LAYOUTS`; the dataset lies in the folder of that name below `root`.

    Raises UserError where the folder is not laid out so, or names an image that is not there.
    """
    folder = os.path.join(root, layout)
    if not tf.io.gfile.isdir(folder):
        raise UserError(f"there is no folder {folder}")
    lists = LAYOUTS[layout](folder)
    for part, names in lists.items():
        if not names:
            raise UserError(f"{folder} has no images for {part}")
        for name in (names[0], names[-1]):
            if not tf.io.gfile.exists(os.path.join(folder, name)):
                raise UserError(f"there is no {os.path.join(folder, name)}, which {part} names")
    counts = {}
    for part, names in lists.items():
        path = os.path.join(folder, f"{part}.flist")
        atomic.write_text(path, "".join(f"{name}\n" for name in names))
        counts[path] = len(names)
    return counts


def _lines(folder: str, name: str) -> list[str]:
    path = os.path.join(folder, name)
    try:
        with tf.io.gfile.GFile(path) as file:
            return [line.strip() for line in file.read().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError, tf.errors.OpError) as error:
        raise UserError(f"cannot read {path}: {reason(error)}") from error


def _below(folder: str) -> list[str]:
    return [os.path.relpath(path, folder) for path in list_images(folder)]
