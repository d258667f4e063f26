"""Which cluster the environment describes."""

import json

import pytest
import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.training.distribution.cluster import cluster_from_environment, is_chief

WORKERS = ["one:8888", "two:8888"]


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    for name in ("TF_CONFIG", "DEEPFILL_WORKERS", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


def config(task, **cluster):
    return json.dumps({"cluster": cluster, "task": task})


def test_alone():
    assert cluster_from_environment() is None
    assert is_chief(tf.distribute.OneDeviceStrategy("CPU:0"))


@pytest.mark.parametrize("index", ["DEEPFILL_WORKER_INDEX", "JOB_COMPLETION_INDEX"])
def test_a_list_of_workers(monkeypatch, index):
    monkeypatch.setenv("DEEPFILL_WORKERS", "one:8888, two:8888")
    monkeypatch.setenv(index, "1")
    cluster = cluster_from_environment()
    assert cluster.cluster_spec().as_dict() == {"worker": WORKERS}
    assert (cluster.task_type, cluster.task_id) == ("worker", 1)


def test_tf_config_comes_first(monkeypatch):
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", config(task, chief=["zero:8888"], worker=WORKERS))
    cluster = cluster_from_environment()
    assert cluster.cluster_spec().as_dict() == {"chief": ["zero:8888"], "worker": WORKERS}
    assert (cluster.task_type, cluster.task_id) == ("worker", 0)


def test_a_cluster_of_one_is_none(monkeypatch):
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", config(task, worker=WORKERS[:1]))
    assert cluster_from_environment() is None


def test_a_slurm_step(monkeypatch):
    variables = {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_PROCID": "1",
        "SLURM_STEP_NODELIST": "node[3-4]",
        "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
        "CUDA_VISIBLE_DEVICES": "",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    cluster = cluster_from_environment()
    assert cluster.cluster_spec().as_dict() == {"worker": ["node3:8888", "node4:8888"]}
    assert (cluster.task_type, cluster.task_id) == ("worker", 1)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"DEEPFILL_WORKERS": "one,two", "DEEPFILL_WORKER_INDEX": "0"}, "got 'one'"),
        ({"DEEPFILL_WORKERS": "one:1,two:1"}, r"in \[0, 2\), got None"),
        ({"DEEPFILL_WORKERS": "one:1,two:1", "DEEPFILL_WORKER_INDEX": "2"}, "got '2'"),
        ({"DEEPFILL_WORKERS": "one:1,two:1", "DEEPFILL_WORKER_INDEX": "-1"}, "got '-1'"),
        ({"TF_CONFIG": "{"}, "invalid TF_CONFIG"),
        ({"TF_CONFIG": "[]"}, "invalid TF_CONFIG"),
        ({"TF_CONFIG": "{}"}, "it has no cluster"),
        ({"TF_CONFIG": config({"type": "worker", "index": 2}, worker=WORKERS)}, "no task 2"),
        (
            {"TF_CONFIG": config({"type": "ps", "index": 0}, ps=WORKERS)},
            "invalid TF_CONFIG: job 'ps' is not supported",
        ),
        (
            {"TF_CONFIG": config({"type": "evaluator", "index": 0}, worker=WORKERS)},
            "job 'evaluator'",
        ),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_named(monkeypatch, environment, complaint):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=complaint):
        cluster_from_environment()
