"""What the page about clusters says a step sends is what the program says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tools" / "communication_cost.py"
PAGE = (ROOT / "docs" / "clusters.md").read_text()


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def test_the_page_has_the_programs_table():
    finished = run()
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.splitlines()) == 8
    assert finished.stdout in PAGE


def test_what_a_replica_sends_and_when_that_takes_as_long_as_a_step():
    # Two updates of one network each: 4 bytes for each of the parameters of docs/parameters.md.
    gradients = 4 * (4_052_478 + 5_946_816)
    finished = run("--replicas=1,2,5", "--step_seconds=0.5")
    alone, two, five = (cells(line) for line in finished.stdout.splitlines()[2:5])
    assert alone == ["v2", f"{gradients / 1e6:.1f} MB in 2 updates", "1", "0.0 MB", "0 Mbit/s"]
    # Each of two sends half of the sums' parts, and then half of the sums.
    assert two[2:] == ["2", f"{gradients / 1e6:.1f} MB", f"{8 * gradients / 0.5 / 1e6:.0f} Mbit/s"]
    # Each of five sends a fifth four times, and again.
    assert five[3] == f"{8 / 5 * gradients / 1e6:.1f} MB"


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--replicas=0", "--replicas must be above 0, got 0"),
        ("--replicas=2,two", "--replicas takes numbers, got '2,two'"),
        ("--step_seconds=0", "--step_seconds must be above 0, got 0.0"),
        ("--step_seconds=nan", "--step_seconds must be above 0, got nan"),
    ],
)
def test_bad_numbers_are_one_line(argument, complaint):
    finished = run(argument)
    assert finished.returncode == 1
    assert finished.stderr == f"communication_cost: {complaint}\n"
