"""Files and directories that are there whole, or as they were before."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepfill_tf import atomic

# A process number that is not in use: it is above Linux's greatest.
ENDED = 2**22 + 1


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_text() for p in Path(folder).rglob("*") if p.is_file()
    }


def write_directory(path, text):
    with atomic.directory(path) as folder:
        Path(folder, "a").mkdir()
        Path(folder, "a", "b.txt").write_text(text)


WRITERS = {
    "file": (atomic.write_text, ""),
    "directory": (write_directory, "/a/b.txt"),
}


@pytest.fixture(params=WRITERS)
def writer(request):
    """Writes a text to a path, and where below the path the text is then."""
    return WRITERS[request.param]


@pytest.mark.parametrize("relative", [False, True])
def test_what_is_written_replaces_what_was_there(writer, tmp_path, monkeypatch, relative):
    write, place = writer
    monkeypatch.chdir(tmp_path)
    path = "out" if relative else tmp_path / "out"
    for text in ("one", "two"):
        write(path, text)
        assert contents(tmp_path) == {f"out{place}": text}
        assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127])
def test_a_name_may_be_as_long_as_file_systems_take(writer, tmp_path, name):
    write, place = writer
    for text in ("one", "two"):
        write(tmp_path / name, text)
    assert contents(tmp_path) == {f"{name}{place}": "two"}
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_directory_may_be_named_with_a_slash_at_its_end(tmp_path):
    write_directory(f"{tmp_path}/new/out/", "one")
    assert contents(tmp_path) == {"new/out/a/b.txt": "one"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_what_was_there(writer, tmp_path, error):
    write, place = writer
    write(tmp_path / "out", "one")
    opened = atomic.directory if place else atomic.file
    with pytest.raises(error), opened(tmp_path / "out") as temporary:
        Path(temporary, "c.txt").write_text("two") if place else Path(temporary).write_text("two")
        raise error
    assert contents(tmp_path) == {f"out{place}": "one"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_link_stays_a_link(writer, tmp_path):
    write, place = writer
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere" / "target", "one")
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere" / "target")
    write(tmp_path / "out", "two")
    assert (tmp_path / "out").is_symlink()
    assert contents(tmp_path / "elsewhere") == {f"target{place}": "two"}


KILLED = """
import os, signal, sys
from pathlib import Path
from deepfill_tf import atomic, file_system
path, moment = sys.argv[1:]
rename = file_system.rename
def killed(old, new):
    if moment == "between the renames" and new == path:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(old, new)
file_system.rename = killed
with atomic.directory(path) as folder:
    Path(folder, "b.txt").write_text("half")
    if moment == "while writing":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["while writing", "between the renames"])
def test_a_killed_process_loses_nothing_and_the_next_writer_tidies_up(tmp_path, moment):
    path = tmp_path / "out"
    write_directory(path, "one")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), moment])
    assert killed.returncode == -signal.SIGKILL
    assert path.exists() == (moment == "while writing")
    with atomic.directory(path) as folder:
        assert contents(path) == {"a/b.txt": "one"}
        assert {entry.name for entry in tmp_path.iterdir()} == {"out", Path(folder).name}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def temporary_name(path, process, host=None):
    """The temporary name that a process gives `path`."""
    with atomic.file(path) as temporary:
        Path(temporary).touch()
    own = Path(temporary).name
    host = host or own.split(".")[-2].split("-")[0]
    return path.with_name(f".{path.name}.{host}-{process}.tmp")


def test_a_file_of_a_killed_process_is_removed_by_the_next_writer_in_the_folder(tmp_path):
    """At its first write there, so the folder is one that this process has not written in."""
    leftover = temporary_name(tmp_path / "a.txt", ENDED)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / leftover.name).write_text("half")
    atomic.write_text(tmp_path / "new" / "b.txt", "whole")
    assert contents(tmp_path / "new") == {"b.txt": "whole"}


def test_what_others_are_writing_stays(tmp_path):
    path = tmp_path / "out"
    running = temporary_name(path, os.getppid())
    elsewhere = temporary_name(path, ENDED, host="00000000")
    other = tmp_path / ".out.txt.tmp"
    for file in (running, elsewhere, other):
        file.write_text("half")
    with atomic.file(tmp_path / "b.txt") as own:
        Path(own).write_text("whole")
        atomic.remove_leftovers(tmp_path)
    assert all(file.exists() for file in (running, elsewhere, other, tmp_path / "b.txt"))
    atomic.remove_leftovers(tmp_path, sole_writer=True)
    assert sorted(contents(tmp_path)) == [".out.txt.tmp", "b.txt", "out"]


def test_a_process_of_the_same_number_ended(tmp_path):
    """In a container that was started again."""
    leftover = temporary_name(tmp_path / "out", os.getpid())
    leftover.write_text("half")
    atomic.remove_leftovers(tmp_path)
    assert not leftover.exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, if the machine allows to make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_what_was_there(writer, small_disk):
    write, place = writer
    write(small_disk / "out", "one")
    with pytest.raises(Exception, match="No space left"):
        write(small_disk / "out", "two" * 2**20)
    assert contents(small_disk) == {f"out{place}": "one"}
    assert [entry.name for entry in small_disk.iterdir()] == ["out"]


def test_others_may_read_what_the_umask_allows(tmp_path):
    atomic.write_text(tmp_path / "a.txt", "one")
    (tmp_path / "b.txt").write_text("one")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode
