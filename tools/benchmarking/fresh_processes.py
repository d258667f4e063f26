"""Cases that start a process in every run: the first completion and the first training step."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarking import first_step
from benchmarking.comparisons import Comparison, Measures, Subject, Variant
from benchmarking.completions import NAMES, images_with_hole, parameters
from benchmarking.generators import REGIONS, WHOLE_IMAGE, Variation, generator
from benchmarking.machine import peak_bytes
from benchmarking.trainings import TRAININGS, Training
from deepfill_tf.data import write_image
from deepfill_tf.errors import UserError
from deepfill_tf.inference import save_model_directory

# Height, width and side of the hole of the first completion.
SIZE = (512, 512, 128)
# Between two looks at the memory of a process.
POLL_SECONDS = 0.02


def run_process(command: Sequence[str]) -> tuple[Measures, str]:
    """Runs a command to its end. Returns its measures and what it printed.

    Raises UserError if it fails.
    """
    peak = 0
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as notices:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed, stderr=notices)
        while True:
            # Its own peak memory is in its status, while it runs; what wait4 returns starts at
            # that of this process.
            with contextlib.suppress(OSError):
                peak = max(peak, peak_bytes(process.pid))
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            notices.seek(0)
            raise UserError(f"the measured process failed: {notices.read().strip()[-300:]}")
        printed.seek(0)
        output = printed.read()
    measures = {
        "seconds": seconds,
        "user_seconds": usage.ru_utime,
        "system_seconds": usage.ru_stime,
        "page_faults": usage.ru_minflt,
        "peak_bytes": peak,
    }
    return measures, output


def first_completion(variation: Variation, generator_width: int | None) -> Subject:
    """The command `inpaint`, from its start to its end, for one image."""
    folder = tempfile.TemporaryDirectory()
    image, mask, output, model = (
        str(Path(folder.name, name)) for name in ("image.png", "mask.png", "output.png", "model")
    )
    [photograph], hole = images_with_hole(1, *SIZE)
    write_image(image, photograph)
    write_image(mask, hole[..., None])
    save_model_directory(generator("v2", variation, generator_width), model, origin="random")
    command = [sys.executable, "-m", "deepfill_tf.inpaint", f"--model={model}", f"--image={image}"]
    command += [f"--mask={mask}", f"--output={output}"]
    if variation.whole_image:
        command.append("--whole_image")

    def measure() -> Measures:
        Path(output).unlink(missing_ok=True)
        return run_process(command)[0]

    return Subject(measure, close=folder.cleanup)


def start_up_case(generator_width: int | None) -> Iterator[Comparison]:
    """Time to complete one image in a process of its own."""
    height, width, hole = SIZE
    yield Comparison(
        what=f"v2, {width} x {height}, hole {hole} x {hole}, inpaint from its start to its end",
        parameters=parameters("v2", generator_width, *SIZE) | {"task": "first-completion"},
        variants=tuple(
            Variant(NAMES[variation], partial(first_completion, variation, generator_width))
            for variation in (WHOLE_IMAGE, REGIONS)
        ),
    )


def first_training_step(training: Training) -> Subject:
    """A training in a fresh process: the time to the end of its first step, less a second one."""

    def measure() -> Measures:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, first_step.__file__, str(Path(folder, "run"))]
            command += [json.dumps(x) for x in (training.files, training.bindings(WHOLE_IMAGE))]
            started = time.time()
            measures, printed = run_process(command)
        # What the first step takes longer than the second one is tracing and optimising.
        (ended, _), (_, step_seconds) = map(json.loads, printed.splitlines()[-2:])
        seconds = ended - started - step_seconds
        return {"seconds": seconds, "peak_bytes": measures["peak_bytes"]}

    return Subject(measure)


def first_step_case(generator_width: int | None) -> Iterator[Comparison]:
    """Time before the first training step."""
    training = TRAININGS["training-v2"].scaled(generator_width)
    yield Comparison(
        what=f"v2, {training.height} x {training.height}, batch {training.batch_size}, "
        "from the start of a process to its first training step, without the step",
        parameters=training.parameters("first-step"),
        variants=(Variant("fast", partial(first_training_step, training)),),
    )
