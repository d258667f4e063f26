"""Every command of the README runs, in an empty folder, as written there."""

import importlib
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfill_tf.configuration import find_config
from tests.reference import reference_path, reference_weights

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^python -m deepfill_tf\.(\w+) (.*)$", README, re.MULTILINE)
# Makes a run of days a trial, of the coarse network alone. Both stages are trained, exported and
# evaluated in test_ablations.py, training/test_resume.py, test_commands.py and test_evaluate.py.
TRIAL = [
    "--gin_file=laptop.gin",
    "--gin_param=Trainer.max_steps=1",
    "--gin_param=GeneratorV2.refinement=False",
]
# A run of the trial's size is fine-tuned in place of released weights.
RELEASED, STAND_IN = '"models/places2"', '"runs/quickstart"'


def run(name: str, arguments: list[str]) -> int:
    command = importlib.import_module(f"deepfill_tf.{name}")
    return command.COMMAND.exit_code(command.run, arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the examples, images, masks, a sketch and a quickstart run."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "examples", folder / "examples")
    random = np.random.default_rng(0)
    mask = np.zeros([50, 70], np.uint8)
    mask[10:30, 20:50] = 255
    places = {"images": "a.png", "my_images/train": "a.png", "my_images/validation": "b.png"}
    for place, name in {".": "a.png", **places}.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        image = random.integers(0, 256, [50, 70, 3], np.uint8)
        Image.fromarray(image).save(folder / place / name)
    (folder / "masks").mkdir()
    Image.fromarray(mask).save(folder / "masks" / "a.png")
    Image.fromarray(mask).save(folder / "a_mask.png")
    Image.fromarray(np.where(mask & (np.arange(70) % 7 == 0), 255, 0).astype(np.uint8)).save(
        folder / "a_sketch.png"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        quickstart = ["--gin_file=quickstart.gin", *TRIAL, "--run_dir=runs/quickstart"]
        assert run("train", quickstart) == 0
    return folder


@pytest.fixture
def released_checkpoint(folder):
    reference_path("make_weights.py")
    weights = reference_weights("v2", 1)
    import make_weights

    make_weights.write_checkpoint(weights, str(folder / "released" / "snap-0"))
    return "released/snap-0"


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=[" ".join(c)[:60] for c in COMMANDS])
def test_command(name, line, folder, monkeypatch, request):
    monkeypatch.chdir(folder)
    arguments = shlex.split(line)
    if name == "train":
        arguments = [argument.replace(RELEASED, STAND_IN) for argument in arguments]
        arguments += TRIAL
    if "--checkpoint=PREFIX" in arguments:
        prefix = request.getfixturevalue("released_checkpoint")
        arguments[arguments.index("--checkpoint=PREFIX")] = f"--checkpoint={prefix}"
    assert run(name, arguments) == 0
    output = [a.split("=", 1)[1] for a in arguments if a.startswith(("--output", "--run_dir"))]
    assert (folder / output[0]).exists()


def test_the_first_command_completes_an_image():
    name, line = COMMANDS[0]
    assert name == "inpaint" and "--model" not in line and "--comparison" in line
    assert README.index("python -m deepfill_tf.inpaint") < README.index("workspace.py quickstart")


def test_python_example(folder, monkeypatch):
    monkeypatch.chdir(folder)
    image, mask = np.zeros([50, 70, 3], np.uint8), np.zeros([50, 70], np.uint8)
    mask[10:30, 20:50] = 255
    given = {"images": np.zeros([1, 64, 64, 3], np.float32), "masks": np.ones([1, 64, 64, 1])}
    names = {"image": image, "mask": mask, **given}
    programs = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (client,) = (program for program in programs if "http://" in program)
    # tests/inference/test_serving.py runs it with a server.
    assert client in (ROOT / "docs" / "serving.md").read_text()
    exec("".join(program for program in programs if program != client), names)
    assert names["completed"].shape == image.shape
    assert names["refined"].shape == [1, 64, 64, 3]


def test_the_readme_has_commands_and_its_images_exist():
    assert {name for name, _ in COMMANDS} == {
        "train",
        "inpaint",
        "export",
        "evaluate",
        "convert",
        "demo",
    }
    for config in re.findall(r"`([\w/]+\.gin)`", README):
        assert Path(find_config(config)).exists()
    for image in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / image).exists(), image
