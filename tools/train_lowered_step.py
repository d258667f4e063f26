#!/usr/bin/env python3
"""Trains by XLA programs of training steps, with JAX. Needs no TensorFlow.

    python tools/train_lowered_step.py --program=lowered/128 --program=lowered/256 \\
        --images='train/*.jpg' --seconds=400 --output=trained/

Every program (of tools/lower_training_step.py) trains for its part of the time, beginning with the
variables of the first one's first.npz. Needs jax, numpy, opencv-python and safetensors, and of this
repository tools/lowering/ and, of deepfill_tf/data/, crops.py and colors.py. Writes a model
directory, which all commands of the package take, the variables to go on with, log.txt with the
schedule as it was used, and every minute the moving average. The compiler takes the kernel that
cuDNN recommends for a convolution: to try all takes minutes. Flags in the variable XLA_FLAGS
override that.
"""

import argparse
import glob
import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from lowering.batches import Batches, Kind

PLAN = Path(__file__).parent / "lowering" / "default_model.json"
SETTINGS = ("learning_rate", "adversarial_weight", "ema_decay")
NON_FINITE = "first_non_finite_batch"
XLA_FLAGS = (
    "--xla_gpu_autotune_level=1 --xla_gpu_autotune_max_solutions=1"
    " --xla_gpu_enable_triton_gemm=false"
)
# Steps between two lines of the log, seconds between two files of the moving average, and steps
# that may wait on the device.
LOG_EVERY, KEEP_EVERY, AHEAD = 50, 60, 6


class Program:
    """A compiled training step.

    Args:
      folder: what tools/lower_training_step.py wrote.

    Attributes:
      names: of the variables, in order.
      scalars: names of what a step reports, in order.
      kind: of its batches: both of a step in one.
      description: the contents of step.json.
    """

    def __init__(self, folder: Path):
        import jax
        import jax.numpy as jnp
        from lowering.jax_programs import function_of

        self.description = json.loads((folder / "step.json").read_text())
        self.names, self.scalars = self.description["variables"], self.description["scalars"]
        size, half = self.description["size"], self.description["batch_size"]
        self.kind = Kind(
            2 * half,
            *size,
            (self.description["min_scale"], self.description["max_scale"]),
            self.description["flip"],
            (self.description["hue_jitter"], self.description["saturation_jitter"]),
            folder / "masks.npz",
        )
        function = function_of((folder / "step.hlo.pb").read_bytes())
        count = len(self.scalars)

        def step(variables, images, masks, batch_index, settings):
            batches = images[:half], masks[:half], images[half:], masks[half:]
            results = function.call(*batches, batch_index, *settings, *variables)
            return tuple(results[count:]), jnp.stack(results[:count])

        placed = jax.sharding.SingleDeviceSharding(jax.devices()[0])

        def like(shape, dtype):
            return jax.ShapeDtypeStruct(shape, dtype, sharding=placed)

        self.run = (
            jax.jit(step, donate_argnums=0)
            .lower(
                tuple(like(a.shape, a.dtype) for a in function.in_avals[-len(self.names) :]),
                like((2 * half, *size, 3), np.uint8),
                like((2 * half, *size, 1), np.uint8),
                like((), np.int64),
                like((len(SETTINGS),), np.float32),
            )
            .compile()
        )


