"""Tables of a report: for a terminal, and as Markdown.

Every function takes a report as `contents` makes it and report.json holds it.
"""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

# A metric's estimate in a report: value, low and high.
Entry = Mapping[str, float | None]


def cell(entry: Entry | None, digits: int, *, signed: bool = False) -> str:
    """Returns an estimate as text, `21.34 [20.12, 22.60]`; `-` for none.

    Args:
      entry: of a report.
      digits: decimals.
      signed: write a plus sign too.

    Example:

    >>> cell({"value": 21.339, "low": 20.1, "high": 22.6}, 2)
    '21.34 [20.10, 22.60]'
    """
    if entry is None or entry["value"] is None:
        return "-"
    sign = "+" if signed else ""
    value = f"{entry['value']:{sign}.{digits}f}"
    if entry["low"] is None:
        return value
    return f"{value} [{entry['low']:{sign}.{digits}f}, {entry['high']:{sign}.{digits}f}]"


def heading(report: Mapping, metric: str) -> str:
    """Returns a metric's title with an arrow to its better side."""
    described = report["metrics"][metric]
    arrow = {"higher": " ↑", "lower": " ↓"}.get(described["better"], "")
    return described["title"] + arrow


def value_rows(report: Mapping, part: Mapping, metrics: Sequence[str]) -> list[list[str]]:
    """Returns the cells of all methods for one part of the images, a row for each method."""
    return [
        [method["title"]]
        + [
            cell(part["values"][method["name"]].get(metric), report["metrics"][metric]["digits"])
            for metric in metrics
        ]
        for method in report["methods"]
    ]


def difference_rows(
    report: Mapping, part: Mapping, subject: str, metrics: Sequence[str]
) -> list[list[str]]:
    """Returns the cells of the subject's differences, a row for each other method."""
    titles = {method["name"]: method["title"] for method in report["methods"]}
    return [
        [f"{titles[subject]} - {titles[other]}"]
        + [
            cell(entries.get(metric), report["metrics"][metric]["digits"], signed=True)
            for metric in metrics
        ]
        for other, entries in part["differences"][subject].items()
    ]


def all_metric_rows(report: Mapping) -> list[list[str]]:
    """Returns the cells of all metrics for all holes: name, title, a value for each method."""
    values = report["parts"][0]["values"]
    return [
        [metric, heading(report, metric)]
        + [
            cell(values[method["name"]].get(metric), described["digits"])
            for method in report["methods"]
        ]
        for metric, described in report["metrics"].items()
    ]


def timing_rows(report: Mapping) -> list[list[str]]:
    """Returns time and memory in words, a row for each; none without a model."""
    timing = report["timing"]
    if not timing:
        return []
    rows = [
        ["loading", f"{timing['load_seconds']:.2f} s"],
        ["first completion (cold)", f"{timing['cold_seconds']:.3f} s"],
        ["later completions (warm, median)", f"{timing['warm_seconds']:.3f} s"],
    ]
    peaks = {
        "peak memory of the process, loading and first completion": "cold_peak_bytes",
        "peak memory of the process, later completions": "warm_peak_bytes",
        "peak memory of the GPU": "gpu_peak_bytes",
    }
    rows += [
        [title, f"{timing[key] / 1e9:.2f} GB"]
        for title, key in peaks.items()
        if timing[key] is not None
    ]
    return [["image", f"{timing['width']} x {timing['height']}"], *rows]


def print_report(report: Mapping, console: Console) -> None:
    """Prints the values by part, the differences, and the verdicts in words."""
    metrics = report["headline"]
    values = Table(title=summary(report), title_justify="left", show_edge=False)
    values.add_column("holes", no_wrap=True)
    rows = []
    for part in report["parts"]:
        for i, row in enumerate(value_rows(report, part, metrics)):
            rows.append([_part_title(part) if i == 0 else "", *row])
    _fill(values, ["method", *metrics], report, rows, console, len(report["methods"]))
    for subject in report["subjects"]:
        differences = Table(
            title="Paired differences, all holes", title_justify="left", show_edge=False
        )
        rows = difference_rows(report, report["parts"][0], subject, metrics)
        console.print()
        _fill(differences, ["", *metrics], report, rows, console)
    console.print()
    for verdict in report["verdicts"]:
        console.print(verdict, highlight=False, soft_wrap=True)
    for name, value in timing_rows(report):
        console.print(f"{name}: {value}", highlight=False, soft_wrap=True)
    for name, remedy in report["left_out"].items():
        console.print(f"left out: {name}: {remedy}", highlight=False, soft_wrap=True)


def _fill(
    table: Table,
    names: Sequence[str],
    report: Mapping,
    rows: Sequence[Sequence[str]],
    console: Console,
    section: int = 0,
) -> None:
    """Adds columns and rows, prints the table; intervals are on a second line if it is narrow."""
    table.add_column(names[0], no_wrap=True)
    for metric in names[1:]:
        table.add_column(heading(report, metric), justify="right")
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    is_narrow = sum(width + 3 for width in widths) > console.width
    for i, row in enumerate(rows):
        table.add_row(*(text.replace(" [", "\n[") if is_narrow else text for text in row))
        if section and (i + 1) % section == 0:
            table.add_section()
    console.print(table)


def markdown(report: Mapping) -> str:
    """Returns the report as Markdown: values and differences by part, and the verdicts."""
    lines = [f"# {summary(report)}", ""]
    lines += [f"- {verdict}" for verdict in report["verdicts"]] + [""]
    metrics = report["headline"]
    for part in report["parts"]:
        lines += [f"## Holes: {_part_title(part)}", ""]
        headings = [heading(report, metric) for metric in metrics]
        lines += _table(["method", *headings], value_rows(report, part, metrics))
        for subject in report["subjects"]:
            rows = difference_rows(report, part, subject, metrics)
            lines += _table(["difference", *headings], rows)
    lines += ["## All metrics, all holes", ""]
    titles = [method["title"] for method in report["methods"]]
    rows = [[f"`{name}`", *cells] for name, *cells in all_metric_rows(report)]
    lines += _table(["name", "metric", *titles], rows)
    if rows := timing_rows(report):
        lines += ["## Time and memory", "", *_table(["", ""], rows)]
    lines += [
        "Values in brackets are 95 % intervals by a bootstrap over the images; differences are "
        "paired by image.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in report["provenance"].items()),
        *(f"| left out: {name} | {remedy} |" for name, remedy in report["left_out"].items()),
    ]
    return "\n".join(lines) + "\n"


def summary(report: Mapping) -> str:
    """Returns one line on what was evaluated."""
    return (
        f"{report['holes']} holes in {report['images']} images, {report['protocol']}, "
        f"seed {report['seed']}, manifest {report['provenance']['manifest'][:12]}"
    )


def _part_title(part: Mapping) -> str:
    return f"{part['name']} ({part['holes']})"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]
