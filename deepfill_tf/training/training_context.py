"""The state of a training run that actions read."""

from dataclasses import dataclass, field

import tensorflow as tf

from deepfill_tf.data.training_data import TrainingData
from deepfill_tf.schedules import Scheduled
from deepfill_tf.storage.checkpoints import Checkpoints
from deepfill_tf.training.train_state import TrainState


@dataclass(kw_only=True)
class TrainingContext:
    """What the actions between two loops of training steps see.

    Attributes:
      run_dir: the run directory.
      state: networks and optimizers.
      checkpoints: the checkpoints of this run.
      data: training and validation images.
      global_batch_size, seed, learning_rate, max_steps: as configured.
      batches_per_step: global batches that one step takes.
      pretrain_coarse: True if only the coarse network is trained; the refined prediction is
        meaningless then.
      first_step: the step that training was started or resumed from.
      step, previous_step: finished steps, at the end of this loop and of the loop before.
      losses: what the steps of this loop reported, averaged.
      steps_per_second: of this loop.
      stall_fraction: the fraction of this loop's time in which the device waited for images, see
        `training.input_stall`.
      validation: metrics of the last validation in this process, by name; empty before.
      validation_step: the step of that validation, or None.
      writer: of TensorBoard's event files.
    """

    run_dir: str
    state: TrainState
    checkpoints: Checkpoints
    data: TrainingData
    global_batch_size: int
    seed: int
    learning_rate: Scheduled
    max_steps: int
    batches_per_step: int
    pretrain_coarse: bool = False
    first_step: int = 0
    step: int = 0
    previous_step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    steps_per_second: float = 0.0
    stall_fraction: float = 0.0
    validation: dict[str, float] = field(default_factory=dict)
    validation_step: int | None = None
    writer: tf.summary.SummaryWriter = field(default_factory=tf.summary.create_noop_writer)

    @property
    def images_per_second(self) -> float:
        """Images per second in the updates of this loop."""
        return self.steps_per_second * self.batches_per_step * self.global_batch_size

    def is_due(self, every: int | None) -> bool:
        """True if this loop reached or passed a multiple of `every` steps; None is never due."""
        if not every:
            return False
        return self.step // every > self.previous_step // every
