"""The picture of schedules: curves of like size in one panel, their names below."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive_tx.plots import scales, style
from adaptive_tx.plots.mpl import Axes, Line2D
from adaptive_tx.plots.picture import Picture

UNLIKE = 30.0  # ratio of sizes from which two curves do not share a panel
FEW = 60  # updates up to which each value gets a dot


def schedule_figure(names: Sequence[str], curves: Sequence[np.ndarray], steps: int) -> Picture:
    """One panel, or several where sizes are unlike; the key below."""
    panels = _panels(curves)
    written = [textwrap.fill(name, 95, subsequent_indent="    ") for name in names]
    lines = sum(text.count("\n") + 1 for text in written)
    wide, above, each = 7.6, 0.8, 2.5 if len(panels) == 1 else 1.9  # inches
    high = above + (each + 0.25) * len(panels) + 0.4 + 0.2 * lines
    looks = style.looks(len(names))
    for look, lw in zip(looks, np.linspace(2.8, 1.4, len(names)) if len(names) > 1 else [1.8]):
        look["lw"] = lw  # of equal curves, the first is seen behind the last
    with style.look():
        figure = Picture(wide, high)
        title = "Schedules" if len(names) > 1 else "Schedule"
        style.words(figure, title, f"what each of {steps:,} updates sees")
        for i, panel in enumerate(panels):
            bottom = high - above - each - (each + 0.25) * i
            axes = figure.add_axes((0.75 / wide, bottom / high, 1 - 1.0 / wide, each / high))
            for k in panel:
                _curve(axes, names[k], curves[k], looks[k])
            _frame(axes, steps, last=i == len(panels) - 1)
        keys = [Line2D([], [], **{**look, "marker": ""}) for look in looks]
        corner = {"loc": "lower left", "bbox_to_anchor": (0.75 / wide, 0.15 / high)}
        figure.legend(keys, written, labelspacing=0.45, handlelength=2.6, **corner)
    return figure


def _curve(axes: Axes, name: str, values: np.ndarray, look: dict[str, Any]) -> None:
    dots = {"ms": 4} if len(values) <= FEW else {"marker": ""}
    how = {**look, **dots, "label": name, "solid_joinstyle": "miter"}
    axes.plot(np.arange(len(values)), values, **how)


def _frame(axes: Axes, steps: int, last: bool) -> None:
    room = max(0.01 * steps, 0.5)
    axes.set_xlim(-room, steps - 1 + room)
    scales.step_axis(axes, 8)
    axes.yaxis.set_major_locator(scales.ticks(6))
    axes.tick_params(labelbottom=last)
    axes.grid(axis="y")
    if last:
        axes.set_xlabel("count of finished updates")


def _panels(curves: Sequence[np.ndarray]) -> list[list[int]]:
    """Which curves share a panel: those of like size, in the order of the first of each."""
    size = [float(np.abs(c[np.isfinite(c)]).max(initial=0)) for c in curves]
    panels: list[list[int]] = []
    for i in sorted(range(len(curves)), key=lambda i: size[i]):
        if panels and size[i] <= UNLIKE * size[panels[-1][0]]:
            panels[-1].append(i)
        else:
            panels.append([i])
    return sorted(sorted(panel) for panel in panels)
