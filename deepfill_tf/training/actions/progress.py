"""Progress bar."""

import logging
import sys
import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deepfill_tf.checks import check_at_least
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class ShowProgress(Action):
    """Shows steps per second, time left and losses, in a bar or, without a terminal, in lines.

    The losses are those of `shown_losses`. A line at the start of a process estimates the time that
    the run takes; it comes after the second loop of steps, because the first one compiles.

    Args:
      every_seconds: seconds between two lines, >= 0.
    """

    def __init__(self, *, every_seconds: float = 10.0):
        self._every_seconds = check_at_least("ShowProgress.every_seconds", every_seconds)
        self._bar: Progress | None = None
        self._printed_at = -float("inf")
        self._estimated = False

    def on_train_begin(self, context: TrainingContext) -> None:
        if not sys.stderr.isatty():
            return
        self._bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[report]}"),
            console=Console(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task(
            "", total=context.max_steps, completed=context.first_step, report="starting"
        )

    def on_loop_end(self, context: TrainingContext) -> None:
        losses = "  ".join(
            f"{name} {value:.4f}" for name, value in shown_losses(context.losses).items()
        )
        self._estimate(context)
        report = f"{context.steps_per_second:.2f} steps/s  {losses}"
        if self._bar is not None:
            self._bar.update(self._task, completed=context.step, report=report)
            return
        now = time.monotonic()
        last = context.step >= context.max_steps
        if now - self._printed_at >= self._every_seconds or last:
            self._printed_at = now
            seconds_left = (context.max_steps - context.step) / context.steps_per_second
            print(
                f"step {context.step}/{context.max_steps}  {report}  {seconds_left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def _estimate(self, context: TrainingContext) -> None:
        """Logs the estimate once, at the end of the second loop."""
        if self._estimated or context.previous_step == context.first_step:
            return
        self._estimated = True
        images_per_step = context.batches_per_step * context.global_batch_size
        count, left = len(context.data.paths), context.max_steps - context.step
        LOG.info(
            "%d steps are %.3g epochs of %d images; %.3g images/s, so that %s are left",
            context.max_steps,
            context.max_steps * images_per_step / count,
            count,
            context.images_per_second,
            duration(left / context.steps_per_second),
        )

    def close(self, context: TrainingContext) -> None:
        if self._bar is not None:
            self._bar.stop()


def duration(seconds: float) -> str:
    """Seconds in words: "40 s", "12 min", "3 h 20 min", "2 d 5 h"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def shown_losses(losses: Mapping[str, float]) -> dict[str, float]:
    """Returns the losses that progress shows, by short names, out of all that are reported.

    They are every term of the objective, of the refined prediction if it is computed for that
    one, else of the coarse prediction; then the whole losses of both networks.
    """
    terms = {}
    for stage in ("coarse", "refined"):
        for name, value in losses.items():
            if name.startswith("generator/") and name.endswith(f"_{stage}"):
                terms[name.removeprefix("generator/").removesuffix(f"_{stage}")] = value
    networks = ("generator", "discriminator")
    return terms | {name: losses[f"{name}/loss"] for name in networks if f"{name}/loss" in losses}
