"""What a race is asked to do: each option as a value, or an error in one line."""

import argparse
import dataclasses
import math
from pathlib import Path

import numpy as np

from adaptive_tx.core.checks import SMALLEST
from adaptive_tx.tune.axes import log_uniform
from adaptive_tx.tune.options import at_least_one

MODELS = ("logistic", "mlp", "cnn")
BATCH = 64  # images
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
    return tuple(log_uniform(low, high, count).grid("race", "rates"))


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
