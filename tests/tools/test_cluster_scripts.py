"""The scripts for Slurm and SSH, run with stand-ins for srun, scontrol, ssh and training."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepfill_tf.train import COMMAND
from tests.training.workers import free_ports

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tools" / "cluster"
SSH, SLURM = FOLDER / "ssh" / "train.sh", FOLDER / "slurm" / "train.sbatch"
TINY = ROOT / "tests" / "training" / "tiny.gin"

# As the README says.
RESTART = 75

# What stands for Python: writes down what it was given, then ends as CODES says, or waits.
TRAINING = """#!{python}
import json, os, signal, sys, time

index = int(os.environ["DEEPFILL_WORKER_INDEX"])
names = ("DEEPFILL_WORKERS", "DEEPFILL_WORKER_INDEX", "DEEPFILL_DATA")
told = {{name: os.environ.get(name) for name in names}}
told |= {{"arguments": sys.argv[1:], "folder": os.getcwd()}}
signal.signal(signal.SIGTERM, lambda *_: (open(f"{folder}/stopped-{{index}}", "w"), sys.exit(75)))
with open(f"{folder}/worker-{{index}}.new", "w") as file:
    json.dump({{**told, "pid": os.getpid()}}, file)
os.rename(f"{folder}/worker-{{index}}.new", f"{folder}/worker-{{index}}")
print("a line", flush=True)
code = os.environ["CODES"].split(",")[index]
if code.startswith("SIG"):
    os.kill(os.getpid(), getattr(signal, code))
if code != "wait":
    sys.exit(int(code))
time.sleep(60)
"""

# Gives its words to a shell, as sshd does; "away" cannot be reached.
FAKE_SSH = """#!{python}
import subprocess, sys

arguments = sys.argv[1:]
while arguments[0].startswith("-"):
    del arguments[:2]
host, *words = arguments
code = 255 if host == "away" else subprocess.call(["sh", "-c", " ".join(words)])
sys.exit(code if code >= 0 else 128 - code)
"""

# As many tasks as CODES has; signals go to all their processes, and the highest code comes back.
FAKE_SRUN = """#!{python}
import os, signal, subprocess, sys

options = [a for a in sys.argv[1:] if a.startswith("--kill-on-bad-exit") or a.startswith("--wait")]
command = sys.argv[1 + len(options):]
tasks = [
    subprocess.Popen(command, env={{**os.environ, "SLURM_NODEID": str(i)}}, start_new_session=True)
    for i in range(len(os.environ["CODES"].split(",")))
]
signal.signal(signal.SIGUSR1, lambda *_: [os.killpg(t.pid, signal.SIGTERM) for t in tasks])
with open("{folder}/srun", "w") as file:
    file.write(" ".join([str(os.getpid()), *options]))
codes = [task.wait() for task in tasks]
sys.exit(max(code if code >= 0 else 128 - code for code in codes))
"""

FAKE_SCONTROL = """#!/usr/bin/env bash
if [ "$2" = job ]; then echo "JobId=$3 JobState=${{STATE:-RUNNING}} Reason=None"; fi
if [ "$2 $3" = "hostnames n[9-10]" ]; then printf 'n9\\nn10\\n'; fi
if [ "$1" = requeue ]; then echo "$2" > {folder}/requeued; fi
"""


@pytest.fixture
def start(tmp_path):
    """Starts a script where all that it calls are stand-ins."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (
        ("training", TRAINING),
        ("ssh", FAKE_SSH),
        ("srun", FAKE_SRUN),
        ("scontrol", FAKE_SCONTROL),
    ):
        (tools / name).write_text(text.format(python=sys.executable, folder=tmp_path))
    for tool in tools.iterdir():
        tool.chmod(0o755)
    processes = []

    def run(script, *arguments, **variables):
        environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHON": str(tools / "training"),
            "SLURM_JOB_ID": "17",
            "SLURM_JOB_NODELIST": "n[9-10]",
            "CODES": "0,0",
            **variables,
        }
        process = subprocess.Popen(
            ["bash", str(script), *arguments],
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
    """Runs a script to its end: exit code, standard output, standard error."""

    def run(*arguments, **variables):
        process = start(*arguments, **variables)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return run


def appeared(path: Path) -> Path:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"there is no {path.name}"
        time.sleep(0.05)
    return path


WORKERS = "one:8888,two:9999"
# As the launcher has them, with what only ssh can say.
SSH_CODES = [
    ("0,0", 0),
    ("75,75", 75),
    ("0,75", 75),
    ("SIGKILL,75", 75),
    ("1,75", 1),
    ("75,1", 1),
    ("1,SIGKILL", 1),
]


@pytest.mark.parametrize(("codes", "expected"), SSH_CODES)
def test_ssh_makes_one_exit_code_of_the_workers(finish, codes, expected):
    assert finish(SSH, WORKERS, "--run_dir=x", CODES=codes)[0] == expected


def test_ssh_gives_every_worker_its_index(finish, tmp_path):
    (tmp_path / "over there").mkdir()
    arguments = ["--gin_file=celeba.gin", "--gin_param=data.root=\"a $b 'c'\"", "--run_dir=x"]
    code, out, _ = finish(
        SSH, WORKERS, *arguments, FOLDER=str(tmp_path / "over there"), DEEPFILL_DATA="my images"
    )
    assert code == 0
    for index in range(2):
        told = json.loads((tmp_path / f"worker-{index}").read_text())
        assert told["DEEPFILL_WORKERS"] == WORKERS
        assert told["DEEPFILL_WORKER_INDEX"] == str(index)
        assert told["DEEPFILL_DATA"] == "my images"
        assert told["arguments"] == ["-m", "deepfill_tf.train", *arguments]
        assert told["folder"] == str(tmp_path / "over there")
    assert sorted(out.splitlines()) == ["[0] a line", "[1] a line"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ssh_workers_are_stopped_when_the_script_is_stopped_or_killed(start, tmp_path, number):
    process = start(SSH, WORKERS, "--run_dir=x", CODES="wait,wait")
    for index in range(2):
        appeared(tmp_path / f"worker-{index}")
    process.send_signal(number)
    for index in range(2):
        appeared(tmp_path / f"stopped-{index}")
    assert process.wait(timeout=20) == (-9 if number == signal.SIGKILL else 75)


def test_ssh_stops_the_other_workers_when_one_fails(finish, tmp_path):
    code, _, err = finish(SSH, WORKERS, "--run_dir=x", CODES="1,wait", GRACE="1")
    assert code == 1
    assert (tmp_path / "stopped-1").exists()
    assert err == "one:8888 exited with 1\ntwo:9999 exited with 75\n"


def test_ssh_takes_an_unreachable_machine_for_a_lost_worker(finish):
    code, _, err = finish(SSH, "one:8888,away:8888", "--run_dir=x", CODES="0,0", GRACE="1")
    assert code == 75
    assert err == "away:8888 exited with 255\n"


@pytest.mark.parametrize("arguments", [[], ["one:1"], ["--run_dir=x", "one:1"], ["one", "--a=b"]])
def test_ssh_bad_arguments_are_errors_of_one_line(finish, arguments):
    code, _, err = finish(SSH, *arguments)
    assert code == 1
    assert err.startswith("usage: train.sh host:port") and err.count("\n") == 1


def test_ssh_trains_two_workers(finish, tmp_path):
    arguments = [f"--gin_file={TINY}", "--gin_param=Trainer.max_steps=2", "--run_dir=run"]
    variables = {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "FOLDER": str(tmp_path)}
    workers = ",".join(f"localhost:{port}" for port in free_ports(2))
    code, out, err = finish(SSH, workers, *arguments, **variables)
    assert code == 0, out + err
    assert (tmp_path / "run" / "model" / "saved_model.pb").exists()
    for index in range(2):
        assert f"[{index}] starting at step 0 on 2 replica(s)" in out


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("0,0", 0),
        ("75,75", 75),
        # srun's highest: without care a 75 would hide the 1.
        ("1,75", 1),
        ("75,1", 1),
        # Slurm starts again by itself when a node fails; a killed worker is for someone to look at.
        ("75,SIGKILL", 137),
    ],
)
def test_slurm_requeues_after_exit_code_75_only(finish, tmp_path, codes, expected):
    code, _, _ = finish(SLURM, "--run_dir=x", CODES=codes)
    assert code == expected
    requeued = tmp_path / "requeued"
    assert requeued.exists() is (expected == RESTART)
    if requeued.exists():
        assert requeued.read_text().strip() == "17"


