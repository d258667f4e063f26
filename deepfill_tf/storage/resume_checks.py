"""Checks that a resumed run has the config and the images that it was started with."""

import gzip
import os
from collections.abc import Sequence

import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.data.records import on_one_line
from deepfill_tf.errors import UserError, reason
from deepfill_tf.storage import run_directory

# Bindings that a resumed run may change: they say where and how long it runs, not what it computes.
CHANGEABLE_ON_RESUME = (
    "Trainer.max_steps",
    "Trainer.max_checkpoints_to_keep",
    "Trainer.steps_per_loop",
    "Trainer.gradient_accumulation_steps",
    "Trainer.actions",
    "strategy.name",
    "strategy.devices",
    "strategy.tpu",
    "data.root",
    "data.download_instructions",
)
# Inside run_directory.CHECKPOINTS: a name on each line.
IMAGES = "images.txt.gz"
_CURE = "pass another --run_dir, or pass --allow_config_change"


def check_writable(run_dir: str) -> None:
    """Makes the run directory. Raises UserError if nothing can be written to it."""
    probe = os.path.join(run_dir, f".probe-{os.getpid()}")
    try:
        tf.io.gfile.makedirs(run_dir)
        with tf.io.gfile.GFile(probe, "w") as file:
            file.write("")
        tf.io.gfile.remove(probe)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot write to the run directory {run_dir}: {reason(error)}") from error


def check_config_unchanged(
    run_dir: str, text: str, *, changeable: tuple[str, ...] = (), allow: bool = False
) -> None:
    """Writes `config.gin` into a run, after checking a resumed run's config against it.

    Args:
      run_dir: the run directory.
      text: the operative config.
      changeable: bindings, or whole configurables, that may differ, besides CHANGEABLE_ON_RESUME.
      allow: replace the old config whatever differs.

    Raises UserError that names the first difference.
    """
    path = os.path.join(run_dir, run_directory.CONFIG)
    if tf.io.gfile.exists(path) and not allow:
        with tf.io.gfile.GFile(path) as file:
            before = _bindings(file.read())
        now = _bindings(text)
        changed = [
            name
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
            and name not in CHANGEABLE_ON_RESUME + changeable
            and name.split(".")[0] not in changeable
        ]
        if changed:
            name = changed[0]
            more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            raise UserError(
                f"{run_dir} was started with {name} = {before.get(name, 'its default')}, the "
                f"configuration says {now.get(name, 'its default')}{more}; {_CURE}"
            )
    atomic.write_text(path, text)


def check_image_list_unchanged(run_dir: str, names: Sequence[str], *, allow: bool = False) -> None:
    """Writes a new run's list of images, or checks a resumed run's images against it.

    The order matters: it decides which images a step sees. The content of the images is not
    compared.

    Args:
      run_dir: the run directory.
      names: the images' paths below the data's root, in order.
      allow: replace the old list whatever differs.

    Raises UserError that says how the lists differ.
    """
    path = os.path.join(run_dir, run_directory.CHECKPOINTS, IMAGES)
    lines = [on_one_line(name) for name in names]
    if tf.io.gfile.exists(path) and not allow:
        before = _read_lines(path)
        if before != lines:
            raise UserError(
                f"{run_dir} was started with other images: {_list_change(before, lines)}; {_CURE}"
            )
        return
    tf.io.gfile.makedirs(os.path.dirname(path))
    text = "".join(f"{line}\n" for line in lines)
    atomic.write_bytes(path, gzip.compress(text.encode(), mtime=0))


def _bindings(text: str) -> dict[str, str]:
    """Returns binding -> value of a gin text as gin writes it."""
    statements: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace() and statements:
            statements[-1] = statements[-1].rstrip("\\ ") + " " + line.strip()
        else:
            statements.append(line.strip())
    pairs = (statement.split("=", 1) for statement in statements if "=" in statement)
    return {name.strip(): value.strip().rstrip("\\").strip() for name, value in pairs}


def _read_lines(path: str) -> list[str]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return gzip.decompress(file.read()).decode().split("\n")[:-1]
    except (OSError, EOFError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"cannot read {path}: {reason(error)}") from error


def _list_change(before: list[str], now: list[str]) -> str:
    """Returns, in words, how two different lists differ."""
    missing, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    counts = f"{len(before)} before, {len(now)} now"
    if not missing and not new:
        if len(before) != len(now):
            return f"{counts}, some of them several times"
        line = next(i for i, (one, two) in enumerate(zip(before, now, strict=True)) if one != two)
        return f"the same images in another order, from line {line + 1} on ({now[line]})"
    parts = [
        f"{len(names)} {what} ({names[0]}{', ...' if len(names) > 1 else ''})"
        for names, what in ((missing, "missing"), (new, "new"))
        if names
    ]
    return f"{counts}; {', '.join(parts)}"
