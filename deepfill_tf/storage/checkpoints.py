"""Saving and restoring everything that training needs to resume."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.compat import VariableBundle
from deepfill_tf.errors import UserError, reason
from deepfill_tf.networks.architecture import with_defaults
from deepfill_tf.storage import checkpoint_format, run_directory
from deepfill_tf.storage.checkpoint_arrays import bundle_arrays

LOG = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one run, named by step: `checkpoints/step-1200/`.

    A checkpoint is written under a temporary name, read back, compared with what is in memory,
    and renamed. If that fails, the checkpoints before it are still there.

    Args:
      run_dir: the run directory.
      step: int64 scalar, the number of steps done; saved too.
      bundles: name -> variables that are saved and restored under that name. A run's generator
        is loaded from the bundles `generator` and `ema`, see `run_directory`.
      architectures: what `architecture_of` returns for each network, by the network's name.
      max_to_keep: the number of the newest checkpoints that are kept.
      environment: what the last bits of results depend on (versions, processor, ...), written to
        each checkpoint; a change of it is logged on restoring.
    """

    def __init__(
        self,
        run_dir: str,
        *,
        step: tf.Variable,
        bundles: Mapping[str, VariableBundle],
        architectures: Mapping[str, dict[str, Any]],
        max_to_keep: int = 5,
        environment: Mapping[str, Any] | None = None,
    ):
        self._step = step
        self._bundles = dict(bundles)
        self._architectures = dict(architectures)
        self._max_to_keep = max_to_keep
        self._environment = dict(environment or {})
        self._directory = os.path.join(run_dir, run_directory.CHECKPOINTS)
        self._checkpoint = tf.train.Checkpoint(step=step, **self._bundles)
        self._latest: str | None = None

    def restore(
        self, *, allow_change: bool = False, before_restore: Callable[[], None] = lambda: None
    ) -> int:
        """Restores the latest valid checkpoint; returns its step, or 0 if there is none.

        Corrupt checkpoints are logged and skipped.

        Args:
          allow_change: restore a checkpoint of another architecture if its weights have the same
            shapes.
          before_restore: called if there is a valid checkpoint, before it is read; raises
            UserError if it must not be restored.

        Raises UserError if all checkpoints are corrupt, or if the latest valid one does not fit
        these networks and bundles.
        """
        latest = checkpoint_format.latest_valid_checkpoint(self._directory)
        if latest is None:
            return 0
        before_restore()
        change = self._architecture_change()
        if change and not allow_change:
            raise UserError(
                f"{latest} was saved with {change}; resume with the configuration it was saved "
                "with, pass another --run_dir, or, if the weights have the same shapes, pass "
                "--allow_config_change"
            )
        try:
            status = self._checkpoint.read(checkpoint_format.variables_prefix(latest))
            status.expect_partial()  # no line of TensorFlow's log for each variable
            status.assert_consumed()
        except (AssertionError, ValueError) as error:
            saved_with = change or "a different Trainer.ema_decay or Trainer.share_adam_step"
            raise UserError(
                f"the checkpoint {latest} does not fit this configuration: it was "
                f"{'' if change else 'probably '}saved with {saved_with}; this cannot be changed "
                "on resume: restore the setting or pass another --run_dir"
            ) from error
        except (LookupError, OSError, RuntimeError, tf.errors.OpError) as error:
            raise UserError(
                f"the checkpoint {latest} cannot be read though its checksums are right: "
                f"{reason(error)}"
            ) from error
        self._latest = latest
        if change:
            LOG.warning("resuming although %s was saved with %s", latest, change)
        self._log_environment_changes(checkpoint_format.read_manifest(latest))
        return int(self._step.numpy())

    def make_directory(self) -> None:
        """Makes the directory, writes `architecture.json`, and removes unfinished checkpoints.

        Killed processes leave such checkpoints. To be called before the first `save`, by the
        run's only writer. Raises UserError if nothing can be written.
        """
        try:
            tf.io.gfile.makedirs(self._directory)
            atomic.remove_leftovers(self._directory, sole_writer=True)
            architectures = json.dumps(self._architectures, indent=2)
            atomic.write_text(self._architecture_path, architectures)
        except (OSError, tf.errors.OpError) as error:
            raise UserError(f"cannot write to {self._directory}: {reason(error)}") from error

    def save(self) -> str:
        """Saves a checkpoint of the present step, if it is not there already; returns its path.

        Raises UserError if it cannot be written; earlier checkpoints are still there then.
        """
        step = int(self._step.numpy())
        path = os.path.join(self._directory, checkpoint_format.directory_name(step))
        if path == self._latest:
            return path
        try:
            # A checkpoint at `path` is corrupt, or it would have been restored.
            with atomic.directory(path) as folder:
                self._checkpoint.write(checkpoint_format.variables_prefix(folder))
                self._compare(folder)
                facts = {"step": step, "environment": self._environment}
                checkpoint_format.write_manifest(folder, facts)
        except (OSError, tf.errors.OpError) as error:
            raise UserError(
                f"cannot save {path}: {reason(error)}; {self.latest_description()}"
            ) from error
        self._latest = path
        self._remove_old()
        return path

    def latest_description(self) -> str:
        """Returns, in words, the checkpoint that a run which fails now can resume from."""
        return f"the last checkpoint is {self._latest}" if self._latest else "nothing is saved yet"

    @property
    def _architecture_path(self) -> str:
        return os.path.join(self._directory, run_directory.ARCHITECTURE)

    def _compare(self, folder: str) -> None:
        """Raises OSError if what was written differs from what is in memory in any bit."""
        prefix = checkpoint_format.variables_prefix(folder)
        compared, variables = set(), {}
        for part, bundle in self._bundles.items():
            saved = bundle_arrays(prefix, part)
            for name, variable in bundle.named.items():
                variables[id(variable)] = f"{part}/{name}"
                if name in saved:  # TensorFlow writes a variable of two bundles only once
                    if np.asarray(saved[name]).tobytes() != variable.numpy().tobytes():
                        raise OSError(f"{part}/{name} does not read back as it was written")
                    compared.add(id(variable))
        for number in variables.keys() - compared:
            raise OSError(f"{variables[number]} was not written")

    def _remove_old(self) -> None:
        """Removes all but the newest `max_to_keep` checkpoints.

        Checkpoints of later steps than the one just saved are neither counted nor removed: they
        are corrupt, or training would have resumed from them.
        """
        paths = checkpoint_format.list_checkpoints(self._directory)
        assert self._latest is not None
        latest = checkpoint_format.step_of(self._latest)
        earlier = [path for path in paths if checkpoint_format.step_of(path) <= latest]
        for path in earlier[: -self._max_to_keep]:
            try:
                tf.io.gfile.rmtree(path)
            except (OSError, tf.errors.OpError) as error:
                LOG.warning("cannot remove %s: %s", path, reason(error))

    def _architecture_change(self) -> str | None:
        """Returns, in words, how the saved networks differ from these; None if they do not."""
        try:
            with tf.io.gfile.GFile(self._architecture_path) as file:
                saved = json.load(file)
        except (ValueError, tf.errors.OpError) as error:
            raise UserError(f"cannot read {self._architecture_path}: {reason(error)}") from error
        for network, architecture in self._architectures.items():
            before = saved.get(network)
            if before and before["class"] == architecture["class"]:
                before = with_defaults(before)
            if before != architecture:
                return f"another {network}: {_first_change(before, architecture)}"
        return None

    def _log_environment_changes(self, manifest: dict) -> None:
        before = manifest.get("environment", {})
        for name in sorted(before.keys() & self._environment.keys()):
            if before[name] != self._environment[name]:
                LOG.warning(
                    "results may differ in the last bits: %s was %r and is %r",
                    name,
                    before[name],
                    self._environment[name],
                )


def _first_change(saved: dict | None, wanted: dict) -> str:
    """Returns, in words, the first difference between two architectures."""
    if saved is None or saved["class"] != wanted["class"]:
        return f"it was {saved and saved['class']}, the configuration says {wanted['class']}"
    for name, value in wanted["arguments"].items():
        old = saved["arguments"].get(name)
        if old != value:
            return f"{name} was {old!r}, the configuration says {value!r}"
    return "it has further arguments"
