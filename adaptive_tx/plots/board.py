"""The dashboard as a figure: its panels in rows, as tall as their keys want them."""

from collections.abc import Sequence

from adaptive_tx.plots import curves, style
from adaptive_tx.plots.panels import Panel
from adaptive_tx.plots.picture import Picture
from adaptive_tx.plots.words import fitted

ABOVE, TITLE = 0.85, 0.3  # of the figure, of a panel, in inches


def board(panels: Sequence[Panel], title: str, words: Sequence[str]) -> Picture:
    """Two or three panels in a row, with `words` about the run above them."""
    columns = 2 if len(panels) in (2, 4) else min(3, len(panels))
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [TITLE + max(map(curves.height, row)) for row in rows]
    wide = max(curves.WIDE * columns, 4.0) + 0.1
    lines = style.lines("; ".join(words), wide)
    above = ABOVE + 0.17 * (len(lines) - 1)
    high = above + sum(heights) + 0.05
    with style.look():
        figure = Picture(wide, high)
        style.words(figure, fitted(title, int(8 * wide)), "\n".join(lines))
        for r, row in enumerate(rows):
            bottom = high - above - sum(heights[: r + 1])
            for c, panel in enumerate(row):
                curves.draw(figure, curves.WIDE * c + 0.05, bottom, panel)
                _title(figure, curves.WIDE * c + 0.25, bottom + heights[r] - 0.1, panel)
    return figure


def _title(figure: Picture, x: float, y: float, panel: Panel) -> None:
    wide, high = figure.get_size_inches()
    right, bad = panel.remark()
    room = curves.WIDE - 0.4 - 0.07 * len(right)
    title = fitted(panel.title, int(room / 0.09))
    figure.text(x / wide, y / high, title, size=9.5, weight="bold", va="center")
    end, colour = x + curves.WIDE - 0.2 - curves.RIGHT, style.RED if bad else style.SOFT
    figure.text(end / wide, y / high, right, size=8.5, color=colour, va="center", ha="right")
