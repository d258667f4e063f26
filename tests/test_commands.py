"""What users type: flags, exit codes, and what stands on standard error.

Each start of a command takes seconds, so all but a few run in this process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from PIL import Image

from deepfill_tf import Inpainter, convert, export, load_generator
from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError
from deepfill_tf.storage import loading
from tests.command_calls import assert_one_line, call, contents
from tests.reference import reference_weights
from tests.small_generators import random_images, random_masks, write_small_model

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("models") / "small", step=7)


@pytest.fixture
def folder(tmp_path):
    """`a.png` and `b.png` in `images`, masks of the same names in `masks`."""
    for i, name in enumerate(("a.png", "b.png")):
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir(exist_ok=True)
        image, mask = random_images(30, 41, 3, seed=i), random_masks(1, 30, 41, i)[0, :, :, 0]
        Image.fromarray(image).save(tmp_path / "images" / name)
        # Greys next to the threshold would be noted as soft edges.
        Image.fromarray((mask > 127) * np.uint8(255)).save(tmp_path / "masks" / name)
    return tmp_path


# One process for each way of starting a command.


def start(*arguments, folder, stdout=subprocess.PIPE):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_image_from_the_command_line(model, folder):
    flags = ["--image=images/a.png", "--mask=masks/a.png", "--output=completed.png"]
    result = start("-m", "deepfill_tf.inpaint", f"--model={model}", *flags, folder=folder)
    assert (result.returncode, result.stderr) == (0, "")
    image, mask, completed = (
        np.asarray(Image.open(folder / name))
        for name in ("images/a.png", "masks/a.png", "completed.png")
    )
    np.testing.assert_array_equal(completed, Inpainter.load(model)(image, mask))


@pytest.mark.parametrize("command", ["inpaint", "export", "convert", "demo"])
def test_help_does_not_wait_for_tensorflow(command, folder):
    program = (
        "import sys; sys.modules['tensorflow'] = None; "
        f"sys.argv[1:] = ['--help']; from deepfill_tf.{command} import main; main()"
    )
    result = start("-c", program, folder=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert "usage:" in result.stdout and "--output" in result.stdout


def test_help_whose_reader_has_ended_is_no_error(folder):
    """As in `deepfill-inpaint --help | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        result = start("-m", "deepfill_tf.inpaint", "--help", folder=folder, stdout=closed)
    assert (result.returncode, result.stderr) == (0, "")


def test_help_without_a_standard_output(folder):
    program = (
        "import sys; sys.stdout = None; sys.argv[1:] = ['--help']; "
        "from deepfill_tf.inpaint import main; main()"
    )
    result = start("-c", program, folder=folder)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_standard_output_is_one_line(folder):
    with open("/dev/full", "w") as full:
        result = start("-m", "deepfill_tf.inpaint", "--help", folder=folder, stdout=full)
    assert result.returncode == 1
    assert result.stderr.startswith("deepfill-inpaint: ") and result.stderr.count("\n") == 1


def test_the_package_is_light_until_used(folder):
    program = (
        "import sys, deepfill_tf; assert 'tensorflow' not in sys.modules; "
        "print(deepfill_tf.__version__, dir(deepfill_tf))"
    )
    result = start("-c", program, folder=folder)
    assert result.returncode == 0, result.stderr
    assert "Inpainter" in result.stdout and "load_generator" in result.stdout


def test_bad_input_from_the_command_line(folder):
    result = start("-m", "deepfill_tf.export", "--model=nowhere", "--output=x", folder=folder)
    assert result.returncode == 1
    assert result.stderr == (
        "deepfill-export: there is no folder nowhere; pass a run directory or a model directory\n"
    )


# export


def test_export(model, folder, capfd):
    assert call(export, model=model, output=folder / "models" / "new") == 0
    assert capfd.readouterr().err == ""
    assert (folder / "models" / "new" / "saved_model.pb").is_file()
    description = json.loads((folder / "models" / "new" / "model.json").read_text())
    assert (description["origin"], description["step"]) == ("a test's random numbers", 7)
    weights = [
        (path / "weights.safetensors").read_bytes() for path in (model, folder / "models/new")
    ]
    assert weights[0] == weights[1]


def test_without_a_model_the_model_of_the_package_is_exported(model, folder, capfd, monkeypatch):
    monkeypatch.setattr(loading, "DEFAULT_MODEL", folder / "nowhere")
    assert call(export, output=folder / "new") == 1
    assert_one_line(capfd, "no default model", "nowhere")
    assert not (folder / "new").exists()
    monkeypatch.setattr(loading, "DEFAULT_MODEL", model)
    assert call(export, output=folder / "new") == 0
    files = [path / "weights.safetensors" for path in (model, folder / "new")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_export_destroys_nothing(model, folder, capfd):
    before = contents(folder)
    assert call(export, model=model, output=folder / "images") == 1
    assert_one_line(capfd, "images", "not overwritten")
    assert call(export, model=model, output=folder / "images" / "a.png") == 1
    assert_one_line(capfd, "a.png is a file")
    assert call(export, model=model, output=folder / "images" / "a.png" / "x") == 1
    assert_one_line(capfd, "cannot write")
    assert call(export, model=folder / "images", output=folder / "x") == 1
    assert_one_line(capfd, "neither a model directory")
    assert contents(folder) == before


# convert


def test_convert(folder, capfd):
    weights = reference_weights("v2", 1)
    import make_weights  # found by the line above

    make_weights.write_checkpoint(weights, str(folder / "released" / "snap-0"))
    result = start(
        REPOSITORY / "tools" / "convert_tf1_checkpoint.py",
        f"--checkpoint={folder / 'released' / 'snap-0'}",
        f"--output={folder / 'places2'}",
        folder=folder,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "CC BY-NC 4.0" in result.stdout
    description = json.loads((folder / "places2" / "model.json").read_text())
    assert "CC BY-NC 4.0" in description["origin"] and "snap-0" in description["origin"]
    assert load_generator(folder / "places2").count_params() == 4_052_478

    del weights["inpaint_net/conv3/bias"]
    make_weights.write_checkpoint(weights, str(folder / "released" / "snap-0"))
    capfd.readouterr()
    before = contents(folder)
    assert call(convert, checkpoint=folder / "released", output=folder / "places2") == 1
    assert_one_line(capfd, "deepfill-convert: ", "inpaint_net/conv3/bias")
    assert call(convert, checkpoint=folder / "nothing", output=folder / "places2") == 1
    assert_one_line(capfd, "nothing.index does not exist")
    assert contents(folder) == before


# What all share


COMMAND = Command(
    "deepfill-try",
    "Tries.",
    [
        Flag("run_dir", "A folder.", required=True),
        Flag("gin_file", "A file.", define=flags.DEFINE_multi_string),
        Flag("steps", "A number.", 3, define=flags.DEFINE_integer),
    ],
)


def test_flags_may_be_given_several_times():
    def run(values):
        assert values.gin_file == ["a", "b"] and values.steps == 5 and values.run_dir == "x"
        return 75

    arguments = ["--gin_file=a", "--run_dir", "x", "--gin_file=b", "--steps=5"]
    assert COMMAND.exit_code(run, arguments) == 75
    # Nothing is left over from one call to the next.
    assert COMMAND.parse([]).gin_file is None and COMMAND.parse([]).steps == 3


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["--run_dri=x"], ["run_dri", "run_dir", "--help"]),
        (["--steps=3"], ["--run_dir is missing", "A folder."]),
        (["--run_dir="], ["--run_dir is missing"]),
        (["--run_dir=x", "--steps=many"], ["steps", "many"]),
        (["--run_dir=x", "extra"], ["unexpected argument 'extra'"]),
    ],
)
def test_flags_that_do_not_fit(capfd, arguments, parts):
    assert COMMAND.exit_code(lambda values: pytest.fail("was run"), arguments) == 1
    assert_one_line(capfd, "deepfill-try: ", *parts)


@pytest.mark.parametrize(
    "error, line",
    [
        (UserError("the path\n  is wrong"), "deepfill-try: the path is wrong\n"),
        (KeyError("x"), "deepfill-try: KeyError: 'x' (run with --debug for more)\n"),
    ],
)
def test_errors_are_one_line_and_a_traceback_where_asked(capfd, error, line):
    def run(values):
        raise error

    assert COMMAND.exit_code(run, ["--run_dir=x"]) == 1
    assert capfd.readouterr().err == line
    assert COMMAND.exit_code(run, ["--run_dir=x", "--debug"]) == 1
    shown = capfd.readouterr().err
    assert shown.startswith("Traceback") and shown.endswith(line)
