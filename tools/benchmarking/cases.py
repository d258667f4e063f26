"""The cases of `benchmark.py` by name."""

from benchmarking.completions import FAST, REFERENCE, Case, attention_case, completions, growth_case
from benchmarking.fresh_processes import first_step_case, start_up_case
from benchmarking.trainings import TRAININGS, training_case
from deepfill_tf.errors import UserError

CASES: dict[str, Case] = {"attention": attention_case}
for _network in ("v2", "v1"):
    CASES |= {
        f"256-{_network}": completions(_network, 256, 256, (128,), (REFERENCE, *FAST)),
        f"512-{_network}": completions(_network, 512, 512, (256, 128), (REFERENCE, *FAST)),
        f"1080p-{_network}": completions(_network, 1080, 1920, (200,), FAST),
        f"4k-{_network}": completions(_network, 2160, 3840, (200,), FAST[:2], single=True),
    }
CASES |= {name: training_case(name) for name in TRAININGS}
CASES |= {"growth": growth_case, "startup": start_up_case, "first-step": first_step_case}
# Run only if they are named: they take minutes per run.
ON_REQUEST = ("4k-v2", "4k-v1", "growth")


def chosen(names: list[str]) -> list[str]:
    """Names of the cases to run, in the order of `CASES`; "512" means 512-v1 and 512-v2.

    Raises UserError for a name that is not a case.
    """
    if not names:
        return [case for case in CASES if case not in ON_REQUEST]
    for name in names:
        if not any(_matches(name, case) for case in CASES):
            raise UserError(f"there is no case {name!r}; there are {', '.join(CASES)}")
    return [case for case in CASES if any(_matches(name, case) for name in names)]


def _matches(name: str, case: str) -> bool:
    return name in (case, case.split("-")[0])
