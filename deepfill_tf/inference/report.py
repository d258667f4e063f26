"""The report of a completion of files: a JSON file that other programs read.

    {
      "schema_version": 1,
      "program": "deepfill-inpaint 0.1",
      "settings": {"model": "runs/celeba", "strategy": "exact", ...},
      "started": "2026-11-26T06:40:00+00:00",
      "seconds": 12.3,
      "state": "done",                     or "interrupted", "planned"
      "counts": {"completed": 1, "failed": 1, "left_out": 1},
      "images": [
        {"image": "images/a.jpg", "mask": "masks/a.png", "output": "out/a.png",
         "status": "completed", "seconds": 1.2, "width": 640, "height": 480,
         "hole_pixels": 1234, "boxes": [[10, 20, 60, 90]],
         "forecast": {"seconds": 1.1, "memory_bytes": 900000000}, "notes": ["..."]},
        {"image": "images/b.jpg", "status": "failed", "error": "..."}],
      "left_out": [{"path": "images/notes.txt", "reason": "has no suffix of images"}]
    }

`status` is "completed", "copied" (the mask has no hole), "skipped" (the output exists),
"planned" (nothing was to be written) or "failed". A box is its first row and column, and the row
and column after its last ones. Names that are not UTF-8 have a lone surrogate for each such
byte, as Python's `os.fsdecode` makes them.
"""

import dataclasses
import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from deepfill_tf import __version__, atomic
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completion_paths import CompletionPaths
from deepfill_tf.inference.forecast import Forecast
from deepfill_tf.inference.writable_paths import check_writable

SCHEMA_VERSION = 1


@dataclass
class ImageRecord:
    """What became of one image; see the module's docstring."""

    image: str
    mask: str | None = None
    sketch: str | None = None
    output: str | None = None
    status: str = "failed"
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    hole_pixels: int | None = None
    boxes: list[list[int]] | None = None
    forecast: dict[str, float] | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None

    @classmethod
    def of(cls, paths: CompletionPaths) -> "ImageRecord":
        """Returns the record of a completion that has not begun."""
        sketch = None if paths.sketch is None else str(paths.sketch)
        return cls(str(paths.image), str(paths.mask), sketch, str(paths.output))

    def set_forecast(self, forecast: Forecast) -> None:
        """Records the forecast."""
        self.forecast = {
            "seconds": round(forecast.seconds, 2),
            "memory_bytes": round(forecast.memory),
        }


class Report:
    """Collects what became of images, and writes it to a file.

    Args:
      path: the JSON file; None writes none.
      settings: of the completion, by name.

    Raises UserError if the file cannot be written, or exists and is no report.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]):
        self._path, self._settings = path, settings
        self._began, self._started = datetime.now(timezone.utc), time.monotonic()
        self.images: list[ImageRecord] = []
        self.left_out: list[tuple[Path, str]] = []
        if path is not None:
            check_writable(path)
            _check_replaceable(path)

    @property
    def counts(self) -> Counter[str]:
        """Status -> number of images."""
        return Counter(record.status for record in self.images)

    def add_skipped(self, completions: Iterable[CompletionPaths]) -> None:
        """Adds images that are not completed because their output exists."""
        self.images += [
            dataclasses.replace(ImageRecord.of(paths), status="skipped") for paths in completions
        ]

    def write(self, state: str) -> None:
        """Writes the file. Raises UserError if that fails."""
        if self._path is None:
            return
        content = {
            "schema_version": SCHEMA_VERSION,
            "program": f"deepfill-inpaint {__version__}",
            "settings": self._settings,
            "started": self._began.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._started, 2),
            "state": state,
            "counts": {**self.counts, "left_out": len(self.left_out)},
            "images": [_without_none(vars(record)) for record in self.images],
            "left_out": [{"path": str(path), "reason": why} for path, why in self.left_out],
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # In ASCII, because names of files may hold what UTF-8 cannot.
            atomic.write_text(self._path, json.dumps(content, indent=2) + "\n")
        except OSError as error:
            raise UserError(f"cannot write the report {self._path}: {reason(error)}") from error


def _check_replaceable(path: Path) -> None:
    """Raises UserError if there is a file that is not a report."""
    if not os.path.exists(path):
        return
    try:
        is_report = "schema_version" in json.loads(path.read_text())
    except (OSError, ValueError, TypeError):
        is_report = False
    if not is_report:
        raise UserError(f"--report={path} exists and is no report of this program; not overwritten")


def _without_none(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}
