"""From the trials and the confirmation of a racer to its numbers, and what they are against AdamW's.

Seeds are paired: with the same seed everybody starts from the same parameters and sees the same batches.
The difference from AdamW is the mean over fresh seeds of the differences with the same seed; where it is
within three standard errors of zero (as, of five seeds of equals, 24 in 25 are), it is called a tie.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from adaptive_tx.describing.description import describe
from adaptive_tx.tune.race.characters.confirming import Confirmed
from adaptive_tx.tune.race.ranks import ranks
from adaptive_tx.tune.report.files import finite
from adaptive_tx.tune.report.result import Result

WITHIN = 0.1  # nats: how much worse than the best still is a good rate
ERRORS = 3.0  # standard errors that are no difference


class Against(NamedTuple):
    """The loss less that of the reference."""

    mean: float
    error: float  # standard error of the mean; NaN for one seed

    @property
    def tie(self) -> bool:
        return not abs(self.mean) > ERRORS * self.error


class Tokens(NamedTuple):
    """Characters seen until the reference's loss is reached."""

    number: float
    at_most: bool  # the shortest training reaches it


class Score(NamedTuple):
    """One racer."""

    name: str
    winner: str  # as one would write it
    learning_rate: float
    weight_decay: float
    at_edge: bool  # the best rate is the first or the last that was tried
    low: float  # of the good rates
    high: float
    open: bool  # the good rates reach the end of those that were tried
    bytes: float  # of state, for each parameter
    seconds: float  # of the processor, for one training
    test: list[list[float]]  # [budget][fresh seed]
    rates: list[float]
    decays: list[float]
    validation: list[list[list[float | None]]]  # [rate][decay][seed]; None where it is not finite

    @property
    def losses(self) -> np.ndarray:
        """float[fresh seed], at the end of the whole training."""
        return np.array(self.test[-1])

    @property
    def decades(self) -> float:
        return math.log10(self.high / self.low)

    def against(self, reference: "Score") -> Against:
        differences = self.losses - reference.losses
        n = len(differences)
        error = float(differences.std(ddof=1)) / n**0.5 if n > 1 else math.nan
        return Against(float(differences.mean()), error)

    def tokens(self, reference: "Score", budgets: Sequence[float]) -> Tokens | None:
        """None if it is not reached; between two lengths linear in their logarithm."""
        target, means = reference.losses.mean(), np.mean(self.test, axis=1)
        reached = np.flatnonzero(means <= target)
        if not len(reached):
            return None
        if not (i := int(reached[0])):
            return Tokens(float(budgets[0]), True)
        part = (means[i - 1] - target) / (means[i - 1] - means[i])
        return Tokens(float(budgets[i - 1] * (budgets[i] / budgets[i - 1]) ** part), False)


def score(name: str, result: Result, reached: Confirmed, params: Any) -> Score:
    """The numbers of a racer, whose sweep is the only one of a result."""
    best, width = result.best, result.sensitivity(WITHIN)[name]
    rates, decays = (
        sorted(set(result.settings[axis].tolist())) for axis in ("learning_rate", "weight_decay")
    )
    rate = best.settings["learning_rate"]
    losses = np.where(result.diverged, np.nan, result.scores).reshape(len(rates), len(decays), -1)
    return Score(
        name=name,
        winner=repr(best.tx),
        learning_rate=rate,
        weight_decay=best.settings["weight_decay"],
        at_edge=rate in (rates[0], rates[-1]),
        low=width.low,
        high=width.high,
        open=width.open,
        bytes=describe(best.tx, params).bytes / sum(p.size for p in jax.tree.leaves(params)),
        seconds=reached.seconds,
        test=reached.test,
        rates=rates,
        decays=decays,
        validation=finite(losses),
    )


def places(scores: Sequence[Score]) -> list[int]:
    """The rank of each, best first, by the losses of its fresh seeds, which are the same for all."""
    return ranks(np.stack([one.losses for one in scores]))


def ranked(scores: Sequence[Score]) -> list[Score]:
    """The lowest loss first; what is not finite last."""
    return sorted(scores, key=lambda one: np.nan_to_num(one.losses.mean(), nan=np.inf))
