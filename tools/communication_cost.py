#!/usr/bin/env python3
"""Says what a training step sends over the network, on paper: nothing is measured here.

    python tools/communication_cost.py
    python tools/communication_cost.py --replicas=2,16 --step_seconds=0.3

Every update sums one network's gradients over all replicas: as many float32 numbers as the
network has trained parameters. A step has one or more updates of the discriminator and one of
the generator. In a ring all-reduce each of n replicas sends, and receives,

    bytes = 2 (n - 1) / n * 4 * (updates * discriminator + generator)

in a step: never more than twice the gradients. A step is communication-bound where that
takes longer than computing does, that is on a network slower than

    speed = 8 * bytes / step_seconds

bits a second for each replica, if nothing is sent while something is computed. Other
all-reduces send as much or more; latency, which grows with n, is left out.
"""

from dataclasses import dataclass

from absl import flags

from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError

BYTES_OF_A_GRADIENT = 4

COMMAND = Command(
    "communication_cost",
    __doc__,
    [
        Flag(
            "replicas",
            "Numbers of replicas, separated by commas.",
            ["2", "8", "64"],
            define=flags.DEFINE_list,
        ),
        Flag(
            "step_seconds",
            "Seconds that one replica computes in a step, separated by commas.",
            ["2.9", "1", "0.1", "0.02"],
            define=flags.DEFINE_list,
        ),
    ],
)


@dataclass(frozen=True)
class Step:
    """One training step: trained parameters, and how often each network is updated."""

    name: str
    generator: int
    discriminator: int
    discriminator_updates: int

    @property
    def gradient_bytes(self) -> int:
        """What all updates of a step sum over the replicas."""
        numbers = self.discriminator_updates * self.discriminator + self.generator
        return BYTES_OF_A_GRADIENT * numbers

    def sent_bytes(self, replicas: int) -> float:
        """What each of the replicas sends, and receives, in a ring."""
        return 2 * (replicas - 1) / replicas * self.gradient_bytes


def run(values: flags.FlagValues) -> None:
    replicas = numbers("replicas", values.replicas, int)
    seconds = numbers("step_seconds", values.step_seconds, float)
    print("\n".join(table(steps(), replicas, seconds)))


def numbers(name: str, texts: list[str], kind: type) -> list:
    """The flag's numbers. Raises UserError for one that is none, or not above 0."""
    try:
        values = [kind(text) for text in texts]
    except ValueError as error:
        raise UserError(f"--{name} takes numbers, got {','.join(texts)!r}") from error
    for value in values:
        if not 0 < value < float("inf"):
            raise UserError(f"--{name} must be above 0, got {value}")
    return values


def steps() -> list[Step]:
    """The steps of both papers' configs, with the networks' parameters counted."""
    from deepfill_tf import networks

    return [
        Step("v2", counted(networks.GeneratorV2()), counted(networks.PatchDiscriminator()), 1),
        Step(
            "v1", counted(networks.GeneratorV1()), counted(networks.GlobalLocalDiscriminator()), 5
        ),
    ]


def counted(network) -> int:
    """Trained parameters of a network."""
    from deepfill_tf.compat import named_variables
    from deepfill_tf.networks.architecture import build_model

    variables = named_variables(build_model(network).trainable_variables)
    return sum(variable.shape.num_elements() for variable in variables.values())


def table(rows: list[Step], replicas: list[int], seconds: list[float]) -> list[str]:
    """Lines of a Markdown table: a row for each step and number of replicas."""
    heads = ["", "all-reduced in a step", "replicas", "each sends"]
    heads += [f"{value:g} s a step" for value in seconds]
    lines = [heads, ["---"] * len(heads)]
    for step in rows:
        updates = step.discriminator_updates + 1
        summed = f"{step.gradient_bytes / 1e6:.1f} MB in {updates} updates"
        for count in replicas:
            sent = step.sent_bytes(count)
            speeds = [bit_rate(8 * sent / value) for value in seconds]
            lines.append([step.name, summed, str(count), f"{sent / 1e6:.1f} MB", *speeds])
    return ["| " + " | ".join(line) + " |" for line in lines]


def bit_rate(value: float) -> str:
    """Bits a second with three digits and a unit."""
    unit, name = (1e9, "Gbit/s") if value >= 1e9 else (1e6, "Mbit/s")
    return f"{value / unit:.3g} {name}"


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
