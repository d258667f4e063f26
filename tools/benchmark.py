#!/usr/bin/env python3
"""Measures time and memory of completions and training steps on this machine.

    python tools/benchmark.py                                    all but 4k and growth: an hour
    python tools/benchmark.py --cases=attention,512-v2           some of them
    python tools/benchmark.py --cases=256 --rounds=3 --json=256.json

A case compares variants of one computation: the reference implementation (attention by patches,
upsampling before convolutions) with the fast one, whole images with the regions around the
holes, float32 with bfloat16. After one run of each that is not counted, every round runs each
variant once, and a matrix product, so that all see the same state of the machine. Columns:

    median      seconds of a run, over all rounds
    ratio       speedup over the first variant; median over the rounds
    GFLOP       multiplications and additions of the reference implementation's convolutions,
                for whole images
    of matmul   GFLOP/s relative to a float32 product of 2048 x 2048 matrices in the same round;
                median over the rounds. Convolutions may exceed 100 %
    attention   fraction of the time that is saved without attention; median over the rounds
    peak        peak resident memory of a process that runs the variant once, TensorFlow and
                weights included, in 10^9 bytes
    PSNR        in the hole, of the bfloat16 completion against the float32 one; mean over
                the photographs of the package
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
    interleaved,
    machine_facts,
    matrix_product,
    matrix_product_rates,
    peak_bytes,
    timed,
)

from deepfill_tf.checks import check_int, check_positive_int
from deepfill_tf.command_line import DONE, PARTIAL, Command, Flag, import_tensorflow_quietly
from deepfill_tf.errors import UserError

COMMAND = Command(
    "benchmark",
    __doc__,
    [
        Flag(
            "cases",
            "Names of cases, separated by commas; 512 means 512-v1 and 512-v2. An unknown name "
            "lists them. By default all but 4k and growth, which take minutes per run.",
            [],
            define=flags.DEFINE_list,
        ),
        Flag("rounds", "Number of runs of each variant.", 7, define=flags.DEFINE_integer),
        Flag("json", "File for all numbers, those of each round too."),
        Flag(
            "width",
            "Width of the generators, an even number; by default that of each paper.",
            define=flags.DEFINE_integer,
        ),
        Flag(
            "memory",
            "Measure peak memory too.",
            True,
            define=flags.DEFINE_boolean,
        ),
    ],
)
# First argument of the processes in which one variant runs once.
IN_FRESH_PROCESS = "in_fresh_process"

COLUMNS = ("median", "ratio", "GFLOP", "of matmul", "attention", "peak", "PSNR")
NAME_WIDTH, COLUMN_WIDTH = 26, 11


def run(flags) -> int:
    from benchmark_cases import CASES, chosen

    # TensorFlow warns of retracing: every variant is another tf.function.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    cases = chosen(flags.cases)
    try:
        check_positive_int("--rounds", flags.rounds)
        if flags.width is not None:
            check_int("--width", flags.width, 2, multiple=2)
    except ValueError as error:
        raise UserError(str(error)) from error
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
        for comparison in CASES[case](flags.width):
            bench.measure(case, comparison)
    return PARTIAL if bench.failed else DONE


class Bench:
    """Measures comparisons, prints their tables and writes the report."""

    def __init__(self, flags, report: dict):
        self._flags = flags
        self._report = report
        self.failed = False

    def save(self) -> None:
        """Writes the report so far. Raises UserError if that fails."""
        if not self._flags.json:
            return
        try:
            Path(self._flags.json).write_text(json.dumps(self._report, indent=2) + "\n")
        except OSError as error:
            raise UserError(f"cannot write --json={self._flags.json}: {error}") from error

    def measure(self, case: str, comparison) -> None:
        """Adds a comparison to the report and prints it."""
        print(f"\n{case}: {comparison.what}", flush=True)
        rows = {} if comparison.single else self._timed(comparison)
        print(header(), flush=True)
        for variant in comparison.variants:
            row = rows.setdefault(variant.name, {})
            if comparison.single or (comparison.memory and self._flags.memory):
                # Measurements of all rounds take precedence over those of this single run.
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
        """Measurements by variant, see `measured`."""
        subjects = {variant.name: variant.make() for variant in comparison.variants}
        product = timed(matrix_product())
        timers = {name: subject.seconds for name, subject in subjects.items()}
        *seconds, products = interleaved([*timers.values(), product], self._flags.rounds)
        rows = {}
        for (name, subject), values in zip(subjects.items(), seconds, strict=True):
            rows[name] = measured(values, subject.gflop, products)
            if subject.stages:
                # Without the run before the first round.
                medians = {k: statistics.median(v[1:]) for k, v in subject.stages.items()}
                rows[name]["stages"] = medians
        for name, value in comparison.psnr_in_hole(subjects).items():
            rows[name]["psnr_in_hole"] = value
        del subjects, timers
        gc.collect()  # networks hold reference cycles
        return rows

    def _in_fresh_process(self, *address: str) -> dict:
        """Measurements of one run in another process; empty if it fails, which is printed."""
        arguments = json.dumps([*address, self._flags.width])
        command = [sys.executable, __file__, IN_FRESH_PROCESS, arguments]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            self.failed = True
            last = (finished.stderr.strip().splitlines() or [""])[-1]
            COMMAND.print_error(
                f"{address[1]}, {address[2]}: its process ended with exit code "
                f"{finished.returncode} {last}"
            )
            return {}
        return json.loads(finished.stdout.splitlines()[-1])


def in_fresh_process(arguments: str) -> None:
    """Runs one variant once and prints its seconds and this process's peak memory."""
    import_tensorflow_quietly()
    from benchmark_cases import CASES

    case, what, name, width = json.loads(arguments)
    for comparison in CASES[case](width):
        for variant in comparison.variants:
            if (comparison.what, variant.name) == (what, name):
                subject = variant.make()
                seconds, peak = subject.seconds(), peak_bytes()
                *_, product = interleaved([timed(matrix_product())], 1)
                row = measured([seconds], subject.gflop, product)
                print(json.dumps(row | {"peak_bytes": peak}))
                return


