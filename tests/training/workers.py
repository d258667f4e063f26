"""Real processes of the training command: alone, and several as a cluster."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import safetensors.numpy

from deepfill_tf.storage.checkpoint_format import list_checkpoints, step_of

ROOT = Path(__file__).parents[2]
COMMAND = [
    sys.executable,
    "-m",
    "deepfill_tf.train",
    f"--gin_file={Path(__file__).parent / 'tiny.gin'}",
]
# Seconds that a process of these tests may take, on a busy machine.
LONGEST = 300


def start(run_dir, *arguments, before=(), **environment) -> subprocess.Popen:
    """A process that trains; `before` is what is put in front of the command."""
    return subprocess.Popen(
        [*before, *COMMAND, *arguments, f"--run_dir={run_dir}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(run_dir, *arguments) -> str:
    """Trains to the end; returns what was written on standard error."""
    process = start(run_dir, *arguments)
    _, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, errors
    return errors


def tf_config(addresses: list[str], index: int) -> str:
    return json.dumps(
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    )


@contextlib.contextmanager
def two_workers(run_dir, *arguments) -> Iterator[list[subprocess.Popen]]:
    """Two processes that train together; whatever is left of them is killed at the end."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [
        start(run_dir, *arguments, TF_CONFIG=tf_config(addresses, index)) for index in range(2)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def codes(processes: list[subprocess.Popen]) -> list[int]:
    """How the processes ended; what they wrote stands in the failing test's output."""
    for process in processes:
        _, errors = process.communicate(timeout=LONGEST)
        print(errors, file=sys.stderr)
    return [process.returncode for process in processes]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_checkpoint(run_dir, step: int, process, *, unfinished: bool = False) -> None:
    """Waits until a checkpoint of at least that step is there, or is being written."""
    deadline = time.monotonic() + LONGEST
    folder = Path(run_dir, "checkpoints")
    while time.monotonic() < deadline and process.poll() is None:
        steps = [step_of(path) for path in list_checkpoints(str(folder))]
        if unfinished:
            temporary = folder.glob(".step-*.tmp") if folder.is_dir() else ()
            steps = [step_of(path.name.split(".")[1]) for path in temporary]
        if any(found >= step for found in steps):
            return
        time.sleep(0.001)
    raise AssertionError(f"no checkpoint of step {step}: {process.communicate()[1]}")


def model_weights(run_dir) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(f"{run_dir}/model/weights.safetensors")


def assert_same_model(actual, expected) -> None:
    """The models of two runs are equal bit for bit."""
    actual, expected = model_weights(actual), model_weights(expected)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)
