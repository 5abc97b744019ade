"""The scales of axes: round numbers, few of them, steps as 20k and powers of ten as powers."""

import numpy as np

from adaptive_tx.plots.mpl import Axes, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from adaptive_tx.plots.words import power


def log_axis(axes: Axes, low: float, high: float) -> None:
    """A logarithmic y axis from low to high, with a few ticks that say their number."""
    axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(low, high)
    decades = np.log10(high / low)
    locator = LogLocator(numticks=6) if decades > 2 else LogLocator(subs=(1, 2, 5), numticks=6)
    axes.yaxis.set_major_locator(locator if decades > 0.7 else ticks(4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_number_tick))


def linear_axis(axes: Axes, low: float, high: float) -> None:
    """A linear y axis from low to high."""
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(ticks(4))
    axes.yaxis.set_major_formatter(FuncFormatter(_number_tick))


def step_axis(axes: Axes, most: int) -> None:
    """An x axis of steps: whole numbers, thousands as 20k."""
    axes.xaxis.set_major_locator(ticks(most, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_step_tick))


def few_decades(axes: Axes, span: float) -> None:
    """A logarithmic x axis over `span` (last over first) with few numbers."""
    axes.set_xscale("log")
    subs = (1,) if span >= 1000 else (1, 3) if span >= 100 else (1, 2, 5)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=5))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))


def spread(values: np.ndarray) -> str:
    """How numbers are spread: "linear", "log", or "log of 1 - x", by where their gaps are most alike.

    A logarithm needs a decade of x, or of 1 - x.
    """
    x = np.unique(values)
    ways = {}
    if 0.5 <= x[0] and x[-1] < 1 and 1 - x[0] > 9.99 * (1 - x[-1]):
        ways["log of 1 - x"] = -np.log1p(-x)
    if 0 < x[0] and x[-1] >= 9.99 * x[0]:
        ways["log"] = np.log(x)
    ways["linear"] = x
    return min(ways, key=lambda way: _uneven(ways[way]))


def _uneven(x: np.ndarray) -> float:
    """How far increasing numbers are from evenly spaced ones, in shares of their range."""
    if len(x) < 3:
        return 0.0
    even = np.linspace(0, 1, len(x))
    return float(np.abs((x - x[0]) / (x[-1] - x[0]) - even).max())


def fitting_x(axes: Axes, values: np.ndarray) -> None:
    """An x axis as its values are spread, with few numbers."""
    x = np.unique(values)
    way = spread(x)
    if way == "log":
        few_decades(axes, x[-1] / x[0])
    elif way == "linear":
        axes.xaxis.set_major_locator(ticks(5))
        axes.xaxis.set_major_formatter(FuncFormatter(_number_tick))
    else:
        _near_one(axes, x)


def _near_one(axes: Axes, x: np.ndarray) -> None:
    """An x axis of numbers below 1, even in the logarithm of 1 - x."""
    axes.set_xscale("function", functions=(_nines, _of_nines))
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = _nines(x[[0, -1]])
    room = 0.05 * (high - low)
    axes.set_xlim(*_of_nines(np.array([low - room, high + room])))
    subs = (1,) if high - low > 1.5 else (1, 2, 5)
    far = range(1, 8)
    every = {1 - s * 10.0**-k for k in far for s in subs}
    shown = x if len(x) <= 5 else sorted(n for n in every if x[0] - 1e-9 <= n <= x[-1] + 1e-9)
    axes.set_xticks(shown, [f"{n:.7g}" for n in shown])


def _nines(x):
    """How many nines a number below 1 begins with."""
    return -np.log10(np.maximum(1 - np.asarray(x, float), 1e-16))


def _of_nines(y):
    return 1 - 10.0 ** -np.asarray(y, float)


def ticks(most: int, integer: bool = False) -> MaxNLocator:
    """Where a linear axis has its numbers: round ones, at most so many and one."""
    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=integer)


def _number_tick(value: float, _: int) -> str:
    return power(value)


def _step_tick(step: float, _: int) -> str:
    return f"{step:.6g}" if step < 1e4 else f"{step / 1000:.6g}k"
