"""Requirements on metrics, such as `psnr>=22`, for continuous integration."""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass

from deepfill_tf.errors import UserError, truncated_list

_OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_PATTERN = re.compile(r"\s*([A-Za-z][\w./]*)\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Requirement:
    """A bound on a metric.

    Attributes:
      metric: name of the metric.
      comparison: ">=", "<=", ">" or "<".
      bound: the number that the metric is compared with.
    """

    metric: str
    comparison: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> "Requirement":
        """Reads a requirement. Raises UserError if `text` is none.

        Example:

        >>> Requirement.parse("psnr>=22")
        Requirement(metric='psnr', comparison='>=', bound=22.0)
        """
        match = _PATTERN.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            metric, comparison, bound = match.groups()
            return cls(metric, comparison, float(bound))
        except ValueError:
            raise UserError(
                "--require takes a metric, a comparison and a number, such as psnr>=22, "
                f"got {text!r}"
            ) from None

    def check_name(self, metrics: list[str]) -> None:
        """Raises UserError if `metrics`, those that are computed, do not include this one."""
        if self.metric not in metrics:
            raise UserError(
                f"--require={self}: there is no metric {self.metric!r}; the metrics are "
                f"{truncated_list(metrics, len(metrics))}"
            )

    def failure(self, values: Mapping[str, float | None]) -> str | None:
        """Returns a line that says how `values`, metric -> value, fail it; None if they do not."""
        value = values.get(self.metric)
        if value is None:
            return f"--require={self} is not met: {self.metric} has no value"
        if _OPERATORS[self.comparison](value, self.bound):
            return None
        return f"--require={self} is not met: {self.metric} is {value:.6g}"

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.bound:g}"