class Training:
    """Variables on the device, and steps that change them.

    Args:
      programs: compiled steps, of the same variables.
      first: the variables' first values, by name.
      batches: of the kinds of all programs.
      plan: the settings as points (fraction of the time, value), and `until`, the fraction at
        which each program ends.
      output: the folder for the log and the files.
    """

    def __init__(self, programs: list[Program], first: dict, batches: Batches, plan: dict, output):
        import jax

        self._device = jax.devices()[0]
        self._programs, self._batches, self._plan, self._output = programs, batches, plan, output
        self._restart = first
        self._variables = self._placed(first)
        self._rate_factor = 1.0
        self.steps = [0] * len(programs)

    def run(self, seconds: float) -> None:
        """Trains for so many seconds."""
        import jax

        started = kept = time.monotonic()
        scalars, logged = [], started
        while (fraction := (time.monotonic() - started) / seconds) < 1:
            number = min(np.searchsorted(self._plan["until"], fraction), len(self._programs) - 1)
            program = self._programs[number]
            settings = self._settings(fraction)
            index = np.int64(2 * sum(self.steps))
            arguments = (*self._batches.next(number), index, np.float32(settings))
            placed = (jax.device_put(argument, self._device) for argument in arguments)
            self._variables, reported = program.run(self._variables, *placed)
            scalars.append(reported)
            self.steps[number] += 1
            if len(scalars) > AHEAD:
                scalars[-AHEAD].block_until_ready()
            if sum(self.steps) % LOG_EVERY:
                continue
            means = np.mean([np.asarray(values) for values in scalars], axis=0)
            elapsed, logged, scalars = time.monotonic() - logged, time.monotonic(), []
            self._log(
                fraction, settings, LOG_EVERY / elapsed, zip(program.scalars, means, strict=True)
            )
            if self.values((NON_FINITE,))[NON_FINITE] >= 0:
                self.say("a value is not finite: back to the last kept variables, half the rate")
                self._rate_factor /= 2
                self._variables = self._placed(self._restart)
            elif time.monotonic() - kept > KEEP_EVERY:
                kept, self._restart = time.monotonic(), self.values()
                write(self._output / f"ema-{sum(self.steps)}.safetensors", self._restart, "ema/")

    def values(self, wanted=("",)) -> dict[str, np.ndarray]:
        """The variables whose names begin so."""
        named = zip(self._programs[0].names, self._variables, strict=True)
        return {name: np.asarray(v) for name, v in named if name.startswith(tuple(wanted))}

    def say(self, line: str) -> None:
        """Prints a line, and appends it to the log."""
        print(line, flush=True)
        with (self._output / "log.txt").open("a") as file:
            print(line, file=file)

    def _settings(self, fraction: float) -> list[float]:
        points = (zip(*self._plan[name], strict=True) for name in SETTINGS)
        settings = [float(np.interp(fraction, *columns)) for columns in points]
        return [settings[0] * self._rate_factor, *settings[1:]]

    def _log(self, fraction: float, settings: list[float], rate: float, scalars) -> None:
        chosen = "  ".join(f"{s} {v:.3g}" for s, v in zip(SETTINGS, settings, strict=True))
        values = "  ".join(f"{name} {value:.4f}" for name, value in scalars)
        step = sum(self.steps)
        self.say(f"step {step}  {100 * fraction:.1f} %  {rate:.2f} steps/s  {chosen}  {values}")

    def _placed(self, values: dict[str, np.ndarray]) -> tuple:
        import jax

        return tuple(jax.device_put(values[name], self._device) for name in self._programs[0].names)


def write(path: Path, values: dict[str, np.ndarray], prefix: str) -> str:
    """Writes the variables of one part; returns the checksum of the file."""
    from safetensors.numpy import save

    part = {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
    content = save(part)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def write_model(folder: Path, program: Path, values: dict[str, np.ndarray], step: int) -> None:
    """Writes the moving average as a model directory of the package."""
    folder.mkdir(exist_ok=True)
    description = json.loads((program / "model.json").read_text())
    description |= {
        "weights_sha256": write(folder / "weights.safetensors", values, "ema/"),
        "origin": "trained by deepfill_tf",
        "step": step,
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", action="append", required=True, type=Path)
    parser.add_argument("--images", required=True, help="a glob")
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--plan", default=PLAN, type=Path)
    parser.add_argument("--processes", default=4, type=int, help="that make batches")
    values = parser.parse_args()
    plan = json.loads(values.plan.read_text())
    if len(values.program) != len(plan["until"]):
        parser.error(
            f"{values.plan} is a plan for {len(plan['until'])} programs, got {len(values.program)}"
        )
    os.environ["XLA_FLAGS"] = f"{XLA_FLAGS} {os.environ.get('XLA_FLAGS', '')}"
    import jax

    jax.config.update("jax_enable_x64", True)  # steps are int64
    values.output.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        programs = list(pool.map(Program, values.program))
    if any(program.names != programs[0].names for program in programs):
        parser.error("the programs have different variables")
    paths = sorted(glob.glob(values.images, recursive=True))
    batches = Batches(paths, [program.kind for program in programs], values.processes)
    first = dict(np.load(values.program[0] / "first.npz"))
    training = Training(programs, first, batches, plan, values.output)
    training.say(f"{jax.devices()[0].device_kind}, {len(paths)} images")
    training.run(values.seconds)
    step = programs[0].description["step"] + sum(training.steps)
    write_model(values.output / "model", values.program[0], training.values(("ema/",)), step)
    np.savez(values.output / "variables.npz", **training.values())
    training.say(f"steps of each program: {training.steps}; wrote {values.output / 'model'}")


if __name__ == "__main__":
    main()
