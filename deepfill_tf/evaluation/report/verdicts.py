"""Verdicts: which baselines a model loses to, in words."""

from collections.abc import Mapping
from typing import Any


def improvement(metric: Mapping[str, Any], difference: Mapping[str, float | None]) -> int:
    """Returns 1 if a difference is an improvement, -1 if it makes worse, 0 if that is open.

    It is open where 0 lies in the difference's interval, or the difference is 0 as printed.
    Without an interval, as of a single image, the difference itself decides.

    Args:
      metric: of a report.
      difference: of a report: value, low and high.

    Example:

    >>> improvement({"better": "lower", "digits": 2}, {"value": -2.0, "low": -3.0, "high": -1.0})
    1
    """
    value, low, high = difference["value"], difference["low"], difference["high"]
    if value is None or not metric["better"] or round(value, metric["digits"]) == 0:
        return 0
    if low is None or high is None:
        low = high = value
    sign = (low > 0) - (high < 0)
    return sign if metric["better"] == "higher" else -sign


def verdicts(report: Mapping[str, Any]) -> list[str]:
    """Returns sentences on each subject: what it loses to, and in what; what it is better than."""
    titles = {method["name"]: method["title"] for method in report["methods"]}
    metrics = report["metrics"]
    lines = []
    for subject in report["subjects"]:
        ahead = []
        for other, differences in report["parts"][0]["differences"][subject].items():
            signs = {
                name: improvement(metrics[name], differences[name])
                for name in report["headline"]
                if name in differences
            }
            worse = [_against(report, subject, other, name) for name, s in signs.items() if s < 0]
            undecided = [_against(report, subject, other, n) for n, s in signs.items() if s == 0]
            if worse:
                lines.append(f"{titles[subject]} loses to {titles[other]}: {'; '.join(worse)}.")
            elif undecided:
                lines.append(
                    f"{titles[subject]} is not clearly better than {titles[other]}: "
                    f"{'; '.join(undecided)}."
                )
            else:
                ahead.append(titles[other])
        if ahead:
            lines.append(
                f"{titles[subject]} is better than {', '.join(ahead)} in "
                f"{', '.join(metrics[name]['title'] for name in report['headline'])}."
            )
    return lines


def _against(report: Mapping[str, Any], subject: str, other: str, metric: str) -> str:
    values = report["parts"][0]["values"]
    described = report["metrics"][metric]
    mine, theirs = (
        "exact" if (value := values[name][metric]["value"]) is None else value
        for name in (subject, other)
    )
    texts = [
        text if isinstance(text, str) else f"{text:.{described['digits']}f}"
        for text in (mine, theirs)
    ]
    return f"{described['title']} {texts[0]} against {texts[1]}"
