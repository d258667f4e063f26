"""Metrics of the validation set, always with the same masks."""

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deepfill_tf.checks import check_bool
from deepfill_tf.evaluation import completion_metrics, find_lpips, pool_rows
from deepfill_tf.evaluation.baseline import BUILT_IN
from deepfill_tf.networks.inputs import inputs_of
from deepfill_tf.storage import run_directory
from deepfill_tf.training.actions.action import Action, check_every_steps
from deepfill_tf.training.averaged_generator import AveragedGenerator
from deepfill_tf.training.training_context import TrainingContext

# Examples per call of the generator.
CHUNK = 8
# Metrics in TensorBoard, those of them that are computed.
SHOWN = (
    "l1",
    "l2",
    "psnr",
    "ssim",
    "tv",
    "l1_in_hole",
    "psnr_in_hole",
    "ssim_in_hole",
    "lpips_alex",
    "lpips_vgg",
    "seam",
)


class Validate(Action):
    """Writes metrics of the completed validation images, those of docs/evaluation.md.

    They are those of the weights that a run exports: the moving average, if there is one. Later
    actions find all of them in `TrainingContext.validation`; TensorBoard shows `SHOWN`, and beside
    them those of the baselines that need no further package.

    Args:
      every_steps: steps between validations; None: not by steps. The last step is always
        validated.
      at_start: validate a new run before its first step too, to see what fine-tuning changes.
      lpips_weights: the folder with the weights of LPIPS, see docs/evaluation.md, or None.

    Raises UserError if the weights of LPIPS cannot be used.
    """

    def __init__(
        self,
        *,
        every_steps: int | None = 2000,
        at_start: bool = False,
        lpips_weights: str | None = None,
    ):
        self._every_steps = check_every_steps("Validate.every_steps", every_steps)
        self._at_start = check_bool("Validate.at_start", at_start)
        self._lpips = list(find_lpips(lpips_weights).values())
        self._baselines: dict[str, dict[str, float]] | None = None
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def on_train_begin(self, context: TrainingContext) -> None:
        self._generator = AveragedGenerator(context.state)
        self._predict = tf.function(self._generator.model, reduce_retracing=True)
        if self._at_start and context.step == 0:
            self._validate(context)

    def on_loop_end(self, context: TrainingContext) -> None:
        if context.is_due(self._every_steps) or context.step >= context.max_steps:
            self._validate(context)

    def close(self, context: TrainingContext) -> None:
        for writer in self._writers.values():
            writer.close()

    def _validate(self, context: TrainingContext) -> None:
        examples = context.data.validation_examples(context.seed)
        if examples is None:
            return
        images = np.rint((examples["image"].numpy() + 1) * 127.5).astype(np.uint8)
        masks = examples["mask"].numpy() > 0
        inputs = inputs_of(examples)
        self._generator.update()
        stage = 0 if context.pretrain_coarse else 1
        predicted = [
            self._predict(*(value[i : i + CHUNK] for value in inputs))[stage]
            for i in range(0, len(images), CHUNK)
        ]
        # As a completion converts them.
        levels = tf.saturate_cast((tf.concat(predicted, axis=0) + 1) * 127.5, tf.uint8).numpy()
        rows = completion_metrics(images, levels, masks, self._lpips)
        context.validation = pool_rows(rows)
        context.validation_step = context.step
        _write(context.writer, context.step, context.validation)
        self._write_baselines(context, images, masks)

    def _write_baselines(
        self, context: TrainingContext, images: np.ndarray, masks: np.ndarray
    ) -> None:
        """Writes the same values at each validation, which TensorBoard draws as lines."""
        if self._baselines is None:
            self._baselines = {}
            for baseline in BUILT_IN:
                completed = baseline.complete(images, masks)
                rows = completion_metrics(images, completed, masks, self._lpips)
                self._baselines[baseline.name] = pool_rows(rows)
                logs = os.path.join(context.run_dir, run_directory.LOGS, baseline.name)
                self._writers[baseline.name] = tf.summary.create_file_writer(logs)
        for name, values in self._baselines.items():
            _write(self._writers[name], context.step, values)


def _write(writer: tf.summary.SummaryWriter, step: int, values: Mapping[str, float]) -> None:
    with writer.as_default(step=step):
        for name in SHOWN:
            if name in values:
                tf.summary.scalar(f"validation/{name}", values[name])
