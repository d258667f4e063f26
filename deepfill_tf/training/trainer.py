"""Settings of a training run, and the networks and checkpoints made from them.

Nothing here depends on a paper: generator and objective are settings.
"""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.checks import (
    check_at_least,
    check_bool,
    check_choice,
    check_in_range,
    check_int,
    check_positive,
)
from deepfill_tf.compat import keras
from deepfill_tf.data.training_data import TrainingData
from deepfill_tf.errors import UserError
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.objectives import Objective
from deepfill_tf.schedules import PiecewiseLinear, Scheduled, check_scheduled
from deepfill_tf.storage.checkpoints import Checkpoints
from deepfill_tf.storage.loading import load_generator
from deepfill_tf.storage.weights import assign_weights, weights_of
from deepfill_tf.training.actions import Action
from deepfill_tf.training.distribution.cross_worker import CrossWorker, worker_loss_reported
from deepfill_tf.training.distribution.environment import environment_info
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.train_state import TrainState
from deepfill_tf.training.training_context import TrainingContext
from deepfill_tf.training.training_run import TrainingRun

LOG = logging.getLogger(__name__)

PRECISIONS = ("float32", "mixed_bfloat16")
# Below this the discriminator's last layer sees one pixel, and there TensorFlow's bfloat16
# gradient of a 5 x 5 kernel reads memory that was never written.
MIN_BFLOAT16_SIDE = 64


