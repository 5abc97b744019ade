"""The seed of what is rounded at random: a hyperparameter, and a whole number."""

from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.ranges import Number, Range
from adaptive_tx.core.typing import ScalarOrSchedule

SEEDS = Range(0.0, 2.0**24, "[]")  # float32 has each whole number of these


def seed_of(who: str, seed: ScalarOrSchedule) -> Number:
    """A seed, checked.

    Raises:
      ValueError: for one that is not a whole number in [0, 2^24].
    """
    (whole,) = Arguments.of(who, {"seed": SEEDS(seed)}).values
    if isinstance(whole, float) and not whole.is_integer():
        raise ValueError(f"{who}: seed must be a whole number, got {seed}.")
    return SEEDS(whole)
