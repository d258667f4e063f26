"""Checks that a resumed run has the config and the images that it was started with.

The checks write nothing, so that a refused run leaves the run directory as it was. The files that
they compare with are written by `write_config_and_image_list`, after all checks have passed.
"""

import ast
import gzip
import inspect
import logging
import os
import re
import zlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.data.failure_limit import max_failures
from deepfill_tf.data.records import escape_name
from deepfill_tf.errors import UserError, reason
from deepfill_tf.storage import run_directory

T = TypeVar("T")
LOG = logging.getLogger(__name__)

# Bindings that may differ on resuming, besides those of all actions in `Trainer.actions`. The
# rule: they may change where, how long and in which parts a run trains, what it reports, and
# rounding; they may not change the algorithm.
CHANGEABLE_ON_RESUME = (
    "Trainer.max_steps",
    "Trainer.max_checkpoints_to_keep",
    "Trainer.steps_per_loop",
    "Trainer.gradient_accumulation_steps",
    "Trainer.jit_compile",
    "Trainer.init_generator_from",
    "Trainer.actions",
    "strategy.name",
    "strategy.devices",
    "strategy.tpu",
    "data.root",
    "data.download_instructions",
    "data.validation",
    "data.validation_count",
)
_REMEDY = (
    "to train anew pass another --run_dir; to go on with the new setting pass --allow_config_change"
)
# Differences that a message shows.
_SHOWN = 3


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
    run_dir: str,
    text: str,
    *,
    allow_change: bool = False,
    default_of: Callable[[str], object] = lambda binding: inspect.Parameter.empty,
) -> None:
    """Compares a resumed run's config with the `config.gin` that it was started with.

    Bindings in `CHANGEABLE_ON_RESUME`, and those of the actions in `Trainer.actions`, may differ.

    Args:
      run_dir: the run directory.
      text: the operative config.
      allow_change: log the differences instead of raising.
      default_of: the default of a binding's argument, `inspect.Parameter.empty` for none. A run
        of an earlier version, which had no such argument, may go on with it.

    Raises UserError that names the first differences, or if `config.gin` is missing or damaged.
    """
    path = os.path.join(run_dir, run_directory.CONFIG)
    before = _read(path, lambda content: _bindings(content.decode()), allow_change)
    if before is None:
        return
    changes = _config_changes(before, _bindings(text), default_of)
    if not changes:
        return
    if not allow_change:
        more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise UserError(
            f"{run_dir} was started with another configuration: "
            f"{'; '.join(changes[:_SHOWN])}{more}; {_REMEDY}"
        )
    for change in changes:
        LOG.warning("going on with a changed configuration: %s", change)


def check_image_list_unchanged(
    run_dir: str, names: Sequence[str], *, allow_change: bool = False
) -> list[str]:
    """Compares a resumed run's images with those that it was started with.

    The order matters: it decides which images a step sees. The content of the images is not
    compared. A few images may be gone, one more than make a run end because they cannot be read
    (`data.failure_limit`), so that whoever removes them can go on.

    Args:
      run_dir: the run directory.
      names: the images' paths in order: relative to the data's root, or whole for images outside
        it.
      allow_change: log the difference instead of raising.

    Returns the names to go on with: `names`, or those that the run was started with if a few of
    them are gone, which keeps the places of the others.

    Raises UserError that says how the lists differ, or if the list is missing or damaged.
    """
    before = _read(_image_list_path(run_dir), _unzipped_lines, allow_change)
    now = [escape_name(name) for name in names]
    if before is None or before == now:
        return list(names)
    change = _list_change(before, now)
    name_of = dict(zip(now, names, strict=True))
    gone = [name for name in before if name not in name_of]
    others = [name for name in before if name in name_of]
    if others == now and len(gone) <= max_failures(len(before)) + 1:
        LOG.warning("%s; other images replace those that are gone", change)
        return [name_of.get(name, name) for name in before]
    if not allow_change:
        raise UserError(f"{run_dir} was started with other images: {change}; {_REMEDY}")
    LOG.warning("going on with other images: %s", change)
    return list(names)


def write_config_and_image_list(run_dir: str, text: str, names: Sequence[str]) -> None:
    """Writes the files that the checks of the next resumed run compare with.

    Args:
      run_dir: the run directory.
      text: the operative config.
      names: see `check_image_list_unchanged`.

    Raises UserError if a file cannot be written.
    """
    path = _image_list_path(run_dir)
    lines = "".join(f"{escape_name(name)}\n" for name in names)
    try:
        tf.io.gfile.makedirs(os.path.dirname(path))
        atomic.write_text(os.path.join(run_dir, run_directory.CONFIG), text)
        atomic.write_bytes(path, gzip.compress(lines.encode(), mtime=0))
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot write to the run directory {run_dir}: {reason(error)}") from error


def _read(path: str, decode: Callable[[bytes], T], allow_change: bool) -> T | None:
    """Returns the decoded content of a file that a resumed run is compared with.

    Raises UserError if it is missing or damaged; with `allow_change` logs that and returns None.
    """
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return decode(file.read())
    except tf.errors.NotFoundError:
        wrong = f"{path} is missing"
    except (OSError, EOFError, ValueError, zlib.error, tf.errors.OpError) as error:
        wrong = f"cannot read {path}: {reason(error)}"
    if not allow_change:
        raise UserError(
            f"{wrong}; a resumed run is compared with it: restore it; to train anew pass another "
            "--run_dir; to go on without comparing pass --allow_config_change"
        )
    LOG.warning("going on without comparing: %s", wrong)
    return None


def _image_list_path(run_dir: str) -> str:
    return os.path.join(run_dir, run_directory.CHECKPOINTS, run_directory.IMAGES)


def _config_changes(
    before: dict[str, str], now: dict[str, str], default_of: Callable[[str], object]
) -> list[str]:
    """Returns the differences that the rule of `CHANGEABLE_ON_RESUME` forbids, in words.

    Bindings of configurables that both configs use come first.
    """
    listed = before.get("Trainer.actions", "") + now.get("Trainer.actions", "")
    actions = set(re.findall(r"@(\w+)", listed))
    used_before, used_now = _configurables(before), _configurables(now)
    changes, one_sided = [], []
    for name in sorted(before.keys() | now.keys()):
        configurable = name.split(".")[0]
        if name in CHANGEABLE_ON_RESUME or configurable in actions:
            continue
        if configurable not in used_before:
            one_sided.append(f"{configurable} was not used then")
        elif configurable not in used_now:
            one_sided.append(f"{configurable} is not used now")
        else:
            old, new = before.get(name, "its default"), now.get(name, "its default")
            is_new_default = name not in before and _are_equal(repr(default_of(name)), new)
            if not (is_new_default or _are_equal(old, new)):
                changes.append(f"{name} = {old}, now {new}")
    return changes + list(dict.fromkeys(one_sided))


def _configurables(bindings: dict[str, str]) -> set[str]:
    return {name.split(".")[0] for name in bindings}


def _are_equal(one: str, two: str) -> bool:
    """Whether two values of gin are equal, also if written differently (1 and 1.0)."""
    if one == two:
        return True
    try:
        return ast.literal_eval(one) == ast.literal_eval(two)
    except (SyntaxError, ValueError):  # one of them refers to a configurable
        return False


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


def _unzipped_lines(content: bytes) -> list[str]:
    return gzip.decompress(content).decode().split("\n")[:-1]


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
