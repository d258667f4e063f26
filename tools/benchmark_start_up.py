"""Time from the start of a process to its first completed image."""

import json
import subprocess
import sys
import tempfile
import time

from benchmark_comparisons import Subject

from deepfill_tf.errors import UserError

# Run in a process of its own, with the arguments model and whole_image. Prints a line when the
# first image is completed, then the seconds of the stages.
START_UP = """
import json, sys, time
clock = [time.perf_counter()]
import numpy as np
from deepfill_tf.command_line import import_tensorflow_quietly
import_tensorflow_quietly()
from deepfill_tf import Inpainter
clock.append(time.perf_counter())
inpainter = Inpainter.load(sys.argv[1], whole_image=sys.argv[2] == "True")
clock.append(time.perf_counter())
image = np.random.default_rng(0).integers(0, 256, [256, 256, 3], np.uint8)
mask = np.zeros([256, 256], np.uint8)
mask[64:192, 64:192] = 255
for call in range(3):
    inpainter(image, mask)
    clock.append(time.perf_counter())
    if call == 0:
        print("completed", flush=True)
print(json.dumps([after - before for before, after in zip(clock, clock[1:])]))
"""
STAGES = ("import", "load", "first call", "second call", "third call")


def start_up(model: str, whole_image: bool) -> Subject:
    """Subject that starts a process and waits for its first completed image of 256 x 256."""
    stages = {name: [] for name in STAGES}

    def seconds() -> float:
        command = [sys.executable, "-c", START_UP, model, str(whole_image)]
        with tempfile.TemporaryFile("w+") as notices:
            pipes = {"stdout": subprocess.PIPE, "stderr": notices, "text": True}
            started = time.perf_counter()
            with subprocess.Popen(command, **pipes) as process:
                process.stdout.readline()
                elapsed = time.perf_counter() - started
                rest = process.stdout.read()
            if process.returncode:
                notices.seek(0)
                raise UserError(f"the measured process failed: {notices.read().strip()[-300:]}")
        for name, value in zip(STAGES, json.loads(rest), strict=True):
            stages[name].append(value)
        return elapsed

    return Subject(seconds, stages=stages)