@dataclass(kw_only=True)
class Trainer:
    """Settings of a run that trains a generator and a discriminator against each other.

        training = trainer.prepare(run_dir, strategy)
        finished = training.run()

    Attributes:
      data: images and masks.
      generator: makes the generator; called with the `dtype` of its policy.
      objective: the losses of both networks; makes the discriminator.
      max_steps: one step is one update of the generator.
      global_batch_size: images in one update, over all replicas.
      gradient_accumulation_steps: parts in which each replica computes its share of a global
        batch, if that does not fit into memory at once.
      discriminator_updates: updates of the discriminator before each one of the generator; not
        used if the objective has no adversarial loss.
      init_generator_from: run or model directory whose generator a new run starts with; None for
        random weights.
      learning_rate: of Adam, for both networks; may change with the step, see
        `schedules.PiecewiseLinear`.
      beta_1, beta_2, epsilon: of Adam, for both networks.
      share_adam_step: let both networks share one step count of Adam, as released.
      ema_decay: decay of a moving average of the generator's weights, which may change with the
        step too; None for no average.
      precision: "float32" or "mixed_bfloat16".
      jit_compile: compile the forward and backward pass with XLA.
      steps_per_loop: steps on the device between two calls of the actions.
      seed: of the initial weights, the order of the images, crops and masks.
      max_checkpoints_to_keep: number of checkpoints that are kept, the latest ones.
      actions: host work between loops of steps, see `training.actions`.
    """

    data: TrainingData
    generator: Callable[..., keras.Model]
    objective: Objective
    max_steps: int
    global_batch_size: int = 16
    gradient_accumulation_steps: int = 1
    discriminator_updates: int = 1
    init_generator_from: str | None = None
    learning_rate: Scheduled = 1e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    epsilon: float = 1e-8
    share_adam_step: bool = True
    ema_decay: Scheduled | None = None
    precision: str = "float32"
    jit_compile: bool = False
    steps_per_loop: int = 10
    seed: int = 0
    max_checkpoints_to_keep: int = 5
    actions: Sequence[Action] = ()

    def __post_init__(self):
        def check(checked: Callable, name: str, *limits) -> None:
            checked(f"Trainer.{name}", getattr(self, name), *limits)

        for name in (
            "max_steps",
            "global_batch_size",
            "gradient_accumulation_steps",
            "discriminator_updates",
            "steps_per_loop",
            "max_checkpoints_to_keep",
        ):
            check(check_int, name, 1)
        is_scheduled = isinstance(self.learning_rate, PiecewiseLinear)
        check_rate = check_at_least if is_scheduled else check_positive
        check_scheduled(check_rate, "Trainer.learning_rate", self.learning_rate)
        check(check_in_range, "beta_1", 0, 1)
        check(check_in_range, "beta_2", 0, 1)
        check(check_positive, "epsilon")
        if self.ema_decay is not None:
            check_decay = functools.partial(check_in_range, low_open=True)
            check_scheduled(check_decay, "Trainer.ema_decay", self.ema_decay, 0, 1)
        check(check_choice, "precision", PRECISIONS)
        check(check_bool, "share_adam_step")
        check(check_bool, "jit_compile")
        side = min(self.data.height, self.data.width)
        if self.precision == "mixed_bfloat16" and side < MIN_BFLOAT16_SIDE:
            raise ValueError(
                "Trainer.precision='mixed_bfloat16' needs images of at least "
                f"{MIN_BFLOAT16_SIDE} pixels a side, got {side}"
            )
        if not isinstance(self.init_generator_from, str | None):
            raise ValueError(
                "Trainer.init_generator_from must be the path of a run or model directory, got "
                f"{self.init_generator_from!r}"
            )
        is_list = isinstance(self.actions, list | tuple)
        if not is_list or not all(isinstance(action, Action) for action in self.actions):
            raise ValueError(
                "Trainer.actions must be a list of actions, such as [@SaveCheckpoints()] with the "
                f"brackets, got {self.actions!r}"
            )

    def prepare(
        self,
        run_dir: str,
        strategy: tf.distribute.Strategy,
        *,
        allow_change: bool = False,
        before_restore: Callable[[], None] = lambda: None,
    ) -> TrainingRun:
        """Builds the networks and restores the latest checkpoint of a run, if there is one.

        Writes nothing.

        Args:
          run_dir: the run directory. Workers must share it.
          strategy: see `training.distribution.strategies`.
          allow_change, before_restore: see `Checkpoints.restore`. All networks are built when
            `before_restore` is called.

        Raises:
          UserError: if settings, data and checkpoints do not fit together.
          WorkerLostError: if another worker of the cluster is lost.
        """
        self._check_batch_size(strategy.num_replicas_in_sync)
        with worker_loss_reported(strategy):
            state = self._make_state(strategy)
            checkpoints, first_step = self._restore(
                state,
                run_dir,
                strategy,
                allow_change=allow_change,
                before_restore=before_restore,
            )
            self.data.check_images(resumed=bool(first_step))
            if not first_step:
                self._initialize_generator(state)
            adversarial = self.objective.has_adversarial_loss
            loop = InnerLoop(
                state,
                self.objective,
                strategy,
                discriminator_updates=self.discriminator_updates if adversarial else 0,
                gradient_accumulation_steps=self.gradient_accumulation_steps,
                jit_compile=self.jit_compile,
            )
            context = TrainingContext(
                run_dir=run_dir,
                state=state,
                checkpoints=checkpoints,
                data=self.data,
                global_batch_size=self.global_batch_size,
                seed=self.seed,
                learning_rate=self.learning_rate,
                max_steps=self.max_steps,
                batches_per_step=loop.batches_per_step,
                pretrain_coarse=self.objective.pretrain_coarse,
                first_step=first_step,
                step=first_step,
                previous_step=first_step,
            )
            return TrainingRun(
                context,
                loop,
                self.objective,
                strategy,
                actions=self.actions,
                steps_per_loop=self.steps_per_loop,
            )

    def _restore(
        self, state: TrainState, run_dir: str, strategy: tf.distribute.Strategy, **options
    ) -> tuple[Checkpoints, int]:
        """Returns the run's checkpoints, and the step of the one that was restored, or 0.

        `options` are those of `Checkpoints.restore`.
        """
        checkpoints = Checkpoints(
            run_dir,
            step=state.step,
            bundles=state.bundles(),
            architectures={
                "generator": architecture_of(state.generator),
                "discriminator": architecture_of(state.discriminator),
            },
            max_to_keep=self.max_checkpoints_to_keep,
            environment=environment_info(strategy),
        )
        step = checkpoints.restore(**options)
        if not CrossWorker(strategy).all_equal(step):
            raise UserError(
                f"the workers do not see the same checkpoints in {run_dir} (here step {step}): it "
                "must be a directory that they share"
            )
        return checkpoints, step

    def _check_batch_size(self, replicas: int) -> None:
        parts = self.gradient_accumulation_steps
        if self.global_batch_size % (replicas * parts):
            raise UserError(
                f"Trainer.global_batch_size={self.global_batch_size} is not a multiple of "
                f"the {replicas} replicas"
                + (f" times {parts} gradient_accumulation_steps" if parts > 1 else "")
            )

    def _make_state(self, strategy: tf.distribute.Strategy) -> TrainState:
        keras.utils.set_random_seed(self.seed)
        objective = self.objective
        with strategy.scope():
            generator = self.generator(dtype=self.precision)
            self._check_generator(generator)
            discriminator = objective.gan.make_discriminator(
                guided=self.data.guided, dtype=self.precision
            )
            with_box = objective.needs_box or objective.gan.needs_box
            objective.build(generator, discriminator, self.data.example(with_box=with_box))
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

    def _check_generator(self, generator: keras.Model) -> None:
        channels, guided = generator.channels, generator.guided
        if channels != self.data.channels:
            raise UserError(
                f"the generator has channels={channels}, but data.channels={self.data.channels}; "
                "both must be the same"
            )
        multiple, least = generator.size_multiple, generator.min_size
        for name in ("height", "width"):
            size = getattr(self.data, name)
            if size % multiple or size < least:
                raise UserError(
                    f"data.{name}={size} does not fit the generator: it must be a multiple of "
                    f"{multiple}, at least {least}"
                )
        if guided != self.data.guided:
            raise UserError(
                f"the generator has guided={guided}, but data.sketches "
                f"{'are' if self.data.guided else 'are not'} given; set both or neither"
            )

    def _initialize_generator(self, state: TrainState) -> None:
        if self.init_generator_from is None:
            return
        weights = weights_of(load_generator(self.init_generator_from))
        assign_weights(state.generator, weights, self.init_generator_from)
        if state.ema is not None:
            state.ema.restart()
        LOG.info("initialized the generator from %s", self.init_generator_from)
