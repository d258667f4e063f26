"""Self-verifying checkpoint format: a directory for each step, with checksums of its files.

    checkpoints/step-1200/
      variables.index, variables.data-00000-of-00001   written by TensorFlow
      manifest.json                                    {"files": {name: {"bytes", "sha256"}}, ...}

A directory is written atomically. Where renaming is not atomic, as on object stores, the
checksums tell whether a checkpoint is complete.
"""

import hashlib
import json
import logging
import os
import re

import tensorflow as tf

from deepfill_tf.errors import UserError, reason

LOG = logging.getLogger(__name__)

MANIFEST = "manifest.json"
# The names of TensorFlow's files in the directory begin so.
VARIABLES = "variables"
_NAME = re.compile(r"step-(\d+)")
_CHUNK = 2**22  # bytes


def directory_name(step: int) -> str:
    """Returns the name of the checkpoint of a step."""
    return f"step-{step}"


def step_of(path: str) -> int:
    """Returns the step in a checkpoint's path. Raises ValueError if there is none."""
    match = _NAME.fullmatch(os.path.basename(path.rstrip("/")))
    if match is None:
        raise ValueError(f"a checkpoint's directory is named step-NUMBER, got {path!r}")
    return int(match[1])


def list_checkpoints(folder: str) -> list[str]:
    """Returns the paths of all checkpoints in a folder, valid or not, oldest step first."""
    if not tf.io.gfile.isdir(folder):
        return []
    # On object stores the names of folders end with a slash.
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    paths = [os.path.join(folder, name) for name in names if _NAME.fullmatch(name)]
    return sorted(paths, key=step_of)


def variables_prefix(checkpoint: str) -> str:
    """Returns the prefix of a checkpoint's files, as `tf.train.load_checkpoint` takes it."""
    return os.path.join(checkpoint, VARIABLES)


def write_manifest(checkpoint: str, facts: dict) -> None:
    """Writes the manifest: the checksums of all files in the directory, and `facts`."""
    files = {name: _fingerprint(os.path.join(checkpoint, name)) for name in _files_of(checkpoint)}
    with tf.io.gfile.GFile(os.path.join(checkpoint, MANIFEST), "w") as file:
        json.dump({**facts, "files": files}, file, indent=2)


def read_manifest(checkpoint: str) -> dict:
    """Returns the content of a checkpoint's manifest. Raises UserError if it cannot be read."""
    path = os.path.join(checkpoint, MANIFEST)
    try:
        with tf.io.gfile.GFile(path) as file:
            manifest = json.load(file)
        if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
            raise ValueError("it lists no files")
    except tf.errors.NotFoundError as error:
        raise UserError(f"it has no {MANIFEST}") from error
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"its {MANIFEST} cannot be read ({reason(error)})") from error
    return manifest


def validation_error(checkpoint: str) -> str | None:
    """Returns the first difference between a checkpoint and its manifest; None if it is valid."""
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
            return f"its {MANIFEST} does not list {VARIABLES}.index"
    except (OSError, UserError, AttributeError, tf.errors.OpError) as error:
        return reason(error)
    return None


def latest_valid_checkpoint(folder: str) -> str | None:
    """Returns the path of the newest valid checkpoint; None if there is no checkpoint at all.

    Corrupt ones are logged and skipped. Raises UserError if all are corrupt.
    """
    checkpoints = list_checkpoints(folder)
    for path in reversed(checkpoints):
        wrong = validation_error(path)
        if wrong is None:
            return path
        LOG.warning("skipping corrupt checkpoint %s: %s", path, wrong)
    if checkpoints:
        raise UserError(
            f"none of the {len(checkpoints)} checkpoints in {folder} is valid; "
            "remove them to start from the beginning"
        )
    return None


def _files_of(checkpoint: str) -> list[str]:
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(checkpoint))
    return sorted(name for name in names if name != MANIFEST)


def _fingerprint(path: str) -> dict:
    """Returns size and SHA-256 of a file as it is read back."""
    digest, size = hashlib.sha256(), 0
    with tf.io.gfile.GFile(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}
