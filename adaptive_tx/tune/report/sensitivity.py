"""How wide the range of good rates is: what remains of an optimizer's merit if its rate is not tuned."""

from typing import NamedTuple

import numpy as np


class Width(NamedTuple):
    """The interval around the best value in which the loss stays close to the best."""

    low: float
    high: float
    open: bool  # it reaches an end of what is known: the true width is at least this

    @property
    def decades(self) -> float:
        """Its length in powers of ten."""
        return float(np.log10(self.high / self.low))

    def __str__(self) -> str:
        return f"{'>=' if self.open else ''}{self.decades:.2f} decades, {self.low:.2g} to {self.high:.2g}"


def width(
    values: np.ndarray,
    losses: np.ndarray,
    best: int,
    within: float,
    final: np.ndarray | None = None,
) -> Width:
    """The interval around `values[best]` in which `losses` stays within `within` of `losses[best]`.

    Between the values, which increase and are positive, the loss is taken as linear in their logarithm;
    towards a value whose loss is not finite, as beyond the bar from there on. What is not `final`, of a
    member that was dropped, would have become less: beyond the bar it says nothing.
    """
    known = np.ones(len(values), bool) if final is None else final | ~np.isfinite(losses)
    bar = losses[best] + within
    low, low_open = _edge(values, losses, known, best, -1, bar)
    high, high_open = _edge(values, losses, known, best, +1, bar)
    return Width(low, high, low_open or high_open)


def _edge(values, losses, known, i: int, side: int, bar: float) -> tuple[float, bool]:
    """Where the loss first rises above the bar on one side; and whether nobody knows."""
    while 0 <= (j := i + side) < len(values) and (known[j] or losses[j] <= bar):
        if not losses[j] <= bar:
            if not np.isfinite(losses[j]):
                return float(values[i]), False
            part = (bar - losses[i]) / (losses[j] - losses[i])
            return float(values[i] * (values[j] / values[i]) ** part), not known[i]
        i = j
    return float(values[i]), True
