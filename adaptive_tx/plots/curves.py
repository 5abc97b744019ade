"""A panel on paper: its lines with their gaps, its axes, and the names of what it shows.

Of a long run each line is a mean over some steps; what it was at each step is drawn faintly behind it.
"""

from typing import Any

import numpy as np

from adaptive_tx.plots import scales, style
from adaptive_tx.plots.history import smoothed, window
from adaptive_tx.plots.mpl import Axes, Line2D, Patch
from adaptive_tx.plots.panels import Curve, Panel
from adaptive_tx.plots.picture import Picture
from adaptive_tx.plots.style import Palette
from adaptive_tx.plots.words import fitted

WIDE, HIGH = 3.15, 1.5  # of a panel with its ticks, of its axes alone, in inches
LEFT, RIGHT, ROW, TICKS = 0.52, 0.12, 0.16, 0.45
LETTER, HANDLE = 0.058, 0.36  # of a name and what is before it, in inches
FEW = 4  # curves whose single steps do not hide the others
NAMES = 8  # at most, of the curves in a panel
DASHED, ON_THE_RIGHT = (0, (4, 2)), (0, (1, 0.8))
BUCKETS = 500  # a line of more than 4 times as many steps is thinned to the extremes of each


def height(panel: Panel) -> float:
    """The height of a panel with its names, in inches."""
    return ROW * _rows(_key(panel)) + HIGH + TICKS


def place(panel: Panel) -> tuple[float, float, float, float]:
    """Where its axes are in it: left, bottom, width and height, in inches."""
    right = RIGHT + (0.35 if panel.right else 0)
    return LEFT, TICKS, WIDE - LEFT - right, HIGH


def draw(figure: Picture, x: float, bottom: float, panel: Panel) -> None:
    """Draws a panel whose lower left corner is at (x, bottom), in inches."""
    palette = figure.palette
    wide, high = figure.get_size_inches()
    left, low, across, tall = place(panel)
    left, low = (x + left) / wide, (bottom + low) / high
    axes = figure.add_axes((left, low, across / wide, tall / high))
    for curve, look in zip(panel.curves, _looks(panel, palette)):
        _curve(axes, curve, look["color"], look["ls"], few=len(panel.curves) <= FEW)
    _scale(axes, panel)
    axes.set_xlim(1, max(len(panel.curves[0].values), 2))
    scales.step_axis(axes, 5)
    axes.set_xlabel("step", size=8, color=palette.soft, labelpad=1)
    axes.grid(axis="y")
    if panel.right:
        twin = axes.twinx()
        _curve(twin, panel.right, palette.lines[1], ON_THE_RIGHT)
        _scale(twin, Panel("", [panel.right]))
        twin.spines["right"].set_visible(True)
    bad = 1 + np.flatnonzero(panel.broken())
    at_the_foot = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 6}
    axes.plot(bad, np.full(len(bad), 0.04), "|", c=palette.red, ms=8, mew=1.2, **at_the_foot)
    if key := _key(panel, palette):
        corner = left - 0.3 / wide, low + (HIGH + 0.06) / high
        above = {"loc": "lower left", "bbox_transform": figure.transFigure}
        spaces = {"handlelength": 1.6, "handletextpad": 0.5, "columnspacing": 1.2}
        small = {"fontsize": 7.5, "labelspacing": 0.3, "ncols": _columns(key)}
        axes.legend(*zip(*key), bbox_to_anchor=corner, **above, **spaces, **small)


def thinned(values: np.ndarray) -> np.ndarray:
    """The indices that are drawn: all, or of each bucket the least, the largest, and a gap if any."""
    n = len(values)
    if n <= 4 * BUCKETS:
        return np.arange(n)
    kept = [0, n - 1]
    for bucket in np.array_split(np.arange(n), BUCKETS):
        finite = np.isfinite(values[bucket])
        if finite.any():
            some = bucket[finite]
            kept += [some[values[some].argmin()], some[values[some].argmax()]]
        if not finite.all():
            kept.append(bucket[~finite][0])
    return np.unique(kept)


def _looks(panel: Panel, palette: Palette) -> list[dict[str, Any]]:
    """The total in ink, behind its groups in colours; many in the order of their names."""
    total = [{"color": palette.ink, "ls": "-"} for curve in panel.curves if curve.total]
    n = len(panel.curves) - len(total)
    return total + (style.looks(n, palette) if n < style.LOOKS else style.ramp(n, dark=0.3))


