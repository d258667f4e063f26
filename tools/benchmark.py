#!/usr/bin/env python3
"""Measures time and memory of completions and training steps on this machine.

    python tools/benchmark.py                                    all but 4k and growth: hours
    python tools/benchmark.py --cases=attention,512-v2           some of them
    python tools/benchmark.py --cases=training,quickstart --variants=fast --rounds=3 --json=a.json
    python tools/benchmark.py --cases=training-v2 --rival='other=/opt/other/bin/python other.py'

A case compares variants of one computation:

    reference   attention by patches, upsampling before convolutions, whole images
    fast        the default implementation of layers and training, whole images
    regions     the regions around the holes, the default of inpaint
    bfloat16    regions (training: whole images) with a generator of dtype mixed_bfloat16

and other implementations, the rivals. Each runs in a process of its own. After one run of each
that is not counted, every round runs each variant once, and a matrix product, so that all see
the same state of the machine. The tables are Markdown; tools/benchmarking/tables.py prints those
of a report again. Columns:

    median      seconds of a run, over all rounds; of training, of a step
    over x      speedup over the first variant and over each rival; median over the rounds
    user, system, page faults
                processor time and minor page faults of a run; medians over the rounds
    GFLOP       multiplications and additions of the reference implementation's convolutions,
                for whole images
    of matmul   GFLOP/s relative to a float32 product of 2048 x 2048 matrices in the same round;
                median over the rounds. Convolutions may exceed 100 %
    attention   fraction of the time that is saved without attention; median over the rounds
    peak        peak resident memory of the process, TensorFlow and weights included, in 10^9
                bytes; of cases that start processes, of the process started
    PSNR        in the hole, of the bfloat16 completion against the float32 one; mean over
                the photographs of the package

A rival is a command that keeps to the protocol in tools/benchmarking/processes.py. Its last
argument is a JSON object with a task:

    complete           network ("v1" or "v2"), generator_width, height, width, hole (side of the
                       square hole in the centre): completes an image that is in memory
    first-completion   the same, from the start of a process that loads a model and an image and
                       writes the completed image, to its end
    train              network, generator_width, discriminator_width, height, width, batch_size,
                       ema_decay, images (a folder of photographs): one update of each network,
                       each of a fresh batch
    first-step         the same, from the start of a process to its first training step
    attention          side, channels, of square features with a hole of half the side

An earlier version of this repository is a rival by
--rival='before=env PYTHONPATH=earlier python earlier/tools/benchmark.py serve fast'.
"""

import json
import logging
import shlex
import sys

from absl import flags

from deepfill_tf.allocator import keep_freed_memory
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
        Flag(
            "variants",
            "Names of variants, separated by commas; by default all.",
            [],
            define=flags.DEFINE_list,
        ),
        Flag(
            "rival",
            "Another implementation, as name=command.",
            [],
            define=flags.DEFINE_multi_string,
        ),
        Flag("rounds", "Number of runs of each variant.", 7, define=flags.DEFINE_integer),
        Flag("json", "File for all numbers, those of each round too."),
        Flag(
            "width",
            "Width of the generators, an even number; by default that of each case.",
            define=flags.DEFINE_integer,
        ),
    ],
)
# benchmark.py serve VARIANT keeps to the protocol of `processes`.
SERVE = "serve"


def run(flags) -> int:
    from benchmarking.bench import Bench
    from benchmarking.cases import CASES, chosen
    from benchmarking.machine import machine_facts, matrix_product_rates
    from benchmarking.tables import machine_lines, summary

    # TensorFlow warns of retracing: every variant is another tf.function.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    cases = chosen(flags.cases)
    rivals = parsed_rivals(flags.rival)
    try:
        check_positive_int("--rounds", flags.rounds)
        if flags.width is not None:
            check_int("--width", flags.width, 2, multiple=2)
    except ValueError as error:
        raise UserError(str(error)) from error
    comparisons = [(case, c) for case in cases for c in CASES[case](flags.width)]
    known = dict.fromkeys(v.name for _, comparison in comparisons for v in comparison.variants)
    for name in known.keys() & rivals.keys():
        raise UserError(f"--rival: {name!r} is the name of a variant; choose another")
    for name in flags.variants:
        if name not in known:
            raise UserError(f"there is no variant {name!r}; there are {', '.join(known)}")
    report = {
        "machine": machine_facts(),
        "rounds": flags.rounds,
        "width": flags.width,
        "rivals": rivals,
        "matrix_product_gflop_per_second": matrix_product_rates(flags.rounds),
        "comparisons": [],
    }
    bench = Bench(
        report,
        own_command=[sys.executable, __file__, SERVE],
        variants=flags.variants,
        file=flags.json,
        on_failure=COMMAND.print_error,
    )
    bench.save()
    print(machine_lines(report), flush=True)
    for case, comparison in comparisons:
        bench.measure(case, comparison)
    if len(report["comparisons"]) > 1:
        print(f"\n{summary(report['comparisons'])}", flush=True)
    return PARTIAL if bench.failed else DONE


def parsed_rivals(texts: list[str]) -> dict[str, list[str]]:
    """Command by name. Raises UserError for what is not name=command."""
    rivals = {}
    for text in texts:
        name, _, command = text.partition("=")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UserError(f"--rival={text!r}: {error}") from error
        if not (name and words):
            raise UserError(f"--rival must be name=command, got {text!r}")
        rivals[name] = words
    return rivals


def serve(variant: str, parameters: str) -> None:
    """Runs a variant of the computation with these parameters, as often as it is told to."""
    keep_freed_memory()
    import_tensorflow_quietly()
    from benchmarking import processes
    from benchmarking.cases import CASES

    wanted = json.loads(parameters)
    # Another checkout has the photographs in another folder.
    folder = {"images": wanted.get("images")}
    makers = [
        candidate.make
        for case in CASES.values()
        for comparison in case(wanted["generator_width"])
        if comparison.parameters | folder == wanted | folder
        for candidate in comparison.variants
        if candidate.name == variant
    ]
    processes.serve(makers[0] if makers else None)


def main() -> None:
    if sys.argv[1:2] == [SERVE]:
        serve(*sys.argv[2:])
        return
    COMMAND.main(run)


if __name__ == "__main__":
    main()
