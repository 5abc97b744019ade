"""Losses as gaps to float32, in its standard deviations over seeds: Markdown.

A gap is the mean over seeds of the difference to float32 with the same seed, which started from the same
parameters and saw the same batches. +- is half of its 95 % interval, by Student's t. A training is lost if
its loss ends where it began or above, or is not a number; gaps are over the others, and lost ones counted.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats
from training import Setting

QUANTITIES = ("training", "validation")
RELATIVE = {0.333: "a third", 1.0: "best", 3.0: "three times"}


def lost(losses: dict) -> np.ndarray:
    """bool[seed]"""
    ends = np.array([losses[q] for q in QUANTITIES])
    return ~np.all(np.isfinite(ends) & (ends < np.array(losses["start"])), axis=0)


def gap(losses: dict, base: dict, quantity: str) -> tuple[float, float]:
    """Mean paired difference and half of its 95 % interval, in standard deviations of float32."""
    fine = ~(lost(losses) | lost(base))
    if fine.sum() < 2:
        return np.nan, np.nan
    theirs = np.array(base[quantity])[fine]
    difference = (np.array(losses[quantity])[fine] - theirs) / theirs.std(ddof=1)
    error = difference.std(ddof=1) / np.sqrt(fine.sum())
    return difference.mean(), stats.t.ppf(0.975, fine.sum() - 1) * error


def cell(losses: dict, base: dict) -> str:
    if lost(losses).all():
        return "all lost"
    parts = ["{:+.2f} ± {:.2f}".format(*gap(losses, base, q)) for q in QUANTITIES]
    return " / ".join(parts) + counted(losses)


def counted(losses: dict) -> str:
    return f", {lost(losses).sum()} lost" if lost(losses).any() else ""


def spread(losses: dict) -> str:
    """Mean and standard deviation over seeds."""
    ends = [np.array(losses[q])[~lost(losses)] for q in QUANTITIES]
    return " / ".join(f"{x.mean():.4g} ({x.std(ddof=1):.2g})" for x in ends) + counted(losses)


def show(rows: dict[Setting, dict], best: Callable[[Setting], float]) -> str:
    """A row for each rate, a column for each storage; training / validation in each cell."""
    storages = list(dict.fromkeys(s.storage for s in rows))
    base, *rest = storages
    first = next(iter(rows))
    lines = [["b2", "rate", f"{base}: mean (sd)", *rest]]
    for s in [s for s in rows if s.storage == base]:
        rate = f"{RELATIVE[round(s.rate / best(s), 3)]}, {s.rate:.2g}"
        cells = [cell(rows[s._replace(storage=n)], rows[s]) for n in rest]
        lines.append([f"{s.b2:g}" if s.b2 else "", rate, spread(rows[s]), *cells])
    lines.insert(1, ["---"] * len(lines[0]))
    title = f"{first.task}, {first.optimizer}, {first.steps:,} steps, {first.seeds} seeds"
    return "\n".join([f"**{title}**", "", *("| " + " | ".join(x) + " |" for x in lines), ""])
