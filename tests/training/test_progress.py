import io
from types import SimpleNamespace

import pytest

from deepfill_tf.training.actions import ShowProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def context_at(step: int) -> SimpleNamespace:
    losses = {"generator/reconstruction_refined": 0.25, "discriminator/loss": 1.0}
    return SimpleNamespace(
        first_step=0, step=step, max_steps=40, steps_per_second=2.0, losses=losses
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
