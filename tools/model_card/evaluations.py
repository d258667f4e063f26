"""The evaluations that the card reports, and their scores as one file.

scores.json     weights, architecture, compute, and for each evaluation the values of every
                method with intervals, the model's differences from the baselines, and both by
                kind of scene
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PROTOCOLS = ("narrow", "medium", "wide", "center")
BASELINES = ("telea", "navier_stokes", "patchmatch")
MODEL = "model"
# Metrics of the card: title, digits, and whether more is better.
METRICS = {
    "psnr_in_hole": ("PSNR in the hole, dB", 2, True),
    "ssim_in_hole": ("SSIM in the hole", 3, True),
    "lpips_alex": ("LPIPS, AlexNet", 4, False),
    "lpips_vgg": ("LPIPS, VGG", 4, False),
    "seam": ("seam, 0 to 255", 2, False),
    "fid": ("FID", 1, False),
}
# Metrics whose differences from the baselines the card has, and those by kind of scene.
COMPARED = ("psnr_in_hole", "lpips_alex", "lpips_vgg")
BY_KIND = ("psnr_in_hole", "lpips_alex")
LEAST_OF_A_KIND = 4


@dataclass(frozen=True)
class Images:
    """A set of images that the model was not trained on.

    Attributes:
      name: of the set, in scores.json.
      title: in the card.
      where: the folder or glob below the folder of all data.
    """

    name: str
    title: str
    where: str


SETS = (
    Images("validation", "the training set's own sources, held out", "open_photographs/validation"),
    Images("photos", "photographs of other origin", "photos/*/*.jpg"),
)
SIZES = (256, 512)


def evaluate_all(
    model: str, data: Path, reports: Path, sizes: Sequence[int], lpips_weights: str | None
) -> None:
    """Evaluates a model on all sets and protocols, each into a folder below `reports`.

    Evaluations that were stopped go on, those of the same weights are not computed again, and
    baselines are computed once for all models.
    """
    from deepfill_tf.evaluation.evaluation import evaluate
    from deepfill_tf.evaluation.settings import Settings

    for images in SETS:
        for size in sizes:
            for protocol in PROTOCOLS:
                output = reports / folder_of(images.name, size, protocol)
                print(f"== {output}", flush=True)
                settings = Settings(
                    images=str(data / images.where),
                    output=str(output),
                    model=model,
                    protocol=protocol,
                    size=str(size),
                    lpips_weights=lpips_weights,
                    save_images=size == min(sizes),  # those that write_worst reads
                    overwrite=True,
                )
                evaluate(settings)


def folder_of(name: str, size: int, protocol: str) -> str:
    """Name of the folder of an evaluation."""
    return f"{name}_{size}_{protocol}"


def scores_of(
    reports: Path,
    sizes: Sequence[int],
    kinds: Mapping[str, str],
    training: Mapping[str, Any],
    architecture: Mapping[str, Any],
) -> dict[str, Any]:
    """Reduces the reports to what the card needs, in types of JSON.

    Args:
      reports: folder of the evaluations.
      sizes: those that were evaluated.
      kinds: kind of scene of each photograph of `photos`, by its name without suffix.
      training: what `training` in the result holds: `stages`, see training.json.
      architecture: that of the model, which its predictions depend on besides the weights.
    """
    evaluations, weights = [], set()
    for images in SETS:
        for size in sizes:
            for protocol in PROTOCOLS:
                folder = reports / folder_of(images.name, size, protocol)
                report = json.loads((folder / "report.json").read_text())
                weights.add((report["provenance"]["weights"], report["provenance"].get("step")))
                evaluations.append(
                    {
                        "set": images.name,
                        "size": size,
                        "protocol": protocol,
                        **_reduced(report),
                        "kinds": _by_kind(folder / "images.csv", kinds),
                    }
                )
    if len(weights) != 1:
        raise ValueError(f"the reports are of several models: {sorted(weights, key=str)}")
    ((sha256, step),) = weights
    versions = report["provenance"]["versions"]
    return {
        "weights": sha256,
        "architecture": dict(architecture),
        "step": step,
        "versions": versions,
        "training": dict(training),
        "evaluations": evaluations,
    }


def with_other_sizes(scores: dict[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Adds to scores the evaluations of other sizes that earlier scores of the same model have.

    So a card may be made of one of its `SIZES` after the other.
    """
    if any(scores[name] != earlier.get(name) for name in ("weights", "architecture", "step")):
        return scores
    other_sizes = set(SIZES) - {evaluation["size"] for evaluation in scores["evaluations"]}
    others = [e for e in earlier["evaluations"] if e["size"] in other_sizes]
    names = [images.name for images in SETS]
    evaluations = sorted(
        scores["evaluations"] + others, key=lambda e: (names.index(e["set"]), e["size"])
    )
    return scores | {"evaluations": evaluations}


