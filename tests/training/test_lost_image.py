"""An image that goes away while training reads it."""

import numpy as np
import pytest
from PIL import Image

from deepfill_tf.storage.checkpoint_format import list_checkpoints, validation_error
from tests.training.workers import LONGEST, start, wait_for_checkpoint


@pytest.fixture
def images(tmp_path):
    """A folder of noise: more images than a run of these tests reads in a second."""
    folder, random = tmp_path / "images", np.random.default_rng(0)
    folder.mkdir()
    for number in range(200):
        pixels = random.integers(0, 256, [36, 40, 3], np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


def bindings(images, steps: int) -> list[str]:
    return [
        f"--gin_param={binding}"
        for binding in (
            f'data.root = "{images}"',
            'data.train = "*.png"',
            "data.validation = None",
            "Trainer.actions = [@SaveCheckpoints()]",
            f"Trainer.max_steps = {steps}",
        )
    ]


def test_one_of_many_is_named_and_another_takes_its_place(images, tmp_path):
    """A step takes four images: 150 of them come to every image of 200."""
    process = start(tmp_path / "run", *bindings(images, steps=150))
    wait_for_checkpoint(tmp_path / "run", 3, process)
    (images / "007.png").unlink()
    _, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, errors
    assert "007.png" in errors
    assert "replaced by another image (1 of 200 failed)" in errors


def test_more_than_one_in_a_hundred_end_the_run_and_its_checkpoints_stay(images, tmp_path):
    process = start(tmp_path / "run", *bindings(images, steps=100_000))
    wait_for_checkpoint(tmp_path / "run", 3, process)
    for path in images.glob("*.png"):
        path.unlink()
    _, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 1, errors
    (line,) = [line for line in errors.splitlines() if line.startswith("deepfill-train: ")]
    assert "3 of 200 images could not be read, more than 1%; the last was: there is no" in line
    saved = list_checkpoints(str(tmp_path / "run" / "checkpoints"))
    assert saved
    assert [validation_error(path) for path in saved] == [None] * len(saved)
