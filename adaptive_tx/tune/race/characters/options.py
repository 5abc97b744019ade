"""A race of characters as it is asked for, and how many trials everybody gets."""

import dataclasses
from pathlib import Path

BATCH = 8  # windows of characters
LEAST, MOST = 1.0, 100.0  # times a racer's usual rate: a small model takes larger ones
SHARES = 0.0, 1e-4  # of a weight lost in a step by decay, at the usual rate
BUDGETS = 0.5, 0.75, 1.0  # of the steps: trainings that are planned for fewer
WARMUP = 0.1  # of a training
DEFAULT = {"seeds": 2, "steps": 500, "rates": 7, "fresh": 5}
QUICK = {"seeds": 1, "steps": 150, "rates": 5, "fresh": 3}
REFERENCE = "adamw"  # always takes part


@dataclasses.dataclass(frozen=True)
class Options:
    """A race: every racer with every rate, decay and seed, and its best with every fresh seed."""

    racers: tuple[str, ...]
    seeds: int  # of each trial
    steps: int
    rates: int  # evenly spread in the logarithm
    fresh: int  # seeds of the confirmation
    out: Path
    key: int = 0  # of the trials; the confirmation has the next one

    @property
    def budgets(self) -> tuple[int, ...]:
        """Steps of the trainings that confirm, the fewest first."""
        return tuple(max(1, round(share * self.steps)) for share in BUDGETS)
