"""The picture of a race of characters: a row for each optimizer, and what is claimed of it side by side."""

from collections.abc import Sequence

import numpy as np

from adaptive_tx.plots import style
from adaptive_tx.plots.mpl import Axes, Line2D, MaxNLocator
from adaptive_tx.plots.picture import Picture
from adaptive_tx.tune.race.characters.options import REFERENCE, SHARES, Options
from adaptive_tx.tune.race.characters.ranking import share
from adaptive_tx.tune.race.characters.record import tokens
from adaptive_tx.tune.race.characters.score import ERRORS, WITHIN, Score, places

ROW = 0.27  # inches
PLOTTED = 0.74  # of the width of the losses; numbers are to the right
WIDE, ABOVE, BELOW = 12.0, 1.55, 0.5
COLUMNS = (0.42, 0.16, 0.16, 0.13, 0.13)  # of the width
TIED = {"marker": "o", "ls": "", "mfc": style.LIGHT.page, "mec": style.BLUE, "mew": 1.4, "ms": 6}
APART = {**TIED, "mfc": style.BLUE}
SEED = {"marker": "|", "ls": "", "color": style.BLUE, "alpha": 0.55, "ms": 7, "mew": 1.0}
LINE = {"color": style.ORANGE, "lw": 1.2}
BAR = {"height": 0.62, "lw": 0, "color": style.SKY}


def draw(scores: Sequence[Score], options: Options) -> Picture:
    """The rows in the order of `scores`."""
    reference = next(one for one in scores if one.name == REFERENCE)
    high = ROW * len(scores) + ABOVE + BELOW
    with style.look():
        figure = Picture(WIDE, high)
        grid = figure.subplots(1, 5, sharey=True, width_ratios=COLUMNS)
        edges = {"left": 2.0 / WIDE, "right": 1 - 0.2 / WIDE, "wspace": 0.09}
        figure.subplots_adjust(bottom=BELOW / high, top=1 - ABOVE / high, **edges)
        _losses(grid[0], scores, reference)
        budgets = tokens(options)
        reached = [one.tokens(reference, budgets) for one in scores]
        percent = [100 * one.number / budgets[-1] if one else np.nan for one in reached]
        _bars(
            grid[1], percent, [share(one, reference, budgets).replace("<=", "≤ ") for one in scores]
        )
        decades = [one.decades for one in scores]
        _bars(grid[2], decades, [f"{'≥ ' if one.open else ''}{one.decades:.1f}" for one in scores])
        _bars(grid[3], [one.bytes for one in scores], [f"{one.bytes:.1f}" for one in scores])
        _bars(grid[4], [one.seconds for one in scores], [f"{one.seconds:.2f}" for one in scores])
        heads = (
            "test loss (nats a character)",
            f"tokens to {REFERENCE}'s\nloss (% of its)",
            f"good rates (decades\nwithin {WITHIN:g} nats)",
            "state (bytes\na parameter)",
            "one training\n(processor s)",
        )
        for axes, head in zip(grid, heads, strict=True):
            axes.set_title(head, loc="left", size=9, weight="bold", pad=6)
        _rows(grid[0], scores)
        settings = options.rates * len(SHARES)
        subtitle = (
            f"two layers, {options.steps} steps, rate to zero; for everyone {settings} settings of rate "
            f"and decay x {options.seeds} seeds, the best of them on {options.fresh} fresh seeds"
        )
        style.words(figure, "Tuned alike, on a transformer of characters", subtitle)
        _key(figure, high)
    return figure


def _rows(axes: Axes, scores: Sequence[Score]) -> None:
    """The names, from above."""
    axes.set_yticks(
        range(len(scores)), [f"{rank}  {one.name}" for rank, one in zip(places(scores), scores)]
    )
    axes.tick_params(axis="y", length=0, labelsize=9, labelcolor=style.INK)
    axes.set_ylim(len(scores) - 0.4, -0.6)
    for label, one in zip(axes.get_yticklabels(), scores, strict=True):
        label.set_fontweight("bold" if one.name == REFERENCE else "normal")


def _losses(axes: Axes, scores: Sequence[Score], reference: Score) -> None:
    """Every fresh seed and their mean; to the right of the axis what is far off."""
    means = np.array([one.losses.mean() for one in scores])
    known = means[np.isfinite(means)]
    everything = np.concatenate([one.losses for one in scores])
    low = np.nanmin(everything)
    most = min(np.nanmax(everything), np.median(known) + 1.2 * (np.median(known) - low) + 0.02)
    room = 0.04 * (most - low)
    axes.axvline(reference.losses.mean(), zorder=1, **LINE)
    for i, one in enumerate(scores):
        mean = one.losses.mean()
        if mean <= most:
            near = one.losses[one.losses <= most]
            axes.plot(near, np.full(len(near), i), zorder=2, **SEED)
            tied = one is not reference and one.against(reference).tie
            axes.plot(mean, i, zorder=3, **(TIED if tied else APART))
        if not one.losses.max() <= most:
            axes.text(most + room, i, "\u2192", ha="right", va="center", size=9, color=style.BLUE)
        if not np.isfinite(mean):
            continue
        std = f" ± {one.losses.std(ddof=1):.3f}" if len(one.losses) > 1 else ""
        beside = {"transform": axes.get_yaxis_transform(), "va": "center", "ha": "right", "size": 8}
        axes.text(0.99, i, f"{mean:.3f}{std}", **beside)
    width = most - low + 2 * room
    axes.set_xlim(low - room, low - room + width / PLOTTED)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xticks([x for x in axes.get_xticks() if low - room <= x <= most + room])
    axes.grid(axis="both")


def _bars(axes: Axes, lengths: Sequence[float], texts: Sequence[str]) -> None:
    """A bar for each row with its number; no bar where there is none."""
    known = [x for x in lengths if np.isfinite(x)]
    longest = max(known, default=1.0)
    for i, (length, text) in enumerate(zip(lengths, texts, strict=True)):
        end = length if np.isfinite(length) else 0.0
        axes.barh(i, end, **BAR)
        axes.text(end + 0.03 * longest, i, text, va="center", size=8)
    axes.set_xlim(0, 1.38 * longest)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)


def _key(figure: Picture, high: float) -> None:
    handles = [
        Line2D([], [], label=f"mean, apart from {REFERENCE}", **APART),
        Line2D(
            [], [], label=f"mean, a tie with {REFERENCE}: within {ERRORS:g} standard errors", **TIED
        ),
        Line2D([], [], label="a fresh seed", **SEED),
        Line2D([], [], label=REFERENCE, **LINE),
    ]
    corner = {"loc": "center left", "bbox_to_anchor": (0.2 / WIDE, 1 - 0.84 / high)}
    figure.legend(handles=handles, ncols=4, handlelength=1.6, columnspacing=1.5, **corner)
