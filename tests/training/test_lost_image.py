"""Images that go away, or turn out to be damaged, while training reads them."""

import shutil

import gin
import numpy as np
import pytest
from PIL import Image

from deepfill_tf.configuration import configured_trainer, parse
from deepfill_tf.errors import UserError
from deepfill_tf.storage.checkpoint_format import latest_valid_checkpoint, step_of
from deepfill_tf.storage.resume_checks import (
    check_image_list_unchanged,
    write_config_and_image_list,
)
from deepfill_tf.training.actions import Action
from tests.training.small_run import one_device, weights
from tests.training.workers import LONGEST, ROOT, start, wait_for_checkpoint

COUNT = 30
STEPS = 12


@pytest.fixture
def images(tmp_path):
    """A folder of noise: more images than a run of these tests reads in a second."""
    return _noise(tmp_path / "images", 200)


@pytest.fixture
def few(tmp_path):
    return _noise(tmp_path / "few", COUNT)


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


def _noise(folder, count):
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        pixels = random.integers(0, 256, [36, 40, 3], np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


def bindings(images, steps: int) -> list[str]:
    return [
        f'data.root = "{images}"',
        'data.train = "*.png"',
        "data.validation = None",
        "Trainer.actions = [@SaveCheckpoints()]",
        f"Trainer.max_steps = {steps}",
    ]


class _At(Action):
    """Calls `function` once, when the first loop has ended."""

    def __init__(self, function):
        self._function = function

    def on_loop_end(self, context) -> None:
        if context.previous_step == context.first_step:
            self._function()


class _Run:
    """A run in this process, as the command makes it, that saves nothing but at its end."""

    def __init__(self, images, run_dir, *, names=None, then=lambda: None):
        parse(
            [str(ROOT / "tests" / "training" / "tiny.gin")],
            [*bindings(images, STEPS), "Trainer.discriminator_updates = 2", "Trainer.actions = []"],
        )
        self.trainer = configured_trainer()
        self.trainer.actions = [_At(then)]
        self.run_dir = str(run_dir)
        self.names = names

    def train(self) -> dict[str, np.ndarray]:
        """Returns the weights after the last step."""
        data = self.trainer.data
        if self.names:
            data.keep_absent(self.names)

        def check_unchanged():
            data.keep_absent(check_image_list_unchanged(self.run_dir, data.names))

        training = self.trainer.prepare(self.run_dir, one_device(), before_restore=check_unchanged)
        write_config_and_image_list(self.run_dir, "", data.names)
        assert training.run()
        return weights(training.context.state)

    @property
    def saved_step(self) -> int:
        return step_of(latest_valid_checkpoint(f"{self.run_dir}/checkpoints"))


def assert_equal(actual, expected) -> None:
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)


def test_one_of_many_is_named_and_another_takes_its_place(images, tmp_path):
    """A step takes four images: 150 of them come to every image of 200."""
    arguments = [f"--gin_param={binding}" for binding in bindings(images, steps=150)]
    process = start(tmp_path / "run", *arguments)
    wait_for_checkpoint(tmp_path / "run", 3, process)
    (images / "007.png").unlink()
    _, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, errors
    assert "007.png" in errors
    assert "replaced by another image (1 of 200 failed)" in errors


def test_a_run_with_too_many_saves_and_goes_on_when_they_are_removed(few, tmp_path):
    """As if they had never been there: it ends after a whole step, and no other image moves."""
    damaged = [few / f"{number:03d}.png" for number in (3, 8, 17, 21)]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-700])
    run = _Run(few, tmp_path / "run")
    with pytest.raises(UserError, match=r"4 of 30 images .*, more than 3, .*; the last checkpoint"):
        run.train()
    assert 0 < run.saved_step < STEPS
    names = run.trainer.data.names
    for path in damaged:
        path.unlink()
    actual = _Run(few, tmp_path / "run").train()
    assert_equal(actual, _Run(few, tmp_path / "other", names=names).train())


def test_a_lost_folder_ends_the_run_after_a_whole_step(few, tmp_path):
    """With its images back it goes on as a run goes on that was never disturbed."""
    elsewhere = tmp_path / "elsewhere"
    run = _Run(few, tmp_path / "run", then=lambda: shutil.move(few, elsewhere))
    with pytest.raises(UserError, match="could not be read"):
        run.train()
    assert 0 < run.saved_step < STEPS
    shutil.move(elsewhere, few)
    actual = _Run(few, tmp_path / "run").train()
    assert_equal(actual, _Run(few, tmp_path / "other").train())
