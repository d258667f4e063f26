"""Two workers with addresses of their own: network namespaces joined by a virtual cable."""

import itertools
import os
import shutil
import subprocess

import pytest

from tests.training.distribution.test_two_processes import BINDINGS, assert_close_weights
from tests.training.workers import codes, finish, start, tf_config

ADDRESSES = ("10.213.7.1", "10.213.7.2")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def namespaces():
    """Names of two network namespaces; skips where the machine does not allow them."""
    names = [f"deepfill_{os.getpid()}_{place}" for place in ("one", "two")]
    if shutil.which("ip") is None:
        pytest.skip("there is no ip command")
    try:
        for name in names:
            ip("netns", "add", name)
        ip(
            "link",
            "add",
            "one",
            "netns",
            names[0],
            "type",
            "veth",
            "peer",
            "two",
            "netns",
            names[1],
        )
        for name, link, address in zip(names, ("one", "two"), ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", link)
            for up in ("lo", link):
                ip("-n", name, "link", "set", up, "up")
        yield names
    except subprocess.CalledProcessError as error:
        message = error.stderr.decode().strip()
        if "not permitted" not in message and "Permission denied" not in message:
            raise
        pytest.skip(f"no network namespaces here: {message}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def test_two_machines_agree_with_one_process(namespaces, tmp_path):
    finish(tmp_path / "alone", *BINDINGS)
    workers = [f"{address}:8888" for address in ADDRESSES]
    run_dir = tmp_path / "together"
    processes = [
        start(
            run_dir,
            *BINDINGS,
            before=["ip", "netns", "exec", name],
            TF_CONFIG=tf_config(workers, index),
        )
        for index, name in zip(itertools.count(), namespaces)
    ]
    try:
        assert codes(processes) == [0, 0]
    finally:
        for process in processes:
            process.kill()
    assert_close_weights(tmp_path / "alone", run_dir)
