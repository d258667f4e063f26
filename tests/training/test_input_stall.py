"""The log says when training waits for its images, and only then."""

import logging
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.configuration import configured_trainer, parse
from deepfill_tf.data import ImagePipeline
from deepfill_tf.training.actions import Action, WarnIfInputBound
from deepfill_tf.training.input_stall import stall_fraction
from tests.training.small_run import one_device, weights

STEPS, STEPS_PER_LOOP = 15, 5
# One update a step, of half the network: quicker to build.
BINDINGS = [
    f"Trainer.max_steps = {STEPS}",
    f"Trainer.steps_per_loop = {STEPS_PER_LOOP}",
    "Objective.pretrain_coarse = True",
]


class Keep(Action):
    """Keeps each loop's stall fraction, and the weights at the end."""

    def __init__(self):
        self.fractions, self.weights = [], {}

    def on_loop_end(self, context):
        self.fractions.append(context.stall_fraction)

    def on_train_end(self, context):
        self.weights = weights(context.state)


def slow(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, each 0.3 seconds after the one before."""

    def late(batch):
        with tf.control_dependencies([tf.numpy_function(lambda: time.sleep(0.3), [], [])]):
            return {name: tf.identity(value) for name, value in batch.items()}

    return dataset.map(late)


def drawn_before(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, all there before the first step."""
    drawn = list(dataset.take(STEPS))
    values = {name: tf.concat([batch[name] for batch in drawn], axis=0) for name in drawn[0]}
    count = drawn[0]["image"].shape[0]
    return tf.data.Dataset.from_tensor_slices(values).batch(count, drop_remainder=True)


def train(run_dir, monkeypatch, change) -> Keep:
    parse([str(Path(__file__).parent / "tiny.gin")], BINDINGS)
    trainer, keep = configured_trainer(), Keep()
    trainer.actions = [keep, WarnIfInputBound(max_stall_fraction=0.5, every_seconds=0.001)]
    dataset = ImagePipeline.dataset
    with monkeypatch.context() as patch:
        patch.setattr(ImagePipeline, "dataset", lambda *arguments: change(dataset(*arguments)))
        assert trainer.prepare(str(run_dir), one_device()).run() is True
    return keep


def test_a_slow_input_is_named_and_changes_no_value(tmp_path, monkeypatch, caplog):
    with caplog.at_level(logging.WARNING):
        quick = train(tmp_path / "quick", monkeypatch, drawn_before)
    assert "bottleneck" not in caplog.text
    with caplog.at_level(logging.WARNING):
        starved = train(tmp_path / "starved", monkeypatch, slow)
    warnings = [r.getMessage() for r in caplog.records if "bottleneck" in r.getMessage()]
    named = next(share for share in starved.fractions[1:] if share > 0.5)
    assert f"{100 * named:.0f} % of the last {STEPS_PER_LOOP} steps' time" in warnings[0]
    assert all(0 <= share <= 1 for share in quick.fractions + starved.fractions)
    assert len(quick.fractions) == STEPS // STEPS_PER_LOOP
    for name, value in quick.weights.items():
        np.testing.assert_array_equal(starved.weights[name], value, err_msg=name)


# A pipeline that makes a batch every `batch` seconds, a host that enqueues an update in
# `launch`, a device that works on it for `work` from then on: ten updates, in a steady state.
@pytest.mark.parametrize(
    ("batch", "launch", "work"),
    [(1.5, 1.0, 1.0), (1.5, 0.6, 1.0), (1.5, 0.1, 1.0), (0.9, 0.6, 1.0), (0.5, 0.1, 1.0)],
)
def test_waiting_counts_while_the_device_has_nothing_to_do(batch, launch, work):
    ten = 10
    waited = ten * (batch - launch)
    # What the device gathers where it is slower than the pipeline, and the last update.
    backlog = ten * max(0.0, work - batch) + work - launch
    seconds = ten * max(batch, work)
    share = stall_fraction(seconds, waited, backlog=backlog, batches=ten)
    assert share == pytest.approx(max(0.0, 1 - work / batch))


def warning(percent: int, steps: int) -> str:
    return f"the input pipeline is the bottleneck: {percent} % of the last {steps} steps' time"


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [
        ([0.9], []),  # the first loop of a process
        ([0.9, 0.1, 0.1, 0.1, 0.1], []),
        ([0.9, 0.0, 0.16, 0.16, 0.0], []),  # moments
        ([0.0, 0.3, 0.56], [warning(43, 20)]),
        ([0.0, 0.0, 0.0, 0.3, 0.56], [warning(43, 20)]),
        # Every warning doubles the time to the next.
        ([0.0] + [0.5] * 6, [warning(50, 20), warning(50, 40)]),
        ([0.0] + [0.5] * 30, [warning(50, 20), warning(50, 40), warning(50, 80), warning(50, 160)]),
    ],
)
def test_warns_of_more_than_a_tenth(fractions, expected, caplog):
    """Loops of ten steps and 15 seconds that waited for these fractions."""
    watch = WarnIfInputBound(every_seconds=30)
    with caplog.at_level(logging.WARNING):
        for number, share in enumerate(fractions):
            context = SimpleNamespace(
                first_step=20,
                previous_step=20 + 10 * number,
                step=30 + 10 * number,
                steps_per_second=10 / 15,
                stall_fraction=share,
            )
            watch.on_loop_end(context)
    assert [record.getMessage().split(" was ")[0] for record in caplog.records] == expected


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_senseless_share_is_quoted(share):
    with pytest.raises(ValueError, match=f"max_stall_fraction.*{share}"):
        WarnIfInputBound(max_stall_fraction=share)
