"""Saving everything that training needs, and going on from it."""

import json
import os

import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.inference import run_directory
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.training.players import Players


class Checkpoints:
    """The checkpoints of one run, named by step: `checkpoints/step-1200`.

    Args:
      run_dir: the run directory.
      players: what is saved and restored.
      keep: how many of the newest are kept.
    """

    def __init__(self, run_dir: str, players: Players, *, keep: int = 5):
        self._players = players
        self._directory = os.path.join(run_dir, run_directory.CHECKPOINTS)
        self._architecture = {
            "generator": architecture_of(players.generator),
            "discriminator": architecture_of(players.discriminator),
        }
        self._manager = tf.train.CheckpointManager(
            players.checkpoint(),
            self._directory,
            max_to_keep=keep,
            checkpoint_name=run_directory.CHECKPOINT_NAME,
        )

    def restore(self) -> int:
        """Restores the newest checkpoint, if there is one; gives its step, else 0.

        Raises UserError where it belongs to networks of another architecture.
        """
        newest = self._manager.latest_checkpoint
        self._check_architecture(newest)
        if newest is None:
            return 0
        try:
            self._manager.checkpoint.restore(newest).assert_consumed()
        except (AssertionError, ValueError) as error:
            raise UserError(
                f"the checkpoint {newest} does not fit this configuration; was "
                "Trainer.average_decay or Trainer.share_adam_count another when it was made?"
            ) from error
        except (LookupError, OSError, RuntimeError, tf.errors.OpError) as error:
            raise UserError(
                f"the checkpoint {newest} is damaged: remove its files, and its lines in "
                f"{os.path.join(self._directory, 'checkpoint')}, to go on from the one before"
            ) from error
        return int(self._players.step.numpy())

    def save(self) -> str:
        """Saves under the present step; gives the checkpoint's path."""
        return self._manager.save(checkpoint_number=int(self._players.step.numpy()))

    def _check_architecture(self, newest: str | None) -> None:
        path = os.path.join(self._directory, run_directory.ARCHITECTURE)
        if newest is None or not tf.io.gfile.exists(path):
            tf.io.gfile.makedirs(self._directory)
            with tf.io.gfile.GFile(f"{path}.new", "w") as file:
                json.dump(self._architecture, file, indent=2)
            tf.io.gfile.rename(f"{path}.new", path, overwrite=True)
            return
        try:
            with tf.io.gfile.GFile(path) as file:
                saved = json.load(file)
        except (ValueError, tf.errors.OpError) as error:
            raise UserError(f"cannot read {path}: {error}") from error
        for network, architecture in self._architecture.items():
            if saved.get(network) != architecture:
                raise UserError(
                    f"{os.path.basename(newest)} in {self._directory} holds another {network}: "
                    f"{_difference(saved.get(network), architecture)}; "
                    "go on with the configuration it was made with, or name a new --run_dir"
                )


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
