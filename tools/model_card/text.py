"""The text of the card, made of its scores and the ledger alone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from model_card.evaluations import BASELINES, COMPARED, METRICS, MODEL, PROTOCOLS, SETS
from model_card.ledger import LEDGER, SOURCES, counts

JOBS, WORST = "everyday_jobs.jpg", "worst.jpg"
TEMPLATE = Path(__file__).with_name("template.md")
# The models before this one: their training, and what scores.json of each commit had.
MILESTONES = Path(__file__).with_name("milestones.json")
# Metric of a milestone -> the baseline that it is compared with.
RIVALS = {"psnr_in_hole": "telea", "lpips_alex": "patchmatch"}
MARKS = {1: "better", -1: "worse", 0: "no clear difference"}


def card(scores: Mapping[str, Any], ledger: Sequence[Mapping[str, str]], model: Mapping) -> str:
    """Returns the card in Markdown.

    Args:
      scores: the contents of scores.json.
      ledger: rows of the ledger.
      model: `parameters` and `megabytes` of the weights.
    """
    by_source = counts(list(ledger))
    sources = [
        f"| {source} | {licences.total():,} | {_licences(licences)} | `{SOURCES[source][0]}` | "
        f"{SOURCES[source][1]} |"
        for source, licences in by_source.items()
    ]
    validation = {e["images"] for e in scores["evaluations"] if e["set"] == "validation"}
    values = {
        "images": len(ledger),
        "ledger": LEDGER,
        "sources": "\n".join(sources),
        "validation": max(validation, default=0),
        "scarce": by_source["coco_val2017"].total() if "coco_val2017" in by_source else 0,
        "step": scores["step"],
        "worst": WORST,
        "jobs": JOBS,
        "stages": "\n".join(_stage(stage) for stage in scores["training"]["stages"]),
        "seen": _crops(scores),
        "milestones": _milestones(scores),
        "milestones_size": _least_size(scores),
        **model,
    }
    return TEMPLATE.read_text().format(**values, scores="\n".join(_tables(scores)))


def _stage(stage: Mapping[str, Any]) -> str:
    """A row of the table of the training's stages."""
    return (
        f"| {stage['size']} x {stage['size']} | {stage['batch_size']} | {stage['steps']:,} | "
        f"{stage['loss']} | {stage['adversarial_weight']} | {stage['precision']} | "
        f"{stage['minutes']:g} | {stage['processor']} |"
    )


def _crops(scores: Mapping[str, Any]) -> int:
    """Crops that the generator saw in training."""
    return sum(stage["steps"] * stage["batch_size"] for stage in scores["training"]["stages"])


def _least_size(scores: Mapping[str, Any]) -> int:
    return min(evaluation["size"] for evaluation in scores["evaluations"])


def _milestones(scores: Mapping[str, Any]) -> str:
    """Rows of this model's and earlier ones' differences from baselines, at the least size."""
    least = _least_size(scores)
    present: dict[str, dict] = {}
    for evaluation in scores["evaluations"]:
        if evaluation["size"] == least:
            present.setdefault(evaluation["set"], {})[evaluation["protocol"]] = {
                metric: evaluation["differences"][rival][metric][0]
                for metric, rival in RIVALS.items()
            }
    milestones = json.loads(MILESTONES.read_text())
    milestones.append({"crops": _crops(scores), "what": "this model", "differences": present})
    rows = []
    for images in SETS:
        for milestone in milestones:
            cells = [
                "; ".join(
                    f"{milestone['differences'][images.name][protocol][metric]:+.{digits}f}"
                    for metric, digits in (("psnr_in_hole", 2), ("lpips_alex", 4))
                )
                for protocol in PROTOCOLS
            ]
            start = f"| {milestone['crops']:,} | {milestone['what']} | {images.title} | "
            rows.append(start + " | ".join(cells) + " |")
    return "\n".join(rows)


