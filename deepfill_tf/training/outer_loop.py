"""What the host does between visits to the inner loop."""

import functools
import math
import time
from collections.abc import Callable, Sequence

import tensorflow as tf

from deepfill_tf.data import ImagePipeline
from deepfill_tf.errors import UserError
from deepfill_tf.training import non_finite
from deepfill_tf.training.actions import Action
from deepfill_tf.training.distribution.cross_worker import CrossWorker
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.input_stall import stall_fraction
from deepfill_tf.training.stop_request import StopRequest
from deepfill_tf.training.training_context import TrainingContext


class OuterLoop:
    """Some steps on the device, then the actions, again and again.

    Args:
      loop: runs the steps.
      objective: what `loop` minimises.
      actions: what happens at each visit.
      cross_worker: between the processes of a cluster.
      steps_per_loop: steps on the device between two visits. Visits end at multiples of it,
        wherever training was resumed.
    """

    def __init__(
        self,
        loop: InnerLoop,
        objective,
        *,
        actions: Sequence[Action],
        cross_worker: CrossWorker,
        steps_per_loop: int,
    ):
        self._loop = loop
        self._objective = objective
        self._actions = actions
        self._cross_worker = cross_worker
        self._steps_per_visit = steps_per_loop

    def run(self, context: TrainingContext, stop: StopRequest) -> bool:
        """Goes on from `context.step` until all steps are done (True) or `stop` asks (False).

        Raises UserError where a loss or a gradient is not finite.
        """
        if context.step >= context.max_steps:
            return True
        loop = self._loop
        pipeline = context.data.pipeline(
            global_batch_size=context.global_batch_size,
            seed=context.seed,
            with_box=self._objective.needs_box,
        )
        first_batch = context.step * context.batches_per_step
        batches = loop.batches(functools.partial(pipeline.dataset, first_batch))
        # Processes of a cluster stop together, at the end of a visit.
        stop_early = (
            (lambda: stop.requested) if self._cross_worker.is_single_process else (lambda: False)
        )
        while context.step < context.max_steps:
            if self._cross_worker.any(stop.requested):
                return False
            started = time.monotonic()
            ahead = self._steps_per_visit - context.step % self._steps_per_visit
            steps = min(ahead, context.max_steps - context.step)
            losses = self._steps(batches, steps, stop_early, pipeline)
            enqueued = time.monotonic()
            context.previous_step, context.step = context.step, context.step + loop.steps
            context.losses = {name: float(value) for name, value in losses.items()}
            ended = time.monotonic()
            context.rate = loop.steps / (ended - started)
            context.stall_fraction = stall_fraction(
                ended - started,
                loop.waited,
                backlog=ended - enqueued,
                batch_indices=loop.steps * context.batches_per_step,
            )
            if loop.first_non_finite_batch is not None:
                raise UserError(self._what_halted(context, pipeline))
            for action in self._actions:
                action.on_loop_end(context)
        return True

    def _steps(
        self, batches, steps: int, stop: Callable[[], bool], pipeline: ImagePipeline
    ) -> dict[str, tf.Tensor]:
        try:
            return self._loop.run(batches, steps, stop)
        except tf.errors.OpError:
            if pipeline.error is not None:
                raise pipeline.error from None
            raise

    def _what_halted(self, context: TrainingContext, pipeline: ImagePipeline) -> str:
        """Which update was not finite, from which tensor on, and with which images."""
        batch_index = self._loop.first_non_finite_batch
        assert batch_index is not None
        step, update = divmod(batch_index, context.batches_per_step)
        of_discriminator = update < context.batches_per_step - 1
        network = "discriminator" if of_discriminator else "generator"
        losses = self._loop.reports[step - context.previous_step].items()
        wrong = [
            f"{name} is {float(value)}"
            for name, value in losses
            if name.startswith(network) and not math.isfinite(value)
        ]
        tensor, images = non_finite.offending_examples(
            context.state,
            self._objective,
            next(iter(pipeline.dataset(batch_index))),
            pipeline.paths_of(batch_index),
            of_discriminator=of_discriminator,
        )
        return (
            f"stopped in step {step + 1}, in the update of the {network}: {wrong[0]}; "
            f"the first bad tensor is {tensor or 'one of its sums'}; "
            f"images: {non_finite.truncated_list(images)}; {context.checkpoints.newest_known()}"
        )
