import io
from types import SimpleNamespace

import pytest
import tensorflow as tf

from deepfill_tf.training.actions import ShowProgress, WriteScalars
from deepfill_tf.training.actions.progress import duration, shown_losses
from deepfill_tf.training.training_context import TrainingContext


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def context_at(step: int) -> SimpleNamespace:
    losses = {"generator/reconstruction_refined": 0.25, "discriminator/loss": 1.0}
    return SimpleNamespace(
        first_step=0,
        previous_step=step - 10,
        step=step,
        max_steps=40,
        steps_per_second=2.0,
        images_per_second=16.0,
        batches_per_step=2,
        global_batch_size=4,
        data=SimpleNamespace(paths=["a", "b"] * 100),
        losses=losses,
    )


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_shows_step_rate_time_left_and_losses(stream, monkeypatch):
    output = stream()
    monkeypatch.setattr("sys.stderr", output)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    progress = ShowProgress(every_seconds=0)
    progress.on_train_begin(context_at(0))
    progress.on_loop_end(context_at(10))
    progress.on_loop_end(context_at(40))
    progress.close(context_at(40))
    shown = output.getvalue()
    assert "40/40" in shown
    assert "2.00 steps/s" in shown
    assert "reconstruction 0.2500" in shown
    assert "discriminator 1.0000" in shown
    if stream is io.StringIO:
        losses = "reconstruction 0.2500  discriminator 1.0000"
        assert shown.splitlines()[0] == f"step 10/40  2.00 steps/s  {losses}  15 s left"


def test_plain_lines_keep_their_distance(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr("sys.stderr", output)
    progress = ShowProgress(every_seconds=1000)
    progress.on_train_begin(context_at(0))
    for step in (10, 20, 30, 40):
        progress.on_loop_end(context_at(step))
    assert [line.split()[1] for line in output.getvalue().splitlines()] == ["10/40", "40/40"]


def test_epochs_and_time_left_are_estimated_once_after_the_second_loop(monkeypatch, caplog):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    progress = ShowProgress()
    progress.on_train_begin(context_at(0))
    with caplog.at_level("INFO"):
        for step in (10, 20, 30, 40):
            progress.on_loop_end(context_at(step))
    # 40 steps of two batches of 4 are 320 images.
    assert caplog.messages == [
        "40 steps are 1.6 epochs of 200 images; 16 images/s, so that 10 s are left"
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (5400, "90 min"),
        (12_000, "3 h 20 min"),
        (190_800, "2 d 5 h"),
    ],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def test_every_term_is_shown_once():
    reported = {
        "generator/loss": 5.0,
        "generator/adversarial": 0.5,
        "generator/charbonnier_coarse": 1.0,
        "generator/charbonnier_refined": 2.0,
        "generator/total_variation_coarse": 3.0,
        "generator/gradient_norm": 9.0,
        "discriminator/loss": 4.0,
    }
    assert shown_losses(reported) == {
        "charbonnier": 2.0,
        "total_variation": 3.0,
        "generator": 5.0,
        "discriminator": 4.0,
    }
    coarse_alone = {"generator/loss": 1.0, "generator/reconstruction_coarse": 2.0}
    assert shown_losses(coarse_alone) == {"reconstruction": 2.0, "generator": 1.0}


@pytest.mark.parametrize("every_steps", [None, 1000])
def test_scalars_of_the_last_step_are_written_however_short_the_run_is(tmp_path, every_steps):
    writer = tf.summary.create_file_writer(str(tmp_path))
    context = TrainingContext(
        run_dir=str(tmp_path),
        state=None,
        checkpoints=None,
        data=None,
        global_batch_size=2,
        seed=0,
        learning_rate=0.5,
        max_steps=20,
        batches_per_step=2,
        losses={"generator/loss": 3.0},
        steps_per_second=4.0,
        writer=writer,
    )
    scalars = WriteScalars(every_steps=every_steps)
    for context.step in (10, 20):
        scalars.on_loop_end(context)
        context.previous_step = context.step
    writer.close()
    (path,) = tmp_path.iterdir()
    events = [
        (event.step, value.tag, float(tf.make_ndarray(value.tensor)))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]
    assert events == [
        (20, "generator/loss", 3.0),
        (20, "learning_rate", 0.5),
        (20, "images_per_second", 16.0),
        (20, "input/stall_fraction", 0.0),
    ]
