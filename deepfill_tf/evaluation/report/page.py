"""The report as one HTML page that needs no other file."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from deepfill_tf.evaluation.report import plots, tables
from deepfill_tf.evaluation.report.gallery import Example
from deepfill_tf.evaluation.row_cache import Row


def page(
    report: Mapping[str, Any], rows: Mapping[str, Sequence[Row]], examples: Sequence[Example]
) -> str:
    """Returns the page.

    Args:
      report: the report.
      rows: of each method, in the order of the manifest.
      examples: images to show.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deepfill_tf.evaluation.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    drawn = [
        ("Metrics by the share of the hole", plots.values_by_part(report)),
        ("Differences hole by hole", plots.differences_by_image(report, rows)),
        ("Error by the distance from the border", plots.error_by_distance(report)),
    ]
    headings = [tables.heading(report, metric) for metric in report["headline"]]
    return environment.get_template("page.html").render(
        report=report,
        title=tables.summary(report),
        headings=headings,
        parts=[
            (
                part,
                tables.value_rows(report, part, report["headline"]),
                [
                    row
                    for subject in report["subjects"]
                    for row in tables.difference_rows(report, part, subject, report["headline"])
                ],
            )
            for part in report["parts"]
        ],
        timing=tables.timing_rows(report),
        all_metrics=tables.all_metric_rows(report),
        plots=[(title, _address(svg)) for title, svg in drawn if svg is not None],
        examples=[
            (kind, [example for example in examples if example.kind == kind])
            for kind in dict.fromkeys(example.kind for example in examples)
        ],
        metric=report["metrics"][report["headline"][0]]["title"],
    )


def _address(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
