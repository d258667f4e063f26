"""Tables of many reports."""

import json

from tests.command_calls import assert_one_line, call
from tools import tabulate_reports


def report(model, protocol, psnr, manifest):
    def entry(value):
        return {"psnr": {"value": value, "low": value - 1, "high": value + 1}}

    methods = [("model", "model", True), ("coarse", "coarse stage", False)]
    methods += [("telea", "Telea", False)]
    return {
        "schema_version": 1,
        "provenance": {
            "manifest": manifest,
            "list": "a",
            "model": f"runs/{model}",
            "step": 7,
            "weights": "f" * 64,
        },
        "protocol": f"{protocol}: holes",
        "size": [32, 64],
        "images": 4,
        "methods": [{"name": n, "title": t, "is_subject": s} for n, t, s in methods],
        "metrics": {"psnr": {"title": "PSNR", "better": "higher", "digits": 1}},
        "headline": ["psnr"],
        "parts": [
            {"values": {"model": entry(psnr), "coarse": entry(psnr - 2), "telea": entry(20.0)}}
        ],
    }


def test_a_row_for_each_method_and_a_column_for_each_manifest(tmp_path):
    reports = [
        report("first", "wide", 21.0, "x"),
        report("second", "wide", 22.0, "x"),
        report("first", "center", 23.0, "y"),
    ]
    for i, content in enumerate(reports):
        (tmp_path / f"{i}.json").write_text(json.dumps(content))
    output = tmp_path / "results.md"
    assert call(tabulate_reports, reports=tmp_path / "*.json", output=output) == 0
    lines = output.read_text().splitlines()
    assert "- second: step 7, weights ffffffffffff" in lines
    start = lines.index("## 4 images of 64 x 32")
    assert lines[start : start + 9] == [
        "## 4 images of 64 x 32",
        "",
        "| PSNR ↑ | center | wide |",
        "|---|---:|---:|",
        "| first | 23.0 [22.0, 24.0] | 21.0 [20.0, 22.0] |",
        "| first, coarse stage | 21.0 [20.0, 22.0] | 19.0 [18.0, 20.0] |",
        "| second |  | 22.0 [21.0, 23.0] |",
        "| second, coarse stage |  | 20.0 [19.0, 21.0] |",
        "| Telea | 20.0 [19.0, 21.0] | 20.0 [19.0, 21.0] |",
    ]


def test_files_that_are_no_reports(tmp_path, capfd):
    output = tmp_path / "results.md"
    assert call(tabulate_reports, reports=tmp_path / "*.json", output=output) == 1
    assert_one_line(capfd, "there are no reports", tmp_path)
    (tmp_path / "a.json").write_text("[]")
    assert call(tabulate_reports, reports=tmp_path / "*.json", output=output) == 1
    assert_one_line(capfd, "a.json is not a report.json")
    assert not output.exists()
