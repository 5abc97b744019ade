"""The seed of what is rounded at random: a hyperparameter, whole, and no schedule."""

from adaptive_tx.core import checks
from adaptive_tx.core.ranges import Number, Range
from adaptive_tx.core.typing import Scalar

SEEDS = Range(0.0, 2.0**24, "[]")  # float32 has each whole number of these


def seed_of(who: str, seed: Scalar) -> Number:
    """A seed, checked.

    Raises:
      ValueError: for one that is not a whole number in [0, 2^24].
    """
    whole = checks.number(who, "seed", SEEDS(seed))
    if isinstance(whole, float) and not whole.is_integer():
        raise ValueError(f"{who}: seed must be a whole number, got {seed}.")
    return SEEDS(whole)
