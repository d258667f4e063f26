"""Writes the results of many evaluations as tables: methods by protocols, one for each metric.

    python tools/tabulate_reports.py --reports='results/*/*/report.json' --output=results.md

Reports of the same manifest are one column; a model is named after its path. Reports of the same
images at the same size are one section. Baselines of equal manifests are equal.
"""

import glob
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from deepfill_tf import atomic
from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation.methods import COARSE, MODEL
from deepfill_tf.evaluation.protocols import PROTOCOLS
from deepfill_tf.evaluation.report.contents import SCHEMA_VERSION
from deepfill_tf.evaluation.report.tables import cell, heading

COMMAND = Command(
    "tabulate_reports",
    __doc__,
    [
        Flag("reports", "A glob of report.json files.", required=True),
        Flag("output", "The Markdown file to write.", required=True),
    ],
)
Report = Mapping[str, Any]


def run(values: flags.FlagValues) -> None:
    """Writes the tables. Raises UserError if there are no reports, or a file is none."""
    paths = sorted(glob.glob(values.reports, recursive=True))
    if not paths:
        raise UserError(f"there are no reports {values.reports}")
    text = tabulated([read(path) for path in paths])
    atomic.write_text(values.output, text)


def read(path: str) -> Report:
    """Returns a report. Raises UserError if the file is none."""
    try:
        report = json.loads(Path(path).read_text())
        version = report["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a report.json of deepfill-evaluate") from error
    if version != SCHEMA_VERSION:
        raise UserError(f"{path} has the schema version {version!r}, not {SCHEMA_VERSION}")
    return report


def tabulated(reports: Sequence[Report]) -> str:
    """Returns a page with a section for each list of images and size."""

    def images(report: Report) -> tuple:
        return report["images"], report["provenance"]["list"], report["size"]

    sections = ["\n".join(["# Results", "", *_introduction(reports), ""])]
    for (count, _, size), group in itertools.groupby(sorted(reports, key=images), images):
        where = f" of {size[1]} x {size[0]}" if size else ""
        sections.append("\n".join([f"## {count} images{where}", "", *_tables(list(group))]))
    return "\n".join(sections)


def _introduction(reports: Sequence[Report]) -> list[str]:
    """What the numbers are, and the identity of each model."""
    lines = [
        "Made by `tools/tabulate_reports.py` from reports of `deepfill-evaluate`. In brackets: 95 "
        "% intervals by a bootstrap over the images.",
    ]
    models: dict[str, str] = {}
    for report in reports:
        provenance = report["provenance"]
        if "model" in provenance:
            step = f"step {provenance['step']}, " if "step" in provenance else ""
            models[Path(provenance["model"]).name] = f"{step}weights {provenance['weights'][:12]}"
    return [*lines, "", *(f"- {name}: {identity}" for name, identity in models.items())]


def _tables(reports: Sequence[Report]) -> list[str]:
    """One table for each metric that all reports have."""
    order = {name: i for i, name in enumerate(PROTOCOLS)}
    columns: dict[str, list[Report]] = {}
    for report in sorted(reports, key=lambda r: order.get(_protocol(r), len(order))):
        columns.setdefault(report["provenance"]["manifest"], []).append(report)
    metrics = [
        metric for metric in reports[0]["headline"] if all(metric in r["headline"] for r in reports)
    ]
    lines = []
    for metric in metrics:
        digits = reports[0]["metrics"][metric]["digits"]
        evaluated: dict[str, dict[str, str]] = {}
        baselines: dict[str, dict[str, str]] = {}
        for manifest, group in columns.items():
            for report in group:
                values = report["parts"][0]["values"]
                for method in report["methods"]:
                    is_model = method["name"] in (MODEL, COARSE)
                    rows = evaluated if is_model or method["is_subject"] else baselines
                    entry = values[method["name"]].get(metric)
                    rows.setdefault(_title(report, method), {})[manifest] = cell(entry, digits)
        names = [_protocol(group[0]) for group in columns.values()]
        lines += [f"| {heading(reports[0], metric)} | {' | '.join(names)} |"]
        lines += ["|---|" + "---:|" * len(names)]
        for title, cells in (evaluated | baselines).items():
            row = " | ".join(cells.get(manifest, "") for manifest in columns)
            lines.append(f"| {title} | {row} |")
        lines.append("")
    return lines


def _title(report: Report, method: Mapping[str, Any]) -> str:
    if method["name"] not in (MODEL, COARSE):
        return method["title"]
    model = Path(report["provenance"]["model"]).name
    return model if method["name"] == MODEL else f"{model}, {method['title']}"


def _protocol(report: Report) -> str:
    return report["protocol"].split(":")[0]


if __name__ == "__main__":
    COMMAND.main(run)
