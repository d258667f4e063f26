"""Several workers on one machine: their environment, exit codes, signals and restarts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "tools" / "launch_local.py"
TINY = ROOT / "tests" / "training" / "tiny.gin"

# A stand-in for training: writes its process id, then does what its argument says.
WORKER = """
import json, os, signal, sys, time

config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
names = ("TF_CONFIG", "TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
print(json.dumps({name: os.environ[name] for name in names}), flush=True)
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
with open(f"pid-{index}", "w") as file:
    file.write(str(os.getpid()))
with open(f"starts-{index}", "a") as file:
    file.write("x")
codes = [a for a in sys.argv[1:] if a.startswith("codes=")]
if codes:
    code = codes[0].removeprefix("codes=").split(",")[index]
    if code == "first_time_killed":
        code = "SIGKILL" if os.path.getsize(f"starts-{index}") == 1 else "0"
    if code.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, code))
    if code != "wait":
        print(f"worker {index} says why", file=sys.stderr, flush=True)
        sys.exit(int(code))
if codes or "wait" in sys.argv or "stubborn" in sys.argv:
    time.sleep(60)
"""


@pytest.fixture
def start(tmp_path):
    """Starts the launcher in a folder where the module `worker` can be imported."""
    (tmp_path / "worker.py").write_text(WORKER)
    processes = []

    def run(*arguments, **variables):
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", **variables}
        process = subprocess.Popen(
            [sys.executable, str(LAUNCHER), *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def finish(start):
    """Runs the launcher to its end: exit code, lines of standard output, of standard error."""

    def run(*arguments, **variables):
        process = start(*arguments, **variables)
        out, err = process.communicate(timeout=300)
        return process.returncode, out.splitlines(), err.splitlines()

    return run


def pids(folder: Path, count: int) -> list[int]:
    """Waits until all workers have written their process ids, and returns these."""
    files = [folder / f"pid-{index}" for index in range(count)]
    deadline = time.monotonic() + 30
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < deadline, "the workers did not start"
        time.sleep(0.05)
    return [int(file.read_text()) for file in files]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody waits for has ended.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def none_runs(running: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(map(is_running, running)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_running, running))


def test_every_worker_gets_the_cluster_and_its_index(finish):
    code, lines, _ = finish("--workers=3", "--module=worker", "--", OMP_NUM_THREADS="5")
    assert code == 0
    told = {int(line[1]): json.loads(line.partition(" ")[2]) for line in lines}
    assert sorted(told) == [0, 1, 2]
    configs = [json.loads(told[index]["TF_CONFIG"]) for index in range(3)]
    assert [config["task"] for config in configs] == [
        {"type": "worker", "index": index} for index in range(3)
    ]
    (cluster,) = {json.dumps(config["cluster"]) for config in configs}
    addresses = json.loads(cluster)["worker"]
    assert len(set(addresses)) == 3
    assert all(address.startswith("localhost:") for address in addresses)
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count()))
    threads = max(1, len(usable(0)) // 3)
    assert {one["TF_NUM_INTRAOP_THREADS"] for one in told.values()} == {str(threads)}
    assert {one["OMP_NUM_THREADS"] for one in told.values()} == {"5"}


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("0,0", 0),
        ("75,75", 75),
        ("75,0", 75),
        ("SIGKILL,75", 75),
        ("SIGKILL,0", 75),
        ("SIGSEGV,75", 75),
        ("1,75", 1),
        ("75,1", 1),
        ("1,SIGKILL", 1),
        ("0,3", 1),
    ],
)
def test_exit_codes_of_the_workers_become_one(finish, codes, expected):
    assert finish("--workers=2", "--module=worker", "--", f"codes={codes}")[0] == expected


def test_log_lines_begin_with_the_workers_index(finish):
    _, _, lines = finish("--workers=2", "--module=worker", "--", "codes=1,1")
    assert {"[0] worker 0 says why", "[1] worker 1 says why"} <= set(lines)
    assert "launch_local: worker 0: exit code 1, worker 1: exit code 1" in lines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_workers(start, tmp_path, number):
    process = start("--workers=2", "--module=worker", "--", "wait")
    running = pids(tmp_path, 2)
    process.send_signal(number)
    assert process.wait(timeout=20) == 75
    assert none_runs(running)


def test_a_second_signal_kills_workers_that_ignore_the_first(start, tmp_path):
    process = start("--workers=2", "--module=worker", "--", "stubborn")
    running = pids(tmp_path, 2)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert all(map(is_running, running)), "one signal lets them save"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 75
    assert none_runs(running)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's prctl")
def test_workers_are_killed_with_the_launcher(start, tmp_path):
    process = start("--workers=2", "--module=worker", "--", "stubborn")
    running = pids(tmp_path, 2)
    process.kill()
    assert none_runs(running)


def test_the_other_workers_are_stopped_when_one_fails(finish, tmp_path):
    code, _, lines = finish("--workers=2", "--grace=0.5", "--module=worker", "--", "codes=1,wait")
    assert code == 1
    assert lines[-1] == "launch_local: worker 0: exit code 1, worker 1: stopped, restart to resume"


def test_the_other_workers_are_killed_if_they_ignore_sigterm(finish):
    arguments = ["--workers=2", "--grace=0.5", "--module=worker", "--", "stubborn"]
    code, _, lines = finish(*arguments, "codes=75,wait")
    assert code == 75
    assert lines[-1].endswith("worker 1: killed by SIGKILL")


def test_all_workers_restart_when_one_is_lost(finish, tmp_path):
    arguments = ["--workers=2", "--restarts=3", "--grace=0.2", "--module=worker", "--"]
    code, _, lines = finish(*arguments, "codes=first_time_killed,0")
    assert code == 0
    assert (tmp_path / "starts-0").read_text() == (tmp_path / "starts-1").read_text() == "xx"
    assert "launch_local: restarting all workers, 3 restart(s) left" in lines


def test_restarts_are_limited(finish, tmp_path):
    arguments = ["--workers=1", "--restarts=2", "--module=worker", "--", "codes=75"]
    assert finish(*arguments)[0] == 75
    assert (tmp_path / "starts-0").read_text() == "xxx"


def test_an_error_is_not_followed_by_a_restart(finish, tmp_path):
    arguments = ["--workers=1", "--restarts=2", "--module=worker", "--", "codes=1"]
    assert finish(*arguments)[0] == 1
    assert (tmp_path / "starts-0").read_text() == "x"


def test_a_stopped_launcher_restarts_nothing(start, tmp_path):
    process = start("--workers=1", "--restarts=2", "--module=worker", "--", "wait")
    pids(tmp_path, 1)
    process.terminate()
    assert process.wait(timeout=20) == 75
    assert (tmp_path / "starts-0").read_text() == "x"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--workers=0", "--"], "--workers must be >= 1, got 0"),
        (["--workers=two", "--"], "argument --workers: invalid int value: 'two'"),
        (["--restarts=-1", "--"], "--restarts must be >= 0, got -1"),
        (["--grace=-1", "--"], "--grace must be >= 0, got -1.0"),
        (["--gin_file=celeba.gin"], "unexpected argument '--gin_file=celeba.gin'"),
        (["--workers=2"], "the workers' arguments are missing"),
    ],
)
def test_bad_arguments_are_errors_of_one_line(finish, arguments, complaint):
    code, _, lines = finish(*arguments)
    assert code == 1
    assert len(lines) == 1
    assert complaint in lines[0]


def test_two_workers_train(finish, tmp_path):
    code, _, lines = finish(
        "--workers=2",
        "--",
        f"--gin_file={TINY}",
        "--gin_param=Trainer.max_steps=2",
        "--run_dir=run",
    )
    assert code == 0, "\n".join(lines)
    assert (tmp_path / "run" / "model" / "saved_model.pb").exists()
    for index in range(2):
        assert f"[{index}] starting at step 0 on 2 replica(s), 12 training images" in lines


def test_a_bad_config_is_the_workers_error_of_one_line(finish):
    code, _, lines = finish("--workers=1", "--restarts=2", "--", "--gin_file=celba.gin")
    assert code == 1
    assert any(line.startswith("[0] deepfill-train:") for line in lines)
