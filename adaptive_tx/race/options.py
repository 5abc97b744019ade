"""What a race is asked to do: each option as a value, or an error in one line."""

import argparse
import dataclasses
import inspect
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from adaptive_tx import optimizers
from adaptive_tx.checks import SMALLEST
from adaptive_tx.transformation import Transformation

MODELS = ("logistic", "mlp", "cnn")
LARGEST = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True)
class Options:
    """A race: every optimizer with every rate and every seed."""

    optimizers: tuple[str, ...]
    model: str
    rates: tuple[float, ...]
    seeds: int
    steps: int
    out: Path


def named_optimizers() -> dict[str, Callable[..., Transformation]]:
    """The constructors of `optimizers.py`, by name, in the order they stand there."""
    return {
        name: function
        for name, function in vars(optimizers).items()
        if inspect.isfunction(function)
        and function.__module__ == optimizers.__name__
        and not name.startswith("_")
    }


def optimizer_names(text: str) -> tuple[str, ...]:
    """`adam,lion` as names, each once."""
    known = tuple(named_optimizers())
    names = dict.fromkeys(name.strip() for name in text.split(","))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(
                f"there is no optimizer {name!r}; choose from {', '.join(known)}"
            )
    return tuple(names)


def learning_rates(text: str) -> tuple[float, ...]:
    """`low:high:count`, evenly spaced in the logarithm, or `a,b,c`; sorted, and each once."""
    if ":" not in text:
        return tuple(sorted({_rate(word, text) for word in text.split(",")}))
    words = text.split(":")
    if len(words) != 3:
        raise argparse.ArgumentTypeError(f"expected low:high:count or a,b,c; got {text!r}")
    low, high = _rate(words[0], text), _rate(words[1], text)
    count = at_least_one(words[2])
    if low >= high or count < 2:
        raise argparse.ArgumentTypeError(
            f"low:high:count needs low < high and a count of 2 or more; got {text!r}"
        )
    return tuple(float(f"{rate:.4g}") for rate in np.geomspace(low, high, count))


def _rate(word: str, text: str) -> float:
    try:
        rate = float(word)
    except ValueError:
        rate = math.nan
    if not SMALLEST <= rate <= LARGEST:
        raise argparse.ArgumentTypeError(
            f"a learning rate must be a positive float32 number, got {word!r} in {text!r}"
        )
    return rate


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return number
