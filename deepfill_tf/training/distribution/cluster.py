"""The cluster of processes that train together, as environment variables describe it."""

import os
from typing import TypeAlias

import tensorflow as tf

from deepfill_tf.errors import UserError, reason

# "host1:port,host2:port", for launchers that do not set TF_CONFIG.
WORKERS = "DEEPFILL_WORKERS"
# The index of this process in that list; an indexed Job of Kubernetes sets the second one.
WORKER_INDEX = "DEEPFILL_WORKER_INDEX"
JOB_INDEX = "JOB_COMPLETION_INDEX"
SLURM_PORT = 8888
# Synchronous training has no others.
JOBS = ("chief", "worker")

Resolver: TypeAlias = tf.distribute.cluster_resolver.ClusterResolver


def cluster_from_environment() -> Resolver | None:
    """Returns the cluster that this process belongs to; None for a single process.

    Read from, in this order: `TF_CONFIG`; `DEEPFILL_WORKERS` with `DEEPFILL_WORKER_INDEX` or
    Kubernetes' `JOB_COMPLETION_INDEX`; Slurm's variables, in a step of several tasks. Raises
    UserError if these variables are invalid.
    """
    if os.environ.get("TF_CONFIG"):
        cluster = _from_tf_config()
    elif os.environ.get(WORKERS):
        cluster = _from_list()
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in os.environ:
        cluster = _from_slurm()
    else:
        return None
    processes = sum(len(tasks) for tasks in cluster.cluster_spec().as_dict().values())
    return cluster if processes > 1 else None


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """True for the process that writes config, logs, checkpoints and the model."""
    cluster = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or cluster is None:
        return True
    if "chief" in cluster.cluster_spec().jobs:
        return cluster.task_type == "chief"
    return cluster.task_id == 0


def _from_tf_config() -> Resolver:
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    try:
        tasks = cluster.cluster_spec().as_dict()
        if not tasks:
            raise ValueError("it has no cluster")
        job, index = cluster.task_type, cluster.task_id
        if others := [name for name in (*tasks, job) if name and name not in JOBS]:
            raise ValueError(
                f"job {others[0]!r} is not supported: all workers train synchronously, and the "
                f"chief validates; the jobs of a cluster are {' and '.join(JOBS)}"
            )
        if job not in tasks or index is None or not 0 <= index < len(tasks[job]):
            raise ValueError(f"there is no task {index} of job {job!r} in its cluster")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"invalid TF_CONFIG: {reason(error)}") from error
    return cluster


def _from_list() -> Resolver:
    workers = [worker.strip() for worker in os.environ[WORKERS].split(",")]
    if wrong := [worker for worker in workers if not _is_address(worker)]:
        raise UserError(f"{WORKERS} must be host:port,host:port,..., got {wrong[0]!r}")
    index = os.environ.get(WORKER_INDEX, os.environ.get(JOB_INDEX))
    if index is None or not index.isdecimal() or int(index) >= len(workers):
        raise UserError(
            f"{WORKERS} lists {len(workers)} workers: {WORKER_INDEX} must be in "
            f"[0, {len(workers)}), got {index!r}"
        )
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": workers}),
        task_type="worker",
        task_id=int(index),
        rpc_layer="grpc",
    )


def _is_address(worker: str) -> bool:
    host, _, port = worker.rpartition(":")
    return bool(host) and port.isdecimal()


def _from_slurm() -> Resolver:
    cluster = tf.distribute.cluster_resolver.SlurmClusterResolver(port_base=SLURM_PORT)
    try:
        cluster.cluster_spec()  # sets its task type and index
    except (KeyError, RuntimeError, ValueError) as error:
        raise UserError(f"invalid Slurm variables: {reason(error)}") from error
    return cluster
