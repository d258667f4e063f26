"""Metrics of the validation set, always with the same masks."""

import tensorflow as tf

from deepfill_tf.checks import check_bool
from deepfill_tf.evaluation import completion_metrics
from deepfill_tf.networks.inputs import inputs_of
from deepfill_tf.ops import composite
from deepfill_tf.training.actions.action import Action, check_every_steps
from deepfill_tf.training.averaged_generator import AveragedGenerator
from deepfill_tf.training.training_context import TrainingContext

# Examples per call of the generator.
CHUNK = 8


class Validate(Action):
    """Writes L1, L2, PSNR and total variation of the completed validation images.

    They are those of the weights that a run exports: the moving average, if there is one. Later
    actions find them in `TrainingContext.validation`.

    Args:
      every_steps: steps between validations; None: not by steps. The last step is always
        validated.
      at_start: validate a new run before its first step too, to see what fine-tuning changes.
    """

    def __init__(self, *, every_steps: int | None = 2000, at_start: bool = False):
        self._every_steps = check_every_steps("Validate.every_steps", every_steps)
        self._at_start = check_bool("Validate.at_start", at_start)

    def on_train_begin(self, context: TrainingContext) -> None:
        self._generator = AveragedGenerator(context.state)
        self._predict = tf.function(self._generator.model, reduce_retracing=True)
        if self._at_start and context.step == 0:
            self._validate(context)

    def on_loop_end(self, context: TrainingContext) -> None:
        if context.is_due(self._every_steps) or context.step >= context.max_steps:
            self._validate(context)

    def _validate(self, context: TrainingContext) -> None:
        examples = context.data.validation_examples(context.seed)
        if examples is None:
            return
        images, masks = examples["image"], examples["mask"]
        inputs = inputs_of(examples)
        self._generator.update()
        stage = 0 if context.pretrain_coarse else 1
        predicted = [
            self._predict(*(value[i : i + CHUNK] for value in inputs))[stage]
            for i in range(0, images.shape[0], CHUNK)
        ]
        completed = composite(tf.concat(predicted, axis=0), images, masks)
        metrics = completion_metrics(completed, images, masks)
        context.validation = {name: float(value) for name, value in metrics.items()}
        context.validation_step = context.step
        with context.writer.as_default(step=context.step):
            for name, value in context.validation.items():
                tf.summary.scalar(f"validation/{name}", value)
