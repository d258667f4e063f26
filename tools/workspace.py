#!/usr/bin/env python3
"""Sets the workspace up, tries it and checks it; needs Python with pip, nothing else.

    python3 tools/workspace.py quickstart                trains, exports, completes an image
    python3 tools/workspace.py test                      lint, and the tests on both platforms
    python3 tools/workspace.py test --platform=default   on one of them
    python3 tools/workspace.py test --slow               and those that take minutes, if time allows

The environments are made in .venv/ and used again while their requirements stay the same.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
# Platform -> what is installed in its environment.
PLATFORMS = {"default": ".[test]", "addons": ".[addons,test]"}
# The addons platform's TensorFlow has no wheels for other versions.
ADDONS_PYTHONS = ((3, 10), (3, 11))
# Each test process holds a TensorFlow of its own, which keeps memory of every network that was ever
# built in it: 10 GB by the end of all tests. So each part of them gets processes of its own.
WORKERS = min(os.cpu_count() or 1, 4)
PARTS = (
    # What these tests share is soon made, so that a process takes any of them.
    ["--dist=load", "tests/conformance", "tests/layers", "tests/networks", "tests/ops"],
    ["tests/inference", "tests/objectives"],
)
FOLDERS = [word for part in PARTS for word in part if not word.startswith("-")]
THE_REST = ["tests", *(f"--ignore={folder}" for folder in FOLDERS)]
# What pytest gives where nothing was asked for that is there.
NO_TESTS = 5
# Seconds: where the others took longer, the slow tests are left out, and all stays below 45 min.
SLOW_TESTS_BEGIN_BEFORE = 33 * 60


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    quickstart_parser = commands.add_parser("quickstart", help="train, export, complete an image")
    quickstart_parser.add_argument("--run_dir", default="runs/quickstart")
    test_parser = commands.add_parser("test", help="lint, and the tests")
    test_parser.add_argument("--platform", choices=["both", *PLATFORMS], default="both")
    test_parser.add_argument(
        "--slow", action="store_true", help="also the tests that take minutes, on one platform"
    )
    test_parser.add_argument("pytest_arguments", nargs="*", help="passed on to pytest, after --")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    if arguments.command == "quickstart":
        return quickstart(arguments.run_dir)
    platforms = list(PLATFORMS) if arguments.platform == "both" else [arguments.platform]
    return test(platforms, arguments.pytest_arguments, slow=arguments.slow)


def quickstart(run_dir: str) -> int:
    """Trains quickstart.gin in the default platform's environment."""
    clock = Clock()
    python = environment("default", clock)
    command = ["-m", "deepfill_tf.train", "--gin_file=quickstart.gin", f"--run_dir={run_dir}"]
    code = clock.run("training, export and completion", [python, *command])
    if code == 0:
        print(f"model: {run_dir}/model")
        print(f"original | masked | completed: {run_dir}/completed.png")
    clock.report()
    return code


def test(platforms: list[str], pytest_arguments: list[str], *, slow: bool) -> int:
    """Lint, then the tests on each platform, the slow ones on the first; 0 if all pass."""
    if "addons" in platforms and sys.version_info[:2] not in ADDONS_PYTHONS:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(f"the addons platform needs Python 3.10 or 3.11, this is {version}", file=sys.stderr)
        return 1
    clock = Clock()
    results, counts = {}, {}
    for platform in platforms:
        python = environment(platform, clock)
        if platform == platforms[0]:
            for check in (["check"], ["format", "--check"]):
                command = [python, "-m", "ruff", *check, "."]
                results[f"ruff {check[0]}"] = clock.run(f"ruff {check[0]}", command)
        name = f"tests on {platform}"
        parts = [pytest_arguments] if pytest_arguments else [*PARTS, THE_REST]
        results[name], counts[name] = run_tests(name, python, parts, clock)
    if slow and clock.seconds > SLOW_TESTS_BEGIN_BEFORE:
        print(f"slow tests: left out, the others took {clock.seconds:.0f} s", flush=True)
    elif slow:
        name = f"slow tests on {platforms[0]}"
        only = ["--slow", "-m", "slow", "--dist=load", *pytest_arguments]
        python = environment(platforms[0], clock)
        results[name], counts[name] = run_tests(name, python, [only], clock)
    clock.report()
    for name, code in results.items():
        print(f"{name}: {'passed' if code == 0 else 'FAILED'}{counts.get(name, '')}")
    return int(any(results.values()))


def run_tests(name: str, python: str, parts: list[list[str]], clock: "Clock") -> tuple[int, str]:
    """Runs pytest with each list of arguments; 0 if all pass, and what became of the tests."""
    failed, total = 0, Counter()
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.xml")
            pytest = [python, "-m", "pytest", "-q", f"--junitxml={report}"]
            # A file to a process: what its tests share is made once. Later options win.
            pytest += ["-n", str(WORKERS), "--dist=loadfile"]
            code = clock.run(name, [*pytest, *part])
            failed += code not in (0, NO_TESTS)
            total += count(report)
    failures = total["failures"] + total["errors"]
    passed = total["tests"] - failures - total["skipped"]
    return failed, f" ({passed} passed, {failures} failed, {total['skipped']} skipped)"


def count(report: Path) -> Counter:
    """How many tests of a report did what; nothing where pytest wrote none."""
    if not report.exists():
        return Counter()
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    keys = ("tests", "failures", "errors", "skipped")
    return Counter({key: sum(int(suite.get(key, 0)) for suite in suites) for key in keys})


def environment(platform: str, clock: "Clock") -> str:
    """The Python of a platform's environment with the checkout installed in it."""
    folder = ROOT / ".venv" / platform
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    # What the environment depends on: made anew when any of it changes.
    inputs = (
        f"{sys.version_info[:3]} {ROOT} {PLATFORMS[platform]} {(ROOT / 'setup.py').read_text()}"
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
        subprocess.run([*install, "-e", PLATFORMS[platform]], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{folder.relative_to(ROOT)} cannot be made: {error}")
    stamp.write_text(wanted)
    clock.note(f"installation of {platform}", time.monotonic() - started)
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

    @property
    def seconds(self) -> float:
        """All that were noted."""
        return sum(seconds for _, seconds in self._times)

    def note(self, name: str, seconds: float) -> None:
        self._times.append((name, seconds))

    def report(self) -> None:
        for name, seconds in self._times:
            print(f"{name}: {seconds:.0f} s")
        print(f"in all: {self.seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
