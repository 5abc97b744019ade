"""An axis as one writes it in a command: `learning_rate=1e-4:1e-1:16`, and what it means."""

import argparse
from typing import NamedTuple

from adaptive_tx.tune.sweeps import intervals
from adaptive_tx.tune.sweeps.axes import points
from adaptive_tx.tune.sweeps.intervals import Interval

FORMS = (
    "low:high:count, low:high:count:SPACING or a,b,c, with --random low:high or low:high:SPACING; "
    "SPACING is linear, log_one_minus or integers"
)


class Axis(NamedTuple):
    """An axis as it was asked for."""

    optimizer: str | None  # the only one that has it; None: all
    name: str
    values: Interval | list[float]


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return number


def axis(text: str) -> Axis:
    """`b2=0.9,0.99`, `learning_rate=1e-4:1e-1:16`, or `lion.learning_rate=...` for one alone."""
    target, equals, values = (word.strip() for word in text.partition("="))
    if not equals or not target or not values:
        raise argparse.ArgumentTypeError(f"expected name=values, got {text!r}")
    optimizer, dot, name = target.rpartition(".")
    try:
        return Axis(optimizer if dot else None, name, _values(name, values))
    except (ValueError, TypeError) as error:
        reason = str(error).removeprefix("axis: ")
        raise argparse.ArgumentTypeError(f"{reason} In {text!r}.") from None


def _values(name: str, text: str) -> Interval | list[float]:
    words = text.split(":")
    if len(words) == 1:
        return points("axis", name, [number(word) for word in text.split(",")])
    spaced = SPACINGS[words.pop()] if words[-1] in SPACINGS else intervals.log_uniform
    if not 2 <= len(words) <= 3:
        raise ValueError(f"expected {FORMS}.")
    low, high = map(number, words[:2])
    count = at_least_one(words[2]) if len(words) == 3 else None
    return spaced(low, high, count)


def _integers(low: float, high: float, count: int | None) -> Interval:
    if low % 1 or high % 1:
        raise ValueError(f"integers go from one integer to another, got {low:g} and {high:g}.")
    return intervals.integers(int(low), int(high), count)


SPACINGS = {  # of a range, by the last word of its form; without one it is log_uniform
    "linear": intervals.uniform,
    "log_one_minus": intervals.log_one_minus,
    "integers": _integers,
}


def number(word: str) -> float:
    """One number of an axis."""
    try:
        return float(word)
    except ValueError:
        reason = f"{word!r} is no number; expected {FORMS}"
        raise argparse.ArgumentTypeError(reason) from None
