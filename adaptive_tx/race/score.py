"""From the runs of one optimizer to its score: the best rate, its accuracy, how wide that is.

The rate is the one with the best mean accuracy over seeds on the validation split (the smallest, if
several are equal); what is reported for it is the accuracy on the test split. A diverged run counts
with the accuracy of a guess. The width is the number of decades of learning rate around the chosen
one over which the mean test accuracy stays within 2 points of its value there; between the rates of
the grid it is interpolated linearly in the logarithm of the rate.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from adaptive_tx.race.train import GUESS, Runs
from adaptive_tx.transformation import Transformation

POINTS = 0.02  # how far below the best still counts as good, in accuracy


class Width(NamedTuple):
    """The rates around the best that are about as good."""

    low: float
    high: float
    open: bool  # ends at the end of the grid: true width is at least this

    @property
    def decades(self) -> float:
        return float(np.log10(self.high / self.low))


class Best(NamedTuple):
    """The chosen rate, and what it reaches."""

    at: int  # index of the rate
    rate: float
    mean: float  # test accuracy over seeds
    std: float | None  # over seeds, with n - 1; None for a single seed
    width: Width


class Score(NamedTuple):
    """One optimizer's race."""

    name: str
    rates: tuple[float, ...]
    runs: Runs
    mean: np.ndarray  # test accuracy by rate
    best: Best | None  # None if every run diverged at every rate
    winner: str | None  # the best optimizer, as one would write it
    seconds: float


def score(
    name: str, sweep: Transformation, rates: tuple[float, ...], runs: Runs, seconds: float
) -> Score:
    """Scores the runs of `sweep`, which has one optimizer for each of `rates`."""
    best, winner = choose(rates, runs), None
    if best:
        winner = repr(jax.tree.map(lambda leaf: leaf[best.at], sweep).concrete())
    return Score(name, rates, runs, mean_accuracy(runs.test, runs.diverged), best, winner, seconds)


def mean_accuracy(accuracy: np.ndarray, diverged: np.ndarray) -> np.ndarray:
    """Accuracy by rate, over seeds; a diverged run counts as a guess.

    Rounded, so that the same number of right answers is the same accuracy, however it was summed.
    """
    return np.where(diverged, GUESS, np.asarray(accuracy, np.float64)).mean(1).round(6)


def choose(rates: Sequence[float], runs: Runs) -> Best | None:
    """The best rate by validation accuracy; None if nothing converged."""
    if runs.diverged.all():
        return None
    validation = mean_accuracy(runs.validation, runs.diverged)
    validation = np.where(runs.diverged.all(1), -1.0, validation)
    i = int(np.argmax(validation))
    test = np.where(runs.diverged[i], GUESS, np.asarray(runs.test[i], np.float64))
    std = float(test.std(ddof=1)) if len(test) > 1 else None
    mean = mean_accuracy(runs.test, runs.diverged)
    return Best(i, rates[i], float(mean[i]), std, good_rates(rates, mean, i))


def good_rates(rates: Sequence[float], mean: np.ndarray, i: int) -> Width:
    """The interval of rates around the `i`-th in which `mean` stays within POINTS of `mean[i]`."""
    low, low_open = _edge(rates, mean, i, -1)
    high, high_open = _edge(rates, mean, i, +1)
    return Width(low, high, low_open or high_open)


def _edge(rates: Sequence[float], mean: np.ndarray, i: int, side: int) -> tuple[float, bool]:
    """Where the accuracy first falls below the bar on one side; and whether it never does."""
    bar = mean[i] - POINTS
    while 0 <= i + side < len(rates):
        if mean[i + side] < bar:
            part = (mean[i] - bar) / (mean[i] - mean[i + side])
            return float(rates[i] * (rates[i + side] / rates[i]) ** part), False
        i += side
    return float(rates[i]), True


def ranked(scores: Sequence[Score]) -> list[Score]:
    """Best test accuracy first; optimizers without any converged run last."""
    return sorted(scores, key=lambda one: -one.best.mean if one.best else 1.0)
