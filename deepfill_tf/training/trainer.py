"""The outer loop of training. It knows no paper: networks and objective are given."""

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.data import TrainingData
from deepfill_tf.errors import UserError
from deepfill_tf.inference import load_generator, run_directory
from deepfill_tf.inference.weights import assign_weights, weights_of
from deepfill_tf.objectives import Objective
from deepfill_tf.training.actions import Action
from deepfill_tf.training.checkpoints import Checkpoints
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.players import Players
from deepfill_tf.training.session import Session
from deepfill_tf.training.strategies import make_strategy
from deepfill_tf.training.waiting import waiting_share

LOG = logging.getLogger(__name__)

PRECISIONS = ("float32", "mixed_bfloat16")
# Below this the discriminator's last layer sees one pixel, and there TensorFlow's bfloat16
# gradient of a 5 x 5 kernel reads memory that was never written.
SMALLEST_BFLOAT16 = 64


@dataclass(kw_only=True)
class Trainer:
    """Trains two networks against each other.

    Attributes:
      data: what to train on.
      generator: makes the generator; called with the `dtype` of its policy.
      objective: what both players minimise; it makes the discriminator too.
      max_steps: one step is one update of the generator.
      global_batch_size: pictures in one update, over all replicas.
      discriminator_updates: before each of the generator's; none where the objective
        trains the coarse network alone.
      initial_generator: a run or model directory whose generator a new run begins with;
        None: random weights.
      learning_rate, beta_1, beta_2, epsilon: of Adam, for both networks.
      share_adam_count: one step count for both networks, as released.
      average_decay: of a moving average of the generator's weights; None for none.
      precision: "float32" or "mixed_bfloat16".
      jit_compile: compile forward and backward pass with XLA.
      strategy, devices: see `make_strategy`.
      steps_per_visit: steps on the device between two visits of the host.
      seed: of the initial weights, the order of the pictures, crops and holes.
      keep_checkpoints: how many of the newest are kept.
      actions: what happens between visits.
    """

    data: TrainingData
    generator: Callable[..., keras.Model]
    objective: Objective
    max_steps: int
    global_batch_size: int = 16
    discriminator_updates: int = 1
    initial_generator: str | None = None
    learning_rate: float = 1e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    epsilon: float = 1e-8
    share_adam_count: bool = True
    average_decay: float | None = None
    precision: str = "float32"
    jit_compile: bool = False
    strategy: str = "auto"
    devices: list[str] | None = None
    steps_per_visit: int = 10
    seed: int = 0
    keep_checkpoints: int = 5
    actions: Sequence[Action] = field(default_factory=tuple)

    def __post_init__(self):
        for name in (
            "max_steps",
            "global_batch_size",
            "discriminator_updates",
            "steps_per_visit",
            "keep_checkpoints",
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Trainer.{name} must be a positive integer, got {value!r}")
        if not isinstance(self.initial_generator, str | None):
            raise ValueError(
                f"Trainer.initial_generator must be a folder's path, got {self.initial_generator!r}"
            )
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"Trainer.precision must be one of {PRECISIONS}, got {self.precision!r}"
            )
        smallest = min(self.data.height, self.data.width)
        if self.precision == "mixed_bfloat16" and smallest < SMALLEST_BFLOAT16:
            raise ValueError(
                f"mixed_bfloat16 needs pictures of at least {SMALLEST_BFLOAT16} pixels a side, "
                f"got {smallest}"
            )
        for name, low, high in (
            ("learning_rate", 0, math.inf),
            ("beta_1", 0, 1),
            ("beta_2", 0, 1),
            ("epsilon", 0, math.inf),
            ("average_decay", 0, 1),
        ):
            value = getattr(self, name)
            if value is None and name == "average_decay":
                continue
            if not isinstance(value, int | float) or not low <= value < high:
                raise ValueError(f"Trainer.{name} must be in [{low}, {high}), got {value!r}")

    def train(self, run_dir: str, *, on_built: Callable[[bool], None] = lambda _: None) -> bool:
        """Trains from the newest checkpoint, if there is one, to `max_steps`.

        `on_built` is called when networks stand and weights are restored, before the
        first step, with whether there was a checkpoint. Gives True when all steps are done,
        False when it was told to stop by SIGTERM or SIGINT: then it has saved, and the same
        call goes on.
        """
        with _StopRequest() as stop:
            return self._train(run_dir, on_built, stop)

    def _train(self, run_dir: str, on_built: Callable[[bool], None], stop) -> bool:
        strategy = make_strategy(self.strategy, self.devices)
        replicas = strategy.num_replicas_in_sync
        if self.global_batch_size % replicas:
            raise UserError(
                f"Trainer.global_batch_size={self.global_batch_size} is not a multiple of "
                f"the {replicas} replicas"
            )
        updates = 0 if self.objective.pretrain_coarse else self.discriminator_updates
        players = self._make_players(strategy)
        checkpoints = Checkpoints(run_dir, players, keep=self.keep_checkpoints)
        first_step = checkpoints.restore()
        if not first_step:
            self._begin_with_initial_generator(players)
        on_built(first_step > 0)

        session = Session(
            run_dir=run_dir,
            players=players,
            checkpoints=checkpoints,
            data=self.data,
            writer=tf.summary.create_file_writer(os.path.join(run_dir, run_directory.LOGS)),
            global_batch_size=self.global_batch_size,
            seed=self.seed,
            draws_per_step=updates + 1,
            learning_rate=self.learning_rate,
            first_step=first_step,
            max_steps=self.max_steps,
            step=first_step,
            previous_step=first_step,
            pretrain_coarse=self.objective.pretrain_coarse,
        )
        LOG.info(
            "%s %d on %d replica(s), %d training pictures",
            "going on from step" if first_step else "starting at step",
            first_step,
            replicas,
            len(self.data.paths),
        )
        loop = InnerLoop(
            players,
            self.objective,
            strategy,
            discriminator_updates=updates,
            jit_compile=self.jit_compile,
        )
        try:
            for action in self.actions:
                action.begin(session)
            finished = self._outer_loop(session, loop, strategy, stop)
            if finished:
                for action in self.actions:
                    action.finish(session)
        finally:
            for action in self.actions:
                action.end(session)
            session.writer.close()
        return finished

    def _make_players(self, strategy: tf.distribute.Strategy) -> Players:
        keras.utils.set_random_seed(self.seed)
        with strategy.scope():
            generator = self.generator(dtype=self.precision)
            config = generator.get_config()
            channels, guided = config["channels"], config["guided"]
            if channels != self.data.channels:
                raise UserError(
                    f"the generator has channels={channels}, data.channels={self.data.channels}; "
                    "both must be the same"
                )
            if guided != self.data.guided:
                raise UserError(
                    f"the generator has guided={guided}, but data.sketches "
                    f"{'are' if self.data.guided else 'are not'} given; have both or neither"
                )
            discriminator = self.objective.gan.discriminator(guided=guided, dtype=self.precision)
            example = self.data.example(
                with_box=self.objective.needs_box or self.objective.gan.needs_box
            )
            self.objective.build(generator, discriminator, example)
            return Players(
                generator,
                discriminator,
                share_count=self.share_adam_count,
                average_decay=self.average_decay,
                adam={
                    "learning_rate": self.learning_rate,
                    "beta_1": self.beta_1,
                    "beta_2": self.beta_2,
                    "epsilon": self.epsilon,
                },
            )

    def _begin_with_initial_generator(self, players: Players) -> None:
        if self.initial_generator is None:
            return
        weights = weights_of(load_generator(self.initial_generator))
        assign_weights(players.generator, weights, self.initial_generator)
        if players.average is not None:
            players.average.restart()
        LOG.info("beginning with the generator of %s", self.initial_generator)

    def _outer_loop(self, session: Session, loop: InnerLoop, strategy, stop) -> bool:
        """Visits the inner loop until all steps are done (True) or a stop is asked for."""
        if session.step >= self.max_steps:
            return True
        pipeline = self.data.pipeline(
            global_batch_size=self.global_batch_size,
            seed=self.seed,
            with_box=self.objective.needs_box,
        )
        first_draw = session.step * session.draws_per_step
        batches = iter(
            strategy.distribute_datasets_from_function(
                lambda context: pipeline.dataset(first_draw, context)
            )
        )
        while session.step < self.max_steps:
            if stop.requested:
                LOG.info("told to stop: saved %s", session.checkpoints.save())
                return False
            started = time.monotonic()
            # Visits end at multiples of steps_per_visit, wherever training was resumed.
            ahead = self.steps_per_visit - session.step % self.steps_per_visit
            steps = min(ahead, self.max_steps - session.step)
            losses = _run(loop, batches, steps, pipeline)
            enqueued = time.monotonic()
            session.previous_step, session.step = session.step, session.step + steps
            session.losses = {name: float(value) for name, value in losses.items()}
            ended = time.monotonic()
            session.rate = steps / (ended - started)
            session.waiting_share = waiting_share(
                ended - started,
                loop.waited,
                backlog=ended - enqueued,
                draws=steps * session.draws_per_step,
            )
            _check_finite(session)
            for action in self.actions:
                action.visit(session)
        return True


def _run(loop: InnerLoop, batches, steps: int, pipeline) -> dict[str, tf.Tensor]:
    try:
        return loop.run(batches, steps)
    except tf.errors.OpError:
        if pipeline.error is not None:
            raise pipeline.error from None
        raise


def _check_finite(session: Session) -> None:
    wrong = [name for name, value in session.losses.items() if not math.isfinite(value)]
    if wrong:
        raise UserError(
            f"{wrong[0]} is {session.losses[wrong[0]]} between steps {session.previous_step} and "
            f"{session.step}; the last checkpoint is from before that"
        )


class _StopRequest:
    """Notes SIGTERM and SIGINT while it is entered; a second SIGINT interrupts as ever."""

    def __init__(self):
        self.requested = False

    def __enter__(self):
        try:
            self._handlers = {
                number: signal.signal(number, self._note)
                for number in (signal.SIGTERM, signal.SIGINT)
            }
        except ValueError:  # not in the main thread: whoever runs us handles signals
            self._handlers = {}
        return self

    def __exit__(self, *_):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        del frame
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
