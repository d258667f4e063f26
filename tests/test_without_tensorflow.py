"""What runs where TensorFlow is not installed, in a process that cannot import it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.inference.onnx_files import write_mean_fill
from tests.small_generators import random_images

# Calls of commands: names of modules with arguments, and exit codes and what stands on standard
# error as the result.
CALLS = """
HIDDEN = ("tensorflow", "keras")
import contextlib, importlib, io, json, sys
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name in HIDDEN else find_spec(name, *rest)
results = []
for name, *arguments in json.load(sys.stdin):
    command, errors = importlib.import_module(f"deepfill_tf.{name}"), io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        code = command.COMMAND.exit_code(command.run, arguments)
    results.append([code, errors.getvalue()])
try:
    from deepfill_tf import load_generator
except ImportError as error:
    results.append(str(error))
from deepfill_tf import OnnxInpainter, UserError, read_image, read_mask, write_completed
print(json.dumps([results, sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs of several kinds in `images`, their masks in `masks`, sketches in `sketches`."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("images", "masks", "sketches"):
        (folder / name).mkdir()
    mask = np.zeros([40, 52], np.uint8)
    mask[10:20, 12:30] = 255
    image = random_images(40, 52, 4)
    exif = Image.Exif()
    exif[0x013B] = "an artist"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(image).save(folder / "images" / "alpha.png", icc_profile=profile, exif=exif)
    Image.fromarray(image[..., 0].astype(np.uint16) * 200).save(folder / "images" / "deep.png")
    Image.fromarray(image[..., :3]).save(folder / "images" / "photo.jpg", quality=90, exif=exif)
    for name in ("alpha", "deep", "photo"):
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    Image.fromarray(np.full_like(mask, 255)).save(folder / "sketches" / "sketch.png")
    write_mean_fill(folder / "mean.onnx")
    write_mean_fill(folder / "guided.onnx", guided=True)
    return folder


@pytest.fixture(scope="module")
def outcome(folder):
    """Results of commands by what they are, and the imported modules."""

    def inpaint(output, *more, model="mean.onnx", image="images", mask="masks"):
        paths = {"model": model, "image": image, "mask": mask, "output": output}
        return ["inpaint", *(f"--{n}={folder / p}" for n, p in paths.items()), *more]

    report = f"--report={folder / 'report.json'}"
    calls = {
        "folder": inpaint("same", "--format=same", "--grow_hole=1", report),
        "crop": inpaint("crop", "--strategy=crop", "--crop_margin=8"),
        "resize": inpaint("resize", "--strategy=resize", "--resize_limit=32"),
        "dry run": inpaint("dry", "--dry_run"),
        "guided": inpaint(
            "guided.tif",
            f"--sketch={folder / 'sketches' / 'sketch.png'}",
            model="guided.onnx",
            image="images/photo.jpg",
            mask="masks/photo.png",
        ),
        "no sketch": inpaint("no", model="guided.onnx"),
        "whole image": inpaint("no", "--whole_image"),
        "run directory": inpaint("no", model="runs/celeba"),
        "default model": ["inpaint", "--image=a", "--mask=b", "--output=c"],
        "training": ["train", "--gin_file=quickstart.gin", "--run_dir=run"],
    }
    process = subprocess.run(
        [sys.executable, "-c", CALLS],
        input=json.dumps([*calls.values()]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    results, modules = json.loads(process.stdout)
    return dict(zip([*calls, "generator"], results, strict=True)), modules


@pytest.mark.parametrize("what", ["folder", "crop", "resize", "dry run", "guided"])
def test_completions_succeed(outcome, what):
    code, error = outcome[0][what]
    assert code == 0, error
    notes = error.splitlines()
    assert all("the hole gets 8 bits" in note for note in notes), error


def test_everything_that_files_carry_is_kept(outcome, folder):
    hole = np.asarray(Image.open(folder / "masks" / "deep.png")) > 0
    hole = np.stack([np.roll(hole, shift, axis) for axis in (0, 1) for shift in (-1, 0, 1)]).any(0)
    for name in ("same", "crop", "resize"):
        for source in ("alpha", "deep"):
            before = Image.open(folder / "images" / f"{source}.png")
            after = Image.open(folder / name / f"{source}.png")
            assert (after.mode, after.info) == (before.mode, before.info)
            known = np.asarray(after)[~hole] == np.asarray(before)[~hole]
            assert known.all() and (np.asarray(after) != np.asarray(before))[hole].any()
    photograph = Image.open(folder / "same" / "photo.jpg")
    assert photograph.getexif()[0x013B] == "an artist"
    report = json.loads((folder / "report.json").read_text())
    assert report["counts"] == {"completed": 3, "left_out": 0}
    assert report["images"][0]["boxes"] == [[9, 11, 21, 31]]
    assert (np.asarray(Image.open(folder / "guided.tif"))[10:20, 12:30] == 255).all()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no sketch", "pass one with --sketch"),
        ("whole image", "--whole_image does not go with"),
        ("run directory", "must be an ONNX file, file.onnx, and --model="),
        ("default model", "must be an ONNX file, file.onnx, and --model is missing"),
        ("training", "TensorFlow is not installed: install deepfill-tf"),
    ],
)
def test_what_does_not_run_says_in_a_line_what_would_be_right(outcome, what, message):
    code, error = outcome[0][what]
    assert code == 1 and error.count("\n") == 1 and message in error, error


def test_names_of_the_package(outcome):
    assert "load_generator needs TensorFlow: install deepfill-tf" in outcome[0]["generator"]


def test_nothing_that_takes_long_is_imported(outcome):
    roots = {name.split(".")[0] for name in outcome[1]}
    assert not roots & {"tensorflow", "keras", "onnx", "gin", "h5py", "safetensors", "matplotlib"}
