"""The picture of a result: curves, the score against each axis, and a map where there are two.

Lines and dots of the best are orange; what diverged is a cross at the edge, what was dropped on the way
a grey ring at the score it had then. Where several sweeps were trained, each has its colour and its mark,
and is shown by its best settings. The key names every mark that is there.
"""

import numpy as np

from adaptive_tx.plots import style
from adaptive_tx.plots.mpl import Axes, Line2D, Patch
from adaptive_tx.plots.picture import Picture
from adaptive_tx.tune.report import heatmap, panels
from adaptive_tx.tune.report.members import Members
from adaptive_tx.tune.report.remarks import at_edges
from adaptive_tx.tune.sweeps.categories import word

MOST = 4  # panels in a row
WIDE, HIGH = 3.6, 2.85  # of a panel with its words, in inches
AXES = 1.95  # the height of its axes
LEFT, RIGHT, BELOW = 0.72, 0.3, 0.6  # of the figure, in inches
SLANTED = 0.3  # more below a map, whose numbers stand slanted
WORDS, LINE, KEY = 0.6, 0.17, 0.2  # title and its distance; a line of words; a row of the key
LETTER, BOLD, HANDLE = 0.0675, 0.125, 0.62  # of the words, the title, what is before a name


def draw(result: Members) -> Picture:
    """A figure of all panels, at most four in a row."""
    columns = result.settings.items()
    varied = [name for name, column in columns if len(heatmap.known(column)) > 1]
    grid = heatmap.grid(result)
    evaluated = result.by in result.eval_curves and len(result.eval_stops) > 1
    count = 1 + evaluated + len(varied) + (grid is not None)
    rows = -(-count // MOST)
    across = -(-count // rows)
    wide = max(WIDE * across, 6.2) + 0.2
    with style.look():
        title, lines = _title(result, wide)
        key = _key(result)
        in_a_row = style.columns([name for _, name in key], wide - 0.4, LETTER, HANDLE)
        above = WORDS + LINE * len(lines) + KEY * -(-len(key) // in_a_row) + 0.3
        below = BELOW + SLANTED * (grid is not None)
        figure = Picture(wide, high := above + HIGH * (rows - 1) + AXES + below)
        cells = [_cell(figure, i, across, high - above) for i in range(count)]
        panels.curves(result, cells[0])
        if evaluated:
            panels.evaluations(result, cells[1])
        for name, panel in zip(varied, cells[1 + evaluated :]):
            panels.against(result, name, panel)
        if grid is not None:
            heatmap.draw(result, *grid, cells[-1], figure)
        style.words(figure, title, "\n".join(lines))
        corner = 0.2 / wide, 1 - (WORDS + LINE * len(lines)) / high
        where = {"loc": "upper left", "bbox_to_anchor": corner, "ncols": in_a_row}
        figure.legend(*zip(*key), columnspacing=1.4, handlelength=2.2, **where)
    return figure


def _cell(figure: Picture, i: int, across: int, top: float) -> Axes:
    """The axes of panel i; `top` is where those of the first row end, in inches."""
    wide, high = figure.get_size_inches()
    each = (wide - 0.2) / across
    x, y = 0.1 + each * (i % across) + LEFT - 0.1, top - AXES - HIGH * (i // across)
    box = x / wide, y / high, (each - LEFT - RIGHT) / wide, AXES / high
    return figure.add_axes(box)


def _title(result: Members, wide: float) -> tuple[str, list[str]]:
    """Title and the lines below it, each within the figure."""
    seeds, diverged = result.scores.shape[1], int(result.diverged.any(1).sum())
    if np.isfinite(result.losses).any():
        settings = ", ".join(f"{name} {word(x)}" for name, x in result.best.settings.items())
        best = f"best: {result.best.name}, {settings}"
    else:
        best = "nothing is best"
    count = f"{len(result)} settings, {seeds} {'seed' if seeds == 1 else 'seeds'} each"
    lost = f"; {diverged} diverged" if diverged else ""
    title = ", ".join(result.sweeps)
    title = title if BOLD * len(title) <= wide - 0.4 else f"{len(result.sweeps)} sweeps"
    edges = "".join(f"; {edge} tried" for edge in at_edges(result))
    words = f"{count}, {result.stops[-1]} steps{lost}; {best}{edges}"
    return title, style.lines(words, wide)


def _key(result: Members) -> list[tuple[Line2D | Patch, str]]:
    """Handle and name of every mark that is drawn."""
    alone, seeds = len(result.sweeps) == 1, result.scores.shape[1] > 1
    finite, full = np.isfinite(result.losses), result.trained == result.trained.max()
    colour = style.ORANGE if alone else style.SOFT
    key: list[tuple[Line2D | Patch, str]] = []
    for name, (_, look) in panels.best_of_each(result).items():
        words = "the best, and what differs from it along the axis alone" if alone else name
        line = {"color": look["color"], "ls": look["ls"], "marker": look["marker"]}
        key.append((Line2D([], [], lw=1.6, ms=6, mec="white", **line), words))
    dot = Line2D([], [], ls="", marker=".", ms=6, color=style.SOFT)
    bar = Line2D([], [], marker=".", ms=6, lw=0.8, color=style.SOFT)
    if (finite & full).any():
        key.append(
            (bar, "a setting, from its lowest to its highest seed") if seeds else (dot, "a setting")
        )
    if seeds and finite.any():
        key.append((Patch(color=colour, alpha=0.2, lw=0), "lowest to highest seed of the best"))
    if (finite & ~full).any():
        key.append((Line2D([], [], **panels.DROPPED), "dropped, at the score it had then"))
    if (~finite).any():
        key.append((Line2D([], [], **panels.DIVERGED), "diverged"))
    return key
