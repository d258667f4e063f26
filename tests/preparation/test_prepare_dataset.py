"""The program, as its users start it, with Apache Beam's local runner."""

import importlib.util
import json
import logging
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfill_tf.data import list_images, read_pixels
from tests.preparation.images import defective, encoded, photograph

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "tools" / "prepare_dataset.py")]


def run(*arguments: str, folder=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def program():
    """The program as a module; its change of the logging level is undone."""
    level = logging.getLogger().level
    place = importlib.util.spec_from_file_location("prepare_dataset", COMMAND[1])
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    yield module
    logging.getLogger().setLevel(level)


@pytest.fixture
def found(tmp_path):
    """Photographs, duplicates of them, and images with each defect, those in an archive."""
    folder = tmp_path / "found"
    folder.mkdir()
    for index in range(3, 9):
        (folder / f"good_{index}.jpg").write_bytes(photograph(index).read_bytes())
    (folder / "same.jpg").write_bytes(photograph(3).read_bytes())
    (folder / "similar.png").write_bytes(encoded(Image.open(photograph(4)), "JPEG", quality=70))
    with tarfile.open(folder.parent / "more.tar", "w") as archive:
        for name, content in defective().items():
            path = tmp_path / name
            path.write_bytes(content)
            archive.add(path, name)
    return folder


def test_findings_are_reported_and_bad_images_and_duplicates_dropped(found, tmp_path):
    output = tmp_path / "prepared"
    ended = run(f"--input={found}", f"--input={tmp_path}/more.tar", f"--output={output}",
                "--train_shards=3", "--validation_fraction=0.3")  # fmt: skip
    assert ended.returncode == 2, ended.stderr  # some are corrupt
    report = json.loads((output / "report.json").read_text())
    expected = dict.fromkeys(
        ("too_small", "constant", "animated", "cmyk", "sixteen_bit", "exif_rotated"), 1
    )
    assert report["findings"] == {**expected, "corrupt": 2, "duplicate": 1, "near_duplicate": 1}
    assert report["seen"] == 16
    assert sum(report["written"].values()) == 9
    assert "output" not in report["settings"]
    dropped = (output / "dropped.tsv").read_text().splitlines()
    assert f"{found}/same.jpg\tduplicate\t{found}/good_3.jpg" in dropped
    assert f"{found}/similar.png\tnear_duplicate\t{found}/good_4.jpg" in dropped
    assert "16 images in" in ended.stdout
    assert "corrupt (cannot be decoded; dropped): 2" in ended.stdout
    images = list_images(f"{output}/*.tfrecord")
    assert len(images) == 9
    assert all(read_pixels(image).shape[2] == 3 for image in images)
    assert not list(tmp_path.glob(".*.tmp"))

    again = tmp_path / "again"
    run(f"--input={found}", f"--input={tmp_path}/more.tar", f"--output={again}",
        "--train_shards=3", "--validation_fraction=0.3")  # fmt: skip
    for path in output.glob("*.tfrecord*"):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_another_runner_makes_the_same_shards(found, tmp_path):
    """Chosen by Beam's own options: here its workers are processes."""
    one, two = tmp_path / "one", tmp_path / "two"
    processes = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    for output, options in ((one, []), (two, processes)):
        ended = run(f"--input={found}", f"--output={output}", *options)
        assert ended.returncode == 0, ended.stderr
    shards = sorted(path.name for path in one.glob("*.tfrecord*"))
    assert shards == sorted(path.name for path in two.glob("*.tfrecord*"))
    for name in (*shards, "dropped.tsv"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_names_with_tabs_and_line_ends_stay_on_one_line(tmp_path):
    folder = tmp_path / "found"
    folder.mkdir()
    names = ("a\ttab.jpg", "two\nlines.jpg", "page\x0c\u2028.jpg", "ünï, @1+2.jpg", "same.jpg")
    for index, name in enumerate(names):
        (folder / name).write_bytes(photograph(index % 4).read_bytes())
    output = tmp_path / "prepared"
    ended = run(f"--input={folder}", f"--output={output}", "--validation_fraction=0")
    assert ended.returncode == 0, ended.stderr
    assert (output / "dropped.tsv").read_text() == (
        f"{folder}/same.jpg\tduplicate\t{folder}/a\\ttab.jpg\n"
    )
    assert len(list_images(f"{output}/*.tfrecord")) == 4


def test_an_archive_may_have_several_images_of_one_name(tmp_path):
    """As after `tar --append` of a newer version: all are inspected."""
    with tarfile.open(tmp_path / "grown.tar", "w") as archive:
        for index in (3, 4, 3):
            archive.add(photograph(index), "a.jpg")
    output = tmp_path / "prepared"
    ended = run(f"--input={tmp_path}/grown.tar", f"--output={output}", "--validation_fraction=0")
    assert ended.returncode == 0, ended.stderr
    assert json.loads((output / "report.json").read_text())["findings"] == {"duplicate": 1}
    assert len(list_images(f"{output}/*.tfrecord")) == 2


def test_training_images_like_validation_images_are_dropped(found, tmp_path):
    validation = tmp_path / "validation"
    validation.mkdir()
    for index, name in ((3, "same"), (10, "own")):
        (validation / f"{name}.jpg").write_bytes(photograph(index).read_bytes())
    similar = encoded(Image.open(photograph(5)), "JPEG", quality=70)
    (validation / "similar.jpg").write_bytes(similar)
    output = tmp_path / "prepared"
    ended = run(f"--input={found}", f"--validation={validation}", f"--output={output}")
    assert ended.returncode == 0, ended.stderr
    report = json.loads((output / "report.json").read_text())
    assert report["findings"] == {"leakage": 3, "near_duplicate": 1}
    assert report["written"] == {"train": 4, "validation": 3}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "--input is missing"),
        (["--input=found"], "--output is missing"),
        (["--input=nowhere", "--output=new"], "nowhere does not exist"),
        (["--input=found.tar.gz", "--output=new"], "make it a plain .tar"),
        (["--input=none.tar", "--output=new"], "there is no archive none.tar"),
        (["--input=found", "--output=found"], "found exists"),
        (["--input=found", "--output=/"], "/ exists"),
        (["--input=found", "--output=new", "--min_side=many"], "--min_side"),
        (["--input=found", "--output=new", "--min-side=9"], "--min-side is neither a flag"),
        (["--input=found", "--output=new", "--direct_num_workers=many"], "value: 'many'"),
        (["found", "--output=new"], "unexpected argument 'found'"),
        (["--input=found", "--output=new", "--validation=found"], "no image is left for train"),
        (
            ["--layout=celeba", "--root=found", "--runner=x"],
            "--layout cannot be combined with --runner=x",
        ),
        (["--input=found", "--output=new", "--validation_fraction=1"], "must be in [0, 1), got 1"),
        (
            ["--input=found", "--output=new", "--train_shards=0"],
            "must be in [1, 100000), got 0",
        ),
        (["--input=found", "--output=new", "--min_side=9000"], "no image is left"),
        (["--layout=mnist", "--root=."], "got 'mnist'"),
        (["--layout=celeba"], "needs --root"),
        (["--layout=celeba", "--root=found"], "there is no folder found/celeba"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_destroys_nothing(
    found, arguments, complaint, program, capfd, monkeypatch
):
    before = sorted(found.parent.rglob("*"))
    monkeypatch.chdir(found.parent)
    assert program.COMMAND.exit_code(program.run, arguments) == 1
    errors = capfd.readouterr().err.splitlines()
    lines = [line for line in errors if line.startswith("prepare_dataset: ")]
    assert len(lines) == 1
    assert complaint in lines[0]
    assert sorted(found.parent.rglob("*")) == before


def many(folder: Path, count: int) -> None:
    """Images of 49 kB, all different, in archives of a thousand."""
    random = np.random.default_rng(0)
    for start in range(0, count, 1000):
        with tarfile.open(folder / f"{start:06d}.tar", "w") as archive:
            for number in range(start, min(start + 1000, count)):
                pixels = random.integers(0, 256, [128, 128, 3], np.uint8)
                path = folder / "one.bmp"
                Image.fromarray(pixels).save(path)
                archive.add(path, f"{number:06d}.bmp")
    path.unlink()


def peak_and_summary(folder: Path, output: Path) -> tuple[int, str]:
    """Peak resident memory of the program in bytes, and its output."""
    arguments = [f"--input={path}" for path in sorted(folder.glob("*.tar"))]
    process = subprocess.Popen(
        [*COMMAND, *arguments, f"--output={output}", "--min_side=16"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        line = next((line for line in status.splitlines() if line.startswith("VmHWM")), "x 0")
        peak = max(peak, 1024 * int(line.split()[1]))
        time.sleep(0.2)
    assert process.returncode == 0
    return peak, process.stdout.read()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_five_thousand_images_in_bounded_memory(tmp_path):
    """Ten times as many images: 220 MB more of them, and less than half of that in memory."""
    peaks = {}
    for count in (500, 5_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        many(folder, count)
        peaks[count], text = peak_and_summary(folder, tmp_path / f"prepared_{count}")
        print(f"{text}peak memory {peaks[count] / 1e6:.0f} MB")
        assert f"{count} images in" in text
    assert peaks[5_000] - peaks[500] < 110e6
