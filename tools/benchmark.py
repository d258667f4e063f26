#!/usr/bin/env python3
"""Measures what the fast forms are worth on this machine; it passes no judgement.

    python tools/benchmark.py                                    all but 4k: most of an hour
    python tools/benchmark.py --cases=attention,512-v2           some of them
    python tools/benchmark.py --cases=256 --rounds=3 --json=256.json

A case compares variants of one computation: everything as the papers put it (attention by
patches, doubling before convolutions) with the fast forms, whole images with regions around
the hole, float32 with bfloat16. After one run of each that is not counted, every round runs each
variant once, and a product of matrices, so that all see the same state of the machine. Columns:

    median      of all rounds
    ratio       how many times faster than the first variant; the median of the rounds' ratios
    GFLOP       multiplications and additions of the convolutions as they are written, of whole
                images
    of matmul   those in a second, as a share of what the machine reached in the same round in
                a float32 product of 2048 x 2048 matrices; median of the rounds. Convolutions
                may well be faster than that
    attention   share of the time that is saved without any attention; median of the rounds
    peak        the largest resident memory of a fresh process that runs the variant once,
                TensorFlow and weights included, in 10^9 bytes
    PSNR        in the hole, of the bfloat16 completion against the float32 one; the mean over
                the photographs
"""

import gc
import json
import logging
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags
from machine import (
    MATRIX_GFLOP,
    clocked,
    interleaved,
    machine_facts,
    matrix_product,
    matrix_product_rates,
    peak_bytes,
)

import deepfill_tf
from deepfill_tf.command_line import DONE, PARTIAL, Command, Flag, import_tensorflow_quietly
from deepfill_tf.errors import UserError

PHOTOGRAPHS = Path(deepfill_tf.__file__).parent / "photographs"
# Of the photographs given, as many as this are looked at.
MOST_PHOTOGRAPHS = 8

COMMAND = Command(
    "benchmark",
    __doc__,
    [
        Flag(
            "cases",
            "Names of cases, separated by commas; 512 means 512-v1 and 512-v2. An unknown name "
            "shows which there are. All but 4k, which takes minutes a call, if not given.",
            [],
            define=flags.DEFINE_list,
        ),
        Flag("rounds", "How often each variant is run.", 7, define=flags.DEFINE_integer),
        Flag("json", "A file to write all numbers to, each round's too."),
        Flag(
            "photographs",
            "What is completed: a folder, a glob or a file list; those of the package, if not "
            f"given. The first {MOST_PHOTOGRAPHS} are looked at.",
            str(PHOTOGRAPHS),
        ),
        Flag(
            "width",
            "Width of the generators, even; each paper's own, if not given.",
            define=flags.DEFINE_integer,
        ),
        Flag("memory", "Measure peak memory too.", True, define=flags.DEFINE_boolean),
    ],
)
# First argument of the processes in which one variant runs once.
IN_FRESH_PROCESS = "in_fresh_process"

COLUMNS = ("median", "ratio", "GFLOP", "of matmul", "attention", "peak", "PSNR")
NAME_WIDTH, COLUMN_WIDTH = 26, 11


def run(flags) -> int:
    from benchmark_cases import CASES, chosen

    from deepfill_tf.data import list_images

    # Every variant is a program of its own, which TensorFlow warns of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    cases = chosen(flags.cases)
    if flags.rounds < 1:
        raise UserError(f"--rounds must be at least 1, got {flags.rounds}")
    if flags.width is not None and (flags.width < 2 or flags.width % 2):
        raise UserError(f"--width must be an even number of at least 2, got {flags.width}")
    list_images(flags.photographs)
    report = {
        "machine": machine_facts(),
        "rounds": flags.rounds,
        "width": flags.width,
        "matrix_product_gflop_per_second": matrix_product_rates(flags.rounds),
        "comparisons": [],
    }
    bench = Bench(flags, report)
    bench.save()
    show_machine(report)
    for case in cases:
        for comparison in CASES[case](settings(flags.width, flags.photographs)):
            bench.measure(case, comparison)
    return PARTIAL if bench.failed else DONE


def settings(width: int | None, photographs: str):
    """The cases' settings."""
    from benchmark_comparisons import Settings

    from deepfill_tf.data import list_images

    return Settings(width, photographs, tuple(list_images(photographs)[:MOST_PHOTOGRAPHS]))


