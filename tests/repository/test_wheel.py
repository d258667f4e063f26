"""A wheel installed elsewhere trains, exports, completes and converts without the checkout."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from tests.inference.onnx_files import write_mean_fill
from tests.reference import reference_path
from tests.small_generators import random_images

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the checkout: what an earlier build left there would get into a wheel."""
    source = tmp_path_factory.mktemp("source") / "checkout"
    left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "runs", "__pycache__")
    shutil.copytree(ROOT, source, ignore=left_out)
    return source


@pytest.fixture(scope="module")
def elsewhere(source, tmp_path_factory):
    """An empty folder, and a function that runs Python there with the installed wheel only."""
    folder = tmp_path_factory.mktemp("elsewhere")
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", site, source], check=True)
    wheel = next(site.glob("deepfill_tf-*.whl"))
    assert wheel.stat().st_size < 20 * 2**20
    subprocess.run([*pip, "install", "--no-deps", "--target", site / "lib", wheel], check=True)

    def run(*arguments) -> str:
        environment = os.environ | {"PYTHONPATH": str(site / "lib")}
        finished = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    where = run("-c", "import deepfill_tf; print(deepfill_tf.__file__)")
    assert where.startswith(str(site))
    return folder, run


FILES = ("--image=a.png", "--mask=a_mask.png", "--output=b.png")
WITHOUT_TENSORFLOW = """
import sys
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: (
    None if name in ("tensorflow", "keras") else find_spec(name, *rest)
)
from deepfill_tf import inpaint

print(inpaint.__file__)
inpaint.main()
"""
# Several commands in one process: TensorFlow is imported once.
COMMANDS = """
import importlib, json, sys

for name, *arguments in json.loads(sys.argv.pop()):
    command = importlib.import_module(f"deepfill_tf.{name}")
    assert command.COMMAND.exit_code(command.run, arguments) == 0, name
"""


def test_trains_exports_completes_and_converts(elsewhere):
    folder, run = elsewhere
    shrink = ["Trainer.max_steps = 2", "Trainer.global_batch_size = 2", "GeneratorV2.width = 4"]
    shrink += ["GeneratorV2.refinement = False"]
    bindings = [f"--gin_param={binding}" for binding in shrink]
    run("-m", "deepfill_tf.train", "--gin_file=quickstart.gin", *bindings, "--run_dir=run")
    assert (folder / "run" / "completed.png").exists()

    image = np.random.default_rng(0).integers(0, 256, [37, 50, 3], np.uint8)
    mask = np.zeros([37, 50], np.uint8)
    mask[10:20, 10:30] = 255
    Image.fromarray(image).save(folder / "a.png")
    Image.fromarray(mask).save(folder / "a_mask.png")
    run(reference_path("make_weights.py"), "v2", "--checkpoint", folder / "released" / "snap-0")
    image_and_mask = ["--image=a.png", "--mask=a_mask.png"]
    commands = [
        ["inpaint", *image_and_mask, "--output=default.png"],
        ["export", "--model=run", "--output=model"],
        ["inpaint", "--model=model", *image_and_mask, "--output=b.png"],
        ["convert", "--checkpoint=released/snap-0", "--output=converted"],
    ]
    run("-c", COMMANDS, json.dumps(commands))
    for name in ("default.png", "b.png"):
        completed = np.asarray(Image.open(folder / name))
        np.testing.assert_array_equal(completed[mask == 0], image[mask == 0])
    assert (folder / "converted" / "weights.safetensors").exists()


def test_the_distribution_for_onnx_files_completes_without_tensorflow(source, tmp_path):
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    onnx = source / "packaging" / "onnx"
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path, onnx], check=True)
    wheel = next(tmp_path.glob("deepfill_onnx-*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "lib", wheel], check=True)
    (metadata,) = importlib.metadata.distributions(path=[str(tmp_path / "lib")])
    assert "LICENSE" in {file.name for file in metadata.files}
    (script,) = metadata.entry_points
    assert (script.name, script.value) == ("deepfill-inpaint", "deepfill_tf.inpaint:main")
    setup = (source / "setup.py").read_text()
    for requirement in map(Requirement, metadata.requires):
        assert requirement.name != "tensorflow-cpu"
        # Both distributions require the same versions (an extra may require others).
        others = re.findall(rf'"({requirement.name}(?![\w-])[^"]*)"', setup)
        assert requirement.specifier in [Requirement(other).specifier for other in others]

    write_mean_fill(tmp_path / "mean.onnx")
    image = random_images(24, 32, 3)
    mask = np.zeros([24, 32], np.uint8)
    mask[8:16, 8:24] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "a_mask.png")
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, "--model=mean.onnx", *FILES],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(str(tmp_path / "lib"))
    known = mask == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png"))[known], image[known])
