"""The picture of a result: loss curves, the score against each axis, and a map where there are two.

Lines and rings of the best are orange; what diverged is a cross at the edge, what was dropped on the way
a grey ring at the score it had then. Where several sweeps were trained, each has its colour and its mark,
and is shown by its best settings.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from adaptive_tx.tune.result import Result


def draw(result: "Result") -> Any:
    """A figure of all panels in a row."""
    from adaptive_tx.plots import style

    grid = _map(result)
    axes = [name for name, column in result.settings.items() if len(_known(column)) > 1]
    panels = 1 + len(axes) + (grid is not None)
    lines = len(result.sweeps) if len(result.sweeps) > 1 else 1
    columns = min(lines, 4 * panels)
    wide, high = 3.6 * panels + 0.5, 3.75 + 0.2 * -(-lines // columns)
    with style.look():
        figure = style.Picture(figsize=(wide, high), facecolor="white")
        places = np.ravel(figure.subplots(1, panels, squeeze=False))
        figure.subplots_adjust(
            left=0.75 / wide, right=1 - 0.25 / wide, bottom=0.72 / high, top=(3.75 - 1.0) / high,
            wspace=0.34,
        )  # fmt: skip
        _curves(result, places[0])
        for name, place in zip(axes, places[1:]):
            _against(result, name, place)
        if grid is not None:
            _heat(result, *grid, places[-1], figure)
        style.words(figure, *_title(result))
        handles, labels = places[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(0.2 / wide, 1 - 0.72 / high),
            ncols=columns, columnspacing=1.2,
        )  # fmt: skip
    return figure


def _title(result: "Result") -> tuple[str, str]:
    seeds, diverged = result.scores.shape[1], int(result.diverged.any(1).sum())
    if np.isfinite(result.losses).any():
        settings = ", ".join(f"{name} {x:.7g}" for name, x in result.best.settings.items())
        best = f"best: {result.best.name}, {settings}"
    else:
        best = "nothing is best"
    count = f"{len(result)} settings, {seeds} {'seed' if seeds == 1 else 'seeds'} each"
    told = f"; {diverged} diverged" if diverged else ""
    return ", ".join(result.sweeps), f"{count}, {result.stops[-1]} steps{told}; {best}"


def _curves(result: "Result", place) -> None:
    """Mean loss over seeds against the step: of one sweep every member, of several the best of each."""
    from adaptive_tx.plots import style

    curves = result.curves["loss"]
    means = curves.mean(1)
    bests = _best(result, _looks(result))
    shown = [best for best, _ in bests.values()]
    if len(result.sweeps) == 1:
        axis = next(iter(result.settings))
        place.set_title(f"training loss, {axis} from dark to light", loc="left", size=9)
        shown = list(np.argsort(result.settings[axis], kind="stable"))
        for look, member in zip(style.ramp(len(shown)), shown):
            place.plot(result.stops, means[member], color=look["color"], lw=0.8, alpha=0.7)
    else:
        place.set_title("training loss of the best settings", loc="left", size=9)
    for name, (best, look) in bests.items():
        low, high = curves[best].min(0), curves[best].max(0)
        place.fill_between(result.stops, low, high, color=look["color"], alpha=0.2, lw=0)
        label = name if len(result.sweeps) > 1 else "best; band: its seeds"
        place.plot(
            result.stops, means[best], color=look["color"], ls=look["ls"], lw=1.8, label=label
        )
    _loss_axis(place, means[shown], _start(result))
    place.set_xlabel("step")
    place.grid(axis="y")


def _against(result: "Result", axis: str, place) -> None:
    """The score of each member against one axis; lines through the members that share all others."""
    from adaptive_tx.plots import style

    values, losses = result.settings[axis], result.losses
    finite, scores = np.isfinite(losses), result.scores
    place.set_title(f"{result.by} against {axis}", loc="left", size=9)
    full = result.trained == result.trained.max()
    for name, (best, look) in _best(result, _looks(result)).items():
        of = np.array(result.names) == name
        others = of & finite & full
        place.plot(
            values[of & finite & ~full], scores[of & finite & ~full].mean(1), "o", ms=3, mfc="none",
            mec="#BBBBBB", mew=0.8,
        )  # fmt: skip
        lowest, highest = scores[others].min(1), scores[others].max(1)
        faint = {"color": look["color"] if len(result.sweeps) > 1 else "#6B6B6B", "lw": 0.8}
        place.vlines(values[others], lowest, highest, alpha=0.5, **faint)
        place.plot(
            values[others], scores[others].mean(1), ".", ms=4, alpha=0.6, color=faint["color"]
        )
        alike = [i for i in np.flatnonzero(others) if _alike(result, i, best, axis)]
        alike.sort(key=lambda i: values[i])
        place.plot(
            values[alike], scores[alike].mean(1), color=look["color"], ls=look["ls"], lw=1.5,
            label=name,
        )  # fmt: skip
        place.plot(
            values[best],
            scores[best].mean(),
            look["marker"],
            ms=6,
            mec="white",
            color=look["color"],
        )
    usual = _start(result) if result.by == "loss" else None
    _loss_axis(place, scores[finite], usual, result.sign)
    edge = place.get_ylim()[1 if result.sign > 0 else 0]
    bad = values[~finite & ~np.isnan(values)]
    place.plot(bad, np.full(len(bad), edge), "x", ms=5, color="#6B6B6B", clip_on=False)
    known = _known(values)
    if known[0] > 0 and known[-1] / known[0] >= 10:
        style.few_decades(place, known[-1] / known[0])
    place.set_xlabel(axis)
    place.grid(axis="y")


def _heat(result: "Result", axes: tuple[str, str], table: np.ndarray, place, figure) -> None:
    """The score over a grid of two axes; each setting is a cell, what diverged is a cross."""

    x, y = (_known(result.settings[name]) for name in axes)
    shown = np.ma.masked_invalid(table)
    limit = np.nanquantile(table[np.isfinite(table)], 0.9) if shown.count() else 1.0
    mesh = place.pcolormesh(
        np.arange(len(x) + 1) - 0.5, np.arange(len(y) + 1) - 0.5, shown.T, cmap="viridis_r",
        vmin=shown.min() if shown.count() else 0.0, vmax=limit, linewidth=0.5, edgecolor="white",
    )  # fmt: skip
    for i, j in np.argwhere(~np.isfinite(table)):
        place.plot(i, j, "x", ms=4, color="#6B6B6B")
    if shown.count():
        best = np.unravel_index(np.ma.argmin(shown), shown.shape)
        place.plot(*best, "o", ms=9, mfc="none", mec="#D55E00", mew=1.8)
    for numbers, ticks in ((x, place.set_xticks), (y, place.set_yticks)):
        every = -(-len(numbers) // 8)
        ticks(range(0, len(numbers), every), _labels(numbers[::every]))
    place.tick_params(axis="x", rotation=45)
    place.set_xlabel(axes[0])
    place.set_ylabel(axes[1])
    place.set_title(f"{result.by}{' (negated)' if result.sign < 0 else ''}", loc="left", size=9)
    figure.colorbar(mesh, ax=place, extend="max", fraction=0.05, pad=0.03)


def _labels(numbers: np.ndarray) -> list[str]:
    """Numbers, in as many digits as tell them apart."""
    from adaptive_tx.plots import style

    apart = (d for d in range(3, 18) if len({f"{n:.{d}g}" for n in numbers}) == len(numbers))
    digits = next(apart)
    return [style.power(float(n), digits) for n in numbers]


def _map(result: "Result") -> tuple[tuple[str, str], np.ndarray] | None:
    """Two axes and the losses over their grid, if one sweep is such a grid, trained to the end."""
    if len(result.sweeps) > 1 or len(result.settings) != 2 or len(set(result.trained)) > 1:
        return None
    (a, x), (b, y) = result.settings.items()
    columns, rows = _known(x), _known(y)
    if len(columns) < 2 or len(rows) < 2 or len(columns) * len(rows) != len(result):
        return None
    table = np.full((len(columns), len(rows)), np.nan)
    table[np.searchsorted(columns, x), np.searchsorted(rows, y)] = result.losses
    return (a, b), np.where(np.isfinite(table), table, np.nan)


def _start(result: "Result") -> float:
    """The loss at the beginning of a usual member."""
    first = result.curves["loss"][:, :, 0]
    return float(np.median(first[np.isfinite(first)])) if np.isfinite(first).any() else 1.0


def _loss_axis(place, values: np.ndarray, usual: float | None, sign: float = 1.0) -> None:
    """Limits that show what is good: a logarithm where it spans a decade, and nothing far above."""
    from adaptive_tx.plots import style

    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    if sign > 0:
        usual = float(np.quantile(values, 0.75)) if usual is None else usual
        high = min(high, max(1.5 * usual, low + 1e-12))
    if low > 0 and high / low > 10:
        style.log_axis(place, low / 1.2, high * 1.2)
    elif high > low:
        place.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _looks(result: "Result") -> dict[str, dict[str, Any]]:
    from adaptive_tx.plots import style

    if len(result.sweeps) == 1:
        only = {"color": style.ORANGE, "marker": "o", "ls": "-"}
        return dict.fromkeys(result.sweeps, only)
    return dict(zip(result.sweeps, style.looks(len(result.sweeps))))


def _best(result: "Result", looks: dict) -> dict[str, tuple[int, dict]]:
    """The best member of each sweep that has one, and how it is drawn."""
    finite = {name for name, loss in zip(result.names, result.losses) if np.isfinite(loss)}
    return {
        name: (result.best_of(name).index, look) for name, look in looks.items() if name in finite
    }


def _alike(result: "Result", i, best: int, axis: str) -> bool:
    """Whether two members differ in one axis at most."""
    others = (column for name, column in result.settings.items() if name != axis)
    return all(np.array_equal(c[i], c[best], equal_nan=True) for c in others)


def _known(column: np.ndarray) -> np.ndarray:
    return np.unique(column[~np.isnan(column)])
