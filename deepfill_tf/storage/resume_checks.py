"""The config that a run was started with, and that its continuation is held to."""

import os

import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.inference import run_directory

# What a continued run may change: where and how long it runs, not what it computes.
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


def check_config_unchanged(
    run_dir: str, text: str, *, changeable: tuple[str, ...] = (), allow: bool = False
) -> None:
    """Writes `config.gin` into a new run, or holds a continued one to what it says.

    Args:
      run_dir: the run directory.
      text: the operative config.
      changeable: further bindings, or whole configurables, that may differ.
      allow: write the new config in place of the old whatever differs.

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
            raise UserError(
                f"{run_dir} was started with {name} = {before.get(name, 'its default')}, the "
                f"configuration now says {now.get(name, 'its default')}"
                f"{_others(changed)}; name a new --run_dir, or pass --allow_config_change"
            )
    # Aside first: a kill in between leaves the old one whole.
    with tf.io.gfile.GFile(f"{path}.new", "w") as file:
        file.write(text)
    tf.io.gfile.rename(f"{path}.new", path, overwrite=True)


def _bindings(text: str) -> dict[str, str]:
    """Binding -> value of a gin text as gin writes it."""
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


def _others(changed: list[str]) -> str:
    return f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""


def check_writable(run_dir: str) -> None:
    """Makes the run directory. Raises UserError where nothing can be written to it."""
    probe = os.path.join(run_dir, f".probe-{os.getpid()}")
    try:
        tf.io.gfile.makedirs(run_dir)
        with tf.io.gfile.GFile(probe, "w") as file:
            file.write("")
        tf.io.gfile.remove(probe)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot write to the run directory {run_dir}: {error}") from error
