"""A race as it is asked for: the grid of learning rates, its presets, and the rates as words."""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from adaptive_tx.core.ranges import SMALLEST
from adaptive_tx.tune.sweeps.axes import points
from adaptive_tx.tune.sweeps.forms import axis, number
from adaptive_tx.tune.sweeps.intervals import Interval

MODELS = ("logistic", "mlp", "cnn")
BATCH = 64  # images
LARGEST = float(np.finfo(np.float32).max)
DEFAULT = {"rates": "1e-5:100:22", "seeds": 5, "steps": 600}
QUICK = {"rates": "1e-4:100:13", "seeds": 3, "steps": 200}


@dataclasses.dataclass(frozen=True)
class Options:
    """A race: every optimizer with every rate and every seed."""

    optimizers: tuple[str, ...]
    model: str
    rates: tuple[float, ...]
    seeds: int
    steps: int
    out: Path
    key: int = 0


def learning_rates(text: str) -> tuple[float, ...]:
    """`low:high:count`, evenly spaced in the logarithm, or `a,b,c`; sorted, and each once."""
    if ":" in text:
        grid = axis(f"learning_rate={text}").values
        if isinstance(grid, Interval) and grid.count is None:
            raise argparse.ArgumentTypeError(f"expected low:high:count or a,b,c, got {text!r}")
        rates = points("race", "rates", grid)
    else:
        rates = sorted({number(word) for word in text.split(",")})
    for rate in rates:
        if not SMALLEST <= rate <= LARGEST:
            raise argparse.ArgumentTypeError(
                f"a learning rate must be a positive float32 number, got {rate:g} in {text!r}"
            )
    return tuple(rates)
