"""What a sweep varies: ranges, lists, lists that go together, and random draws."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from adaptive_tx.core import checks, ranges


class Interval(NamedTuple):
    """From `low` to `high`: a grid has `count` points in it, a random draw takes any."""

    low: float
    high: float
    count: int | None
    log: bool

    def grid(self, who: str, name: str) -> list[float]:
        """`count` points from `low` to `high`, which stand as they are, the others rounded."""
        if self.count is None:
            raise ValueError(f"{who}: {name} needs a count to be an axis of a grid; got {self}.")
        space = np.geomspace if self.log else np.linspace
        inner = space(self.low, self.high, self.count)[1:-1]
        return [self.low, *(self._rounded(x, self.count) for x in inner), self.high]

    def draws(self, rng: np.random.Generator, n: int) -> list[float]:
        """`n` random points, rounded."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else self[:2]
        points = rng.uniform(low, high, n)
        return [self._rounded(x, n) for x in (np.exp(points) if self.log else points)]

    def _rounded(self, x: float, count: int) -> float:
        """The fewest digits, four or more, that move it by no thousandth of its share of the interval."""
        wide = x * math.log(self.high / self.low) if self.log else self.high - self.low
        shorter = (float(f"{x:.{digits}g}") for digits in range(4, 18))
        short = next(y for y in shorter if abs(y - x) <= 1e-3 * wide / count)
        return min(max(short, self.low), self.high)

    def __repr__(self) -> str:
        words = [f"{self.low:g}", f"{self.high:g}"] + (
            [] if self.count is None else [str(self.count)]
        )
        return f"{'log_uniform' if self.log else 'uniform'}({', '.join(words)})"


class Together(NamedTuple):
    """Settings of several names that vary together: one column of numbers for each name."""

    columns: dict[str, list[float]]


def log_uniform(low: float, high: float, count: int | None = None) -> Interval:
    """From low to high evenly in the logarithm: what rates and decays want.

    Args:
      low: > 0.
      high: > low.
      count: points of a grid, ends included, >= 2; a random draw needs none.
    """
    return _range("log_uniform", low, high, count, log=True)


def uniform(low: float, high: float, count: int | None = None) -> Interval:
    """From low to high evenly.

    Args:
      low: any number.
      high: > low.
      count: points of a grid, ends included, >= 2; a random draw needs none.
    """
    return _range("uniform", low, high, count, log=False)


def _range(who: str, low, high, count, log: bool) -> Interval:
    low = checks.number(who, "low", (ranges.positive if log else ranges.finite)(low))
    high = checks.number(who, "high", ranges.finite(high))
    if low >= high:
        raise ValueError(f"{who}: low must be below high, got {low} and {high}.")
    if count is not None:
        count = checks.whole(who, "count", count, 2)
    return Interval(low, high, count, log)


def zipped(**columns: Iterable[float]) -> Together:
    """Lists that go together: the first numbers are one setting, the second ones the next.

    >>> zipped(b1=[0.9, 0.95], b2=[0.99, 0.95])
    Together(columns={'b1': [0.9, 0.95], 'b2': [0.99, 0.95]})

    Args:
      **columns: equally long lists of numbers.
    """
    lists = {name: numbers("zipped", name, column) for name, column in columns.items()}
    if not lists:
        raise ValueError("zipped: needs at least one list.")
    if len({len(column) for column in lists.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in lists.items())
        raise ValueError(f"zipped: the lists must be equally long, got {lengths}.")
    return Together(lists)


def random(count: int, seed: int = 0, **ranges: Interval) -> Together:
    """Settings drawn at random: for more than two axes better than a grid of the same size.

    Args:
      count: how many settings, >= 1.
      seed: of the draws; the same seed gives the same settings.
      **ranges: `log_uniform(low, high)` or `uniform(low, high)` for each name.

    Source: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, 2012.
    """
    count = checks.whole("random", "count", count, 1)
    rng = np.random.default_rng(checks.whole("random", "seed", seed, 0))
    for name, interval in ranges.items():
        if not isinstance(interval, Interval):
            raise TypeError(f"random: {name} must be log_uniform or uniform, got {interval!r}.")
    if not ranges:
        raise ValueError("random: needs at least one range.")
    return Together({name: interval.draws(rng, count) for name, interval in ranges.items()})


def points(who: str, name: str, axis: Any) -> list[float]:
    """The numbers of one axis of a grid, each once."""
    column = numbers(who, name, axis)
    if len(set(column)) < len(column):
        raise ValueError(f"{who}: {name} has the same value twice: {column}.")
    return column


def numbers(who: str, name: str, axis: Any) -> list[float]:
    """The numbers of an interval with a count, of a list, or one number."""
    if isinstance(axis, Interval):
        return axis.grid(who, name)
    if isinstance(axis, (str, Mapping, Together)):
        raise TypeError(
            f"{who}: {name} must be a range, a list of numbers or a number, got {axis!r}."
        )
    if np.ndim(axis) == 0 and not isinstance(axis, Iterable):
        axis = [axis]
    column = [checks.number(who, f"{name}[{i}]", ranges.finite(x)) for i, x in enumerate(axis)]
    if not column:
        raise ValueError(f"{who}: {name} has no values.")
    return column
