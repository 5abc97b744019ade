"""From the runs of one optimizer to its score: the best rate, its accuracy, how wide that is.

The rate is the one with the best mean accuracy over seeds on the validation split (the smallest, if
several are equal); what is reported for it is the accuracy on the test split. A diverged run counts
with the accuracy of a guess. The width is the number of decades of learning rate around the chosen
one over which the mean test accuracy stays within 2 points of its value there; between the rates of
the grid it is interpolated linearly in the logarithm of the rate.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from adaptive_tx.tune.race.ranks import ranks
from adaptive_tx.tune.report.result import Result
from adaptive_tx.tune.report.sensitivity import Width, width
from adaptive_tx.tune.tasks.digits import CLASSES

POINTS = 0.02  # how far below the best still counts as good, in accuracy
GUESS = 1 / CLASSES  # accuracy of a uniform guess
DIVERGED = 1.01 * float(np.log(CLASSES))  # nats: 1 % above the loss of a uniform guess


class Outcomes(NamedTuple):
    """What came out of the runs of one optimizer; every array is [rate, seed]."""

    train_loss: np.ndarray  # nats, over the whole training split
    validation: np.ndarray  # accuracy, 0 to 1
    test: np.ndarray  # accuracy, 0 to 1
    diverged: np.ndarray  # bool: not finite, or worse than a guess


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
    runs: Outcomes
    mean: np.ndarray  # test accuracy by rate
    best: Best | None  # None if every run diverged at every rate
    winner: str | None  # the best optimizer, as one would write it
    seconds: float


def score(result: Result, name: str) -> Score:
    """Scores one of the sweeps of a result, whose only axis is the learning rate."""
    sweep, runs = result.sweeps[name], outcomes(result, name)
    rates = tuple(map(float, sweep.settings["learning_rate"]))
    best = choose(rates, runs)
    winner = repr(sweep[best.at]) if best else None
    mean = mean_accuracy(runs.test, runs.diverged)
    return Score(name, rates, runs, mean, best, winner, result.seconds[name])


def outcomes(result: Result, name: str) -> Outcomes:
    """The runs of one sweep; a NaN is not <= anything."""
    of = np.array(result.names) == name
    metrics = {name: values[of] for name, values in result.metrics.items()}
    return Outcomes(**metrics, diverged=result.diverged[of] | ~(metrics["train_loss"] <= DIVERGED))


def mean_accuracy(accuracy: np.ndarray, diverged: np.ndarray) -> np.ndarray:
    """Accuracy by rate, over seeds; a diverged run counts as a guess.

    Rounded, so that the same number of right answers is the same accuracy, however it was summed.
    """
    return np.where(diverged, GUESS, np.asarray(accuracy, np.float64)).mean(1).round(6)


def choose(rates: Sequence[float], runs: Outcomes) -> Best | None:
    """The best rate by validation accuracy; None if nothing converged."""
    if runs.diverged.all():
        return None
    validation = mean_accuracy(runs.validation, runs.diverged)
    validation = np.where(runs.diverged.all(1), -1.0, validation)
    i = int(np.argmax(validation))
    test = np.where(runs.diverged[i], GUESS, np.asarray(runs.test[i], np.float64))
    std = float(test.std(ddof=1)) if len(test) > 1 else None
    mean = mean_accuracy(runs.test, runs.diverged)
    good = width(np.array(rates), -mean, i, POINTS)
    return Best(i, rates[i], float(mean[i]), std, good)


def places(scores: Sequence[Score]) -> list[int]:
    """The rank of each, best first, by what each seed reached."""
    return ranks(-np.stack([_reached(score) for score in scores]))


def _reached(score: Score) -> np.ndarray:
    """float[seed]: the test accuracy at the best rate; of nothing that is finite, if there is none."""
    if score.best is None:
        return np.full(score.runs.test.shape[1], -np.inf)
    i = score.best.at
    return np.where(score.runs.diverged[i], GUESS, np.asarray(score.runs.test[i], np.float64))


def ranked(scores: Sequence[Score]) -> list[Score]:
    """Best test accuracy first; optimizers without any converged run last."""
    return sorted(scores, key=lambda one: -one.best.mean if one.best else 1.0)
