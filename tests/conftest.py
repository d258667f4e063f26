import gc
import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from deepfill_tf.allocator import keep_freed_memory

keep_freed_memory()  # as the commands do, before TensorFlow is imported

import tensorflow as tf  # noqa: E402

from deepfill_tf.compat import KERAS_3  # noqa: E402

# Tracing makes and drops many objects. The collector leaves out what has been imported, and starts
# after 20,000 new objects instead of 700.
gc.freeze()
gc.set_threshold(20_000)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
# These tests look at values. Programs as the optimiser leaves them are run by the tests that start
# the commands as processes of their own.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
# A shell that runs this in the background may have it ignore signals; the processes that tests
# start, and stop with signals, would inherit that.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)

TESTS = Path(__file__).parent
# Files whose tests take longest come first, so that all processes end at about the same time.
LONGEST = (
    "training/test_killed.py",
    "training/test_resume.py",
    "training/distribution/test_two_processes.py",
    "test_ablations.py",
    "test_readme.py",
    "test_commands.py",
    "training/test_iteration.py",
    "training/test_lost_image.py",
    "repository/test_wheel.py",
    "preparation/test_page.py",
    "training/test_whole_step_under_xla.py",
)


def pytest_addoption(parser):
    parser.addoption("--left_out", help="JSON file for the numbers of deselected tests, by reason")


def pytest_collection_modifyitems(config, items):
    left_out = {
        "needs_addons": KERAS_3 and "only with TensorFlow 2.15",
        "needs_mediapipe": KERAS_3 and "only with TensorFlow 2.15",
        "needs_keras_3": not KERAS_3 and "only with the newest TensorFlow",
    }
    reasons = {
        item: reason
        for item in items
        for marker, reason in left_out.items()
        if reason and item.get_closest_marker(marker)
    }
    items[:] = sorted((item for item in items if item not in reasons), key=_place)
    config.hook.pytest_deselected(items=list(reasons))
    # All processes of pytest-xdist collect the same tests.
    worker = getattr(config, "workerinput", {}).get("workerid", "gw0")
    if worker == "gw0" and (path := config.getoption("--left_out")):
        Path(path).write_text(json.dumps(Counter(reasons.values())))


def _place(item) -> int:
    """The place of an item's file in `LONGEST`, or the place after the last."""
    name = str(item.path.relative_to(TESTS)) if TESTS in item.path.parents else ""
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before its fixtures, so that weights drawn in them are the same in every run."""
    tf.keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def two_replicas() -> tf.distribute.Strategy:
    """Two replicas on the two logical CPUs; the only such strategy of a process.

    A second one on the same devices would number its collective operations from the
    same start, and TensorFlow takes them for those of the first.
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
