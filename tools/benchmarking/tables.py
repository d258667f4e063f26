"""Markdown of a benchmark's report.

python tools/benchmarking/tables.py report.json [another.json ...]
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


def duration(seconds: float) -> str:
    """Seconds with a unit, such as "21.6 ms"."""
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def gigabytes(count: float) -> str:
    """10^9 bytes, such as "1.53 GB"."""
    return f"{count / 1e9:.2f} GB"


# Key of a row -> header of the column, format. Ratios are behind the median.
COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "median_seconds": ("median", duration),
    "steps_per_second": ("steps per s", "{:.3g}".format),
    "median_user_seconds": ("user", duration),
    "median_system_seconds": ("system", duration),
    "median_page_faults": ("page faults", "{:,.0f}".format),
    "gflop": ("GFLOP", "{:.1f}".format),
    "fraction_of_matrix_product_rate": ("of matmul", "{:.0%}".format),
    "attention_fraction": ("attention", "{:.0%}".format),
    "peak_bytes": ("peak", gigabytes),
    "psnr_in_hole": ("PSNR", "{:.1f} dB".format),
}
RATIO = "{:.2f} x".format


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns are aligned."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "| "
        + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def comparison_table(comparison: dict) -> str:
    """The variants of a comparison, one per line, with every column of which there are values."""
    variants = comparison["variants"]
    shown = {key: column for key, column in COLUMNS.items() if any(key in row for row in variants)}
    baselines = list(dict.fromkeys(name for row in variants for name in row.get("ratios", {})))
    header, rows = [""], [[row["name"]] for row in variants]
    for key, (title, show) in shown.items():
        header.append(title)
        for cells, row in zip(rows, variants, strict=True):
            cells.append(show(row[key]) if key in row else "")
        if key == "median_seconds":
            header += [f"over {name}" for name in baselines]
            for cells, row in zip(rows, variants, strict=True):
                ratios = row.get("ratios", {})
                cells += [RATIO(ratios[name]) if name in ratios else "" for name in baselines]
    return f"{comparison['case']}: {comparison['what']}\n\n{markdown(header, rows)}"


def summary(comparisons: Sequence[dict]) -> str:
    """Two tables with a line for each comparison and a column for each variant.

    Times: the first variant's, then the other variants' speedups over it. Peak memory.
    """
    names = list(dict.fromkeys(row["name"] for c in comparisons for row in c["variants"]))

    def table(cells: Callable[[dict[str, dict]], dict[str, str]]) -> str:
        lines = []
        for comparison in comparisons:
            shown = cells({row["name"]: row for row in comparison["variants"]})
            lines.append([comparison["what"], *(shown.get(name, "") for name in names)])
        return markdown(["", *names], lines)

    def times(rows: dict[str, dict]) -> dict[str, str]:
        first, *others = rows.values()
        shown = {first["name"]: duration(first["median_seconds"])}
        for row in others:
            ratio = statistics.median(
                a / b for a, b in zip(first["seconds"], row["seconds"], strict=True)
            )
            shown[row["name"]] = RATIO(ratio)
        return shown

    def memory(rows: dict[str, dict]) -> dict[str, str]:
        return {
            name: gigabytes(row["peak_bytes"]) for name, row in rows.items() if "peak_bytes" in row
        }

    return f"{table(times)}\n\nPeak memory:\n\n{table(memory)}"


def machine_lines(report: dict) -> str:
    """The machine, its software and its speed."""
    facts, rates = report["machine"], report["matrix_product_gflop_per_second"]
    extensions = facts["extensions"]
    listed = "vector extensions unknown"
    if extensions is not None:
        listed = ", ".join(name if has else f"no {name}" for name, has in extensions.items())
    lines = {
        "processor": f"{facts['processor']}, {facts['cores']} cores: {listed}",
        "software": f"TensorFlow {facts['tensorflow']}, Python {facts['python']}",
        "environment": ", ".join(f"{name}={text}" for name, text in facts["variables"].items()),
        "accelerators": ", ".join(facts["accelerators"]),
        "matmul": ", ".join(f"{dtype} {rate:.0f}" for dtype, rate in rates.items()) + " GFLOP/s",
        "TensorFlow": f"{gigabytes(facts['baseline_peak_bytes'])} of memory after its import",
        "rounds": f"{report['rounds']}, on {facts['date']}",
    }
    return "\n".join(f"{name:<15}{text}" for name, text in lines.items() if text)


def main() -> None:
    for path in sys.argv[1:]:
        report = json.loads(Path(path).read_text())
        print(machine_lines(report), end="\n\n")
        for comparison in report["comparisons"]:
            print(comparison_table(comparison), end="\n\n")
        print(summary(report["comparisons"]), end="\n\n")


if __name__ == "__main__":
    main()
