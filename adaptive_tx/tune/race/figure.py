"""The picture of a race: test accuracy against learning rate, one small panel per optimizer.

Every panel has the same axes, and the curves of all the others in grey behind its own: height and
width are compared at a glance.
"""

import math
from collections.abc import Sequence

import numpy as np

from adaptive_tx.plots import scales, style
from adaptive_tx.plots.mpl import Axes, Line2D, Patch
from adaptive_tx.plots.picture import Picture
from adaptive_tx.plots.words import counted
from adaptive_tx.tune.race.options import Options
from adaptive_tx.tune.race.score import GUESS, POINTS, Score
from adaptive_tx.tune.tasks.digits import Digits

COLUMNS = 6  # at most
DOTTED = (0, (1, 2))
BAND, WIDTH = {"color": style.SKY, "alpha": 0.45}, {"color": style.ORANGE, "alpha": 0.13}
BEST = {"marker": "o", "ls": "", "color": style.ORANGE, "ms": 5.5}
GUESSING = {"color": style.SOFT, "ls": DOTTED}


def draw(scores: Sequence[Score], options: Options, data: Digits) -> Picture:
    """The panels in the order of `scores`."""
    rows = math.ceil(len(scores) / COLUMNS)
    columns = math.ceil(len(scores) / rows)
    wide, high = max(1.85 * columns + 0.9, 8.8), 1.75 * max(rows, 1.4) + 1.6  # inches
    with style.look():
        figure = Picture(wide, high)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        sides = {"left": 0.66 / wide, "right": 1 - 0.2 / wide, "wspace": 0.12, "hspace": 0.38}
        figure.subplots_adjust(bottom=0.6 / high, top=1 - 1.3 / high, **sides)
        panels = grid.ravel()
        for i, score in enumerate(scores):
            _panel(panels[i], i + 1, score, scores)
        for i, axes in enumerate(panels):
            lowest = i + columns >= len(scores)
            axes.tick_params(labelbottom=lowest, which="both")
            axes.set_visible(i < len(scores))
        seeds = counted(options.seeds, "seed")
        subtitle = (
            f"{options.model} on handwritten digits, {options.steps} steps, {seeds}; sorted by "
            f"accuracy on {len(data.test.targets)} test images, at the rate that is best on "
            f"{len(data.validation.targets)} others"
        )
        style.words(figure, "Which learning rates work", subtitle)
        _key(figure, wide, high)
        figure.supxlabel("learning rate", size=9.5, y=0.16 / high)
        figure.supylabel("test accuracy (%)", size=9.5, x=0.16 / wide, y=0.5 - 0.35 / high)
    return figure


def _panel(axes: Axes, rank: int, score: Score, scores: Sequence[Score]) -> None:
    rates = np.array(score.rates)
    for other in scores:
        if other is not score:
            axes.plot(rates, 100 * other.mean, color=style.GREY, lw=0.8, zorder=1)
    axes.axhline(100 * GUESS, lw=0.7, zorder=1, **GUESSING)
    test = np.where(score.runs.diverged, GUESS, score.runs.test)
    axes.fill_between(rates, 100 * test.min(1), 100 * test.max(1), lw=0, **BAND)
    axes.plot(rates, 100 * score.mean, color=style.BLUE, lw=1.7, zorder=3)
    reached = "diverged"
    if best := score.best:
        reached = f"{100 * best.mean:.1f} %"
        axes.axvspan(best.width.low, best.width.high, lw=0, zorder=0, **WIDTH)
        axes.plot(best.rate, 100 * best.mean, mec="white", mew=1, zorder=4, **BEST)
    axes.set_title(f"{rank}  {score.name}", loc="left", size=9.5, weight="bold", pad=4)
    axes.set_title(reached, loc="right", size=9, color=style.SOFT, pad=4)
    axes.set_ylim(0, 103)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.grid(axis="y")
    _rate_axis(axes, rates)


def _rate_axis(axes: Axes, rates: np.ndarray) -> None:
    """The rates from the first to the last, in the logarithm, with a few ticks."""
    room = (rates[-1] / rates[0]) ** 0.03 if len(rates) > 1 else 3.0
    scales.few_decades(axes, rates[-1] / rates[0])
    if rates[-1] < 100 * rates[0]:  # too few powers of ten to read the scale by
        chosen = rates[:: math.ceil(len(rates) / 4)]
        axes.set_xticks(chosen, [f"{rate:.2g}" for rate in chosen])
    axes.set_xlim(rates[0] / room, rates[-1] * room)


def _key(figure: Picture, wide: float, high: float) -> None:
    handles = [
        Line2D([], [], color=style.BLUE, lw=1.7, label="mean over seeds"),
        Patch(lw=0, label="lowest to highest seed", **BAND),
        Line2D([], [], label="best rate", **BEST),
        Patch(lw=0, label=f"within {100 * POINTS:.0f} points of it", **WIDTH),
        Line2D([], [], color=style.GREY, lw=1.2, label="the others"),
        Line2D([], [], lw=0.8, label="guessing", **GUESSING),
    ]
    corner = {"loc": "center left", "bbox_to_anchor": (0.2 / wide, 1 - 0.86 / high)}
    figure.legend(handles=handles, ncols=6, handlelength=1.6, columnspacing=1.5, **corner)
