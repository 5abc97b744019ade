"""What seeds allow to be said: the interval of a mean, and which means cannot be told from the least.

Members share the batches of a seed, so they are compared in pairs: of each and the best, the difference
seed by seed. With x its mean and v its variance over S seeds, the other is worse if

    x / sqrt(v' / S)  >  the quantile 1 - 0.05 / k of Student's t with d + d0 degrees of freedom

of k others (Bonferroni: the best was chosen among them), and d = S - 1. Few seeds tell a variance badly,
so where there are ten others or more, each is drawn towards what their variances have in common,
v' = (d0 v0 + d v) / (d0 + d), with v0 and d0 from the spread of log v over the others; else v' = v.

Smyth, Linear Models and Empirical Bayes Methods for Assessing Differential Expression, 2004; the set of
those that may be the best is of Gupta, On Some Multiple Decision Rules, 1965.
"""

import numpy as np
from scipy import special  # which jax brings

LEVEL = 0.95
ENOUGH = 10  # others, for their variances to say what is usual
MANY = 1e6  # degrees of freedom: Student's t is a normal distribution


def interval(values: np.ndarray, of: int = 1) -> tuple[float, float]:
    """The ends of the 95 % interval of a mean, float[seed], by Student's t; infinite for one seed.

    Args:
      values: of each seed.
      of: how many such intervals shall all hold at once with 95 % (Bonferroni).
    """
    if len(values) < 2:
        return -np.inf, np.inf
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = special.stdtrit(len(values) - 1, 1 - (1 - LEVEL) / 2 / of) * error
    return float(values.mean() - half), float(values.mean() + half)


def tied(losses: np.ndarray) -> np.ndarray:
    """bool[member]: which cannot be told apart from the best, which is one of them.

    With one seed nothing can, but what is not finite.

    Args:
      losses: float[member, seed], least is best; of a diverged run not finite.
    """
    finite = np.asarray(np.isfinite(losses).all(1))
    if not finite.any():
        return finite
    means = np.where(finite, np.where(finite[:, None], losses, 0.0).mean(1), np.inf)
    best, seeds = int(np.argmin(means)), losses.shape[1]
    others = np.flatnonzero(finite & (np.arange(len(losses)) != best))
    if seeds == 1 or not len(others):
        return finite
    differences = losses[others] - losses[best]
    variances, degrees = _moderated(differences.var(1, ddof=1), seeds - 1)
    quantile = special.stdtrit(degrees, 1 - (1 - LEVEL) / len(others))
    bar = quantile * np.sqrt(variances / seeds)
    finite[others] = differences.mean(1) <= bar
    return finite


def _moderated(variances: np.ndarray, d: int) -> tuple[np.ndarray, float]:
    """The variances, each drawn towards what they have in common, and their degrees of freedom."""
    usual = float(np.median(variances))
    if len(variances) < ENOUGH or usual == 0:
        return variances, float(d)
    logs = np.log(np.maximum(variances, 1e-5 * usual)) - special.digamma(d / 2) + np.log(d / 2)
    beyond = float(logs.var(ddof=1) - special.polygamma(1, d / 2))  # what chance does not explain
    if beyond <= 0:
        return np.full_like(variances, np.exp(logs.mean())), MANY
    d0 = 2 * _inverse_trigamma(beyond)
    v0 = np.exp(logs.mean() + special.digamma(d0 / 2) - np.log(d0 / 2))
    return (d0 * v0 + d * variances) / (d0 + d), d + d0


def _inverse_trigamma(value: float) -> float:
    """By Newton's method on 1 / trigamma, which is nearly linear; value > 0."""
    x = 0.5 + 1 / value
    for _ in range(20):
        trigamma = special.polygamma(1, x)
        x += trigamma * (1 - trigamma / value) / special.polygamma(2, x)
    return float(x)
