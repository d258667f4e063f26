"""The page on fine-tuning: its commands and its action run as written there."""

import re
import shlex
import sys
import types
from pathlib import Path

import numpy as np
from PIL import Image

from deepfill_tf import inpaint, train
from deepfill_tf.networks import GeneratorV2
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.storage.model_files import Provenance, write_model_files

PAGE = (Path(__file__).parents[1] / "docs" / "fine_tuning.md").read_text()
COMMANDS = re.findall(r"^python -m deepfill_tf\.(\w+) (.*)$", PAGE, re.MULTILINE)
CODE = re.search(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
GIN = re.search(r"^```\n(import track\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
# A run of an hour as a trial: small images and a network of the first stage, three steps.
TRIAL = [
    f"--gin_param={binding}"
    for binding in (
        "GeneratorV2.width=4",
        "GeneratorV2.refinement=False",
        "GAN.width=4",
        "data.height=64",
        "data.width=64",
        "RectangleMasks.height=32",
        "RectangleMasks.width=32",
        "RectangleMasks.max_delta_height=8",
        "RectangleMasks.max_delta_width=8",
        "data.validation_count=1",
        "Trainer.global_batch_size=1",
        "Trainer.max_steps=4",
        "Trainer.steps_per_loop=2",
        "Validate.every_steps=2",
    )
]


class Recorder(types.ModuleType):
    """Stands for the tracker, which is no requirement: records its calls."""

    def __init__(self):
        super().__init__("mlflow")
        self.calls = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments, **keywords: self.calls.append((name, arguments, keywords))


def run(module, arguments):
    return module.COMMAND.exit_code(module.run, arguments)


def test_the_page_as_written(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for place in ("my_images/train/a.png", "my_images/validation/b.png", "a.png"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, [80, 90, 3], np.uint8)).save(path)
    mask = np.zeros([80, 90], np.uint8)
    mask[20:40, 30:60] = 255
    Image.fromarray(mask).save(tmp_path / "a_mask.png")
    start = tmp_path / "models" / "places2"
    start.mkdir(parents=True)
    generator = build_model(GeneratorV2(width=4, refinement=False, kernel_gain=3.0))
    write_model_files(generator, start, Provenance("a test's random numbers"))
    (tmp_path / "track.py").write_text(CODE)
    (tmp_path / "mine.gin").write_text(GIN)
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "mlflow", recorder)
    monkeypatch.syspath_prepend(tmp_path)

    (_, from_default), (_, from_converted), (_, complete) = COMMANDS[:3]
    assert "open_photographs.gin" in from_default and "init_generator_from" in from_converted
    arguments = [*shlex.split(from_converted), "--gin_file=mine.gin", *TRIAL]
    with caplog.at_level("INFO"):
        assert run(train, arguments) == 0
    assert "initialized the generator from models/places2" in caplog.text
    assert "4 steps are 8 epochs of 1 images" in caplog.text
    course = "(the last validation|not improved in the [24] steps)"
    assert re.search(rf"best: step \d, l1_in_hole .* in runs/tuned/best; {course}", caplog.text)
    assert run(inpaint, shlex.split(complete)) == 0
    assert Image.open("a_completed.png").size == (90, 80)

    names = [name for name, *_ in recorder.calls]
    assert names == ["start_run", *["log_metrics"] * 4, "log_artifacts", "end_run"]
    losses, validation = recorder.calls[1:3]
    assert losses[2] == validation[2] == {"step": 2}
    assert "generator/loss" in losses[1][0] and "validation/psnr_in_hole" in validation[1][0]
    # Run again, from the saved config: there is nothing to do, and the action is found again.
    assert run(train, ["--run_dir=runs/tuned"]) == 0
