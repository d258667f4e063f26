"""The everyday jobs of the default model: holes of every kind, the same each time."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfill_tf.data import write_image

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "complete_everyday_jobs.py"))
DESCRIPTION = json.loads(TOOL["JOBS"].read_text())
PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "photos"


def test_there_are_forty_jobs_with_names_of_their_own():
    assert len(DESCRIPTION["jobs"]) == len({job["name"] for job in DESCRIPTION["jobs"]}) == 40


@pytest.mark.parametrize("job", DESCRIPTION["jobs"], ids=lambda job: job["name"])
def test_a_hole_is_a_part_of_the_image_and_drawn_again(job):
    grey = np.full([384, 512, 3], 99, np.uint8)
    first, again, other = (TOOL["Drawing"](grey, seed) for seed in (5, 5, 6))
    for drawing in (first, again, other):
        for part in job["parts"]:
            drawing.add(part)
    assert 0.001 < (first.mask > 0).mean() < 0.2
    np.testing.assert_array_equal(first.mask, again.mask)
    np.testing.assert_array_equal(first.image, again.image)
    # What is painted is within the hole.
    assert (first.image[first.mask == 0] == 99).all()
    is_random = any({"scratch", "dust"} & part.keys() for part in job["parts"])
    assert np.array_equal(first.mask, other.mask) != is_random


def test_the_sheet_shows_every_job(tmp_path):
    jobs = {"seed": 0, "jobs": DESCRIPTION["jobs"][:6]}
    for job in jobs["jobs"]:
        path = tmp_path / "photos" / job["photograph"]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, np.random.default_rng(0).integers(0, 256, [96, 128, 3], np.uint8))
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    flags = [f"--photographs={tmp_path}/photos", f"--jobs={tmp_path}/jobs.json", "--dry_run"]
    flags += [f"--output={tmp_path}/sheet.jpg", f"--masks={tmp_path}/masks"]
    assert TOOL["COMMAND"].exit_code(TOOL["run"], flags) == 0
    panel, gap, caption = TOOL["PANEL"], TOOL["GAP"], TOOL["CAPTION"]
    size = Image.open(tmp_path / "sheet.jpg").size
    assert size == (5 * (2 * panel + gap), 2 * (panel + caption))
    masks = sorted((tmp_path / "masks").glob("*_mask.png"))
    assert len(masks) == 6 and set(np.unique(Image.open(masks[0]))) == {0, 255}


def test_the_photographs_may_be_shown():
    """They are in the public domain, or CC0, so that the sheet of their parts is too."""
    if not PHOTOGRAPHS.is_dir():
        pytest.skip("needs the evaluation's photographs beside the checkout")
    lines = (PHOTOGRAPHS / "SOURCES.md").read_text().splitlines()
    for job in DESCRIPTION["jobs"]:
        assert (PHOTOGRAPHS / job["photograph"]).is_file()
        (line,) = (line for line in lines if line.startswith(f"| {job['photograph']} "))
        assert "| Public domain |" in line or "| CC0-1.0 |" in line
