"""The allocator of the commands, seen by the page faults of processes of their own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Allocates and frees an array of 64 MB again and again, as a training step does its tensors.
PROGRAM = """
import resource
import sys
import numpy as np
from deepfill_tf.allocator import keep_freed_memory

kept = keep_freed_memory()
assert "tensorflow" not in sys.modules

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

np.ones(2**23)
before = faults()
for _ in range(20):
    np.ones(2**23)
print(kept, faults() - before)
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")


def kept_and_faults(**variables: str) -> tuple[bool, int]:
    """Whether the allocator was set, and the page faults of twenty large arrays."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("MALLOC_")}
    own.pop("LD_PRELOAD", None)
    environment = own | {"PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", PROGRAM]
    words = subprocess.check_output(command, env=environment, text=True).split()
    return words[0] == "True", int(words[1])


def test_freed_memory_is_used_again_without_page_faults():
    kept, faults = kept_and_faults()
    assert kept
    # 64 MB are 16,384 pages, or 32 huge ones.
    assert faults < 20


@pytest.mark.parametrize(
    "variables",
    [
        {"DEEPFILL_ALLOCATOR": "default"},
        {"MALLOC_ARENA_MAX": "2"},
        {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"},
    ],
)
def test_what_the_user_has_set_stays(variables):
    kept, faults = kept_and_faults(**variables)
    assert not kept
    assert faults > 20 * 32


def test_importing_the_package_changes_nothing():
    program = PROGRAM.replace("kept = keep_freed_memory()", "kept = False\nimport deepfill_tf")
    command = [sys.executable, "-c", program]
    environment = {n: t for n, t in os.environ.items() if not n.startswith("MALLOC_")}
    environment["PYTHONPATH"] = str(ROOT)
    assert int(subprocess.check_output(command, env=environment, text=True).split()[1]) > 20 * 32
