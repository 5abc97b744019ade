"""The axes of a sweep: numbers of a range or a list, categories, lists that go together, random draws."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from adaptive_tx.core import checks, ranges
from adaptive_tx.tune.sweeps.intervals import Interval


class Together(NamedTuple):
    """Settings of several names that vary together: one column of values for each name."""

    columns: dict[str, list[Any]]


def zipped(**columns: Iterable[Any]) -> Together:
    """Lists that go together: the first values are one setting, the second ones the next.

    >>> zipped(b1=[0.9, 0.95], b2=[0.99, 0.95])
    Together(columns={'b1': [0.9, 0.95], 'b2': [0.99, 0.95]})

    Args:
      **columns: equally long lists of numbers, or of categories.
    """
    lists = {name: values("zipped", name, column) for name, column in columns.items()}
    if not lists:
        raise ValueError("zipped: needs at least one list.")
    if len({len(column) for column in lists.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in lists.items())
        raise ValueError(f"zipped: the lists must be equally long, got {lengths}.")
    return Together(lists)


def random(count: int, seed: int = 0, **ranges: Any) -> Together:
    """Settings drawn at random: for more than two axes better than a grid of the same size.

    Args:
      count: how many settings, >= 1.
      seed: of the draws; the same seed gives the same settings.
      **ranges: for each name `log_uniform(low, high)` or another range, or a list, each of whose values
        is as likely.

    Source: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, 2012.
    """
    count = checks.whole("random", "count", count, 1)
    rng = np.random.default_rng(checks.whole("random", "seed", seed, 0))
    for name, axis in ranges.items():
        if not isinstance(axis, (Interval, list, tuple)):
            raise TypeError(
                f"random: {name} must be a range as log_uniform, or a list, got {axis!r}."
            )
    if not ranges:
        raise ValueError("random: needs at least one range.")
    return Together({name: _draws(name, axis, rng, count) for name, axis in ranges.items()})


def _draws(name: str, axis: Any, rng: np.random.Generator, count: int) -> list[Any]:
    if isinstance(axis, Interval):
        return axis.draws(rng, count)
    column = values("random", name, axis)
    return [column[i] for i in rng.integers(len(column), size=count)]


def points(who: str, name: str, axis: Any) -> list[Any]:
    """The values of one axis of a grid, each once."""
    column = values(who, name, axis)
    if any(one in column[:i] for i, one in enumerate(column)):
        raise ValueError(f"{who}: {name} has the same value twice: {column}.")
    return column


def values(who: str, name: str, axis: Any) -> list[Any]:
    """The numbers of an interval with a count, of a list, or one number; or the categories of a list."""
    if isinstance(axis, Interval):
        return axis.grid(who, name)
    if isinstance(axis, (str, Mapping, Together)):
        raise TypeError(
            f"{who}: {name} must be a range, a list of numbers or of words, or a number, got {axis!r}."
        )
    if np.ndim(axis) == 0 and not isinstance(axis, Iterable):
        axis = [axis]
    column = list(axis)
    if not column:
        raise ValueError(f"{who}: {name} has no values.")
    if any(map(is_category, column)):
        return column
    if all(isinstance(x, int) for x in column):
        return column
    return [checks.number(who, f"{name}[{i}]", ranges.finite(x)) for i, x in enumerate(column)]


def numbers(who: str, name: str, axis: Any) -> list[Any]:
    """The same where one program takes all of them: no categories."""
    column = values(who, name, axis)
    for i, x in enumerate(column):
        if is_category(x):
            raise TypeError(f"{who}: {name}[{i}] must be a number, got {x!r}.")
    return column


def is_category(value: Any) -> bool:
    """Whether it is none of the numbers that one program can sweep."""
    return value is None or isinstance(value, (bool, np.bool_, str)) or callable(value)