class Bench:
    """Measures comparisons, shows their rows and keeps the report."""

    def __init__(self, flags, report: dict):
        self._flags = flags
        self._report = report
        self.failed = False

    def save(self) -> None:
        """Writes the report so far. Raises UserError where that cannot be done."""
        if not self._flags.json:
            return
        try:
            Path(self._flags.json).write_text(json.dumps(self._report, indent=2) + "\n")
        except OSError as error:
            raise UserError(f"cannot write --json={self._flags.json}: {error}") from error

    def measure(self, case: str, comparison) -> None:
        """Adds a comparison to the report and shows it."""
        print(f"\n{case}: {comparison.what}", flush=True)
        rows = {} if comparison.single else self._timed(comparison)
        print(header(), flush=True)
        for variant in comparison.variants:
            row = rows.setdefault(variant.name, {})
            if comparison.single or (comparison.memory and self._flags.memory):
                # What was timed before, round by round, stays.
                fresh = self._in_fresh_process(case, comparison.what, variant.name)
                row |= fresh | row
            summarise(rows, variant)
            print(line(variant.name, row), flush=True)
        self._report["comparisons"].append(
            {
                "case": case,
                "what": comparison.what,
                "variants": [{"name": name, **row} for name, row in rows.items()],
            }
        )
        self.save()

    def _timed(self, comparison) -> dict[str, dict]:
        """For each variant what was measured, of it and of the products of matrices."""
        subjects = {variant.name: variant.make() for variant in comparison.variants}
        product = clocked(matrix_product())
        timers = {name: subject.seconds for name, subject in subjects.items()}
        rounds = min(self._flags.rounds, comparison.most_rounds or self._flags.rounds)
        *seconds, products = interleaved([*timers.values(), product], rounds)
        rows = {}
        for (name, subject), values in zip(subjects.items(), seconds, strict=True):
            rows[name] = measured(values, subject.gflop, products)
            if subject.stages:
                # The run before the first round is not counted.
                medians = {k: statistics.median(v[1:]) for k, v in subject.stages.items()}
                rows[name]["stages"] = medians
        for name, value in comparison.closeness(subjects).items():
            rows[name]["psnr_in_hole"] = value
        del subjects, timers
        gc.collect()  # networks hold cycles
        return rows

    def _in_fresh_process(self, *address: str) -> dict:
        """Seconds and peak of a run of the variant, or nothing, and a line that says why."""
        arguments = json.dumps([*address, self._flags.width, self._flags.photographs])
        command = [sys.executable, __file__, IN_FRESH_PROCESS, arguments]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            self.failed = True
            last = (finished.stderr.strip().splitlines() or [""])[-1]
            COMMAND.print_error(
                f"{address[1]}, {address[2]}: a process of its own ended with "
                f"{finished.returncode} {last}"
            )
            return {}
        return json.loads(finished.stdout.splitlines()[-1])


def in_fresh_process(arguments: str) -> None:
    """Runs one variant once and prints its seconds and this process's peak memory."""
    import_tensorflow_quietly()
    from benchmark_cases import CASES

    case, what, name, width, photographs = json.loads(arguments)
    for comparison in CASES[case](settings(width, photographs)):
        for variant in comparison.variants:
            if (comparison.what, variant.name) == (what, name):
                subject = variant.make()
                seconds, peak = subject.seconds(), peak_bytes()
                *_, product = interleaved([clocked(matrix_product())], 1)
                row = measured([seconds], subject.gflop, product)
                print(json.dumps(row | {"peak_bytes": peak}))
                return


def measured(seconds: list[float], gflop: float | None, products: list[float]) -> dict:
    """A variant's row: its seconds round by round, and those of the product of matrices."""
    return {"seconds": seconds, "gflop": gflop, "matrix_product_seconds": products}


def summarise(rows: dict[str, dict], variant) -> None:
    """Adds medians, ratios and shares to the variant's row, if it was measured at all."""
    row = rows[variant.name]
    if "seconds" not in row:
        return
    seconds = row["seconds"]
    row["median_seconds"] = statistics.median(seconds)
    reference = next(iter(rows.values())).get("seconds")
    if reference:
        row["ratio"] = median_of(lambda a, b: a / b, reference, seconds)
    if row["gflop"]:
        rate = row["gflop"] / MATRIX_GFLOP
        row["share_of_matrix_product_rate"] = median_of(
            lambda own, product: rate * product / own, seconds, row["matrix_product_seconds"]
        )
    if variant.without_attention:
        others = rows[variant.without_attention]["seconds"]
        row["attention_share"] = median_of(lambda own, other: 1 - other / own, seconds, others)


def median_of(function: Callable[..., float], *by_round: list[float]) -> float:
    """The median of the function's values in every round."""
    return statistics.median(map(function, *by_round))


def show_machine(report: dict) -> None:
    facts, rates = report["machine"], report["matrix_product_gflop_per_second"]
    extensions = facts["extensions"]
    there = "vector extensions unknown"
    if extensions is not None:
        marks = (name if has else f"no {name}" for name, has in extensions.items())
        there = ", ".join(marks)
    print(f"processor      {facts['processor']}, {facts['cores']} cores: {there}")
    print(f"software       TensorFlow {facts['tensorflow']}, Python {facts['python']}")
    if facts["variables"]:
        print(f"environment    {facts['variables']}")
    if facts["accelerators"]:
        print(f"accelerators   {', '.join(facts['accelerators'])}")
    shown = ", ".join(f"{dtype} {rate:.0f}" for dtype, rate in rates.items())
    print(f"matmul         {shown} GFLOP/s")
    print(f"TensorFlow     takes {facts['baseline_peak_bytes'] / 1e9:.2f} GB by itself")
    print(f"rounds         {report['rounds']}", flush=True)


def header() -> str:
    return "".join([" " * NAME_WIDTH, *(f"{column:>{COLUMN_WIDTH}}" for column in COLUMNS)])


def line(name: str, row: dict) -> str:
    """A variant's row of the table, and its stages below."""
    formats = {
        "median_seconds": duration,
        "ratio": "{:.2f}".format,
        "gflop": "{:.1f}".format,
        "share_of_matrix_product_rate": "{:.0%}".format,
        "attention_share": "{:.0%}".format,
        "peak_bytes": lambda value: f"{value / 1e9:.2f} GB",
        "psnr_in_hole": "{:.1f} dB".format,
    }
    cells = ("-" if row.get(key) is None else show(row[key]) for key, show in formats.items())
    shown = f"{name:<{NAME_WIDTH}}" + "".join(f"{cell:>{COLUMN_WIDTH}}" for cell in cells)
    if "stages" in row:
        stages = (f"{stage} {duration(seconds)}" for stage, seconds in row["stages"].items())
        shown += f"\n    {', '.join(stages)}"
    return shown


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def main() -> None:
    if sys.argv[1:2] == [IN_FRESH_PROCESS]:
        in_fresh_process(sys.argv[2])
        return
    COMMAND.main(run)


if __name__ == "__main__":
    main()
