"""The contents of a report, as report.json holds them."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepfill_tf.evaluation.bootstrap import Estimate, Resamples, difference, estimate
from deepfill_tf.evaluation.border_distance import interval_names
from deepfill_tf.evaluation.distances import distances
from deepfill_tf.evaluation.manifest import Manifest
from deepfill_tf.evaluation.methods import hole_names
from deepfill_tf.evaluation.metrics import METRICS
from deepfill_tf.evaluation.pooled import columns, pool
from deepfill_tf.evaluation.report.verdicts import verdicts
from deepfill_tf.evaluation.row_cache import Row
from deepfill_tf.evaluation.rows import ORIGINAL

SCHEMA_VERSION = 1
# Metrics of the tables, the plots and the verdicts, those of them that are computed.
HEADLINE = ("psnr_in_hole", "l1_percent_in_hole", "ssim_in_hole", "lpips_alex", "fid", "seam")
# Bins of the share of the hole: above the first bound, up to the second.
_BINS = [(i / 10, (i + 1) / 10) for i in range(6)] + [(0.6, 1.0)]


@dataclass(frozen=True)
class Method:
    """A method as a report names it.

    Attributes:
      name: key of its results.
      title: in tables.
      is_subject: whether it is evaluated, and not a baseline.
    """

    name: str
    title: str
    is_subject: bool = False


def contents(
    manifest: Manifest,
    methods: Sequence[Method],
    rows: Mapping[str, Sequence[Row]],
    *,
    protocol: str,
    provenance: Mapping[str, Any],
    left_out: Mapping[str, str],
    is_inception: bool = True,
) -> dict[str, Any]:
    """Returns a report without its timing, in types of JSON.

    Args:
      manifest: of the evaluation.
      methods: in the order of the tables, a subject first.
      rows: of each method, in the order of the manifest.
      protocol: the protocol in words.
      provenance: what was evaluated with what: hashes, versions.
      left_out: what was not computed -> how to get it.
      is_inception: the rows' features are those of FID.
    """
    names = [method.name for method in methods]
    subjects = [method.name for method in methods if method.is_subject]
    tables = {name: columns([row.metrics for row in rows[name]]) for name in names}
    features = {name: _features(rows[name]) for name in rows if rows[name][0].features}
    parts = [
        _part(name, chosen, manifest, tables, _distances(features, chosen, is_inception), subjects)
        for name, chosen in _parts(manifest).items()
    ]
    described = {
        metric: METRICS[metric]
        for metric in METRICS
        if any(metric in values for values in parts[0]["values"].values())
    }
    headline = [metric for metric in HEADLINE if metric in described]
    report = {
        "schema_version": SCHEMA_VERSION,
        "provenance": {**provenance, "manifest": manifest.sha256},
        "protocol": protocol,
        "seed": manifest.seed,
        "size": manifest.size,
        "images": len({entry.image for entry in manifest.entries}),
        "holes": len(manifest.entries),
        "methods": [asdict(method) for method in methods],
        "subjects": subjects,
        "metrics": {name: asdict(metric) for name, metric in described.items()},
        "headline": headline,
        "left_out": dict(left_out),
        "parts": parts,
        "error_by_distance": _error_by_distance({name: rows[name] for name in names}),
        "rows": {name: _table(manifest, rows[name]) for name in subjects},
    }
    report["verdicts"] = verdicts(report)
    return report


def _parts(manifest: Manifest) -> dict[str, np.ndarray]:
    """Name of each part of the manifest -> positions of its holes."""
    shares = np.array([entry.hole_share for entry in manifest.entries])
    parts = {"all": np.arange(len(shares))}
    for low, high in _BINS:
        chosen = np.flatnonzero((shares > low) & (shares <= high))
        # A bin that holds everything says nothing more.
        if 0 < len(chosen) < len(shares):
            parts[f"{100 * low:.0f} to {100 * high:.0f} %"] = chosen
    return parts


def _part(
    name: str,
    chosen: np.ndarray,
    manifest: Manifest,
    tables: Mapping[str, Mapping[str, np.ndarray]],
    set_distances: Mapping[str, Mapping[str, float]],
    subjects: Sequence[str],
) -> dict[str, Any]:
    resamples = Resamples([manifest.entries[i].image for i in chosen])
    pooled = {
        method: resamples.pooled({key: values[chosen] for key, values in table.items()}, pool)
        for method, table in tables.items()
    }
    for method, values in set_distances.items():
        # Of the set itself; a Frechet distance of a resample says nothing of its spread.
        pooled[method] |= {key: np.array([value]) for key, value in values.items()}
    return {
        "name": name,
        "holes": len(chosen),
        "values": {
            method: {m: to_entry(estimate(values[m])) for m in METRICS if m in values}
            for method, values in pooled.items()
        },
        "differences": {
            subject: {
                other: {
                    m: to_entry(estimate(difference(pooled[subject][m], pooled[other][m])))
                    for m in METRICS
                    if m in pooled[subject] and m in pooled[other]
                }
                for other in tables
                if other != subject
            }
            for subject in subjects
        },
    }


def _features(rows: Sequence[Row]) -> np.ndarray:
    """Features of the completed images, `[N, D]`."""
    return np.stack([np.frombuffer(base64.b64decode(row.features or ""), "<f4") for row in rows])


def _distances(
    features: Mapping[str, np.ndarray], chosen: np.ndarray, is_inception: bool
) -> dict[str, dict[str, float]]:
    """Method -> distances from the originals, of some of the holes."""
    if ORIGINAL not in features or len(chosen) < 2:
        return {}
    originals = features[ORIGINAL][chosen]
    return {
        method: distances(originals, values[chosen], is_inception=is_inception)
        for method, values in features.items()
        if method != ORIGINAL
    }


def to_entry(value: Estimate) -> dict[str, float | None]:
    """Returns an estimate as a report holds it."""
    return {key: _number(number) for key, number in asdict(value).items()}


def _number(value: float | None) -> float | None:
    """A number for JSON, which has none that are infinite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _error_by_distance(rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Mean absolute error, 0 to 255, by the distance from the hole's border."""
    some = next(iter(rows.values()))
    pixels = np.sum([row.distance_pixels for row in some], axis=0)
    errors = {}
    for method, results in rows.items():
        total = np.sum([row.distance_errors for row in results], axis=0)
        errors[method] = [
            _number(value / count) if count else None
            for value, count in zip(total, pixels, strict=True)
        ]
    return {"distances": interval_names(), "pixels": pixels.tolist(), "errors": errors}


def _table(manifest: Manifest, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A row for each hole: its name, share and size, and its metrics."""
    table = []
    for name, entry, row in zip(hole_names(manifest), manifest.entries, rows, strict=True):
        described = {
            "hole": name,
            "hole_share": entry.hole_share,
            "height": entry.height,
            "width": entry.width,
        }
        # In full, so that a report compared with itself has no differences.
        metrics = {
            metric: value if math.isfinite(value) else None for metric, value in row.metrics.items()
        }
        table.append(described | metrics)
    return table
