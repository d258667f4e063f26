"""Training, from a config's settings to the last step.

It knows no paper: networks and objective are given.
"""

import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.data import TrainingData
from deepfill_tf.errors import UserError, WorkerLostError
from deepfill_tf.inference import load_generator, run_directory
from deepfill_tf.inference.weights import assign_weights, weights_of
from deepfill_tf.objectives import Objective
from deepfill_tf.training.actions import Action
from deepfill_tf.training.agreement import Agreement
from deepfill_tf.training.checkpoints import Checkpoints
from deepfill_tf.training.circumstances import circumstances
from deepfill_tf.training.cluster import is_chief
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.outer_loop import OuterLoop
from deepfill_tf.training.players import Players
from deepfill_tf.training.session import Session
from deepfill_tf.training.stop_request import StopRequest
from deepfill_tf.training.strategies import make_strategy

LOG = logging.getLogger(__name__)

PRECISIONS = ("float32", "mixed_bfloat16")
# Below this the discriminator's last layer sees one pixel, and there TensorFlow's bfloat16
# gradient of a 5 x 5 kernel reads memory that was never written.
SMALLEST_BFLOAT16 = 64
# What TensorFlow makes of a process that does not answer any more.
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


@dataclass(kw_only=True)
class Trainer:
    """Trains two networks against each other.

    Attributes:
      data: what to train on.
      generator: makes the generator; called with the `dtype` of its policy.
      objective: what both players minimise; it makes the discriminator too.
      max_steps: one step is one update of the generator.
      global_batch_size: pictures in one update, over all replicas.
      accumulation_parts: parts in which each replica computes its share of a global batch, where
        that does not fit into memory.
      discriminator_updates: before each of the generator's; none where the objective
        trains the coarse network alone.
      initial_generator: a run or model directory whose generator a new run begins with;
        None: random weights.
      learning_rate, beta_1, beta_2, epsilon: of Adam, for both networks.
      share_adam_count: one step count for both networks, as released.
      average_decay: of a moving average of the generator's weights; None for none.
      precision: "float32" or "mixed_bfloat16".
      jit_compile: compile forward and backward pass with XLA.
      strategy, devices, tpu: see `make_strategy`.
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
    accumulation_parts: int = 1
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
    tpu: str | None = None
    steps_per_visit: int = 10
    seed: int = 0
    keep_checkpoints: int = 5
    actions: Sequence[Action] = field(default_factory=tuple)

    def __post_init__(self):
        for name in (
            "max_steps",
            "global_batch_size",
            "accumulation_parts",
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
        listed = isinstance(self.actions, list | tuple)
        if not listed or not all(isinstance(action, Action) for action in self.actions):
            raise ValueError(
                "Trainer.actions must be a list of actions, such as [@SaveCheckpoints()] with the "
                f"brackets, got {self.actions!r}"
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

    def train(
        self,
        run_dir: str,
        *,
        strategy: tf.distribute.Strategy | None = None,
        on_built: Callable[[bool], None] = lambda _: None,
        allow_change: bool = False,
    ) -> bool:
        """Trains from the newest checkpoint, if there is one, to `max_steps`.

        `strategy` is by default what `strategy`, `devices` and `tpu` say; a cluster must be
        joined before TensorFlow has run anything, so give it where there is one. The chief calls
        `on_built` when networks stand and weights are restored, before the first step, with
        whether there was a checkpoint; it alone runs actions and saves. With `allow_change` a
        checkpoint may be of another architecture whose weights have the same shapes.

        Gives True when all steps are done, False when a process was told to stop by SIGTERM or
        SIGINT: then the chief has saved, and the same call goes on. Raises WorkerLostError where
        another process of the cluster went away.
        """
        strategy = strategy or make_strategy(self.strategy, self.devices, self.tpu)
        try:
            with StopRequest() as stop:
                return self._train(run_dir, strategy, on_built, stop, allow_change)
        except LOST as error:
            if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
                raise
            raise WorkerLostError(
                "another worker went away: start all of them again, and they go on from the "
                "newest checkpoint"
            ) from error

    def _train(
        self,
        run_dir: str,
        strategy: tf.distribute.Strategy,
        on_built: Callable[[bool], None],
        stop: StopRequest,
        allow_change: bool,
    ) -> bool:
        replicas = strategy.num_replicas_in_sync
        if self.global_batch_size % (replicas * self.accumulation_parts):
            parts = self.accumulation_parts
            raise UserError(
                f"Trainer.global_batch_size={self.global_batch_size} is not a multiple of "
                f"the {replicas} replicas"
                + (f" times {parts} accumulation_parts" if parts > 1 else "")
            )
        chief = is_chief(strategy)
        actions = self.actions if chief else ()
        updates = 0 if self.objective.pretrain_coarse else self.discriminator_updates
        players = self._make_players(strategy)
        checkpoints = Checkpoints(
            run_dir, players, keep=self.keep_checkpoints, circumstances=circumstances(strategy)
        )
        first_step = checkpoints.restore(allow_change=allow_change)
        agreement = Agreement(strategy)
        if not agreement.same(first_step):
            raise UserError(
                f"the workers do not see the same checkpoints in {run_dir} (here step "
                f"{first_step}): it must be a folder that they share"
            )
        if not first_step:
            self._begin_with_initial_generator(players)
        if chief:
            on_built(first_step > 0)
            checkpoints.prepare()

        session = Session(
            run_dir=run_dir,
            players=players,
            checkpoints=checkpoints,
            data=self.data,
            writer=_writer(run_dir) if chief else tf.summary.create_noop_writer(),
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
            accumulation_parts=self.accumulation_parts,
            jit_compile=self.jit_compile,
        )
        outer_loop = OuterLoop(
            loop,
            self.objective,
            actions=actions,
            agreement=agreement,
            steps_per_visit=self.steps_per_visit,
        )
        try:
            for action in actions:
                action.begin(session)
            finished = outer_loop.run(session, stop)
            if finished:
                for action in actions:
                    action.finish(session)
            elif chief:
                LOG.info("told to stop: saved %s", checkpoints.save())
            # No process ends while another still waits for it.
            agreement.any_of(finished)
        finally:
            for action in actions:
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


def _writer(run_dir: str) -> tf.summary.SummaryWriter:
    return tf.summary.create_file_writer(os.path.join(run_dir, run_directory.LOGS))