def measured(seconds: list[float], gflop: float | None, products: list[float]) -> dict:
    """A variant's row: its seconds in every round, and those of the matrix product."""
    return {"seconds": seconds, "gflop": gflop, "matrix_product_seconds": products}


def summarise(rows: dict[str, dict], variant) -> None:
    """Adds medians and ratios to the variant's row, if it was measured."""
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
        row["fraction_of_matrix_product_rate"] = median_of(
            lambda own, product: rate * product / own, seconds, row["matrix_product_seconds"]
        )
    if variant.without_attention:
        others = rows[variant.without_attention]["seconds"]
        row["attention_fraction"] = median_of(lambda own, other: 1 - other / own, seconds, others)


def median_of(function: Callable[..., float], *by_round: list[float]) -> float:
    """Median over the rounds of a function of each round's values."""
    return statistics.median(map(function, *by_round))


def show_machine(report: dict) -> None:
    """Prints the machine's facts and speed."""
    facts, rates = report["machine"], report["matrix_product_gflop_per_second"]
    extensions = facts["extensions"]
    listed = "vector extensions unknown"
    if extensions is not None:
        listed = ", ".join(name if has else f"no {name}" for name, has in extensions.items())
    print(f"processor      {facts['processor']}, {facts['cores']} cores: {listed}")
    print(f"software       TensorFlow {facts['tensorflow']}, Python {facts['python']}")
    if facts["variables"]:
        print(f"environment    {facts['variables']}")
    if facts["accelerators"]:
        print(f"accelerators   {', '.join(facts['accelerators'])}")
    shown = ", ".join(f"{dtype} {rate:.0f}" for dtype, rate in rates.items())
    print(f"matmul         {shown} GFLOP/s")
    print(f"TensorFlow     {facts['baseline_peak_bytes'] / 1e9:.2f} GB of memory after its import")
    print(f"rounds         {report['rounds']}", flush=True)


def header() -> str:
    """The table's first line."""
    return "".join([" " * NAME_WIDTH, *(f"{column:>{COLUMN_WIDTH}}" for column in COLUMNS)])


def line(name: str, row: dict) -> str:
    """A variant's line of the table, and another with its stages if there are some."""
    formats = {
        "median_seconds": duration,
        "ratio": "{:.2f}".format,
        "gflop": "{:.1f}".format,
        "fraction_of_matrix_product_rate": "{:.0%}".format,
        "attention_fraction": "{:.0%}".format,
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
    """Seconds with a unit, such as "21.6 ms"."""
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def main() -> None:
    if sys.argv[1:2] == [IN_FRESH_PROCESS]:
        in_fresh_process(sys.argv[2])
        return
    COMMAND.main(run)


if __name__ == "__main__":
    main()
