"""Rounds of measurements of a benchmark's comparisons."""

import gc
import json
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarking.comparisons import Comparison
from benchmarking.machine import MATRIX_GFLOP, matrix_product, measured
from benchmarking.processes import MeasuredProcess
from benchmarking.tables import comparison_table
from deepfill_tf.errors import UserError


class Bench:
    """Measures comparisons, prints their tables and writes the report.

    Args:
      report: has `rounds` and `rivals`, commands by name; `comparisons` are added.
      own_command: runs a variant, whose name is added.
      variants: names of those to be measured; all if empty.
      file: for the report, in JSON; None for none.
      on_failure: called with one line for each process that fails.

    Attributes:
      failed: True if a process failed.
    """

    def __init__(
        self,
        report: dict,
        *,
        own_command: list[str],
        variants: list[str],
        file: str | None,
        on_failure: Callable[[str], None],
    ):
        self._report = report
        self._rivals = report["rivals"]
        self._own_command = own_command
        self._variants = variants
        self._file = file
        self._on_failure = on_failure
        self._product = measured(matrix_product())
        self.failed = False

    def save(self) -> None:
        """Writes the report so far. Raises UserError if that fails."""
        if not self._file:
            return
        try:
            Path(self._file).write_text(json.dumps(self._report, indent=2) + "\n")
        except OSError as error:
            raise UserError(f"cannot write --json={self._file}: {error}") from error

    def measure(self, case: str, comparison: Comparison) -> None:
        """Adds a comparison to the report and prints it, if anything of it could be measured."""
        rounds = self._rounds(comparison)
        rows = {name: {"name": name} | row(runs) for name, runs in rounds.items() if runs}
        if not rows:
            return
        if {"regions", "bfloat16"} <= set(rows):
            for name, value in comparison.psnr_in_hole().items():
                rows[name]["psnr_in_hole"] = value
            gc.collect()  # networks hold reference cycles
        baselines = [name for name in self._rivals if name in rows]
        own = [name for name in rows if name not in self._rivals]
        if len(own) > 1:
            baselines.append(own[0])
        compare(rows, baselines, comparison)
        entry = {"case": case, "what": comparison.what, "parameters": comparison.parameters}
        self._report["comparisons"].append(entry | {"variants": list(rows.values())})
        self.save()
        print(f"\n{comparison_table(self._report['comparisons'][-1])}", flush=True)

    def _commands(self, comparison: Comparison) -> dict[str, list[str]]:
        """Command of each rival, then of each of the comparison's variants."""
        commands = dict(self._rivals)
        for variant in comparison.variants:
            if not self._variants or variant.name in self._variants:
                commands[variant.name] = [*self._own_command, variant.name]
        return commands

    def _rounds(self, comparison: Comparison) -> dict[str, list[dict]]:
        """Measures in every round by name; empty where a process failed, which is printed."""
        commands, measures = self._commands(comparison), {}
        if comparison.single:
            for name, command in commands.items():
                with ExitStack() as stack:
                    if process := self._started(stack, name, command, comparison):
                        self._run([process], measures)
            return measures
        with ExitStack() as stack:
            started = [self._started(stack, *item, comparison) for item in commands.items()]
            processes = [process for process in started if process]
            self._run(processes, {})  # not counted
            for _ in range(self._report["rounds"]):
                self._run(processes, measures)
        return measures

    def _started(
        self, stack: ExitStack, name: str, command: list[str], comparison: Comparison
    ) -> MeasuredProcess | None:
        """The process, ready to run; None if it has no such computation, or failed."""
        try:
            process = MeasuredProcess(name, command, comparison.parameters)
            stack.callback(process.close)
            return process if process.is_supported() else None
        except UserError as error:
            self._fail(f"{comparison.what}: {error}")
            return None

    def _run(self, processes: list, measures: dict[str, list[dict]]) -> None:
        """A round: runs each process once, then the matrix product. Removes what fails."""
        this_round = {}
        for process in list(processes):
            try:
                this_round[process.name] = process.run()
            except UserError as error:
                self._fail(str(error))
                processes.remove(process)
                measures[process.name] = []
        product = self._product()["seconds"]
        for name, values in this_round.items():
            measures.setdefault(name, []).append(values | {"matrix_product_seconds": product})

    def _fail(self, message: str) -> None:
        self.failed = True
        self._on_failure(message)


def row(runs: list[dict]) -> dict:
    """A variant's row of the report, of the measures of its runs."""
    medians = ("seconds", "user_seconds", "system_seconds", "page_faults")
    summarised = {
        f"median_{name}": statistics.median(run[name] for run in runs)
        for name in medians
        if all(name in run for run in runs)
    }
    for name in ("seconds", "matrix_product_seconds"):
        summarised[name] = [run[name] for run in runs]
    for name in ("peak_bytes", "gflop"):
        if name in runs[-1]:
            summarised[name] = runs[-1][name]
    return summarised


def compare(rows: dict[str, dict], baselines: list[str], comparison: Comparison) -> None:
    """Adds to each row what it is relative to others, and steps per second."""
    without = {v.name: v.without_attention for v in comparison.variants}
    for name, row in rows.items():
        seconds = row["seconds"]
        row["ratios"] = {
            other: median_of(lambda a, b: a / b, rows[other]["seconds"], seconds)
            for other in baselines
        }
        if comparison.parameters["task"] == "train":
            row["steps_per_second"] = 1 / row["median_seconds"]
        if "gflop" in row:
            rate = row["gflop"] / MATRIX_GFLOP
            row["fraction_of_matrix_product_rate"] = median_of(
                lambda own, product, rate=rate: rate * product / own,
                seconds,
                row["matrix_product_seconds"],
            )
        if without.get(name) in rows:
            others = rows[without[name]]["seconds"]
            row["attention_fraction"] = median_of(lambda own, o: 1 - o / own, seconds, others)


def median_of(function: Callable[..., float], *by_round: list[float]) -> float:
    """Median over the rounds of a function of each round's values."""
    return statistics.median(map(function, *by_round))
