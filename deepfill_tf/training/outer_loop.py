"""What the host does between visits to the inner loop."""

import functools
import math
import time
from collections.abc import Callable, Sequence

import tensorflow as tf

from deepfill_tf.data import PicturePipeline
from deepfill_tf.errors import UserError
from deepfill_tf.training import non_finite
from deepfill_tf.training.actions import Action
from deepfill_tf.training.agreement import Agreement
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.session import Session
from deepfill_tf.training.stop_request import StopRequest
from deepfill_tf.training.waiting import waiting_share


class OuterLoop:
    """Some steps on the device, then the actions, again and again.

    Args:
      loop: runs the steps.
      objective: what `loop` minimises.
      actions: what happens at each visit.
      agreement: between the processes of a cluster.
      steps_per_visit: steps on the device between two visits. Visits end at multiples of it,
        wherever training was resumed.
    """

    def __init__(
        self,
        loop: InnerLoop,
        objective,
        *,
        actions: Sequence[Action],
        agreement: Agreement,
        steps_per_visit: int,
    ):
        self._loop = loop
        self._objective = objective
        self._actions = actions
        self._agreement = agreement
        self._steps_per_visit = steps_per_visit

    def run(self, session: Session, stop: StopRequest) -> bool:
        """Goes on from `session.step` until all steps are done (True) or `stop` asks (False).

        Raises UserError where a loss or a gradient is not finite.
        """
        if session.step >= session.max_steps:
            return True
        loop = self._loop
        pipeline = session.data.pipeline(
            global_batch_size=session.global_batch_size,
            seed=session.seed,
            with_box=self._objective.needs_box,
        )
        first_draw = session.step * session.draws_per_step
        batches = loop.batches(functools.partial(pipeline.dataset, first_draw))
        # Processes of a cluster stop together, at the end of a visit.
        stop_early = (lambda: stop.requested) if self._agreement.alone else (lambda: False)
        while session.step < session.max_steps:
            if self._agreement.any_of(stop.requested):
                return False
            started = time.monotonic()
            ahead = self._steps_per_visit - session.step % self._steps_per_visit
            steps = min(ahead, session.max_steps - session.step)
            losses = self._steps(batches, steps, stop_early, pipeline)
            enqueued = time.monotonic()
            session.previous_step, session.step = session.step, session.step + loop.steps
            session.losses = {name: float(value) for name, value in losses.items()}
            ended = time.monotonic()
            session.rate = loop.steps / (ended - started)
            session.waiting_share = waiting_share(
                ended - started,
                loop.waited,
                backlog=ended - enqueued,
                draws=loop.steps * session.draws_per_step,
            )
            if loop.halted_draw is not None:
                raise UserError(self._what_halted(session, pipeline))
            for action in self._actions:
                action.visit(session)
        return True

    def _steps(
        self, batches, steps: int, stop: Callable[[], bool], pipeline: PicturePipeline
    ) -> dict[str, tf.Tensor]:
        try:
            return self._loop.run(batches, steps, stop)
        except tf.errors.OpError:
            if pipeline.error is not None:
                raise pipeline.error from None
            raise

    def _what_halted(self, session: Session, pipeline: PicturePipeline) -> str:
        """Which update was not finite, from which tensor on, and with which pictures."""
        draw = self._loop.halted_draw
        assert draw is not None
        step, update = divmod(draw, session.draws_per_step)
        of_discriminator = update < session.draws_per_step - 1
        player = "discriminator" if of_discriminator else "generator"
        losses = self._loop.reports[step - session.previous_step].items()
        wrong = [
            f"{name} is {float(value)}"
            for name, value in losses
            if name.startswith(player) and not math.isfinite(value)
        ]
        tensor, pictures = non_finite.bad_pictures(
            session.players,
            self._objective,
            next(iter(pipeline.dataset(draw))),
            pipeline.paths_of(draw),
            of_discriminator=of_discriminator,
        )
        return (
            f"stopped in step {step + 1}, in the update of the {player}: {wrong[0]}; "
            f"the first bad tensor is {tensor or 'one of its sums'}; "
            f"pictures: {non_finite.shown(pictures)}; {session.checkpoints.newest_known()}"
        )