def test_slurm_gives_every_worker_its_index(finish, tmp_path):
    assert finish(SLURM, "--run_dir=x")[0] == 0
    for index in range(2):
        told = json.loads((tmp_path / f"worker-{index}").read_text())
        assert told["DEEPFILL_WORKERS"] == "n9:20017,n10:20017"
        assert told["DEEPFILL_WORKER_INDEX"] == str(index)


def test_slurm_does_not_requeue_a_cancelled_job(finish, tmp_path):
    assert finish(SLURM, "--run_dir=x", CODES="75,75", STATE="CANCELLED")[0] == 75
    assert not (tmp_path / "requeued").exists()


def test_slurm_signals_the_workers_which_save(start, tmp_path):
    """Slurm sends it to all processes of the step, the workers' shells too."""
    process = start(SLURM, "--run_dir=x", "--gin_param=data.root=\"a 'b'\"", CODES="wait,wait")
    for index in range(2):
        told = json.loads(appeared(tmp_path / f"worker-{index}").read_text())
        assert told["arguments"][2:] == ["--run_dir=x", "--gin_param=data.root=\"a 'b'\""]
    pid, *options = (tmp_path / "srun").read_text().split()
    # Whoever has saved first must not end those who still do.
    assert options == ["--kill-on-bad-exit=0", "--wait=0"]
    os.kill(int(pid), signal.SIGUSR1)
    assert process.wait(timeout=20) == 75
    assert (tmp_path / "requeued").exists()


def test_slurm_starts_one_worker_per_node_and_signals_it():
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", SLURM.read_text(), re.MULTILINE))
    # One worker a node, signalled itself.
    assert options["ntasks-per-node"] == "1"
    assert re.fullmatch(r"TERM@\d+", options["signal"])
    assert {"requeue", "open-mode"} <= options.keys()


@pytest.mark.parametrize("script", [SSH, SLURM], ids=lambda path: path.name)
def test_flags_in_the_examples_exist(script):
    comments = " ".join(
        line.lstrip("# ").rstrip("\\")
        for line in script.read_text().splitlines()
        if line[:1] == "#"
    )
    example = re.search(r"train\.(?:sh|sbatch) .*?(--gin_file=\S+ --run_dir=\S+)", comments)
    assert COMMAND.parse(example[1].split()).gin_file == ["celeba.gin"]


@pytest.mark.parametrize("script", [SSH, SLURM], ids=lambda path: path.name)
def test_shells_and_shellcheck_accept_the_scripts(script):
    subprocess.run(["bash", "-n", str(script)], check=True)
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    shellcheck = shutil.which("shellcheck", path=os.pathsep.join(folders))
    assert shellcheck, "shellcheck is not installed"
    finished = subprocess.run([shellcheck, str(script)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout
