"""Every command of docs/preparing_data.md is run as it is written."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.preparation.images import photograph
from tests.preparation.test_layouts import lay_out_celeba

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "preparing_data.md").read_text()
COMMANDS = re.findall(r"^python (.*)$", PAGE, re.MULTILINE)
# Shortens a run of days.
TRIAL = [
    "--gin_file=laptop.gin",
    "--gin_param=Trainer.max_steps=1",
    "--gin_param=GeneratorV2.refinement=False",
]


@pytest.fixture
def folder(tmp_path):
    """Images, an archive of others, CelebA in its published layout, images with masks."""
    (tmp_path / "images").mkdir()
    for index in range(6):
        path = tmp_path / "images" / photograph(index).name
        path.write_bytes(photograph(index).read_bytes())
    others = [photograph(index).name for index in range(6, 12)]
    archive = ["tar", "-cf", tmp_path / "more.tar", "-C", photograph(6).parent, *others]
    subprocess.run(archive, check=True)
    lay_out_celeba(tmp_path / "data")
    for index in range(12):
        kind = tmp_path / "my_images" / ("train" if index < 8 else "validation")
        kind.mkdir(parents=True, exist_ok=True)
        path = shutil.copy(photograph(index), kind)
        with Image.open(path) as image:
            mask = Image.new("L", image.size)
        mask.paste(255, (20, 20, 60, 60))
        mask.save(kind / f"{photograph(index).stem}_mask.png")
    return tmp_path


def test_the_commands_run_one_after_the_other(folder):
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        arguments = shlex.split(command)
        if arguments[0].startswith("tools/"):
            arguments[0] = str(ROOT / arguments[0])
            # A hundredth of twelve images would be none.
            options = ["--validation_fraction=0.3"] if "--output=prepared/" in arguments else []
        else:
            options = TRIAL
        ended = subprocess.run(
            [sys.executable, *arguments, *options],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
    assert (folder / "data/celeba/train.flist").exists()
    assert (folder / "prepared/report.json").exists()
    for run in ("masked", "mine"):
        assert (folder / "runs" / run / "model" / "saved_model.pb").exists()
