"""Saving everything that training needs, and going on from it."""

import json
import logging
import os

import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.inference import run_directory
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.storage import checkpoint_format
from deepfill_tf.training.distribution.environment import environment_changes
from deepfill_tf.training.train_state import TrainState

LOG = logging.getLogger(__name__)

# What a checkpoint is called until it is whole.
PART = ".part"


class Checkpoints:
    """The checkpoints of one run, named by step: `checkpoints/step-1200/`.

    A checkpoint is written aside, read back and compared, and then takes its name: whatever
    happens meanwhile, the one before stays.

    Args:
      run_dir: the run directory.
      state: what is saved and restored.
      keep: how many of the newest are kept.
      environment: written down with each, see `training.distribution.environment`.
    """

    def __init__(
        self, run_dir: str, state: TrainState, *, keep: int = 5, environment: dict | None = None
    ):
        self._state = state
        self._keep = keep
        self._circumstances = environment or {}
        self._directory = os.path.join(run_dir, run_directory.CHECKPOINTS)
        self._architecture = {
            "generator": architecture_of(state.generator),
            "discriminator": architecture_of(state.discriminator),
        }
        self._newest: str | None = None

    def restore(self, *, allow_change: bool = False) -> int:
        """Restores the newest checkpoint that is whole, if there is one; gives its step, else 0.

        Damaged ones are named on the log and passed over. Raises UserError where it belongs to
        networks of another architecture, unless `allow_change` and their weights have the same
        shapes, or where all are damaged.
        """
        newest = checkpoint_format.latest_valid_checkpoint(self._directory)
        if newest is None:
            return 0
        change = self._change_of_architecture()
        if change and not allow_change:
            raise UserError(
                f"{newest} holds {change}; go on with the configuration it was made with, name a "
                "new --run_dir, or, where the weights have the same shapes, pass "
                "--allow_config_change"
            )
        try:
            prefix = checkpoint_format.variables_prefix(newest)
            self._state.checkpoint().read(prefix).assert_consumed()
        except (AssertionError, ValueError) as error:
            settings = "Trainer.ema_decay or Trainer.share_adam_step"
            reason = f"it holds {change}" if change else f"was {settings} another then?"
            raise UserError(
                f"the checkpoint {newest} does not fit this configuration: {reason}"
            ) from error
        except (LookupError, OSError, RuntimeError, tf.errors.OpError) as error:
            raise UserError(
                f"the checkpoint {newest} cannot be read though its checksums are right: {error}"
            ) from error
        self._newest = newest
        if change:
            LOG.warning("going on though %s holds %s", newest, change)
        before = checkpoint_format.read_manifest(newest).get("environment", {})
        for difference in environment_changes(before, self._circumstances):
            LOG.warning("results may differ in the last bits: %s", difference)
        return int(self._state.step.numpy())

    def prepare(self) -> None:
        """Makes ready for saving: what a killed run left unfinished goes away.

        Raises UserError where nothing can be written.
        """
        try:
            tf.io.gfile.makedirs(self._directory)
            for name in tf.io.gfile.listdir(self._directory):
                if name.rstrip("/").endswith(PART):
                    tf.io.gfile.rmtree(os.path.join(self._directory, name.rstrip("/")))
            self._write_architecture()
        except (OSError, tf.errors.OpError) as error:
            raise UserError(f"cannot write to {self._directory}: {_reason(error)}") from error

    def save(self) -> str:
        """Saves under the present step; gives the checkpoint's path.

        Raises UserError where it cannot be written whole; those before are still there then.
        """
        step = int(self._state.step.numpy())
        path = os.path.join(self._directory, checkpoint_format.directory_name(step))
        if path == self._newest:
            return path
        try:
            self._write(path, step)
        except (OSError, tf.errors.OpError) as error:
            self._remove(path + PART)
            raise UserError(
                f"cannot save {path}: {_reason(error)}; {self.newest_known()}"
            ) from error
        self._newest = path
        self._remove_old()
        return path

    def newest_known(self) -> str:
        """In words, what a run that goes wrong now can go on from."""
        return f"the last checkpoint is {self._newest}" if self._newest else "nothing is saved yet"

    def _write(self, path: str, step: int) -> None:
        aside = path + PART
        tf.io.gfile.makedirs(aside)
        prefix = checkpoint_format.variables_prefix(aside)
        self._state.checkpoint().write(prefix)
        self._compare(aside)
        facts = {"step": step, "environment": self._circumstances}
        checkpoint_format.write_manifest(aside, facts)
        _flush_to_disk(aside)
        if tf.io.gfile.exists(path):  # damaged, or it would have been restored
            tf.io.gfile.rmtree(path)
        tf.io.gfile.rename(aside, path)
        _flush_to_disk(self._directory)

    def _compare(self, aside: str) -> None:
        """Raises OSError where what was written is not what is in memory, bit for bit."""
        compared, variables = set(), {}
        for part, bundle in self._state.bundles().items():
            saved = run_directory.bundled_arrays(aside, part)
            for name, variable in bundle.named.items():
                variables[id(variable)] = f"{part}/{name}"
                if name in saved:  # a variable of two parts is written under one of its names
                    if np.asarray(saved[name]).tobytes() != variable.numpy().tobytes():
                        raise OSError(f"{part}/{name} does not read back as it was written")
                    compared.add(id(variable))
        for number in variables.keys() - compared:
            raise OSError(f"{variables[number]} was not written")

    def _remove(self, path: str) -> None:
        try:
            if tf.io.gfile.exists(path):
                tf.io.gfile.rmtree(path)
        except (OSError, tf.errors.OpError) as error:
            LOG.warning("cannot remove %s: %s", path, _reason(error))

    def _remove_old(self) -> None:
        """Leaves the newest `keep` up to the one just saved; later ones are damaged."""
        paths = checkpoint_format.list_checkpoints(self._directory)
        assert self._newest is not None
        newest = checkpoint_format.step_of(self._newest)
        earlier = [path for path in paths if checkpoint_format.step_of(path) <= newest]
        for path in earlier[: -self._keep]:
            self._remove(path)

    def _write_architecture(self) -> None:
        # Aside first: a kill in between leaves the old one whole.
        path = os.path.join(self._directory, run_directory.ARCHITECTURE)
        with tf.io.gfile.GFile(f"{path}.new", "w") as file:
            json.dump(self._architecture, file, indent=2)
        tf.io.gfile.rename(f"{path}.new", path, overwrite=True)

    def _change_of_architecture(self) -> str | None:
        """In words, how the run's networks differ from these; None where they do not."""
        path = os.path.join(self._directory, run_directory.ARCHITECTURE)
        try:
            with tf.io.gfile.GFile(path) as file:
                saved = json.load(file)
        except (ValueError, tf.errors.OpError) as error:
            raise UserError(f"cannot read {path}: {error}") from error
        for network, architecture in self._architecture.items():
            if saved.get(network) != architecture:
                return f"another {network}: {_difference(saved.get(network), architecture)}"
        return None


def _difference(saved: dict | None, wanted: dict) -> str:
    """What differs first between two architectures."""
    if saved is None or saved["class"] != wanted["class"]:
        return (
            f"it was saved as {saved and saved['class']}, the configuration says {wanted['class']}"
        )
    for name, value in wanted["arguments"].items():
        old = saved["arguments"].get(name)
        if old != value:
            return f"{name} was {old!r}, the configuration says {value!r}"
    return "it has further arguments"


def _reason(error: Exception) -> str:
    """The first line of what an error says, without the file it happened to."""
    if isinstance(error, tf.errors.ResourceExhaustedError) or "No space left" in str(error):
        return "no space is left on the device"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _flush_to_disk(folder: str) -> None:
    """Lets a local folder and its files survive a loss of power; elsewhere that is not ours."""
    if "://" in folder:
        return
    names = os.listdir(folder)
    for path in [os.path.join(folder, name) for name in names] + [folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
