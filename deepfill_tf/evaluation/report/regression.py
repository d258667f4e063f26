"""Comparison of a result with the report of an earlier one on the same manifest."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepfill_tf.errors import UserError, reason
from deepfill_tf.evaluation.bootstrap import Resamples, difference, estimate
from deepfill_tf.evaluation.manifest import Manifest
from deepfill_tf.evaluation.methods import hole_names
from deepfill_tf.evaluation.pooled import columns, pool
from deepfill_tf.evaluation.report.contents import SCHEMA_VERSION, to_entry
from deepfill_tf.evaluation.report.tables import cell
from deepfill_tf.evaluation.report.verdicts import improvement
from deepfill_tf.evaluation.row_cache import Row


def read_report(path: str, manifest: Manifest) -> dict[str, Any]:
    """Reads a report.json of a manifest.

    Raises UserError if it cannot be read, is none, or is one of another manifest.
    """
    try:
        report = json.loads(Path(path).read_text())
        version, theirs = report["schema_version"], report["provenance"]["manifest"]
        holes = [row["hole"] for row in report["rows"][report["subjects"][0]]]
    except OSError as error:
        raise UserError(f"cannot read the report {path}: {reason(error)}") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path} is not a report.json of deepfill-evaluate") from error
    if version != SCHEMA_VERSION:
        raise UserError(
            f"the report {path} has the schema version {version!r}, this program reads "
            f"{SCHEMA_VERSION}"
        )
    if theirs != manifest.sha256:
        raise UserError(
            f"the report {path} is of another manifest ({theirs[:12]}, not "
            f"{manifest.sha256[:12]}): its results cannot be compared; pass its manifest.json "
            "with --manifest"
        )
    if holes != hole_names(manifest):
        raise UserError(f"{path} was edited: its rows are not those of its manifest")
    return report


def comparison(
    report: Mapping[str, Any], rows: Sequence[Row], old: Mapping[str, Any], manifest: Manifest
) -> dict[str, Any]:
    """Returns paired differences of the first subject from the first one of an old report.

    Args:
      report: the new report.
      rows: of its first subject, in the order of the manifest.
      old: a report of the same manifest.
      manifest: of both.

    Returns:
      `weights`, the hash of the old ones, and `differences`, metric -> estimate.
    """
    resamples = Resamples([entry.image for entry in manifest.entries])
    new = resamples.pooled(columns([row.metrics for row in rows]), pool)
    before = resamples.pooled(_old_columns(old), pool)
    return {
        "weights": old["provenance"].get("weights"),
        "differences": {
            name: to_entry(estimate(difference(new[name], before[name])))
            for name in report["metrics"]
            if name in new and name in before
        },
    }


def changes(report: Mapping[str, Any], compared: Mapping[str, Any], sign: int) -> list[str]:
    """Returns the headline metrics that became better (1) or worse (-1), with their differences."""
    lines = []
    for name in report["headline"]:
        difference = compared["differences"].get(name)
        if difference and improvement(report["metrics"][name], difference) == sign:
            described = report["metrics"][name]
            text = cell(difference, described["digits"], signed=True)
            lines.append(f"{described['title']} {text}")
    return lines


def _old_columns(old: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Columns of the old report's first subject; what is null there is left out of means."""
    table = old["rows"][old["subjects"][0]]
    kept = [
        {name: value for name, value in row.items() if isinstance(value, int | float)}
        for row in table
    ]
    return columns(kept)
