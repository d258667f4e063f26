"""Bad input of the training command: one clear line, exit code 1, nothing destroyed."""

import os
from pathlib import Path

import pytest
from PIL import Image

from deepfill_tf import train
from deepfill_tf.storage.run_lock import run_lock

TINY = str(Path(__file__).parent / "training" / "tiny.gin")


@pytest.fixture
def print_error(capfd, tmp_path):
    """Runs the command in this process; returns its one line of complaint."""

    def run(*arguments, run_dir=None):
        files = [a for a in arguments if a.startswith("--gin_file")] or [f"--gin_file={TINY}"]
        others = [a for a in arguments if not a.startswith("--gin_file")]
        run_dir = run_dir or tmp_path / "run"
        capfd.readouterr()
        code = train.COMMAND.exit_code(train.run, [*files, *others, f"--run_dir={run_dir}"])
        lines = [line for line in capfd.readouterr().err.splitlines() if "deepfill-train" in line]
        assert code == 1
        assert len(lines) == 1
        return lines[0]

    return run


@pytest.fixture
def images(tmp_path):
    """Two good images and a list of them."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, color in (("a.png", "teal"), ("b.png", "coral")):
        Image.new("RGB", (40, 36), color).save(folder / name)
    (folder / "train.flist").write_text("a.png\nb.png\n")
    return folder


def data(folder, train="train.flist"):
    return [
        f'--gin_param=data.root = "{folder}"',
        f'--gin_param=data.train = "{train}"',
        "--gin_param=CompareCompletion.example_index = 0",
        "--gin_param=data.validation = None",
    ]


@pytest.mark.parametrize(
    ("binding", "complaint"),
    [
        ('Trainer.learning_rate = "a"', "Trainer.learning_rate must be a number > 0, got 'a'"),
        ("Trainer.epsilon = 0", "Trainer.epsilon must be > 0, got 0"),
        ("Trainer.beta_1 = 1.0", "Trainer.beta_1 must be in [0, 1), got 1.0"),
        (
            "Trainer.max_checkpoints_to_keep = 0",
            "Trainer.max_checkpoints_to_keep must be a positive integer",
        ),
        ('Trainer.precision = "mixed_bfloat16"', "at least 64 pixels a side, got 32"),
        ('strategy.name = "gpu"', "strategy.name must be one of"),
        ('strategy.name = "multi_worker"', "needs a cluster of several processes"),
        ('strategy.name = "tpu"', "there is no TPU (strategy.tpu and TPU_NAME are not set)"),
        (
            "Trainer.gradient_accumulation_steps = 0",
            "gradient_accumulation_steps must be a positive integer",
        ),
        ("Trainer.gradient_accumulation_steps = 4", "is not a multiple of the 1 replicas times 4"),
        ('strategy.devices = ["GPU:7"]', "there is no device 'GPU:7'"),
        ('strategy.devices = "CPU:0"', "must be a list of device names, got 'CPU:0'"),
        ('GeneratorV2.padding = "symmetric"', "data.height=32 does not fit the generator"),
        ("GeneratorV2.width = 3", "width must be a multiple of 2 that is >= 2, got 3"),
        ("GeneratorV2.channels = 1", "channels=1, but data.channels=3"),
        (
            "CompareCompletion.example_index = 40",
            "CompareCompletion.example_index must be in [0, 12), got 40",
        ),
        ("Trainer.generator = @GeneratorV3", "did you mean 'GeneratorV2'"),
    ],
)
def test_a_refused_value_is_quoted(print_error, binding, complaint):
    assert complaint in print_error(f"--gin_param={binding}")


def test_an_overlay_alone(print_error):
    assert "pass a complete config first" in print_error("--gin_file=laptop.gin")


def test_a_validation_image_cut_short(print_error, images):
    whole = (images / "b.png").read_bytes()
    (images / "0.png").write_bytes(whole[: len(whole) // 2])
    assert "0.png" in print_error(*data(images), '--gin_param=data.validation = "*.png"')


def test_missing_config(print_error):
    assert "did you mean 'celeba.gin'" in print_error("--gin_file=celba.gin")


def test_unknown_binding(print_error):
    assert "did you mean 'max_steps'" in print_error("--gin_param=Trainer.max_step = 3")


def test_missing_data(print_error, tmp_path):
    line = print_error("--gin_file=places2.gin", f'--gin_param=data.root = "{tmp_path}"')
    assert str(tmp_path / "places2" / "train.flist") in line
    assert "MIT Places" in line
    assert not (tmp_path / "run").exists()


def test_wrong_path_in_a_file_list(print_error, images):
    (images / "train.flist").write_text("a.png\nnot_there.png\nb.png\n")
    line = print_error(*data(images))
    assert "1 of 3 images" in line
    assert "not_there.png (no such file)" in line


def test_unreadable_images(print_error, images):
    for path in images.glob("*.png"):
        path.write_text("no image at all")
    line = print_error(*data(images))
    assert "2 of 2 images cannot be read" in line
    assert "b.png (it is not an image of a known format)" in line


def test_what_is_not_finite_is_named_and_nothing_is_saved_after_it(print_error, tmp_path):
    """An update far too large: the next one has no finite loss."""
    line = print_error("--gin_param=Trainer.learning_rate = 1e18")
    assert "stopped in step 1, in the update of the generator: generator/" in line
    assert "the first non-finite tensor is " in line
    assert "astronaut.jpg" in line
    assert line.endswith("nothing is saved yet")
    assert not list(tmp_path.glob("run/checkpoints/step-*"))


def test_images_that_all_fail_later_stop_a_short_list(print_error, images):
    for path in images.glob("*.png"):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    line = print_error(*data(images))
    assert "2 of 2 images could not be read, more than 1" in line
    assert ".png" in line


@pytest.mark.parametrize("place", ["/proc/deepfill", "a_file"])
def test_unwritable_run_directory(print_error, tmp_path, place):
    (tmp_path / "a_file").write_text("precious")
    line = print_error(run_dir=tmp_path / place)
    assert "cannot write to the run directory" in line
    assert (tmp_path / "a_file").read_text() == "precious"


def test_global_batch_that_replicas_cannot_share(print_error):
    line = print_error(
        '--gin_param=strategy.name = "mirrored"',
        '--gin_param=strategy.devices = ["CPU:0", "CPU:1"]',
        "--gin_param=Trainer.global_batch_size = 3",
    )
    assert "global_batch_size=3 is not a multiple of the 2 replicas" in line


def test_a_run_is_held_to_its_config_and_architecture(print_error, tmp_path, images, capfd):
    arguments = [f"--gin_file={TINY}", *data(images), "--gin_param=Trainer.max_steps = 1"]
    arguments += ["--gin_param=Trainer.actions = [@SaveCheckpoints()]"]
    run_dir = tmp_path / "run"
    assert train.COMMAND.exit_code(train.run, [*arguments, f"--run_dir={run_dir}"]) == 0
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    assert any(path.parent.name == "step-1" for path in before)

    newest = next(run_dir.glob("checkpoints/step-1/*.data*"))
    newest.write_bytes(before[newest][: len(before[newest]) // 2])
    assert "none of the 1 checkpoints" in print_error(*arguments)
    newest.write_bytes(before[newest])

    line = print_error(*arguments, "--gin_param=GeneratorV2.width = 6")
    assert f"{run_dir} was started with another configuration: GeneratorV2.width = 4, now 6" in line
    line = print_error(*arguments, "--gin_param=GeneratorV2.width = 6", "--allow_config_change")
    assert "it was saved with another generator: width was 4, the configuration says 6" in line
    line = print_error(*arguments, "--gin_param=Trainer.ema_decay = None")
    assert "Trainer.ema_decay = 0.99, now None" in line
    line = print_error(*arguments, "--gin_param=Trainer.global_batch_size = 4")
    assert "Trainer.global_batch_size = 2, now 4" in line
    line = print_error(*arguments, "--gin_param=Reconstruction.weight = 2.0")
    assert "Reconstruction.weight = 1.0, now 2.0" in line
    Image.new("RGB", (40, 36), "plum").save(images / "c.png")
    (images / "train.flist").write_text("a.png\nc.png\n")
    line = print_error(*arguments, "--gin_param=Trainer.max_steps = 2")
    assert "1 missing (b.png), 1 new (c.png)" in line
    (images / "train.flist").write_text("b.png\na.png\n")
    assert "in another order, from line 1 on (b.png)" in print_error(*arguments)
    with run_lock(str(run_dir)):
        line = print_error(*arguments)
    assert f"another training is running in {run_dir} (process {os.getpid()}" in line
    del before[run_dir / ".lock"]
    assert all(path.read_bytes() == content for path, content in before.items())
