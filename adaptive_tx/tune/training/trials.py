"""The trials of a range test: short runs at fixed rates below its edge, and which of them end well.

What decides the suggestion; the formulas are in `range_test`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.tune.sweeps.sweep import Sweep
from adaptive_tx.tune.training.train import train

WHO = "rate_range_test"
AT_ONCE = 8  # trials in one program
APART = 1 / 3  # decades between their rates
ROUNDS = 5  # of trials, at most
GOOD = 0.05  # of the way that the loss has come: by how much more a good trial may end
ALIKE = 0.001  # and by how much the best, which cannot be told apart


def ends(loss, params, data, tx, name: str, rates: np.ndarray, steps: int, how) -> np.ndarray:
    """The loss at the end of a run at each of these rates; NaN where it diverged."""
    stacked = [tx.replace({name: float(rate)}) for rate in rates]
    leaves = zip(*map(jax.tree.leaves, stacked), strict=True)
    columns = [jnp.asarray(np.array(column, np.float64), float) for column in leaves]
    together = jax.tree.unflatten(jax.tree.structure(stacked[0]), columns)
    sweep = Sweep(lambda rate: tx.replace({name: rate}), {"rate": rates}, together)
    result = train(loss, params, data, sweep, steps=steps, points=10, progress=False, **how)
    return np.where(result.diverged, np.nan, result.scores).mean(1)


def trials(ends: Callable, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates from the edge down, and the loss at the end of each; more while the best is at an end."""
    tried, finals = np.empty(0), np.empty(0)
    top = edge
    for _ in range(ROUNDS):
        rates = top * 10 ** (APART * np.arange(1 - AT_ONCE, 1))
        order = np.argsort(tried := np.concatenate([tried, rates]))
        finals = np.concatenate([finals, ends(rates)])[order]
        tried = tried[order]
        known = np.isfinite(finals)
        at = int(np.nanargmin(finals)) if known.any() else 0
        if 0 < at < len(tried) - 1:
            break
        top = tried[0] / 10**APART if at == 0 else tried[-1] * 10 ** (APART * AT_ONCE)
    return tried, finals


def stretch(
    rates: np.ndarray, finals: np.ndarray, start: float, alike: float
) -> tuple[float, float]:
    """The lowest and the highest of the rates about the best one that end about as well."""
    if not np.isfinite(finals).any():
        raise ValueError(f"{WHO}: every run at a fixed rate diverged, down to {rates[0]:.2g}.")
    first = last = at = int(np.nanargmin(finals))
    good = finals <= finals[at] + alike * max(start - finals[at], 0)
    while first > 0 and good[first - 1]:
        first -= 1
    while last < len(rates) - 1 and good[last + 1]:
        last += 1
    return float(rates[first]), float(rates[last])


def best_of(rates: np.ndarray, finals: np.ndarray, start: float) -> float:
    """The middle of the rates about the best one that end as well."""
    return float(np.sqrt(np.prod(stretch(rates, finals, start, ALIKE))))
