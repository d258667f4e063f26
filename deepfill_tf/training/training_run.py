"""A training run: loops of steps on the device, with the actions between them."""

import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from deepfill_tf.data.pipeline import ImagePipeline
from deepfill_tf.errors import UserError
from deepfill_tf.objectives import Objective
from deepfill_tf.storage import run_directory
from deepfill_tf.training.actions import Action
from deepfill_tf.training.distribution.cluster import is_chief
from deepfill_tf.training.distribution.cross_worker import CrossWorker, worker_loss_reported
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.input_stall import stall_fraction
from deepfill_tf.training.network_update import Scalars
from deepfill_tf.training.non_finite import describe_non_finite_update
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class TrainingRun:
    """A run with networks that are built and weights that are restored, ready to train.

    `Trainer.prepare` makes it, which writes nothing to the run directory; `run` does.

    Args:
      context: what the actions see, before the first step.
      loop: runs the training steps.
      objective: the losses that `loop` minimizes.
      strategy: the strategy of all workers.
      actions: run by the chief between loops.
      steps_per_loop: steps between two calls of the actions. Loops end at multiples of it,
        wherever training was resumed.

    Attributes:
      context, loop: as given.
      first_step: the step that training starts from, 0 for a new run.
      resumed: True if weights were restored from a checkpoint of an earlier step.
    """

    def __init__(
        self,
        context: TrainingContext,
        loop: InnerLoop,
        objective: Objective,
        strategy: tf.distribute.Strategy,
        *,
        actions: Sequence[Action],
        steps_per_loop: int,
    ):
        self.first_step = context.first_step
        self.resumed = context.first_step > 0
        self.context = context
        self.loop = loop
        self._objective = objective
        self._strategy = strategy
        self._is_chief = is_chief(strategy)
        self._actions = actions if self._is_chief else ()
        self._cross_worker = CrossWorker(strategy)
        self._steps_per_loop = steps_per_loop

    def run(self, stop_requested: Callable[[], bool] = lambda: False) -> bool:
        """Trains until the last step, or until `stop_requested()` is true in any worker.

        Returns:
          True if all steps are finished. False if training was stopped: then the chief has saved
          a checkpoint, from which a run of the same directory resumes.

        Raises:
          UserError: if a loss or a gradient is not finite, a checkpoint cannot be written, or too
            many images cannot be read; in the last case the chief has saved a checkpoint.
          WorkerLostError: if another worker of the cluster is lost.
        """
        context = self.context
        if self._is_chief:
            context.checkpoints.make_directory()
            logs = os.path.join(context.run_dir, run_directory.LOGS)
            context.writer = tf.summary.create_file_writer(logs)
        LOG.info(
            "%s step %d on %d replica(s), %d training images",
            "resuming from" if self.resumed else "starting at",
            context.first_step,
            self._strategy.num_replicas_in_sync,
            len(context.data.paths),
        )
        with worker_loss_reported(self._strategy):
            try:
                for action in self._actions:
                    action.on_train_begin(context)
                finished = self._train(stop_requested)
                if finished:
                    for action in self._actions:
                        action.on_train_end(context)
                elif self._is_chief:
                    LOG.info("stop requested; saved checkpoint %s", context.checkpoints.save())
                # No process ends while another still waits for it.
                self._cross_worker.any(finished)
            finally:
                for action in self._actions:
                    action.close(context)
                context.writer.close()
        return finished

    def _train(self, stop_requested: Callable[[], bool]) -> bool:
        context = self.context
        if context.step >= context.max_steps:
            return True
        pipeline = context.data.pipeline(
            global_batch_size=context.global_batch_size,
            seed=context.seed,
            with_box=self._objective.needs_box,
        )
        first_batch = context.step * context.batches_per_step
        with contextlib.closing(pipeline):
            batches = self.loop.batches(functools.partial(pipeline.dataset, first_batch))
            while context.step < context.max_steps:
                if self._cross_worker.any(stop_requested()):
                    return False
                self._run_loop(batches, pipeline, stop_requested)
                self._check_finite(pipeline)
                self._check_images(pipeline)
                for action in self._actions:
                    action.on_loop_end(context)
        return True

    def _run_loop(
        self, batches: Iterator, pipeline: ImagePipeline, stop_requested: Callable[[], bool]
    ) -> None:
        """Runs steps up to the next multiple of `steps_per_loop`, and updates the context."""
        context, loop = self.context, self.loop
        ahead = self._steps_per_loop - context.step % self._steps_per_loop
        steps = min(ahead, context.max_steps - context.step)

        def stop() -> bool:
            # The workers of a cluster stop together, at the end of a loop.
            alone = self._cross_worker.is_single_process
            return alone and (stop_requested() or pipeline.error is not None)

        means: Scalars = {}
        started = time.monotonic()
        try:
            means = loop.run(batches, steps, stop)
        except tf.errors.OpError:
            if pipeline.error is None:
                raise
            if not self._cross_worker.is_single_process:  # the others wait within a step
                raise pipeline.error from None
        enqueued = time.monotonic()
        context.previous_step, context.step = context.step, context.step + loop.steps
        context.losses = {name: float(value) for name, value in means.items()}
        ended = time.monotonic()
        context.steps_per_second = loop.steps / (ended - started)
        context.stall_fraction = stall_fraction(
            ended - started,
            loop.input_seconds,
            backlog=ended - enqueued,
            batches=loop.steps * context.batches_per_step,
        )

    def _check_images(self, pipeline: ImagePipeline) -> None:
        """Saves and raises UserError if too many images could not be read in any worker."""
        context, checkpoints = self.context, self.context.checkpoints
        # Images beyond the last step are read too, and do not matter.
        if context.step >= context.max_steps or not self._cross_worker.any(
            pipeline.error is not None
        ):
            return
        if self._is_chief and context.step > 0:
            checkpoints.save()
        error = pipeline.error or "another worker could not read its images"
        raise UserError(f"{error}; {checkpoints.latest_description()}")

    def _check_finite(self, pipeline: ImagePipeline) -> None:
        """Raises UserError if a loss or a gradient of the last loop is not finite."""
        context, batch_index = self.context, self.loop.first_non_finite_batch
        if batch_index is None:
            return
        step, update = divmod(batch_index, context.batches_per_step)
        cause = describe_non_finite_update(
            context.state,
            self._objective,
            pipeline,
            batch_index,
            network="generator" if update == context.batches_per_step - 1 else "discriminator",
            scalars=self.loop.scalars[step - context.previous_step],
        )
        raise UserError(
            f"stopped in step {step + 1}, {cause}; {context.checkpoints.latest_description()}"
        )
