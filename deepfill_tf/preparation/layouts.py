"""File lists of published datasets, made from their published directory layouts.

The lists are those that the gin files in `gin/data/` name, such as `celeba/train.flist` and
`celeba/validation.flist` below the root of the data. Paths in a list are relative to its folder.
"""

import os
from collections.abc import Callable

import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.data.file_list import list_images
from deepfill_tf.errors import UserError, reason

Lists = dict[str, list[str]]

# CelebA-HQ has no published splits; the papers validate on the last 2,000 of 30,000 images.
CELEBAHQ_VALIDATION = 2000


def celeba(folder: str) -> Lists:
    """`img_align_celeba/`, split by `list_eval_partition.txt`: 0 train, 1 validation, 2 test."""
    splits: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    for line in _lines(folder, "list_eval_partition.txt"):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in splits:
            raise UserError(
                f"{folder}/list_eval_partition.txt has a line {line!r}; expected an image's name "
                "and 0, 1 or 2"
            )
        splits[fields[1]].append(f"img_align_celeba/{fields[0]}")
    return {"train": splits["0"], "validation": splits["1"], "test": splits["2"]}


def celebahq(folder: str) -> Lists:
    """All images of the folder, sorted by name; the last 2,000 are for validation."""
    names = _below(folder)
    if len(names) <= CELEBAHQ_VALIDATION:
        raise UserError(f"{folder} has {len(names)} images; CelebA-HQ has 30,000")
    return {"train": names[:-CELEBAHQ_VALIDATION], "validation": names[-CELEBAHQ_VALIDATION:]}


def places2(folder: str) -> Lists:
    """`data_large/` and `val_large/`, or `data_256/` and `val_256/`.

    The images are those of `places365_train_standard.txt` (a line has a path such as "/a/..."
    and a number) and `places365_val.txt` if these exist, and else all.
    """
    sizes = ("large", "256")
    size = next((s for s in sizes if tf.io.gfile.isdir(os.path.join(folder, f"data_{s}"))), None)
    if size is None:
        raise UserError(f"{folder} has neither data_large/ nor data_256/")

    def split(subfolder: str, names: str) -> list[str]:
        if tf.io.gfile.exists(os.path.join(folder, names)):
            paths = [line.split()[0].lstrip("/") for line in _lines(folder, names)]
            return [f"{subfolder}/{path}" for path in paths]
        return [f"{subfolder}/{path}" for path in _below(os.path.join(folder, subfolder))]

    return {
        "train": split(f"data_{size}", "places365_train_standard.txt"),
        "validation": split(f"val_{size}", "places365_val.txt"),
    }


def imagenet(folder: str) -> Lists:
    """ILSVRC2012: `train/<class>/*.JPEG` and `val/`, with or without folders of classes."""
    return {
        split: [f"{subfolder}/{name}" for name in _below(os.path.join(folder, subfolder))]
        for split, subfolder in (("train", "train"), ("validation", "val"))
    }


def dtd(folder: str) -> Lists:
    """`images/<class>/`, split by the first of the ten published partitions in `labels/`."""
    return {
        split: [f"images/{line}" for line in _lines(folder, f"labels/{name}1.txt")]
        for split, name in (("train", "train"), ("validation", "val"), ("test", "test"))
    }


LAYOUTS: dict[str, Callable[[str], Lists]] = {
    layout.__name__: layout for layout in (celeba, celebahq, places2, imagenet, dtd)
}


def write_lists(layout: str, root: str) -> dict[str, int]:
    """Writes the file lists of a dataset.

    Args:
      layout: a key of `LAYOUTS`; the dataset is in the folder of that name below `root`.

    Returns the number of images by the path of each list. Raises UserError if the folder has
    another layout, or if the first or last image of a list does not exist.
    """
    folder = os.path.join(root, layout)
    if not tf.io.gfile.isdir(folder):
        raise UserError(f"there is no folder {folder}")
    lists = LAYOUTS[layout](folder)
    for split, names in lists.items():
        if not names:
            raise UserError(f"{folder} has no images for {split}")
        for name in (names[0], names[-1]):
            if not tf.io.gfile.exists(os.path.join(folder, name)):
                raise UserError(f"there is no {os.path.join(folder, name)}, listed for {split}")
    counts = {}
    for split, names in lists.items():
        path = os.path.join(folder, f"{split}.flist")
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