def _licences(licences: Mapping[str, int]) -> str:
    if len(licences) == 1:
        return next(iter(licences))
    return ", ".join(f"{licence} ({count:,})" for licence, count in licences.items())


def _tables(scores: Mapping[str, Any]) -> Iterable[str]:
    for images in SETS:
        sizes = sorted({e["size"] for e in scores["evaluations"] if e["set"] == images.name})
        for size in sizes:
            chosen = {
                e["protocol"]: e
                for e in scores["evaluations"]
                if e["set"] == images.name and e["size"] == size
            }
            count = next(iter(chosen.values()))["images"]
            yield f"### {size} x {size}, {count} images: {images.title}\n"
            yield _values(chosen)
            yield _differences(chosen)
            yield _kinds(chosen)


def _values(chosen: Mapping[str, Mapping]) -> str:
    """A row for each protocol and method, a column for each metric that there is."""
    some = next(iter(chosen.values()))["values"][MODEL]
    metrics = [metric for metric in METRICS if metric in some]
    lines = ["| holes | method | " + " | ".join(METRICS[m][0] for m in metrics) + " |"]
    lines.append("|---" * (len(metrics) + 2) + "|")
    for protocol in PROTOCOLS:
        evaluation = chosen[protocol]
        for method, values in evaluation["values"].items():
            title = evaluation["titles"][method]
            cells = [_cell(values[m], METRICS[m][1]) if m in values else "" for m in metrics]
            name = f"**{title}**" if method == MODEL else title
            lines.append(f"| {protocol} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _differences(chosen: Mapping[str, Mapping]) -> str:
    """Model minus baselines, with what the interval says."""
    metrics = [m for m in COMPARED if m in next(iter(chosen.values()))["values"][MODEL]]
    others = [b for b in BASELINES if b in next(iter(chosen.values()))["differences"]]
    titles = next(iter(chosen.values()))["titles"]
    lines = ["The model's differences:\n"]
    lines.append("| metric | holes | " + " | ".join(titles[b] for b in others) + " |")
    lines.append("|---" * (len(others) + 2) + "|")
    for metric in metrics:
        title, digits, more_is_better = METRICS[metric]
        for protocol in PROTOCOLS:
            cells = []
            for other in others:
                entry = chosen[protocol]["differences"][other][metric]
                cells.append(f"{_cell(entry, digits, '+')} {_mark(entry, more_is_better)}")
            lines.append(f"| {title} | {protocol} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _kinds(chosen: Mapping[str, Mapping]) -> str:
    """PSNR by kind of scene: the model's, and its difference from the best baseline."""
    metric = "psnr_in_hole"
    lines = [
        "By kind of scene, PSNR in the hole, and the difference from the best baseline there:\n"
    ]
    lines.append("| kind | images | " + " | ".join(PROTOCOLS) + " |")
    lines.append("|---" * (len(PROTOCOLS) + 2) + "|")
    for kind, first in next(iter(chosen.values()))["kinds"].items():
        cells = []
        for protocol in PROTOCOLS:
            entry = chosen[protocol]["kinds"][kind]
            others = [name for name in entry["values"] if name != MODEL]
            best = max(others, key=lambda name: entry["values"][name][metric])
            value, difference = entry["values"][MODEL][metric], entry["differences"][best][metric]
            cells.append(f"{value:.2f}; {_cell(difference, 2, '+')}")
        lines.append(f"| {kind} | {first['images']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(entry: Sequence[float | None], digits: int, sign: str = "") -> str:
    """A value with its interval."""
    value, low, high = entry
    if value is None:
        return "not defined"
    text = f"{value:{sign}.{digits}f}"
    if low is None or high is None:
        return text
    return f"{text} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"


def _mark(entry: Sequence[float | None], more_is_better: bool) -> str:
    """What the interval of a difference says."""
    _, low, high = entry
    if low is None or high is None:
        return ""
    sign = 1 if low > 0 else -1 if high < 0 else 0
    return MARKS[sign if more_is_better else -sign]
