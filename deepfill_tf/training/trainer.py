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
from deepfill_tf.objectives import Objective
from deepfill_tf.storage.weights import assign_weights, weights_of
from deepfill_tf.training.actions import Action
from deepfill_tf.training.checkpoints import Checkpoints
from deepfill_tf.training.distribution.cluster import is_chief
from deepfill_tf.training.distribution.cross_worker import CrossWorker
from deepfill_tf.training.distribution.environment import environment_info
from deepfill_tf.training.distribution.strategies import make_strategy
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.outer_loop import OuterLoop
from deepfill_tf.training.stop_request import StopRequest
from deepfill_tf.training.train_state import TrainState
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)

PRECISIONS = ("float32", "mixed_bfloat16")
# Below this the discriminator's last layer sees one pixel, and there TensorFlow's bfloat16
# gradient of a 5 x 5 kernel reads memory that was never written.
MIN_BFLOAT16_SIDE = 64
# What TensorFlow makes of a process that does not answer any more.
CONNECTION_ERRORS = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


@dataclass(kw_only=True)
class Trainer:
    """Trains two networks against each other.

    Attributes:
      data: what to train on.
      generator: makes the generator; called with the `dtype` of its policy.
      objective: what both networks minimise; it makes the discriminator too.
      max_steps: one step is one update of the generator.
      global_batch_size: images in one update, over all replicas.
      gradient_accumulation_steps: parts in which each replica computes its share of a global batch, where
        that does not fit into memory.
      discriminator_updates: before each of the generator's; none where the objective
        trains the coarse network alone.
      init_generator_from: a run or model directory whose generator a new run begins with;
        None: random weights.
      learning_rate, beta_1, beta_2, epsilon: of Adam, for both networks.
      share_adam_step: one step count for both networks, as released.
      ema_decay: of a moving average of the generator's weights; None for none.
      precision: "float32" or "mixed_bfloat16".
      jit_compile: compile forward and backward pass with XLA.
      strategy, devices, tpu: see `make_strategy`.
      steps_per_loop: steps on the device between two visits of the host.
      seed: of the initial weights, the order of the images, crops and holes.
      max_checkpoints_to_keep: how many of the newest are kept.
      actions: what happens between visits.
    """

    data: TrainingData
    generator: Callable[..., keras.Model]
    objective: Objective
    max_steps: int
    global_batch_size: int = 16
    gradient_accumulation_steps: int = 1
    discriminator_updates: int = 1
    init_generator_from: str | None = None
    learning_rate: float = 1e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    epsilon: float = 1e-8
    share_adam_step: bool = True
    ema_decay: float | None = None
    precision: str = "float32"
    jit_compile: bool = False
    strategy: str = "auto"
    devices: list[str] | None = None
    tpu: str | None = None
    steps_per_loop: int = 10
    seed: int = 0
    max_checkpoints_to_keep: int = 5
    actions: Sequence[Action] = field(default_factory=tuple)

    def __post_init__(self):
        for name in (
            "max_steps",
            "global_batch_size",
            "gradient_accumulation_steps",
            "discriminator_updates",
            "steps_per_loop",
            "max_checkpoints_to_keep",
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Trainer.{name} must be a positive integer, got {value!r}")
        if not isinstance(self.init_generator_from, str | None):
            raise ValueError(
                f"Trainer.init_generator_from must be a folder's path, got {self.init_generator_from!r}"
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
        if self.precision == "mixed_bfloat16" and smallest < MIN_BFLOAT16_SIDE:
            raise ValueError(
                f"mixed_bfloat16 needs images of at least {MIN_BFLOAT16_SIDE} pixels a side, "
                f"got {smallest}"
            )
        for name, low, high in (
            ("learning_rate", 0, math.inf),
            ("beta_1", 0, 1),
            ("beta_2", 0, 1),
            ("epsilon", 0, math.inf),
            ("ema_decay", 0, 1),
        ):
            value = getattr(self, name)
            if value is None and name == "ema_decay":
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
        except CONNECTION_ERRORS as error:
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
        if self.global_batch_size % (replicas * self.gradient_accumulation_steps):
            parts = self.gradient_accumulation_steps
            raise UserError(
                f"Trainer.global_batch_size={self.global_batch_size} is not a multiple of "
                f"the {replicas} replicas"
                + (f" times {parts} gradient_accumulation_steps" if parts > 1 else "")
            )
        chief = is_chief(strategy)
        actions = self.actions if chief else ()
        updates = 0 if self.objective.pretrain_coarse else self.discriminator_updates
        state = self._make_state(strategy)
        checkpoints = Checkpoints(
            run_dir,
            state,
            keep=self.max_checkpoints_to_keep,
            environment=environment_info(strategy),
        )
        first_step = checkpoints.restore(allow_change=allow_change)
        cross_worker = CrossWorker(strategy)
        if not cross_worker.all_equal(first_step):
            raise UserError(
                f"the workers do not see the same checkpoints in {run_dir} (here step "
                f"{first_step}): it must be a folder that they share"
            )
        if not first_step:
            self._initialize_generator(state)
        if chief:
            on_built(first_step > 0)
            checkpoints.prepare()

        context = TrainingContext(
            run_dir=run_dir,
            state=state,
            checkpoints=checkpoints,
            data=self.data,
            writer=_writer(run_dir) if chief else tf.summary.create_noop_writer(),
            global_batch_size=self.global_batch_size,
            seed=self.seed,
            batches_per_step=updates + 1,
            learning_rate=self.learning_rate,
            first_step=first_step,
            max_steps=self.max_steps,
            step=first_step,
            previous_step=first_step,
            pretrain_coarse=self.objective.pretrain_coarse,
        )
        LOG.info(
            "%s %d on %d replica(s), %d training images",
            "going on from step" if first_step else "starting at step",
            first_step,
            replicas,
            len(self.data.paths),
        )
        loop = InnerLoop(
            state,
            self.objective,
            strategy,
            discriminator_updates=updates,
            gradient_accumulation_steps=self.gradient_accumulation_steps,
            jit_compile=self.jit_compile,
        )
        outer_loop = OuterLoop(
            loop,
            self.objective,
            actions=actions,
            cross_worker=cross_worker,
            steps_per_loop=self.steps_per_loop,
        )
        try:
            for action in actions:
                action.on_train_begin(context)
            finished = outer_loop.run(context, stop)
            if finished:
                for action in actions:
                    action.on_train_end(context)
            elif chief:
                LOG.info("told to stop: saved %s", checkpoints.save())
            # No process ends while another still waits for it.
            cross_worker.any(finished)
        finally:
            for action in actions:
                action.close(context)
            context.writer.close()
        return finished

    def _make_state(self, strategy: tf.distribute.Strategy) -> TrainState:
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
            return TrainState(
                generator,
                discriminator,
                share_step=self.share_adam_step,
                ema_decay=self.ema_decay,
                adam={
                    "learning_rate": self.learning_rate,
                    "beta_1": self.beta_1,
                    "beta_2": self.beta_2,
                    "epsilon": self.epsilon,
                },
            )

    def _initialize_generator(self, state: TrainState) -> None:
        if self.init_generator_from is None:
            return
        weights = weights_of(load_generator(self.init_generator_from))
        assign_weights(state.generator, weights, self.init_generator_from)
        if state.ema is not None:
            state.ema.restart()
        LOG.info("beginning with the generator of %s", self.init_generator_from)


def _writer(run_dir: str) -> tf.summary.SummaryWriter:
    return tf.summary.create_file_writer(os.path.join(run_dir, run_directory.LOGS))
