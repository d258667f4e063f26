"""The card of the default model: its numbers are those of its files, its ledger is complete."""

import csv
import hashlib
import json
import math
import re
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "deepfill_tf" / "models" / "default"
COLLECTION = ROOT.parent / "shared" / "data" / "open_photographs"


@pytest.fixture
def tools(monkeypatch):
    """Modules of the card."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    from model_card import evaluations, ledger, text

    return evaluations, ledger, text


def estimate(value, half=1.0):
    return {"value": value, "low": value - half, "high": value + half}


@pytest.fixture
def reports(tmp_path, tools):
    """Made-up evaluations of four images each, of which two kinds have different errors."""
    evaluations, _, _ = tools
    methods = ["model", "coarse", "telea", "patchmatch"]
    for images in evaluations.SETS:
        for i, protocol in enumerate(evaluations.PROTOCOLS):
            folder = tmp_path / evaluations.folder_of(images.name, 64, protocol)
            folder.mkdir()
            values = {
                method: {
                    "psnr_in_hole": estimate(20 + i + j / 8),
                    "lpips_alex": estimate(0.1 + i / 64 + j / 512, 1 / 1024),
                }
                for j, method in enumerate(methods)
            }
            report = {
                "images": 8,
                "provenance": {"manifest": "m", "weights": "w", "step": 70, "versions": "v"},
                "methods": [{"name": name, "title": name.title()} for name in methods],
                "parts": [
                    {
                        "values": values,
                        "differences": {
                            "model": {
                                "coarse": {},
                                "telea": {
                                    "psnr_in_hole": estimate(1.5 + i, 1.25),
                                    "lpips_alex": estimate(-0.05, 0.025),
                                },
                                "patchmatch": {
                                    "psnr_in_hole": estimate(-3.75, 0.5),
                                    "lpips_alex": estimate(0.0, 0.5),
                                },
                            }
                        },
                    }
                ],
            }
            (folder / "report.json").write_text(json.dumps(report))
            with (folder / "images.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                names = ["hole", "image", "method", "hole_share", "width", "height"]
                writer.writerow([*names, "l2_in_hole", "psnr_in_hole"])
                for number in range(8):
                    stem = f"x/lion{number}" if number < 4 else f"stones_{number:04}"
                    for j, method in enumerate(methods):
                        error = (4 if number < 4 else 16) * (j + 1)
                        psnr = 10 * math.log10(255**2 / error)
                        place = [stem, f"{stem}.jpg", method, 0.25, 64, 64]
                        writer.writerow([*place, error, psnr])
    return tmp_path


@pytest.fixture
def scores(tools, reports):
    kinds = {f"lion{i}": "animals" for i in range(4)}
    one = {"size": 64, "batch_size": 8, "steps": 50, "minutes": 2.5, "processor": "an abacus"}
    one |= {"loss": "hole", "adversarial_weight": "0", "precision": "float32"}
    training = {"stages": [one, one | {"batch_size": 4, "steps": 20}]}
    return tools[0].scores_of(reports, [64], kinds, training, {"width": 8})


def test_scores_are_those_of_the_reports(scores):
    assert (scores["weights"], scores["step"]) == ("w", 70)
    assert len(scores["evaluations"]) == 8
    medium = scores["evaluations"][1]
    assert (medium["set"], medium["size"], medium["protocol"]) == ("validation", 64, "medium")
    assert medium["values"]["telea"]["psnr_in_hole"] == [21.25, 20.25, 22.25]
    assert set(medium["differences"]) == {"telea", "patchmatch"}


def test_kinds_are_pooled_as_the_whole_is(scores):
    kinds = scores["evaluations"][0]["kinds"]
    assert set(kinds) == {"animals", "stones"}
    animals = kinds["animals"]
    assert animals["images"] == 4
    expected = 10 * math.log10(255**2 / 4)
    assert animals["values"]["model"]["psnr_in_hole"] == pytest.approx(expected, rel=1e-5)
    # Of errors three times as large; equal images have no interval.
    difference, *interval = animals["differences"]["telea"]["psnr_in_hole"]
    assert difference == pytest.approx(10 * math.log10(3), rel=1e-4) and interval == [None, None]


def test_evaluations_of_other_sizes_stay_if_the_model_is_the_same(tools, scores):
    with_other_sizes = tools[0].with_other_sizes
    evaluations = [
        {"set": images, "size": size, "protocol": "narrow"}
        for images, size in (("photos", 512), ("photos", 64), ("photos", 32), ("validation", 256))
    ]
    earlier = scores | {"evaluations": evaluations}
    places = [(e["set"], e["size"]) for e in with_other_sizes(scores, earlier)["evaluations"]]
    validation = [("validation", 64)] * 4 + [("validation", 256)]
    assert places == [*validation, *[("photos", 64)] * 4, ("photos", 512)]
    for other in ({"weights": "other"}, {"architecture": {"width": 16}}):
        assert with_other_sizes(scores, earlier | other) == scores


def test_reports_of_several_models_are_refused(tools, reports):
    path = reports / "photos_64_wide" / "report.json"
    path.write_text(path.read_text().replace('"weights": "w"', '"weights": "other"'))
    with pytest.raises(ValueError, match="of several models"):
        tools[0].scores_of(reports, [64], {}, {}, {})


def test_the_card_says_what_the_scores_say(tools, scores):
    _, ledger, text = tools
    rows = ledger.read_ledger(MODEL / ledger.LEDGER)
    card = text.card(scores, rows, {"parameters": 1234567, "megabytes": 2.5})
    assert "1,234,567" in card and "an abacus" in card and "saw 480 crops" in " ".join(card.split())
    for evaluation in scores["evaluations"]:
        for values in evaluation["values"].values():
            value, low, high = values["psnr_in_hole"]
            assert f"{value:.2f} [{low:.2f}, {high:.2f}]" in card
    lines = card.splitlines()
    psnr = next(line for line in lines if line.startswith("| PSNR in the hole, dB | narrow"))
    assert "+1.50 [+0.25, +2.75] better | -3.75 [-4.25, -3.25] worse" in psnr
    lpips = next(line for line in lines if line.startswith("| LPIPS, AlexNet | narrow"))
    assert "-0.0500 [-0.0750, -0.0250] better" in lpips and "no clear difference" in lpips
    assert "at 64 x 64: PSNR in the hole" in card
    last = [line for line in lines if line.startswith("| 480 | this model |")]
    assert [line.split(" | ")[3] for line in last] == ["+1.50; +0.0000"] * 2
    assert not re.search(r"\{\w*\}", card)


def test_the_card_is_made_of_the_committed_files(tools):
    """Written by `python tools/make_model_card.py --text_only`."""
    program = runpy.run_path(str(ROOT / "tools" / "make_model_card.py"))
    assert (MODEL / "model_card.md").read_text() == program["text_of"](MODEL)
    assert (MODEL / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    for image in re.findall(r"!\[.*?\]\((.*?)\)", (MODEL / "model_card.md").read_text()):
        assert (MODEL / image).stat().st_size <= 600_000


def test_the_scores_are_those_of_the_committed_weights():
    stored = safetensors.numpy.load_file(MODEL / "weights.safetensors")
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    assert (MODEL / "weights.safetensors").stat().st_size < 10 * 2**20
    content = safetensors.numpy.save({n: a.astype(np.float32) for n, a in stored.items()})
    scores = json.loads((MODEL / "scores.json").read_text())
    assert scores["weights"] == hashlib.sha256(content).hexdigest()
    assert scores["step"] == json.loads((MODEL / "model.json").read_text())["step"]
    assert scores["step"] == sum(stage["steps"] for stage in scores["training"]["stages"])


def test_every_training_image_has_its_row_and_may_be_used(tools):
    _, ledger, text = tools
    rows = ledger.read_ledger(MODEL / ledger.LEDGER)
    assert len({row["file"] for row in rows}) == len(rows)
    allowed = {"CC-BY-2.0", "MIT", "BSD-2-Clause", "public-domain"}
    for row in rows:
        assert row["licence"] in allowed and ledger.source_of(row["file"]) in ledger.SOURCES
        assert row["author"] and re.fullmatch("[0-9a-f]{32}", row["md5"]), row
        assert row["credit"] or row["licence"] == "BSD-2-Clause", row  # its author is its credit
    by_source = ledger.counts(rows)
    assert sum(count.total() for count in by_source.values()) == len(rows)
    assert set(by_source) == set(ledger.SOURCES)
    assert text.TEMPLATE.exists()


def test_the_ledger_covers_the_training_images(tools):
    if not COLLECTION.is_dir():
        pytest.skip("needs the training images beside the checkout")
    _, ledger, _ = tools
    rows = ledger.read_ledger(MODEL / ledger.LEDGER)
    assert Counter(row["file"] for row in rows) == Counter(
        path.name for path in (COLLECTION / "train").iterdir()
    )
    held_out = {path.name for path in (COLLECTION / "validation").iterdir()}
    with (COLLECTION / "LEDGER.csv").open(newline="", encoding="utf-8") as file:
        originals = {row["md5_of_original"]: row["file"] for row in csv.DictReader(file)}
    assert {f"train/{row['file']}" for row in rows} == {originals[row["md5"]] for row in rows}
    assert not held_out & {row["file"] for row in rows}
