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


def ticks(most: int, integer: bool = False) -> MaxNLocator:
    """Where a linear axis has its numbers: round ones, at most so many and one."""
    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=integer)


def _number_tick(value: float, _: int) -> str:
    return power(value)


def _step_tick(step: float, _: int) -> str:
    return f"{step:.6g}" if step < 1e4 else f"{step / 1000:.6g}k"
