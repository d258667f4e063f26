"""Cases that train: steps as `Trainer` runs them, on the photographs of the package."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial

from benchmarking.comparisons import Comparison, Measures, Subject, Variant
from benchmarking.completions import PHOTOGRAPHS, WITHOUT_REGIONS, Case
from benchmarking.generators import Variation, upsample_before_convolutions
from benchmarking.machine import measured
from deepfill_tf.configuration import configured_trainer, parse
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.training.distribution.strategies import make_strategy
from deepfill_tf.training.inner_loop import InnerLoop
from deepfill_tf.training.train_state import TrainState


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is trained: the networks of a paper, of any size, on squares of `height` pixels.

    Attributes:
      files: gin files, before the bindings below.
      steps: steps in a run, whose measures are divided by it.
    """

    files: tuple[str, ...]
    network: str
    height: int
    batch_size: int
    generator_width: int
    discriminator_width: int
    ema_decay: float | None = None
    steps: int = 1

    def scaled(self, generator_width: int | None) -> "Training":
        """The same with networks of another width."""
        if generator_width is None:
            return self
        scaled = self.discriminator_width * generator_width // self.generator_width
        return Training(
            **asdict(self)
            | {"generator_width": generator_width, "discriminator_width": max(1, scaled)}
        )

    def bindings(self, variation: Variation) -> list[str]:
        """The gin bindings; the holes have the size that the papers' have at 256 x 256."""
        side, generator = self.height, f"Generator{self.network.upper()}"
        holes = {"height": side // 2, "width": side // 2}
        holes |= {"max_delta_height": side // 8, "max_delta_width": side // 8}
        values = {
            "data.height": side,
            "data.width": side,
            **{f"RectangleMasks.{name}": value for name, value in holes.items()},
            "BrushStrokeMasks.min_brush_width": 12 * side // 256,
            "BrushStrokeMasks.max_brush_width": 40 * side // 256,
            "Trainer.global_batch_size": self.batch_size,
            "Trainer.ema_decay": self.ema_decay,
            "Trainer.precision": variation.dtype,
            "Trainer.discriminator_updates": 1,
            f"{generator}.width": self.generator_width,
            f"{generator}.attention_options": {"implementation": variation.implementation},
            "GAN.width": self.discriminator_width,
        }
        return [f"{name} = {value!r}" for name, value in values.items()]

    def parameters(self, task: str) -> dict:
        """Parameters for rivals."""
        described = asdict(self) | {"task": task, "width": self.height, "images": PHOTOGRAPHS}
        return {name: value for name, value in described.items() if name not in ("files", "steps")}


V2 = ("base.gin", "models/v2.gin", "data/photographs.gin")
V1 = ("base.gin", "models/v1.gin", "data/photographs.gin")
FULL = {"height": 256, "batch_size": 4, "discriminator_width": 64}
TRAININGS = {
    "training-v2": Training(files=V2, network="v2", generator_width=24, **FULL),
    "training-v1": Training(files=V1, network="v1", generator_width=32, **FULL),
    "training-small": Training(
        files=V2,
        network="v2",
        height=128,
        batch_size=8,
        generator_width=16,
        discriminator_width=32,
    ),
    "quickstart": Training(
        files=("quickstart.gin",),
        network="v2",
        height=64,
        batch_size=8,
        generator_width=12,
        discriminator_width=16,
        ema_decay=0.99,
        steps=10,
    ),
}


def training_step(training: Training, variation: Variation) -> Subject:
    """Steps: one update of the discriminator and one of the generator, each of a fresh batch."""
    parse(training.files, training.bindings(variation))
    trainer = configured_trainer()
    objective, data = trainer.objective, trainer.data
    strategy = make_strategy("one_device")
    with strategy.scope():
        built = build_model(trainer.generator(dtype=trainer.precision))
        if variation.implementation == "patches":
            upsample_before_convolutions(built)
        discriminator = objective.gan.make_discriminator(dtype=trainer.precision)
        objective.build(built, discriminator, data.example(with_box=objective.needs_box))
        state = TrainState(
            built,
            discriminator,
            share_step=trainer.share_adam_step,
            ema_decay=trainer.ema_decay,
            adam={
                name: getattr(trainer, name)
                for name in ("learning_rate", "beta_1", "beta_2", "epsilon")
            },
        )
    pipeline = data.pipeline(
        global_batch_size=trainer.global_batch_size, seed=0, with_box=objective.needs_box
    )
    loop = InnerLoop(state, objective, strategy)
    batches = loop.batches(partial(pipeline.dataset, 0))
    measure = measured(lambda: [float(x) for x in loop.run(batches, training.steps).values()])

    def measure_step() -> Measures:
        return {name: value / training.steps for name, value in measure().items()}

    return Subject(measure_step, close=pipeline.close)


def training_case(name: str) -> Case:
    """A case: a step of one of `TRAININGS`."""

    def case(generator_width: int | None) -> Iterator[Comparison]:
        training = TRAININGS[name].scaled(generator_width)
        size = f"{training.height} x {training.height}, batch {training.batch_size}"
        yield Comparison(
            what=f"{training.network} of width {training.generator_width}, training step, {size}",
            parameters=training.parameters("train"),
            variants=tuple(
                Variant(variant, partial(training_step, training, variation))
                for variant, variation in WITHOUT_REGIONS.items()
            ),
        )

    return case
