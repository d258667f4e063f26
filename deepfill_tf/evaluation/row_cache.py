"""Rows of results on disk: a stopped evaluation resumes, and baselines are computed once.

    <folder>/<manifest>/<method>-<key>.jsonl            a JSON object for each hole
    <folder>/<manifest>/<method>-<key>-1of2.jsonl       of a process that computes a part

The key is a hash of all that the rows depend on besides images and holes. A process that is
killed leaves at most one incomplete line, which is removed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from deepfill_tf.errors import UserError, reason


@dataclass(frozen=True)
class Row:
    """Results of one method for one hole.

    Attributes:
      metrics: by name.
      distance_errors: sums of the absolute error by distance from the border, see
        `border_distance`.
      distance_pixels: the numbers of pixels that these are sums over.
      features: of the completed image, float32 in base64, if there is a network for them.
    """

    metrics: dict[str, float]
    distance_errors: list[float]
    distance_pixels: list[int]
    features: str | None = None


class RowCache:
    """The rows of methods that are computed together.

    Args:
      folder: where rows are kept.
      manifest: hash of the manifest.
      name: of the methods.
      identity: what the rows depend on: weights, versions, metrics.
      part: of a process that computes a part of the rows, such as `1of2`. It writes a file of its
        own; rows are read from the files of all parts.

    Raises UserError if `folder` cannot be written.
    """

    def __init__(
        self, folder: Path, manifest: str, name: str, identity: str, part: str | None = None
    ):
        key = hashlib.sha256(identity.encode()).hexdigest()[:16]
        stem = f"{name}-{key}"
        self._path = folder / manifest[:16] / f"{stem}{f'-{part}' if part else ''}.jsonl"
        self._rows: dict[str, dict[str, Row]] = {}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            for path in sorted(self._path.parent.glob(f"{stem}*.jsonl")):
                whole = self._read(path)
                if path == self._path:
                    with path.open("r+b") as file:
                        file.truncate(whole)
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise UserError(f"cannot write the rows {self._path}: {reason(error)}") from error

    def _read(self, path: Path) -> int:
        """Reads rows; returns the bytes that are whole lines."""
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                entry = json.loads(line)
                rows = {method: Row(**row) for method, row in entry["rows"].items()}
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                break
            self._rows[entry["hole"]] = rows
            whole += len(line)
        return whole

    def __contains__(self, hole: str) -> bool:
        return hole in self._rows

    def __getitem__(self, hole: str) -> dict[str, Row]:
        """Method -> row."""
        return self._rows[hole]

    def add(self, rows: Mapping[str, dict[str, Row]]) -> None:
        """Keeps hole -> method -> row, and writes it to the disk."""
        self._rows.update(rows)
        lines = []
        for hole, by_method in rows.items():
            entry = {method: asdict(row) for method, row in by_method.items()}
            lines.append(json.dumps({"hole": hole, "rows": entry}) + "\n")
        # At once, so that lines of another process with the same cache do not mix with them.
        try:
            self._file.write("".join(lines).encode())
        except OSError as error:
            raise UserError(f"cannot write the rows {self._path}: {reason(error)}") from error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
