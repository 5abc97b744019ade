"""The seed of what is rounded at random: a hyperparameter."""

from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.ranges import Number, Range
from adaptive_tx.core.typing import ScalarOrSchedule

SEEDS = Range(0.0, 2.0**24, "[]")  # of which float32 has each whole number


def seed_of(who: str, seed: ScalarOrSchedule) -> Number:
    """A seed, checked: its bits as a float32 are what is hashed.

    Raises:
      ValueError: for one that is not in [0, 2^24].
    """
    return SEEDS(*Arguments.of(who, {"seed": SEEDS(seed)}).values)
