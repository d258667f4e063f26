"""The benchmark runs and reports; its times are not checked."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
BENCHMARK = REPOSITORY / "tools" / "benchmark.py"


def start(*arguments, folder):
    return subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run, and its report."""
    folder = tmp_path_factory.mktemp("benchmark")
    small = ["--width=2", "--rounds=1", "--nomemory", "--json=report.json"]
    process = start("--cases=256-v2,attention", *small, folder=folder)
    assert process.returncode == 0, process.stderr
    return process, json.loads((folder / "report.json").read_text())


def test_every_variant_has_a_time(finished):
    _, report = finished
    measured = {entry["case"]: entry["variants"] for entry in report["comparisons"]}
    assert list(measured) == ["attention", "256-v2"]
    assert [len(variants) for variants in measured.values()] == [3, 4]
    for variants in measured.values():
        assert variants[0]["ratio"] == 1
        for variant in variants:
            assert variant["median_seconds"] > 0 and len(variant["seconds"]) == 1


def test_whole_images_have_gflop_and_bfloat16_a_psnr(finished):
    _, report = finished
    reference, whole_image, regions, rounded = report["comparisons"][-1]["variants"]
    assert reference["fraction_of_matrix_product_rate"] > 0
    assert reference["gflop"] == whole_image["gflop"] > 0
    assert regions["gflop"] is None
    assert 0 < rounded["psnr_in_hole"] <= 100


def test_the_machine_is_named(finished):
    process, report = finished
    machine = report["machine"]
    assert machine["processor"] and machine["cores"] > 0
    assert machine["processor"] in process.stdout
    assert all(rate > 0 for rate in report["matrix_product_gflop_per_second"].values())


def test_the_table_has_a_row_for_every_variant(finished):
    process, report = finished
    lines = process.stdout.splitlines()
    for entry in report["comparisons"]:
        assert f"{entry['case']}: {entry['what']}" in lines
        for variant in entry["variants"]:
            assert any(row.startswith(f"{variant['name']}  ") for row in lines)


@pytest.mark.parametrize(("network", "gflop"), [("v1", 44.871), ("v2", 50.398)])
def test_gflop_of_the_convolutions(network, gflop, monkeypatch):
    """Those of full width at 256 x 256, as counted by TensorFlow's profiler."""
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    generators = importlib.import_module("benchmark_generators")
    built = generators.generator(network, generators.WHOLE_IMAGE, None)
    assert generators.convolutions_gflop(built, 256, 256) == pytest.approx(gflop, abs=1e-3)


def test_one_variant_runs_in_a_process_of_its_own(tmp_path, finished):
    _, report = finished
    what = report["comparisons"][0]["what"]
    address = json.dumps(["attention", what, "fast", 2])
    process = start("in_fresh_process", address, folder=tmp_path)
    row = json.loads(process.stdout)
    assert row["seconds"][0] > 0
    # No TensorFlow fits in less.
    assert row["peak_bytes"] > 1e8


def test_an_unknown_case_is_an_error_of_one_line(tmp_path):
    process = start("--cases=attention,800", folder=tmp_path)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    for part in ("'800'", "attention", "1080p-v2", "4k-v1", "startup"):
        assert part in process.stderr
