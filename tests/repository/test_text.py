"""No text of the repository depends on the machine that it was written on."""

import contextlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Folders of one machine; /home/someone is what an example may say.
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|root|home(?!/someone\b))/")


def text_files() -> dict[str, str]:
    """Path -> text of every file that git has, or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a clone: which files belong to the repository is git's to say")
    texts = {}
    for name in filter(None, listed.decode().split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            with contextlib.suppress(UnicodeDecodeError):  # a small binary file
                texts[name] = content.decode()
    return texts


def test_no_text_names_a_path_of_one_machine():
    texts = text_files()
    assert "setup.py" in texts
    found = {name: MACHINE_PATH.search(text) for name, text in texts.items()}
    assert not {name: match.group() for name, match in found.items() if match}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("see /" + "work/x", True),
        ("/" + "home/me/x", True),
        ("/" + "home/someone/x", False),
        ("a.com/" + "work/x", False),
    ],
)
def test_paths_of_one_machine_are_recognised(text, named):
    assert bool(MACHINE_PATH.search(text)) is named