def _reduced(report: Mapping[str, Any]) -> dict[str, Any]:
    part = report["parts"][0]
    values = {
        method["name"]: {
            metric: _rounded(part["values"][method["name"]][metric])
            for metric in METRICS
            if metric in part["values"][method["name"]]
        }
        for method in report["methods"]
    }
    differences = {
        other: {metric: _rounded(entries[metric]) for metric in METRICS if metric in entries}
        for other, entries in part["differences"][MODEL].items()
        if other in BASELINES
    }
    return {
        "images": report["images"],
        "manifest": report["provenance"]["manifest"],
        "titles": {method["name"]: method["title"] for method in report["methods"]},
        "values": values,
        "differences": differences,
    }


def _by_kind(table: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Values of the model and the baselines, and differences, of each kind of scene."""
    from deepfill_tf.evaluation.bootstrap import Resamples, estimate
    from deepfill_tf.evaluation.pooled import columns, pool
    from deepfill_tf.evaluation.report.contents import to_entry

    rows: dict[str, dict[str, list]] = {}
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["method"] == MODEL or row["method"] in BASELINES:
                kind = kind_of(row["image"], kinds)
                rows.setdefault(kind, {}).setdefault(row["method"], []).append(row)
    result = {}
    for kind, methods in sorted(rows.items()):
        names = [row["image"] for row in methods[MODEL]]
        if len(names) < LEAST_OF_A_KIND:
            continue
        resamples = Resamples(names)
        pooled = {}
        for method, found in methods.items():
            numbers = [
                {key: float(text) for key, text in row.items() if _is_number(text)}
                | {"hole_pixels": _pixels(row), "pixels": 1.0}
                for row in found
            ]
            pooled[method] = resamples.pooled(columns(numbers), pool)
        result[kind] = {
            "images": len(names),
            "values": {
                method: {
                    metric: float(f"{values[metric][0]:.6g}")
                    for metric in BY_KIND
                    if metric in values
                }
                for method, values in pooled.items()
            },
            "differences": {
                other: {
                    metric: _rounded(
                        to_entry(estimate(pooled[MODEL][metric] - pooled[other][metric]))
                    )
                    for metric in BY_KIND
                    if metric in pooled[other]
                }
                for other in pooled
                if other != MODEL
            },
        }
    return result


def kind_of(image: str, kinds: Mapping[str, str]) -> str:
    """Kind of scene of a photograph; else the source that the name begins with."""
    stem = Path(image).stem
    return kinds.get(stem) or stem.rsplit("_", 1)[0]


def _pixels(row: Mapping[str, str]) -> float:
    """Pixels of a hole."""
    share, height, width = (float(row[name]) for name in ("hole_share", "height", "width"))
    return np.rint(share * height * width)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rounded(entry: Mapping[str, float | None]) -> list[float | None]:
    """[value, low, high] of an estimate."""
    numbers = (entry.get(name) for name in ("value", "low", "high"))
    return [None if number is None else float(f"{number:.5g}") for number in numbers]
