"""The files of a report in its folder.

report.html      everything on one page
report.md        tables
report.json      everything for programs, see `contents`
images.csv       a row for each hole and method
manifest.json    images and holes
cache/           rows of metrics, see `row_cache`
images/ masks/ completed/    if they are asked for
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.data.image_files import write_image
from deepfill_tf.errors import UserError, reason
from deepfill_tf.evaluation.methods import MODEL, MethodGroup, ModelGroup, hole_names
from deepfill_tf.evaluation.report.gallery import gallery
from deepfill_tf.evaluation.report.page import page
from deepfill_tf.evaluation.report.tables import markdown
from deepfill_tf.evaluation.row_cache import Row
from deepfill_tf.evaluation.samples import Samples

REPORT = "report.json"
# Two reports are of one evaluation if these agree.
_IDENTITY = ("manifest", "weights", "sketches")


def check_folder(folder: Path) -> None:
    """Makes the folder of a report. Raises UserError if that is not possible."""
    if folder.is_file():
        raise UserError(f"{folder} is a file: choose a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {reason(error)}") from error


def check_replaceable(folder: Path, provenance: Mapping[str, Any], *, overwrite: bool) -> None:
    """Raises UserError if the folder holds a report of another evaluation, unless `overwrite`."""
    path = folder / REPORT
    if overwrite or not path.exists():
        return
    try:
        old = json.loads(path.read_text())["provenance"]
        different = [name for name in _IDENTITY if old.get(name) != provenance.get(name)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is not a report; choose a new --output") from None
    if different:
        raise UserError(
            f"{folder} holds the report of another evaluation (another {different[0]}); "
            "choose a new --output, or pass --overwrite"
        )


def write_report(
    folder: Path,
    report: Mapping[str, Any],
    rows: Mapping[str, Sequence[Row]],
    samples: Samples,
    groups: Sequence[MethodGroup],
) -> None:
    """Writes report.json, report.md, images.csv and report.html.

    Args:
      folder: an existing folder.
      report: the report.
      rows: of each method, in the order of the manifest.
      samples: images and holes.
      groups: all methods.

    Raises UserError if they cannot be written.
    """
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / REPORT, text + "\n")
    write_text(folder / "report.md", markdown(report))
    write_text(folder / "images.csv", table_of_rows(report, rows, samples))
    examples = gallery(report, rows, samples, groups)
    write_text(folder / "report.html", page(report, rows, examples))


def table_of_rows(
    report: Mapping[str, Any], rows: Mapping[str, Sequence[Row]], samples: Samples
) -> str:
    """Returns a row for each hole and method as CSV; what is not defined is empty."""
    metrics = list(report["metrics"])
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["hole", "image", "method", "hole_share", "width", "height", *metrics])
    entries = samples.manifest.entries
    for name, entry, *results in zip(
        hole_names(samples.manifest), entries, *rows.values(), strict=True
    ):
        for method, row in zip(rows, results, strict=True):
            described = [entry.hole_share, entry.width, entry.height]
            values = [row.metrics.get(metric, "") for metric in metrics]
            writer.writerow([name, entry.image, method, *described, *values])
    return file.getvalue()


def write_images(folder: Path, samples: Samples, groups: Sequence[MethodGroup]) -> None:
    """Writes images and masks as PNG, named after the holes, and what the model completed."""
    models = [group for group in groups if isinstance(group, ModelGroup)]
    for positions in samples.batches():
        batch = samples.read(positions)
        written: dict[str, np.ndarray] = {
            "images": batch.images,
            "masks": batch.masks.astype(np.uint8) * 255,
        }
        for model in models:
            written["completed"] = batch.composite(model.predict(batch)[MODEL])
        for kind, images in written.items():
            for name, image in zip(batch.names, images, strict=True):
                path = folder / kind / f"{name}.png"
                check_folder(path.parent)
                write_image(str(path), image)


def write_text(path: Path, text: str) -> None:
    """Writes a file. Raises UserError if that is not possible."""
    try:
        atomic.write_text(path, text)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
