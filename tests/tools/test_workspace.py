"""What the gate says of tests, by real runs of pytest on a few made for the purpose."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

def test_right():
    pass

def test_wrong():
    assert False

def test_without_its_fixture(missing):
    pass

@pytest.mark.skip(reason="no such machine")
def test_elsewhere():
    pass

@pytest.mark.needs_addons
def test_of_another_version():
    pass
"""


@pytest.fixture(scope="module")
def workspace():
    place = importlib.util.spec_from_file_location("workspace", ROOT / "tools" / "workspace.py")
    module = importlib.util.module_from_spec(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "workspace", module)  # dataclasses look there
        place.loader.exec_module(module)
        yield module


@pytest.fixture
def outcome(workspace, tmp_path, monkeypatch):
    """What becomes of one part with the tests above, as their names are chosen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "test_few.py").write_text(TESTS)
    options = [f"--confcutdir={tmp_path}", f"--rootdir={tmp_path}", "-p", "tests.conftest"]
    options += ["-o", "markers=needs_addons", "test_few.py", "-n0"]

    def run(chosen):
        part = [*options, "-k", chosen]
        return workspace.run_tests("few", sys.executable, [part], workspace.Clock())

    return run


def test_all_that_did_not_pass_is_named(outcome):
    few = outcome("test")
    assert few.broken
    skipped, deselected = "no such machine (1)", "only with TensorFlow 2.15 (1)"
    assert few.summary() == (
        f"1 passed, 2 failed, 1 skipped: {skipped}, 1 deselected: {deselected}"
    )


def test_a_part_in_which_all_pass_is_sound(outcome):
    few = outcome("right")
    assert (few.passed, few.failed, few.skipped, few.broken) == (1, 0, [], False)


def test_a_part_of_which_nothing_ran_fails(outcome):
    assert outcome("elsewhere").broken
