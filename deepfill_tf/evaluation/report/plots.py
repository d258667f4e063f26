"""Plots of a report as SVG, readable without colours: methods differ by marker and line too."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from deepfill_tf.evaluation.row_cache import Row

# Of the methods, in turn: distinct in grey, and to readers who see no red or green
# (Okabe and Ito, 2008).
_COLORS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "v", "D", "P", "X")
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
_STYLE: Any = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    # Text stays text, and equal reports give equal files.
    "svg.fonttype": "none",
    "svg.hashsalt": "deepfill_tf",
}


def values_by_part(report: Mapping[str, Any]) -> str | None:
    """Returns a plot of the headline metrics by the share of the hole, as SVG.

    None where all holes are in one bin.
    """
    parts = report["parts"][1:]
    if not parts:
        return None
    metrics = report["headline"]
    columns = 2 if len(metrics) in (2, 4) else min(3, len(metrics))
    with matplotlib.rc_context(_STYLE):
        lines = -(-len(metrics) // columns)
        figure = Figure(figsize=(3.4 * columns, 2.6 * lines + 0.4), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for plot, metric in zip(axes, metrics, strict=False):
            for i, method in enumerate(report["methods"]):
                entries = [part["values"][method["name"]].get(metric) for part in parts]
                # Beside each other, so that intervals stay apart.
                shift = (i - len(report["methods"]) / 2) * 0.06
                _points(plot, np.arange(len(parts)) + shift, entries, i, method["title"])
            plot.set_title(report["metrics"][metric]["title"])
            plot.set_xticks(range(len(parts)), [part["name"].replace(" %", "") for part in parts])
            plot.tick_params("x", labelrotation=30)
        for plot in axes[len(metrics) :]:
            plot.set_visible(False)
        figure.supxlabel("share of the hole, % of the image", fontsize=9)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
        return _svg(figure)


def error_by_distance(report: Mapping[str, Any]) -> str:
    """Returns a plot of the error by the distance from the hole's border, as SVG."""
    described = report["error_by_distance"]
    known = [i for i, pixels in enumerate(described["pixels"]) if pixels]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.8, 3.4), layout="constrained")
        plot = figure.subplots()
        for i, method in enumerate(report["methods"]):
            errors = described["errors"][method["name"]]
            plot.plot(
                range(len(known)), [errors[k] for k in known], label=method["title"], **_style(i)
            )
        plot.set_xticks(range(len(known)), [described["distances"][k] for k in known])
        plot.set_xlabel("distance from the nearest known pixel, pixels")
        plot.set_ylabel("mean absolute error, 0 to 255")
        plot.set_ylim(bottom=0)
        figure.legend(loc="outside right upper", frameon=False)
        return _svg(figure)


def differences_by_image(
    report: Mapping[str, Any], rows: Mapping[str, Sequence[Row]]
) -> str | None:
    """Returns a plot of each hole's difference from each other method, as SVG, sorted.

    Args:
      report: a report; the first subject and the first headline metric are drawn.
      rows: method -> a row for each hole.
    """
    metric, subject = report["headline"][0], report["subjects"][0]
    titles = {method["name"]: method["title"] for method in report["methods"]}
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.8, 3.4), layout="constrained")
        plot = figure.subplots()
        for i, method in enumerate(report["methods"]):
            if method["name"] == subject:
                continue
            pairs = zip(rows[subject], rows[method["name"]], strict=True)
            values = [
                mine.metrics.get(metric, np.nan) - other.metrics.get(metric, np.nan)
                for mine, other in pairs
            ]
            finite = np.sort([value for value in values if np.isfinite(value)])
            style = _style(i) | {"markevery": max(1, len(finite) // 10)}
            shares = 100 * (np.arange(len(finite)) + 0.5) / max(1, len(finite))
            plot.plot(shares, finite, label=f"{titles[subject]} - {method['title']}", **style)
        plot.axhline(0, color="black", linewidth=0.8)
        plot.set_xlabel("holes, % of all, sorted by difference")
        plot.set_ylabel(report["metrics"][metric]["title"])
        figure.legend(loc="outside right upper", frameon=False)
        return _svg(figure)


def _points(plot, positions: np.ndarray, entries: list, number: int, title: str) -> None:
    """Values with their intervals, of one method."""
    known = [i for i, entry in enumerate(entries) if entry and entry["value"] is not None]
    values = np.array([entries[i]["value"] for i in known])
    bounds = [
        [values[k] - _bound(entries[i], "low"), _bound(entries[i], "high") - values[k]]
        for k, i in enumerate(known)
    ]
    errors = np.maximum(np.array(bounds).reshape(-1, 2).T, 0)
    plot.errorbar(
        positions[known], values, yerr=errors, label=title, elinewidth=0.8, **_style(number)
    )


def _bound(entry: Mapping[str, float | None], name: str) -> float:
    bound = entry[name]
    value = entry["value"] if bound is None else bound
    assert value is not None
    return value


def _style(number: int) -> dict[str, Any]:
    return {
        "color": _COLORS[number % len(_COLORS)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "linestyle": _LINES[number % len(_LINES)],
        "linewidth": 1.2,
        "markersize": 4,
    }


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
