"""The files that docs/clusters.md names exist, and its commands can be parsed."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from deepfill_tf.configuration import find_config
from deepfill_tf.train import COMMAND

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clusters.md").read_text()
README = (ROOT / "README.md").read_text()
LAUNCHES = re.findall(r"python tools/launch_local\.py (--.*? -- [^`\n]*)", PAGE + README)


@pytest.fixture(scope="module")
def launcher():
    place = importlib.util.spec_from_file_location("launch", ROOT / "tools" / "launch_local.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def test_both_pages_have_commands():
    assert len(LAUNCHES) == 3


@pytest.mark.parametrize("line", LAUNCHES)
def test_commands_can_be_parsed(launcher, line):
    arguments = launcher.parsed(shlex.split(line))
    values = COMMAND.parse(arguments.worker_arguments)
    assert arguments.workers == 2 and values.run_dir
    assert all(Path(find_config(name)).exists() for name in values.gin_file)


def test_the_files_exist():
    named = set(re.findall(r"`(tools/[\w/.]+)`", PAGE))
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\(([\w./]+)\)", PAGE):
        assert (ROOT / "docs" / name).exists(), name


def test_every_recipe_is_named():
    recipes = {p.name for p in (ROOT / "tools" / "cluster").rglob("*") if p.is_file()}
    assert {name for name in recipes if name not in PAGE} == set()
