"""One run of training while it goes on: what the actions see."""

from dataclasses import dataclass, field

import tensorflow as tf

from deepfill_tf.data import TrainingData
from deepfill_tf.training.checkpoints import Checkpoints
from deepfill_tf.training.train_state import TrainState


@dataclass(kw_only=True)
class TrainingContext:
    """What the actions between two visits of the inner loop see.

    Attributes:
      run_dir: the run directory.
      state: networks and optimizers.
      checkpoints: of this run.
      data: training and validation images.
      writer: of TensorBoard's files.
      global_batch_size, seed: as configured.
      batches_per_step: global batches that one step takes.
      first_step: where this session began, after resuming.
      max_steps: where it ends.
      step, previous_step: now and at the visit before.
      losses: what the steps since the visit before reported, their means.
      rate: steps a second since the visit before.
      stall_fraction: of the time since the visit before, in which the device had nothing to
        do but wait for images; see `stall_fraction`.
      pretrain_coarse: only the coarse network is trained; the refined prediction means
        nothing yet.
    """

    run_dir: str
    state: TrainState
    checkpoints: Checkpoints
    data: TrainingData
    writer: tf.summary.SummaryWriter
    global_batch_size: int
    seed: int
    batches_per_step: int
    learning_rate: float
    first_step: int
    max_steps: int
    step: int = 0
    previous_step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    stall_fraction: float = 0.0
    pretrain_coarse: bool = False

    @property
    def images_per_second(self) -> float:
        """Images that the updates since the visit before took, each second."""
        return self.rate * self.batches_per_step * self.global_batch_size

    def is_due(self, every: int | None) -> bool:
        """Whether a multiple of `every` steps lies since the visit before."""
        if not every:
            return False
        return self.step // every > self.previous_step // every
