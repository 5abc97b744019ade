"""The picture of a race: test accuracy against learning rate, one small panel per optimizer.

Every panel has the same axes, and the curves of all the others in grey behind its own: height and
width are compared at a glance. The colours are Okabe and Ito's, safe for the colour-blind; nothing
is said by colour alone.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator

from adaptive_tx.race.options import Options
from adaptive_tx.race.score import GUESS, POINTS, Score
from adaptive_tx.tune.tasks.digits import Digits

BLUE, ORANGE, SKY = "#0072B2", "#D55E00", "#56B4E9"
GREY, INK, SOFT = "#D9D9D9", "#222222", "#6B6B6B"
COLUMNS = 6  # at most
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": "#BBBBBB",
    "axes.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}


def draw(scores: Sequence[Score], options: Options, data: Digits, path: Path) -> None:
    """Draws the panels in the order of `scores`, and writes a PNG."""
    rows = math.ceil(len(scores) / COLUMNS)
    columns = math.ceil(len(scores) / rows)
    wide, high = max(1.85 * columns + 0.9, 8.8), 1.75 * max(rows, 1.4) + 1.6  # inches
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(wide, high), facecolor="white")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        figure.subplots_adjust(
            left=0.66 / wide, right=1 - 0.2 / wide, bottom=0.6 / high, top=1 - 1.3 / high,
            wspace=0.12, hspace=0.38,
        )  # fmt: skip
        panels = grid.ravel()
        for i, score in enumerate(scores):
            _panel(panels[i], i + 1, score, scores)
        for i, axes in enumerate(panels):
            lowest = i + columns >= len(scores)
            axes.tick_params(labelbottom=lowest, labelsize=8, length=2.5, which="both")
            axes.set_visible(i < len(scores))
        _words(figure, options, data, wide, high)
        figure.savefig(path, dpi=160)


def _panel(axes: Axes, rank: int, score: Score, scores: Sequence[Score]) -> None:
    rates = np.array(score.rates)
    for other in scores:
        if other is not score:
            axes.plot(rates, 100 * other.mean, color=GREY, lw=0.8, zorder=1)
    axes.axhline(100 * GUESS, color=SOFT, lw=0.7, ls=(0, (1, 2)), zorder=1)
    test = np.where(score.runs.diverged, GUESS, score.runs.test)
    axes.fill_between(rates, 100 * test.min(1), 100 * test.max(1), color=SKY, alpha=0.45, lw=0)
    axes.plot(rates, 100 * score.mean, color=BLUE, lw=1.7, zorder=3)
    axes.set_title(f"{rank}  {score.name}", loc="left", size=9.5, weight="bold", pad=4)
    if best := score.best:
        axes.axvspan(best.width.low, best.width.high, color=ORANGE, alpha=0.13, lw=0, zorder=0)
        axes.plot(
            best.rate, 100 * best.mean, "o", color=ORANGE, ms=5.5, mec="white", mew=1, zorder=4
        )
        axes.set_title(f"{100 * best.mean:.1f} %", loc="right", size=9, color=SOFT, pad=4)
    else:
        axes.set_title("diverged", loc="right", size=9, color=SOFT, pad=4)
    _ticks(axes, rates)


def _ticks(axes: Axes, rates: np.ndarray) -> None:
    room = (rates[-1] / rates[0]) ** 0.03 if len(rates) > 1 else 3.0
    axes.set_xscale("log")
    axes.set_xlim(rates[0] / room, rates[-1] * room)
    axes.set_ylim(0, 103)
    axes.set_yticks([0, 25, 50, 75, 100])
    if rates[-1] < 100 * rates[0]:  # too few powers of ten to tell the scale
        chosen = rates[:: math.ceil(len(rates) / 4)]
        axes.set_xticks(chosen, [f"{rate:.2g}" for rate in chosen])
    else:
        axes.xaxis.set_major_locator(LogLocator(base=10, numticks=5))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="#EEEEEE", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _words(figure: Figure, options: Options, data: Digits, wide: float, high: float) -> None:
    """Title, key and the names of the axes, each at a fixed distance from the edge."""
    left = 0.2 / wide
    figure.text(
        left, 1 - 0.32 / high, "Which learning rates work", size=14, weight="bold", va="center"
    )
    figure.text(
        left, 1 - 0.58 / high,
        f"{options.model} on handwritten digits, {options.steps} steps, {options.seeds} "
        f"{'seed' if options.seeds == 1 else 'seeds'}; sorted by accuracy on "
        f"{len(data.test.targets)} test images, at the rate that is best on "
        f"{len(data.validation.targets)} others",
        size=9, color=SOFT, va="center",
    )  # fmt: skip
    key = [
        Line2D([], [], color=BLUE, lw=1.7, label="mean over seeds"),
        Patch(color=SKY, alpha=0.45, lw=0, label="lowest to highest seed"),
        Line2D([], [], color=ORANGE, marker="o", ls="", ms=5.5, label="best rate"),
        Patch(color=ORANGE, alpha=0.13, lw=0, label=f"within {100 * POINTS:.0f} points of it"),
        Line2D([], [], color=GREY, lw=1.2, label="the others"),
        Line2D([], [], color=SOFT, lw=0.8, ls=(0, (1, 2)), label="guessing"),
    ]
    figure.legend(
        handles=key, loc="center left", bbox_to_anchor=(left, 1 - 0.86 / high), ncols=6,
        frameon=False, fontsize=8.5, handlelength=1.6, columnspacing=1.5, borderaxespad=0,
        borderpad=0,
    )  # fmt: skip
    figure.supxlabel("learning rate", size=9.5, y=0.16 / high)
    figure.supylabel("test accuracy (%)", size=9.5, x=0.16 / wide, y=0.5 - 0.35 / high)
