"""The list of images that a run was started with, and that its continuation is held to."""

import gzip
import os
from collections.abc import Sequence

import tensorflow as tf

from deepfill_tf.data.records import on_one_line
from deepfill_tf.errors import UserError
from deepfill_tf.inference import run_directory

# Inside run_directory.CHECKPOINTS: a name a line.
IMAGES = "images.txt.gz"


def check_image_list_unchanged(run_dir: str, names: Sequence[str], *, allow: bool = False) -> None:
    """Writes down a new run's images, or holds a continued one to them.

    The order counts: it says which images a step sees. What is in the images does not.

    Args:
      run_dir: the run directory.
      names: the images' paths below the data's root, in order.
      allow: write the new list in place of the old whatever differs.

    Raises UserError that says how the lists differ.
    """
    path = os.path.join(run_dir, run_directory.CHECKPOINTS, IMAGES)
    lines = [on_one_line(name) for name in names]
    if tf.io.gfile.exists(path) and not allow:
        before = _read(path)
        if before != lines:
            raise UserError(
                f"{run_dir} was started with other images: {_difference(before, lines)}; "
                "name a new --run_dir, or pass --allow_config_change"
            )
        return
    tf.io.gfile.makedirs(os.path.dirname(path))
    text = "".join(f"{line}\n" for line in lines)
    # Aside first: a kill in between leaves the old one whole.
    with tf.io.gfile.GFile(f"{path}.new", "wb") as file:
        file.write(gzip.compress(text.encode(), mtime=0))
    tf.io.gfile.rename(f"{path}.new", path, overwrite=True)


def _read(path: str) -> list[str]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return gzip.decompress(file.read()).decode().split("\n")[:-1]
    except (OSError, EOFError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def _difference(before: list[str], now: list[str]) -> str:
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    if not gone and not new:
        if len(before) != len(now):
            return f"{len(before)} then and {len(now)} now, some of them several times"
        line = next(i for i, (one, two) in enumerate(zip(before, now, strict=True)) if one != two)
        return f"the same ones in another order, from line {line + 1} on ({now[line]})"
    parts = [
        f"{len(names)} {what} ({names[0]}{', ...' if len(names) > 1 else ''})"
        for names, what in ((gone, "no longer there"), (new, "new"))
        if names
    ]
    return f"{len(before)} then and {len(now)} now; {', '.join(parts)}"
