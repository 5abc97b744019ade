"""The metrics of a run over its steps, in small panels: what belongs together stands together."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adaptive_tx.plots.panels import Panel, checked, panels

if TYPE_CHECKING:
    from adaptive_tx.plots.style import Picture

ABOVE, TITLE = 0.85, 0.3  # of the figure, of a panel, in inches


def dashboard(
    history: Mapping[str, Any], path: str | os.PathLike | None = None, title: str | None = None
) -> "Picture":
    """Draws the metrics of a run, step by step.

    Related metrics of `adaptive_tx.metrics` share a panel: the norms; the effective step and its
    bound; the signal-to-noise ratio and its quantiles; RAdam's rectification and rho; the groups of
    one name (`grad_norm/encoder`). Any other name, as `loss`, has its own. Positive values that span
    more than a factor of 50 are shown logarithmically. A value that is not finite is a gap in its
    line and a red tick below it. Runs over 2000 steps are thinned to the extremes of 500 stretches.

    >>> from adaptive_tx import plots
    >>> figure = plots.dashboard({"loss": [2.3, 1.1, 0.7], "grad_norm": [1.0, 3.0, 2.0]})

    Args:
      history: name -> one number per step, as lists or arrays of equal length: what `lax.scan` stacks
        of the metrics of each step. The first is step 1.
      path: a .png, .svg or .pdf file to write the figure to.
      title: what stands above; without it, "Metrics of a run".

    Returns:
      A matplotlib Figure. It belongs to no backend, and shows in notebooks.

    Raises:
      ImportError: without matplotlib: pip install adaptive-tx[plots].
      TypeError: for a history that is no mapping.
      ValueError: for an empty history, or a metric that is not one real number for each step.
    """
    from adaptive_tx.plots import curves, style

    style.writable("dashboard", path, style.FORMATS)
    values = checked("dashboard", history)
    steps = len(next(iter(values.values())))
    shown = panels(values)
    columns = 2 if len(shown) in (2, 4) else min(3, len(shown))
    rows = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    heights = [TITLE + max(map(curves.height, row)) for row in rows]
    wide, high = max(curves.WIDE * columns, 4.0) + 0.1, ABOVE + sum(heights) + 0.05
    with style.look():
        figure = style.Picture(figsize=(wide, high), facecolor="white")
        words = title or "Metrics of a run"
        style.words(figure, curves.fitted(words, int(8 * wide)), style.counted(steps))
        for r, row in enumerate(rows):
            bottom = high - ABOVE - sum(heights[: r + 1])
            for c, panel in enumerate(row):
                curves.draw(figure, curves.WIDE * c + 0.05, bottom, panel)
                _title(figure, curves.WIDE * c + 0.25, bottom + heights[r] - 0.1, panel)
    return style.saved(figure, path)


def said(panel: Panel) -> tuple[str, bool]:
    """What stands beside a title: how many steps are broken (and that this is bad), or the last value."""
    from adaptive_tx.plots import curves, style

    if n := int(curves.broken(panel).sum()):
        return f"not finite: {style.counted(n)}", True
    lone = len(panel.curves) == 1
    return style.power(panel.curves[0].values[-1], 4) if lone else "", False


def _title(figure: "Picture", x: float, y: float, panel: Panel) -> None:
    from adaptive_tx.plots import curves, style

    wide, high = figure.get_size_inches()
    right, bad = said(panel)
    room = curves.WIDE - 0.4 - 0.07 * len(right)
    title = curves.fitted(panel.title, int(room / 0.09))
    figure.text(x / wide, y / high, title, size=9.5, weight="bold", va="center")
    end, colour = x + curves.WIDE - 0.2 - curves.RIGHT, style.RED if bad else style.SOFT
    figure.text(end / wide, y / high, right, size=8.5, color=colour, va="center", ha="right")
