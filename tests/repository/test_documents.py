"""Files, code and drawings that the documents name exist."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "WORKSPACE.md", *sorted((ROOT / "docs").glob("*.md"))]
# Where a path in a document may begin.
FOLDERS = (ROOT, ROOT / "deepfill_tf", ROOT / "gin")
# Paths with a folder in them, and configs: other file names alone may be those of users.
PATH = re.compile(r"`((?:[\w.]+/)+(?:[\w.]+\.(?:gin|md|py|yaml))?|\w+\.gin)`")
OF_USERS = re.compile(r"(my_images|runs|images|masks|completed|checkpoints|\.venv)/|config\.gin$")
# CamelCase, snake_case and CONSTANTS, also as parts of dotted names.
CODE = re.compile(r"`([A-Za-z_][\w.]*)(?:\(\))?`")
NAME = re.compile(r"[A-Z]\w+|\w+_\w+")


def test_documents_link_to_files():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            assert "://" in target or (document.parent / target).exists(), (document.name, target)


@pytest.mark.parametrize("document", ["README.md", "WORKSPACE.md", "docs/architecture.md"])
def test_files_that_a_document_names_exist(document):
    paths = [p for p in PATH.findall((ROOT / document).read_text()) if not OF_USERS.match(p)]
    assert paths
    assert [p for p in paths if not any((folder / p).exists() for folder in FOLDERS)] == []


@pytest.mark.parametrize("document", ["WORKSPACE.md", "docs/architecture.md"])
def test_code_that_a_document_names_exists(document):
    sources = [p for f in ("deepfill_tf", "tests", "tools") for p in (ROOT / f).rglob("*.py")]
    words = {word for path in sources for word in re.findall(r"\w+", path.read_text())}
    code = CODE.findall((ROOT / document).read_text())
    names = {n for dotted in code for n in dotted.split(".") if NAME.fullmatch(n)}
    assert names
    assert sorted(names - words) == []


def test_drawings_are_what_the_script_draws():
    drawings = runpy.run_path(str(ROOT / "tools" / "draw_architecture.py"))["DRAWINGS"]
    for name, draw in drawings.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == draw(), name
