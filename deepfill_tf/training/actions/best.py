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
from deepfill_tf.evaluation import IMAGE_METRICS
from deepfill_tf.storage import run_directory
from deepfill_tf.storage.model_files import Provenance, write_model_files
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.averaged_generator import AveragedGenerator
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)

# Metric -> whether more is better.
HIGHER_IS_BETTER = {
    name: metric.better == "higher" for name, metric in IMAGE_METRICS.items() if metric.better
}
# Beside the model's files: {"metric": ..., "value": ..., "step": ..., "definitions": 2}.
SCORE = "validation.json"
# Of the metrics: a value of another definition is not compared with.
DEFINITIONS = 2


class KeepBest(Action):
    """Keeps the weights with the best validation in `best/`, a model directory of two files.

    They are the weights that a run exports: the moving average, if there is one. It must come
    after `Validate` in the list of actions, and judges every validation. At the end of training it
    logs which step was best. A resumed run goes on with the best of before.

    Args:
      metric: one of docs/evaluation.md that has a better side and is computed in validation, such
        as "psnr_in_hole", "ssim" or "l1"; "lpips_alex" with `Validate.lpips_weights`.
    """

    def __init__(self, *, metric: str = "psnr_in_hole"):
        self._metric = check_choice("KeepBest.metric", metric, HIGHER_IS_BETTER)
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
        is_comparable = (found.get("metric"), found.get("definitions")) == (
            self._metric,
            DEFINITIONS,
        )
        if is_comparable and context.first_step > 0:
            self._best = found
        self.on_loop_end(context)  # `Validate.at_start`

    def on_loop_end(self, context: TrainingContext) -> None:
        step = context.validation_step
        if step is None or step == self._judged_step or context.pretrain_coarse:
            return
        self._judged_step = step
        value = context.validation.get(self._metric)
        if value is None:
            computed = HIGHER_IS_BETTER.keys() & context.validation.keys()
            raise UserError(
                f"KeepBest.metric = {self._metric!r} is not computed for the validation images; "
                f"those that are: {', '.join(sorted(computed))}"
            )
        if self._best is not None:
            better = value > self._best["value"]
            if better != HIGHER_IS_BETTER[self._metric] or value == self._best["value"]:
                return
        self._best = {
            "metric": self._metric,
            "value": value,
            "step": step,
            "definitions": DEFINITIONS,
        }
        self._write(context)

    def on_train_end(self, context: TrainingContext) -> None:
        if self._best is None:
            return
        LOG.info(
            "best: step %d, %s %.4g, in %s; %s",
            self._best["step"],
            self._metric,
            self._best["value"],
            self._directory(context),
            self._course(context),
        )

    def _course(self, context: TrainingContext) -> str:
        """Whether the metric was still improving at the end, in words."""
        assert self._best is not None
        step = context.validation_step
        if step is None or step < self._best["step"]:
            return "no later validation"
        if step == self._best["step"]:
            return "the last validation, so that more steps may improve it"
        steps, value = step - self._best["step"], context.validation[self._metric]
        return f"not improved in the {steps} steps after it ({value:.4g} at last)"

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
