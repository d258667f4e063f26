"""The protocol between the benchmark and the processes that it measures, and its tables."""

import importlib
import sys
from pathlib import Path

import pytest

from deepfill_tf.errors import UserError

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))


def started(program, parameters=None):
    processes = importlib.import_module("benchmarking.processes")
    return processes.MeasuredProcess("other", [sys.executable, "-c", program], parameters or {})


def test_a_process_runs_as_often_as_it_is_told_to():
    program = """
import json, sys
print("ready", flush=True)
for count, line in enumerate(sys.stdin, 1):
    assert line == "run\\n"
    seconds = count * json.loads(sys.argv[-1])["height"]
    print(json.dumps({"seconds": seconds, "page_faults": 7, "comment": "none"}), flush=True)
"""
    process = started(program, {"height": 64})
    assert process.is_supported()
    assert process.run() == {"seconds": 64, "page_faults": 7}
    assert process.run() == {"seconds": 128, "page_faults": 7}
    process.close()


def test_a_process_may_have_no_such_computation():
    process = started("print('unsupported')")
    assert not process.is_supported()
    process.close()


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('hello')", "other: expected the line 'ready' or 'unsupported', got 'hello'"),
        ("exit('no such module')", "other: its process ended with exit code 1: no such module"),
        ("print('ready')", "other: its process ended with exit code 0: nothing"),
        ("print('ready\\n1.5')", "positive number seconds, got '1.5'"),
        ("print('ready\\n{}')", "positive number seconds, got '{}'"),
        ("print('ready\\nseconds 1')", "positive number seconds, got 'seconds 1'"),
        ("print('ready\\n{\"seconds\": 0}')", "positive number seconds, got '{\"seconds\": 0}'"),
    ],
)
def test_another_answer_is_an_error_that_quotes_it(program, message):
    process = started(program)
    with pytest.raises(UserError) as caught:
        process.is_supported()
        process.run()
    process.close()
    assert message in str(caught.value)


def test_a_command_that_does_not_exist_is_an_error():
    processes = importlib.import_module("benchmarking.processes")
    with pytest.raises(UserError, match="other: cannot start '/no/such'"):
        processes.MeasuredProcess("other", ["/no/such"], {})


def test_the_summary_has_speedups_over_the_first_variant():
    rows = [
        {"name": "before", "seconds": [2.0, 4.0, 9.0], "median_seconds": 4.0, "peak_bytes": 2e9},
        {"name": "fast", "seconds": [1.0, 1.0, 3.0], "median_seconds": 1.0},
    ]
    summary = importlib.import_module("benchmarking.tables").summary
    lines = summary([{"what": "a step", "variants": rows}]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[0] == cells[6] == ["", "before", "fast"]
    assert cells[2] == ["a step", "4.00 s", "3.00 x"]
    assert cells[-1] == ["a step", "2.00 GB", ""]
