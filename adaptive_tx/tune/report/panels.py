"""The panels of a result's picture: loss curves, and the score against one axis."""

from typing import Any

import numpy as np

from adaptive_tx.plots import scales, style
from adaptive_tx.plots.mpl import Axes
from adaptive_tx.tune.report import heatmap
from adaptive_tx.tune.report.members import Members

DROPPED: dict[str, Any] = {"ls": "", "marker": "o", "ms": 3.5, "mfc": "none", "mec": style.SOFT}
DROPPED |= {"mew": 0.7}
DIVERGED: dict[str, Any] = {"ls": "", "marker": "x", "ms": 5, "color": style.SOFT}


def curves(result: Members, axes: Axes) -> None:
    """The mean loss of training."""
    usual = _first_loss(result)
    _over_steps(result, axes, result.stops, result.curves[result.shown], "training", usual, 1.0)


def evaluations(result: Members, axes: Axes) -> None:
    """What ranks, as it was evaluated on the way."""
    curves = result.eval_curves[result.by]
    _over_steps(result, axes, result.eval_stops, curves, "evaluated", None, result.sign)


def _over_steps(result: Members, axes: Axes, stops, curves, kind: str, usual, sign: float) -> None:
    """Means over seeds against the step: of one sweep every member, of several the best of each."""
    means = curves.mean(1)
    bests = best_of_each(result)
    shown = [best for best, _ in bests.values()]
    what = f"{kind} {result.shown if kind == 'training' else result.by}"
    if len(result.sweeps) == 1:
        first = next(iter(result.settings))
        axes.set_title(f"{what}, {first} from dark to light", loc="left", size=9)
        shown = list(np.argsort(result.settings[first], kind="stable"))
        for look, member in zip(style.ramp(len(shown)), shown):
            axes.plot(stops, means[member], color=look["color"], lw=0.8, alpha=0.7)
    else:
        axes.set_title(f"{what} of the best settings", loc="left", size=9)
    for best, look in bests.values():
        line = {"color": look["color"], "ls": look["ls"], "lw": 1.8}
        low, high = curves[best].min(0), curves[best].max(0)
        axes.fill_between(stops, low, high, color=look["color"], alpha=0.2, lw=0)
        axes.plot(stops, means[best], **line)
    _loss_axis(axes, means[shown], usual, sign)
    scales.step_axis(axes, 5)
    axes.set_xlabel("step")
    axes.grid(axis="y")


def against(result: Members, name: str, axes: Axes) -> None:
    """The score of each member against one axis; lines through the members that share all others."""
    values = result.settings[name]
    finite, scores = np.isfinite(result.losses), result.scores
    axes.set_title(f"{result.by} against {name}", loc="left", size=9)
    scales.fitting_x(axes, heatmap.known(values))
    for sweep, (best, look) in best_of_each(result).items():
        _members(result, name, finite & (np.array(result.names) == sweep), look["color"], axes)
        line = {"color": look["color"], "ls": look["ls"], "lw": 1.5, "label": sweep}
        ring = {"color": look["color"], "marker": look["marker"], "ms": 6, "mec": "white"}
        full = finite & (result.trained == result.trained.max())
        alike = [i for i in result.alike(best, name) if full[i]]
        axes.plot(values[alike], scores[alike].mean(1), **line)
        axes.plot(values[best], scores[best].mean(), **ring)
    usual = _first_loss(result) if result.by == "loss" else None
    _loss_axis(axes, scores[finite], usual, result.sign)
    edge = axes.get_ylim()[1 if result.sign > 0 else 0]
    diverged = values[~finite & ~np.isnan(values)]
    if len(diverged):
        axes.plot(diverged, np.full(len(diverged), edge), clip_on=False, **DIVERGED)
    axes.set_xlabel(name)
    axes.grid(axis="y")


def _members(result: Members, name: str, these: np.ndarray, colour: str, axes: Axes) -> None:
    """A dot for each member of a sweep with the spread of its seeds; a ring if it was dropped."""
    values, scores = result.settings[name], result.scores
    full = these & (result.trained == result.trained.max())
    dropped = these & ~full
    if dropped.any():
        axes.plot(values[dropped], scores[dropped].mean(1), **DROPPED)
    faint = colour if len(result.sweeps) > 1 else style.SOFT
    low, high = scores[full].min(1), scores[full].max(1)
    axes.vlines(values[full], low, high, alpha=0.5, color=faint, lw=0.8)
    axes.plot(values[full], scores[full].mean(1), ".", ms=4, alpha=0.6, color=faint)


def best_of_each(result: Members) -> dict[str, tuple[int, dict[str, Any]]]:
    """The best member of each sweep that has one, and how it is drawn."""
    looks = [{"color": style.ORANGE, "marker": "o", "ls": "-"}]
    if len(result.sweeps) > 1:
        looks = style.looks(len(result.sweeps))
    finite = {name for name, loss in zip(result.names, result.losses) if np.isfinite(loss)}
    pairs = zip(result.sweeps, looks, strict=True)
    return {name: (result.best_of(name).index, look) for name, look in pairs if name in finite}


def _first_loss(result: Members) -> float:
    """The loss at the beginning of a usual member."""
    first = result.curves[result.shown][:, :, 0]
    return float(np.median(first[np.isfinite(first)])) if np.isfinite(first).any() else 1.0


def _loss_axis(axes: Axes, values: np.ndarray, usual: float | None, sign: float = 1.0) -> None:
    """Limits that show what is good: a logarithm where it spans a decade, and nothing far above."""
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    if sign > 0:
        usual = float(np.quantile(values, 0.75)) if usual is None else usual
        high = min(high, max(1.5 * usual, low + 1e-12))
    if low > 0 and high / low > 10:
        scales.log_axis(axes, low / 1.2, high * 1.2)
    elif high > low:
        scales.linear_axis(axes, low - 0.05 * (high - low), high + 0.05 * (high - low))
