"""The picture of a race: test accuracy against learning rate, one small panel per optimizer.

Every panel has the same axes, and the curves of all the others in grey behind its own; below it is a bar as
long as the range of good rates, with its length in decades. Ranks are shared where the seeds tell no more.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adaptive_tx.plots import scales, style
from adaptive_tx.plots.mpl import Axes, Line2D, Patch
from adaptive_tx.plots.picture import Picture
from adaptive_tx.plots.words import counted
from adaptive_tx.tune.race.options import Options
from adaptive_tx.tune.race.score import GUESS, POINTS, Best, Score, places

COLUMNS = 6  # at most
LETTERS = 18  # of a title: a longer one is smaller
DOTTED = (0, (1, 2))
BAND = {"color": style.SKY, "alpha": 0.45}
WIDTH: dict[str, Any] = {"color": style.ORANGE, "lw": 4.5, "solid_capstyle": "butt"}
BAR = -11  # where the bars are, in percent: below the curves
BEST = {"marker": "o", "ls": "", "color": style.ORANGE, "ms": 5.5}
GUESSING = {"color": style.SOFT, "ls": DOTTED}


def draw(scores: Sequence[Score], options: Options, images: Mapping[str, int]) -> Picture:
    """The panels in the order of `scores`; `images` are how many there are to train, validate and test."""
    rows = math.ceil(len(scores) / COLUMNS)
    columns = math.ceil(len(scores) / rows)
    wide = max(1.95 * columns + 0.9, 8.8)  # inches
    words = style.lines(_words(options, images), wide)
    above = 1.28 + 0.17 * len(words)
    high = 1.9 * max(rows, 1.4) + 0.25 + above
    with style.look():
        figure = Picture(wide, high)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        sides = {"left": 0.66 / wide, "right": 1 - 0.25 / wide, "wspace": 0.2, "hspace": 0.46}
        figure.subplots_adjust(bottom=0.6 / high, top=1 - above / high, **sides)
        panels = grid.ravel()
        for axes, rank, score in zip(panels, places(scores), scores):
            _panel(axes, rank, score, scores)
        for i, axes in enumerate(panels):
            lowest = i + columns >= len(scores)
            axes.tick_params(labelbottom=lowest, which="both")
            axes.set_visible(i < len(scores))
        style.words(figure, "Which learning rates work", "\n".join(words))
        _key(figure, wide, 1 - (above - 0.59) / high)
        figure.supxlabel("learning rate", size=9.5, y=0.16 / high)
        figure.supylabel("test accuracy (%)", size=9.5, x=0.16 / wide, y=0.5 - 0.35 / high)
    return figure


def _words(options: Options, images: Mapping[str, int]) -> str:
    return (
        f"{options.model} on handwritten digits, {options.steps} steps, "
        f"{counted(options.seeds, 'seed')}; sorted by accuracy on {images['test']} test images, at the "
        f"rate that is best on {images['validation']} others; what shares a rank cannot be told apart by "
        "these seeds"
    )


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
        _bar(axes, best, rates)
        axes.plot(best.rate, 100 * best.mean, mec="white", mew=1, zorder=4, **BEST)
    title = f"{rank}  {score.name}"
    size = min(9.5, 9.5 * LETTERS / len(title))
    axes.set_title(title, loc="left", size=size, weight="bold", pad=15)
    axes.text(0, 1.04, reached, transform=axes.transAxes, size=8.5, color=style.SOFT)
    axes.set_ylim(-20, 103)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.grid(axis="y")
    _rate_axis(axes, rates)


def _bar(axes: Axes, best: Best, rates: np.ndarray) -> None:
    """The range of good rates, and beside it, where there is more room, its length in decades."""
    low, high, _ = best.width
    axes.plot([low, high], [BAR, BAR], **WIDTH)
    words = f"{'≥ ' if best.width.open else ''}{best.width.decades:.1f}"
    on_the_left = low / rates[0] > rates[-1] / high
    at, sign = (low, -1) if on_the_left else (high, 1)
    words = axes.annotate(words, (at, BAR), (3 * sign, 0), textcoords="offset points", va="center")
    words.set(size=8.5, weight="bold", color=style.ORANGE, ha="right" if on_the_left else "left")


def _rate_axis(axes: Axes, rates: np.ndarray) -> None:
    """The rates from the first to the last, in the logarithm, with a few ticks."""
    room = (rates[-1] / rates[0]) ** 0.03 if len(rates) > 1 else 3.0
    scales.few_decades(axes, rates[-1] / rates[0])
    if rates[-1] < 100 * rates[0]:  # too few powers of ten to read the scale by
        chosen = rates[:: math.ceil(len(rates) / 4)]
        axes.set_xticks(chosen, [f"{rate:.2g}" for rate in chosen])
    axes.set_xlim(rates[0] / room, rates[-1] * room)


def _key(figure: Picture, wide: float, y: float) -> None:
    handles = [
        Line2D([], [], color=style.BLUE, lw=1.7, label="mean over seeds"),
        Patch(lw=0, label="lowest to highest seed", **BAND),
        Line2D([], [], label="best rate", **BEST),
        Line2D(
            [], [], label=f"within {100 * POINTS:.0f} points of it, and how many decades", **WIDTH
        ),
        Line2D([], [], color=style.GREY, lw=1.2, label="the others"),
        Line2D([], [], lw=0.8, label="guessing", **GUESSING),
    ]
    corner = {"loc": "center left", "bbox_to_anchor": (0.2 / wide, y)}
    figure.legend(handles=handles, ncols=6, handlelength=1.6, columnspacing=1.5, **corner)
