"""The best weights so far, by validation."""

import json
import logging
import os
from pathlib import Path

import safetensors
import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.checks import check_choice
from deepfill_tf.errors import UserError, reason
from deepfill_tf.storage import run_directory
from deepfill_tf.storage.model_files import Provenance, write_model_files
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.averaged_generator import AveragedGenerator
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)

# Metric of `Validate` -> whether more is better.
METRICS = {"psnr_in_hole": True, "psnr": True, "l1": False, "l2": False}
# Beside the model's files: {"metric": ..., "value": ..., "step": ...}.
SCORE = "validation.json"


class KeepBest(Action):
    """Keeps the weights with the best validation in `best/`, a model directory of two files.

    They are the weights that a run exports: the moving average, if there is one. It must come
    after `Validate` in the list of actions, and judges every validation. At the end of training it
    logs which step was best. A resumed run goes on with the best of before.

    Args:
      metric: "psnr_in_hole", "psnr", "l1" or "l2".
    """

    def __init__(self, *, metric: str = "psnr_in_hole"):
        self._metric = check_choice("KeepBest.metric", metric, METRICS)
        self._best: dict | None = None
        self._judged_step: int | None = None

    def on_train_begin(self, context: TrainingContext) -> None:
        try:
            found = json.loads((self._directory(context) / SCORE).read_text())
        except FileNotFoundError:
            found = {}
        except (OSError, ValueError) as error:
            LOG.warning("the best weights so far are not known: %s", reason(error))
            found = {}
        if found.get("metric") == self._metric and context.first_step > 0:
            self._best = found
        self.on_loop_end(context)  # `Validate.at_start`

    def on_loop_end(self, context: TrainingContext) -> None:
        step = context.validation_step
        if step is None or step == self._judged_step or context.pretrain_coarse:
            return
        self._judged_step = step
        value = context.validation[self._metric]
        if self._best is not None:
            better = value > self._best["value"]
            if better != METRICS[self._metric] or value == self._best["value"]:
                return
        self._best = {"metric": self._metric, "value": value, "step": step}
        self._write(context)

    def on_train_end(self, context: TrainingContext) -> None:
        if self._best is None:
            return
        last = ""
        if context.validation_step == context.step:
            last = f"; step {context.step}, the last: {context.validation[self._metric]:.4g}"
        LOG.info(
            "best: step %d, %s %.4g, in %s%s",
            self._best["step"],
            self._metric,
            self._best["value"],
            self._directory(context),
            last,
        )

    def _write(self, context: TrainingContext) -> None:
        path, best = self._directory(context), self._best
        assert best is not None
        origin = f"trained by deepfill_tf; best {best['metric']} in validation"
        try:
            with atomic.directory(path) as folder:
                model = AveragedGenerator(context.state).update()
                write_model_files(model, folder, Provenance(origin, best["step"]))
                (Path(folder) / SCORE).write_text(json.dumps(best) + "\n")
        except (OSError, safetensors.SafetensorError, tf.errors.OpError) as error:
            raise UserError(f"cannot write {path}: {reason(error)}") from error

    def _directory(self, context: TrainingContext) -> Path:
        return Path(os.path.join(context.run_dir, run_directory.BEST))
