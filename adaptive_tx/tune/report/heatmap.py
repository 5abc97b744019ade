"""The map of a result with two axes: a cell for each setting, coloured by its score."""

import numpy as np

from adaptive_tx.plots import style
from adaptive_tx.plots.mpl import Axes
from adaptive_tx.plots.picture import Picture
from adaptive_tx.plots.words import power
from adaptive_tx.tune.report.members import Members

TICKS = 8  # at most, on each axis
LIGHT = 0.9  # the quantile of the finite losses from which all cells have the lightest colour


def grid(result: Members) -> tuple[tuple[str, str], np.ndarray] | None:
    """Two axes and the losses over their grid, if one sweep is such a grid, trained to the end."""
    if len(result.sweeps) > 1 or len(result.settings) != 2 or len(set(result.trained)) > 1:
        return None
    (a, x), (b, y) = result.settings.items()
    columns, rows = known(x), known(y)
    if len(columns) < 2 or len(rows) < 2 or len(columns) * len(rows) != len(result):
        return None
    table = np.full((len(columns), len(rows)), np.nan)
    table[np.searchsorted(columns, x), np.searchsorted(rows, y)] = result.losses
    return (a, b), np.where(np.isfinite(table), table, np.nan)


def draw(
    result: Members, names: tuple[str, str], table: np.ndarray, axes: Axes, figure: Picture
) -> None:
    """The cells; the best has its dot, what diverged a cross."""
    x, y = (known(result.settings[name]) for name in names)
    shown = np.ma.masked_invalid(table)
    edges = [np.arange(len(numbers) + 1) - 0.5 for numbers in (x, y)]
    limits = (shown.min(), np.nanquantile(table, LIGHT)) if shown.count() else (0.0, 1.0)
    cells = {"cmap": "viridis_r", "linewidth": 0.5, "edgecolor": "white"}
    mesh = axes.pcolormesh(*edges, shown.T, vmin=limits[0], vmax=limits[1], **cells)
    for i, j in np.argwhere(~np.isfinite(table)):
        axes.plot(i, j, "x", ms=5, color=style.SOFT)
    if shown.count():
        best = np.unravel_index(np.ma.argmin(shown), shown.shape)
        axes.plot(*best, "o", ms=8, color=style.ORANGE, mec="white")
    for numbers, set_ticks in ((x, axes.set_xticks), (y, axes.set_yticks)):
        every = -(-len(numbers) // TICKS)
        set_ticks(range(0, len(numbers), every), _labels(numbers[::every]))
    axes.tick_params(axis="x", rotation=45)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_title(f"{result.by}{' (negated)' if result.sign < 0 else ''}", loc="left", size=9)
    figure.colorbar(mesh, ax=axes, extend="max", fraction=0.05, pad=0.03)


def known(column: np.ndarray) -> np.ndarray:
    """The values of an axis, each once and in their order; it is NaN where a sweep has none."""
    return np.unique(column[~np.isnan(column)])


def _labels(numbers: np.ndarray) -> list[str]:
    """Numbers, each in as many digits as bring it nowhere near its neighbours, or to 1."""
    gaps = np.diff(numbers)
    least = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    return [_label(float(n), gap) for n, gap in zip(numbers, np.minimum(least, abs(1 - numbers)))]


def _label(number: float, gap: float) -> str:
    exact = (d for d in range(3, 18) if abs(float(f"{number:.{d}g}") - number) <= gap / 20)
    return power(number, next(exact, 17))
