"""The ranges that numbers must lie in. A rule marks each of its numbers with one:

    leafwise("scale_by_adam", step, ScaleByAdamState, b1=decay_rate(b1), eps=positive(eps), ...)

The mark is kept with the number, so it is checked where the transformation is made and again by `replace`,
in a schedule as well as in a number: `scale_by_adam: b1 must lie in [0, 1), got 1.5.` The library's are
below; another is `Range(4.0, math.inf, "[)")`.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from adaptive_tx.core.typing import ScalarOrSchedule

LARGEST = float(jnp.finfo(jnp.float32).max)
SMALLEST = float(jnp.finfo(jnp.float32).tiny)  # anything smaller is 0 in float32


class Number(NamedTuple):
    """A hyperparameter as a constructor got it, and the range it must lie in."""

    value: Any
    range: "Range"


@dataclasses.dataclass(frozen=True)
class Range:
    """An interval; called with a value, it marks it: `decay_rate(b1)`."""

    low: float
    high: float
    ends: str  # "[)" is closed below and open above

    def __call__(self, value: ScalarOrSchedule) -> Number:
        return Number(value, self)

    @property
    def is_of_decay_rates(self) -> bool:
        """Whether a step gets its numbers as a `numerics.Decay`."""
        return self == decay_rate

    def __contains__(self, x: float) -> bool:
        above = self.low <= x if self.ends[0] == "[" else self.low < x
        below = x <= self.high if self.ends[1] == "]" else x < self.high
        return above and below and not self.at_open_end(x) and (math.isinf(x) or abs(x) <= LARGEST)

    def at_open_end(self, x: float) -> bool:
        """Whether `x` lies in it, but float32 rounds it to an end that does not."""
        pairs = zip((self.low, self.high), self.ends)
        ends = [end for end, sign in pairs if sign in "()" and math.isfinite(end)]
        return bool(ends) and self.low < x < self.high and float(np.float32(x)) in ends

    def __str__(self) -> str:
        return f"{self.ends[0]}{self.low:.3g}, {self.high:.3g}{self.ends[1]}"


decay_rate = Range(0.0, 1.0, "[)")  # of an average; a step gets it as a `numerics.Decay`
fraction = Range(0.0, 1.0, "[]")
positive = Range(SMALLEST, math.inf, "[)")
non_negative = Range(0.0, math.inf, "[)")
not_positive = Range(-math.inf, 0.0, "(]")
at_least_one = Range(1.0, math.inf, "[)")
growth = Range(1.0, math.inf, "[]")  # from step to step; infinite is without a limit
finite = Range(-math.inf, math.inf, "()")