def _curve(axes: Axes, curve: Curve, colour: str, dashes: Any, few: bool = True) -> None:
    """A line with gaps; a finite value between two gaps is a dot."""
    finite = [np.where(np.isfinite(series), series, np.nan) for series in curve.arrays()]
    values, *others = finite
    mean = smoothed(values)
    if curve.band:
        low, high = map(smoothed, others[-2:])
        at = np.union1d(thinned(low), thinned(high))
        at = at[:: max(1, window(len(values)) // 10)]
        axes.fill_between(at + 1, low[at], high[at], color=colour, alpha=0.2, lw=0)
    if curve.bound is not None:
        at = thinned(others[0])
        axes.plot(at + 1, others[0][at], color=colour, lw=1, ls=DASHED)
    at = thinned(values)
    line: dict[str, Any] = {"color": colour, "ls": dashes, "lw": 1.2}
    if mean is not values:
        few_of_them = at[:: max(1, window(len(values)) // 10)]  # what is smooth needs no more
        axes.plot(
            few_of_them + 1, mean[few_of_them], label=f"{curve.label}, smoothed", zorder=2.5, **line
        )
        line = {"color": colour, "lw": 0.6, "alpha": 0.35 if few else 0.12}
    axes.plot(at + 1, values[at], label=curve.label, **line)
    gap = np.isnan(np.concatenate([[np.nan], values, [np.nan]]))
    lone = np.flatnonzero(~gap[1:-1] & gap[:-2] & gap[2:])
    axes.plot(lone + 1, values[lone], ".", color=colour, ms=4, clip_on=False)


def _scale(axes: Axes, panel: Panel) -> None:
    """The y axis: all that is finite, and zero if it is near."""
    values = np.concatenate([series for curve in panel.curves for series in curve.arrays()])
    values = values[np.isfinite(values)]
    if panel.log:
        values = values[values > 0]
        low, high = values.min(), values.max()
        return scales.log_axis(axes, max(low, high / 1e12) / 1.3, 1.3 * high)
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    if low == high:
        low, high = min(2 * low, 0.0), max(2 * high, 0.0) or 1.0
    elif 0 <= low < 0.4 * high:
        low = 0.0
    scales.linear_axis(axes, low - 0.04 * (high - low), high + 0.06 * (high - low))


def named(panel: Panel) -> list[int]:
    """Which curves the key names: all, or of many those that end highest."""
    if len(panel.curves) <= NAMES:
        return list(range(len(panel.curves)))
    last = np.nan_to_num([curve.values[-1] for curve in panel.curves])
    return np.argsort(-last, kind="stable")[: NAMES - 1].tolist()


def _key(panel: Panel, palette: Palette = style.LIGHT) -> list[tuple[Any, str]]:
    """Handle and name of all that a panel shows; none for a lone curve named as the panel."""
    looks, curves = _looks(panel, palette), panel.curves
    order = named(panel)
    key: list[tuple[Any, str]] = [
        (Line2D([], [], lw=1.6, color=looks[i]["color"], ls=looks[i]["ls"]), curves[i].label)
        for i in order
    ]
    if more := len(curves) - len(order):
        key.append((Line2D([], [], ls=""), f"and {more} that end lower"))
    colour = looks[0]["color"] if len(curves) == 1 else palette.soft
    if panel.bound:
        key.append((Line2D([], [], color=colour, lw=1, ls=DASHED), panel.bound))
    if panel.band:
        key.append((Patch(color=colour, alpha=0.2, lw=0), panel.band))
    if panel.right:
        handle = Line2D([], [], color=palette.lines[1], lw=1.6, ls=ON_THE_RIGHT)
        key.append((handle, f"{panel.right.label} (right)"))
    if len(key) == 1 and panel.title.startswith(key[0][1]):
        return []
    return [(handle, fitted(name, 42)) for handle, name in key]


def _columns(key: list[tuple[Any, str]]) -> int:
    return style.columns([name for _, name in key], WIDE - 0.2, LETTER, HANDLE)


def _rows(key: list[tuple[Any, str]]) -> int:
    return -(-len(key) // _columns(key)) if key else 0
