"""Ranges that a sweep goes over: even in a number, in its logarithm, in that of its distance from 1."""

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from adaptive_tx.core import checks, ranges


class Interval(NamedTuple):
    """From `low` to `high`: a grid has `count` points in it, a random draw takes any."""

    low: float
    high: float
    count: int | None
    spacing: str = "uniform"  # in what it is even: a name in `EVEN`
    whole: bool = False  # integers alone

    def grid(self, who: str, name: str) -> list[float]:
        """`count` points from `low` to `high`, which stand as they are, the others rounded."""
        if self.count is None:
            raise ValueError(f"{who}: {name} needs a count to be an axis of a grid; got {self}.")
        even, back = EVEN[self.spacing]
        inner = back(np.linspace(even(self.low), even(self.high), self.count))[1:-1]
        points = [self.low, *(self._rounded(x, self.count) for x in inner), self.high]
        return list(dict.fromkeys(points)) if self.whole else points

    def draws(self, rng: np.random.Generator, n: int) -> list[float]:
        """`n` random points, rounded; of integers each from `low` to `high`."""
        even, back = EVEN[self.spacing]
        points = back(rng.uniform(even(self.low), even(self.high + self.whole), n))
        return [self._rounded(np.floor(x) if self.whole else x, n) for x in points]

    def _rounded(self, x: float, count: int) -> float:
        """The fewest digits, four or more, that move it by no thousandth of its share of the interval.

        Where it is even in log(1 - b), these are digits of 1 - b.
        """
        if self.whole:
            return min(max(round(x), self.low), self.high)
        if self.spacing == "log_one_minus":
            wide = (1 - x) * math.log((1 - self.low) / (1 - self.high))
            short = float(1 - Decimal(repr(_short(1 - x, 1e-3 * wide / count))))
        else:
            logs = self.spacing == "log_uniform"
            wide = x * math.log(self.high / self.low) if logs else self.high - self.low
            short = _short(x, 1e-3 * wide / count)
        return min(max(short, self.low), self.high)

    def __repr__(self) -> str:
        name, log = (self.spacing, "") if not self.whole else ("integers", self.spacing)
        words = [f"{self.low:.15g}", f"{self.high:.15g}"]
        words += [] if self.count is None else [str(self.count)]
        words += ["log=True"] if log == "log_uniform" else []
        return f"{name}({', '.join(words)})"


# What is even in each spacing, as a function of the number, and the way back.
EVEN = {
    "uniform": (lambda x: x, lambda x: x),
    "log_uniform": (np.log, np.exp),
    "log_one_minus": (lambda x: -np.log1p(-x), lambda x: -np.expm1(-x)),
}


def _short(x: float, error: float) -> float:
    shorter = (float(f"{x:.{digits}g}") for digits in range(4, 18))
    return next(y for y in shorter if abs(y - x) <= error)


def log_uniform(low: float, high: float, count: int | None = None) -> Interval:
    """From low to high evenly in the logarithm: what rates and decays want.

    Args:
      low: > 0.
      high: > low.
      count: points of a grid, ends included, >= 2; a random draw needs none.
    """
    return _range("log_uniform", low, high, count, ranges.positive)


def uniform(low: float, high: float, count: int | None = None) -> Interval:
    """From low to high evenly.

    Args:
      low: any number.
      high: > low.
      count: points of a grid, ends included, >= 2; a random draw needs none.
    """
    return _range("uniform", low, high, count, ranges.finite)


def log_one_minus(low: float, high: float, count: int | None = None) -> Interval:
    """From low to high evenly in log(1 - b): what decay rates near 1 want, of averages or momentum.

    >>> log_one_minus(0.9, 0.9999, 4).grid("", "b2")
    [0.9, 0.99, 0.999, 0.9999]

    Args:
      low: in [0, 1).
      high: in [0, 1), > low.
      count: points of a grid, ends included, >= 2; a random draw needs none.
    """
    return _range("log_one_minus", low, high, count, ranges.decay_rate)


def integers(low: int, high: int, count: int | None = None, log: bool = False) -> Interval:
    """Integers from low to high, evenly or evenly in the logarithm: steps of a warmup.

    >>> integers(1, 1000, 4, log=True).grid("", "warmup")
    [1, 10, 100, 1000]

    Args:
      low: the first one; >= 1 with `log`.
      high: the last one, > low.
      count: points of a grid, ends included, >= 2, fewer where rounded ones coincide; a random draw
        needs none, and takes each of them.
      log: whether they are even in the logarithm.
    """
    low = checks.whole("integers", "low", low, 1 if log else -(2**53))
    high = checks.whole("integers", "high", high, low + 1)
    if count is not None:
        count = checks.whole("integers", "count", count, 2)
    return Interval(low, high, count, "log_uniform" if log else "uniform", whole=True)


def _range(who: str, low, high, count, allowed: ranges.Range) -> Interval:
    low = checks.number(who, "low", allowed(low))
    high = checks.number(
        who, "high", ranges.finite(high) if who != "log_one_minus" else allowed(high)
    )
    if low >= high:
        raise ValueError(f"{who}: low must be below high, got {low} and {high}.")
    if count is not None:
        count = checks.whole(who, "count", count, 2)
    return Interval(low, high, count, who)
