"""The benchmark runs and reports; its times are not checked."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parent.parent
TOOLS = REPOSITORY / "tools"
# Takes 1000 seconds for a training step, as it says; completes no images.
RIVAL = """
import json, sys

parameters = json.loads(sys.argv[-1])
if parameters["task"] != "train":
    sys.exit(print("unsupported"))
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps({"seconds": 1000.0, "peak_bytes": parameters["height"]}), flush=True)
"""


def start(*arguments, folder):
    return subprocess.run(
        [sys.executable, str(TOOLS / "benchmark.py"), *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run with a rival, and its report."""
    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "rival.py").write_text(RIVAL)
    small = ["--width=2", "--rounds=1", "--json=report.json", "--variants=fast,regions"]
    rival = f"--rival=slow={sys.executable} rival.py"
    process = start("--cases=256-v2,quickstart", rival, *small, folder=folder)
    assert process.returncode == 0, process.stderr
    return process, json.loads((folder / "report.json").read_text())


@pytest.fixture
def tools(monkeypatch):
    """Imports modules of the tools."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module


def test_every_variant_has_time_and_memory(finished):
    _, report = finished
    measured = {c["case"]: {v["name"]: v for v in c["variants"]} for c in report["comparisons"]}
    assert {case: list(variants) for case, variants in measured.items()} == {
        "256-v2": ["fast", "regions"],
        "quickstart": ["slow", "fast"],
    }
    own = [*measured["256-v2"].values(), measured["quickstart"]["fast"]]
    for variant in own:
        assert variant["median_seconds"] > 0 and len(variant["seconds"]) == 1
        assert variant["median_user_seconds"] > 0
        # No TensorFlow fits in less.
        assert variant["peak_bytes"] > 1e8
    assert measured["256-v2"]["fast"]["ratios"]["fast"] == 1


def test_whole_images_have_gflop(finished):
    _, report = finished
    whole_image, regions = report["comparisons"][0]["variants"]
    assert whole_image["gflop"] > 0
    assert whole_image["fraction_of_matrix_product_rate"] > 0
    assert "gflop" not in regions


def test_a_rival_is_told_the_computation_and_compared_with(finished):
    _, report = finished
    training = report["comparisons"][1]
    rival, own = training["variants"]
    # gin/schedules/quickstart.gin
    assert (
        training["parameters"] | {"height": 64, "width": 64, "batch_size": 8}
        == (training["parameters"])
    )
    assert rival["peak_bytes"] == 64
    assert own["ratios"]["slow"] == pytest.approx(1000 / own["median_seconds"])
    assert own["steps_per_second"] == pytest.approx(1 / own["median_seconds"])


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
            assert any(row.startswith(f"| {variant['name']} ") for row in lines)


def test_the_quickstart_case_trains_as_the_quickstart_does(tools):
    import gin

    from deepfill_tf.configuration import configured_trainer, parse

    case = tools("benchmarking.trainings").TRAININGS["quickstart"]
    settings, batches = [], []
    for bindings in ([], case.bindings(tools("benchmarking.generators").WHOLE_IMAGE)):
        parse(["quickstart.gin"], [*bindings, "Trainer.actions = []"])
        trainer = configured_trainer()
        fields = dict(vars(trainer))
        data, network = fields.pop("data"), fields.pop("generator")().get_config()
        settings.append((fields, network | {"attention_options": None}))
        batches.append(data.batch(0, global_batch_size=trainer.global_batch_size, seed=0))
        gin.clear_config()
    assert settings[0] == settings[1]
    for name, tensor in batches[0].items():
        np.testing.assert_array_equal(tensor, batches[1][name])


@pytest.mark.parametrize(("network", "gflop"), [("v1", 44.871), ("v2", 50.398)])
def test_gflop_of_the_convolutions(network, gflop, tools):
    """Those of full width at 256 x 256, as counted by TensorFlow's profiler."""
    generators = tools("benchmarking.generators")
    built = generators.generator(network, generators.WHOLE_IMAGE, None)
    assert generators.convolutions_gflop(built, 256, 256) == pytest.approx(gflop, abs=1e-3)


def test_bfloat16_has_a_psnr(tools, monkeypatch):
    completions = tools("benchmarking.completions")
    monkeypatch.setattr(completions, "MAX_PHOTOGRAPHS", 1)
    assert 0 < completions.psnr_of_bfloat16("v2", 2, (32, 32, 16))["bfloat16"] <= 100


def test_an_unknown_case_is_an_error_of_one_line(tmp_path):
    process = start("--cases=attention,800", folder=tmp_path)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    for part in ("'800'", "attention", "1080p-v2", "4k-v1", "startup", "first-step"):
        assert part in process.stderr


@pytest.mark.parametrize("text", ["other", "=python other.py", "other=", "other='python"])
def test_a_rival_without_name_or_command_is_an_error(text, tools):
    from deepfill_tf.errors import UserError

    with pytest.raises(UserError, match="--rival"):
        tools("benchmark").parsed_rivals([text])
