"""Checkpoints that prove themselves: a directory each, with checksums of its files.

    checkpoints/step-1200/
      variables.index, variables.data-00000-of-00001   what TensorFlow wrote
      manifest.json                                    {"files": {name: {"bytes", "sha256"}}, ...}

A directory is written aside and renamed when it is whole. Where renaming is not atomic, as
in object stores, the checksums tell.
"""

import hashlib
import json
import logging
import os
import re

import tensorflow as tf

from deepfill_tf.errors import UserError

LOG = logging.getLogger(__name__)

MANIFEST = "manifest.json"
# Where TensorFlow's files begin in the directory.
VARIABLES = "variables"
_NAME = re.compile(r"step-(\d+)")
_CHUNK = 2**22


def directory_name(step: int) -> str:
    """What the checkpoint of a step is called."""
    return f"step-{step}"


def step_of(path: str) -> int:
    """The step in a checkpoint's path. Raises ValueError where there is none."""
    match = _NAME.fullmatch(os.path.basename(path.rstrip("/")))
    if match is None:
        raise ValueError(f"{path} is not named as a checkpoint is")
    return int(match[1])


def list_checkpoints(folder: str) -> list[str]:
    """Paths of all checkpoints in a folder, good or not, oldest step first."""
    if not tf.io.gfile.isdir(folder):
        return []
    # Object stores give folders a slash at the end.
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    paths = [os.path.join(folder, name) for name in names if _NAME.fullmatch(name)]
    return sorted(paths, key=step_of)


def variables_prefix(checkpoint: str) -> str:
    """What `tf.train.load_checkpoint` takes."""
    return os.path.join(checkpoint, VARIABLES)


def write_manifest(checkpoint: str, facts: dict) -> None:
    """Writes down the checksums of all files that are there, and further facts."""
    files = {name: _fingerprint(os.path.join(checkpoint, name)) for name in _files_of(checkpoint)}
    with tf.io.gfile.GFile(os.path.join(checkpoint, MANIFEST), "w") as file:
        json.dump({**facts, "files": files}, file, indent=2)


def read_manifest(checkpoint: str) -> dict:
    """What `write_manifest` wrote. Raises UserError where it cannot be read."""
    path = os.path.join(checkpoint, MANIFEST)
    try:
        with tf.io.gfile.GFile(path) as file:
            manifest = json.load(file)
        if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
            raise ValueError("it names no files")
    except tf.errors.NotFoundError as error:
        raise UserError(f"it has no {MANIFEST}") from error
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"its {MANIFEST} cannot be read ({reason})") from error
    return manifest


def validation_error(checkpoint: str) -> str | None:
    """How a checkpoint differs from its manifest, in a few words; None where it is whole."""
    try:
        files = read_manifest(checkpoint)["files"]
        for name, expected in files.items():
            path = os.path.join(checkpoint, name)
            if not tf.io.gfile.exists(path):
                return f"{name} is missing"
            found = _fingerprint(path)
            if found["bytes"] != expected.get("bytes"):
                return f"{name} has {found['bytes']} bytes, not {expected.get('bytes')}"
            if found["sha256"] != expected.get("sha256"):
                return f"the checksum of {name} is wrong"
        if f"{VARIABLES}.index" not in files:
            return f"its {MANIFEST} does not name {VARIABLES}.index"
    except UserError as error:
        return str(error)
    except (OSError, AttributeError, tf.errors.OpError) as error:
        return str(error).splitlines()[0]
    return None


def latest_valid_checkpoint(folder: str) -> str | None:
    """Path of the newest checkpoint that is whole; None where there is no checkpoint at all.

    Damaged ones are named on the log and passed over. Raises UserError where all are damaged.
    """
    checkpoints = list_checkpoints(folder)
    for path in reversed(checkpoints):
        wrong = validation_error(path)
        if wrong is None:
            return path
        LOG.warning("passing over the damaged checkpoint %s: %s", path, wrong)
    if checkpoints:
        raise UserError(
            f"none of the {len(checkpoints)} checkpoints in {folder} is whole; "
            "remove them to start from the beginning"
        )
    return None


def _files_of(checkpoint: str) -> list[str]:
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(checkpoint))
    return sorted(name for name in names if name != MANIFEST)


def _fingerprint(path: str) -> dict:
    """Size and SHA-256 of a file as it is read back."""
    digest, size = hashlib.sha256(), 0
    with tf.io.gfile.GFile(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}
