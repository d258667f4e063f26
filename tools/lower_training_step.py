#!/usr/bin/env python3
"""Writes a training step as an XLA program, for machines that have no TensorFlow.

    python tools/lower_training_step.py --gin_file=open_photographs.gin --output=lowered/128

The program is one update of each network, with Adam, moving average and check for finite values,
traced for GPUs (lowering/gpu_operations.py). Its arguments are two batches in uint8, the number of
the first, learning rate, adversarial weight and decay of the moving average, then all variables;
its results are the scalars, then all variables.
tools/train_lowered_step.py runs it with JAX. The folder holds

    step.hlo.pb    the program
    step.json      what its arguments and results are
    first.npz      the variables of a new run, or of --run_dir's latest checkpoint
    masks.npz      holes of the config's generator, packed to bits
    model.json     the generator's architecture
"""

import dataclasses
import json
from pathlib import Path

import absl.flags
import numpy as np

from deepfill_tf.command_line import Command, Flag

COMMAND = Command(
    "lower_training_step",
    __doc__,
    [
        Flag(
            "gin_file",
            "The config; later files override earlier ones.",
            ["open_photographs.gin"],
            define=absl.flags.DEFINE_multi_string,
        ),
        Flag("gin_param", "A binding.", [], define=absl.flags.DEFINE_multi_string),
        Flag("run_dir", "The run whose latest checkpoint the variables are taken of."),
        Flag("output", "The folder to write.", required=True),
        Flag("masks", "Number of holes.", 10_000, define=absl.flags.DEFINE_integer),
    ],
)

# Arguments of the program before the variables.
ARGUMENTS = (
    *("discriminator_images", "discriminator_masks", "generator_images", "generator_masks"),
    *("batch_index", "learning_rate", "adversarial_weight", "ema_decay"),
)
# Options of `data` that batches are made by.
OF_EXAMPLES = ("min_scale", "max_scale", "flip", "hue_jitter", "saturation_jitter")
NON_FINITE = "first_non_finite_batch"


def run(values: absl.flags.FlagValues) -> None:
    import tempfile

    import tensorflow as tf
    from lowering.gpu_operations import gpu_operations

    from deepfill_tf import configuration
    from deepfill_tf.networks.architecture import architecture_of

    output = Path(values.output)
    configuration.parse(values.gin_file, [*values.gin_param, "Trainer.actions = []"])
    trainer = configuration.configured_trainer()
    given = given_settings(trainer)
    strategy = tf.distribute.get_strategy()
    with tempfile.TemporaryDirectory() as empty:
        training = trainer.prepare(values.run_dir or empty, strategy, allow_change=True)
    loop, state = training.loop, training.context.state
    size, batch_size = (trainer.data.height, trainer.data.width), trainer.global_batch_size

    def step(images_1, masks_1, images_2, masks_2, batch_index, *settings):
        given.update(zip(ARGUMENTS[-3:], settings, strict=True))
        scalars = {}
        for offset, (update, images, masks) in enumerate(
            [
                (loop.update_discriminator, images_1, masks_1),
                (loop.update_generator, images_2, masks_2),
            ]
        ):
            batch = {
                "image": tf.cast(images, tf.float32) / 127.5 - 1,
                "mask": tf.cast(masks > 0, tf.float32),
            }
            scalars |= update.in_replica(batch, batch_index + offset)
        return scalars

    images = tf.TensorSpec([batch_size, *size, trainer.data.channels], tf.uint8)
    masks = tf.TensorSpec([batch_size, *size, 1], tf.uint8)
    scalar = tf.TensorSpec([], tf.float32)
    spec = [images, masks, images, masks, tf.TensorSpec([], tf.int64), scalar, scalar, scalar]
    with gpu_operations():
        compiled = tf.function(step, jit_compile=True, autograph=False)
        traced = compiled.get_concrete_function(*spec)
        program = compiled.experimental_get_compiler_ir(*spec)(stage="hlo_serialized")
    variables = {
        f"{part}/{name}": variable
        for part, bundle in state.bundles().items()
        for name, variable in bundle.named.items()
    }
    # Both optimizers may share one step: the first name stays.
    names = {id(variable.handle): name for name, variable in reversed(variables.items())}
    captured = [names.get(id(handle), NON_FINITE) for handle in traced.captured_inputs]
    first = {name: variables[name].numpy() for name in captured if name != NON_FINITE}
    description = {
        "arguments": ARGUMENTS,
        "variables": captured,
        "scalars": sorted(traced.structured_outputs),
        "size": size,
        "batch_size": batch_size,
        **{name: getattr(trainer.data.options, name) for name in OF_EXAMPLES},
        "step": int(state.step.numpy()),
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "step.hlo.pb").write_bytes(program)
    (output / "step.json").write_text(json.dumps(description, indent=1) + "\n")
    np.savez_compressed(output / "first.npz", **first, **{NON_FINITE: np.int64(-1)})
    architecture = {"architecture": architecture_of(state.generator)}
    (output / "model.json").write_text(json.dumps(architecture, indent=2) + "\n")
    write_masks(trainer.data.masks, *size, values.masks, trainer.seed, output / "masks.npz")
    print(f"wrote {output}: {len(captured)} variables, a program of {len(program)} bytes")


def given_settings(trainer) -> dict:
    """Makes the settings that change arguments of the program; returns where they are put."""
    from deepfill_tf.schedules import PiecewiseLinear

    given: dict = {}

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Given(PiecewiseLinear):
        """A setting that is an argument of the step."""

        name: str

        def __call__(self, step):
            return given[self.name]

    def setting(name: str) -> Given:
        return Given(name=name, steps=[0], values=[0.5])

    weight = setting("adversarial_weight")
    trainer.objective = dataclasses.replace(trainer.objective, adversarial_weight=weight)
    trainer.learning_rate = setting("learning_rate")
    trainer.ema_decay = setting("ema_decay")
    return given


def write_masks(generator, height: int, width: int, count: int, seed: int, path: Path) -> None:
    """Writes `count` holes, packed to bits: `holes`, uint8 `[count, height * width / 8]`."""
    import tensorflow as tf

    generate = tf.function(lambda seeds: tf.cast(generator(seeds, height, width), tf.uint8))
    parts = []
    for begin in range(0, count, 500):
        indices = np.arange(begin, min(begin + 500, count), dtype=np.int64)
        seeds = np.stack([np.full_like(indices, seed), indices], axis=1)
        parts.append(np.packbits(generate(seeds).numpy().reshape(len(indices), -1), axis=1))
    np.savez_compressed(path, holes=np.concatenate(parts))


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
