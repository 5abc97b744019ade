"""The learning rate range test: one run whose rate rises until it diverges, and short ones below that.

    rate_t    = low (high / low)^(t / (steps - 1))                    t = 0 .. steps - 1
    s_t       = the loss, averaged over a window around t
    least     = min s;   drop = s_0 - least
    steepest  = the rate at which s falls fastest against log rate, on the way to its least
    edge      = the first rate after that of the least with s > least + drop / 2, or s not finite

The window is centred: a running average would lag, and read rates too high. What a rising run shows depends
on the optimizer's memory, and on how much of its way the loss has gone before the rate is good: a rule on
these two alone was off by two decades for momentum on regressions. So they only say where to look:

    trials    = eight runs at fixed rates, from the edge down, a third of a decade apart, in one program
    l_i       = the loss of each, averaged over the last tenth of its steps
    suggested = the middle, in the logarithm, of the rates about the best with l_i < l + (s_0 - l) / 1000

    good      = those with l_i < l + (s_0 - l) / 20

and eight more below or above, as long as the best is at an end of what was tried. Where a loss is flat, its
least is a matter of luck, and of how long one trains: then `good` says how wide that is.

Smith, Cyclical Learning Rates for Training Neural Networks, 2017, arXiv:1506.01186, section 3.3; taking
the steepest descent is a custom since.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from adaptive_tx.core import checks, ranges
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.schedules import exponential
from adaptive_tx.tune.sweeps.sweep import one_member
from adaptive_tx.tune.training.train import train
from adaptive_tx.tune.training.trials import GOOD, WHO, best_of, ends, stretch, trials

WINDOW = 0.25  # decades of rate that are averaged over


@dataclasses.dataclass(frozen=True)
class RangeTest:
    """The losses of a range test, and the rate that it suggests."""

    rates: np.ndarray  # float[step]
    losses: np.ndarray  # float[step], mean over seeds; NaN after divergence
    smoothed: np.ndarray  # float[step]
    steepest: float
    edge: float | None  # None if it did not diverge
    suggestion: float
    good: tuple[float, float]  # the rates about it that end within 5 % of the way as well
    tx: Transformation  # the optimizer with the suggested rate
    tried: np.ndarray  # float[trial], the fixed rates, rising
    finals: np.ndarray  # float[trial], the loss at the end of each; NaN where it diverged

    def plot(self) -> Any:
        """Loss against rate, the ends of the trials, the edge and the suggestion: a Figure."""
        from adaptive_tx.plots import scales, style  # need matplotlib
        from adaptive_tx.plots.picture import Picture

        with style.look():
            words = style.lines(repr(self.tx), 6.4)
            figure = Picture(6.4, high := 3.75 + 0.17 * len(words))
            axes = figure.subplots()
            below = {"bottom": 0.62 / high, "top": 2.73 / high}
            figure.subplots_adjust(left=0.12, right=0.97, **below)
            axes.plot(self.rates, self.losses, color=style.EDGE, lw=0.8, label="loss of each step")
            axes.plot(self.rates, self.smoothed, color=style.BLUE, lw=1.8, label="smoothed")
            marks = {"steepest": self.steepest, "edge of divergence": self.edge}
            for (name, rate), dash in zip(marks.items(), ("--", ":")):
                if rate is not None:
                    mark = {"color": style.INK, "lw": 0.9, "ls": dash}
                    axes.axvline(rate, label=f"{name} {rate:.2g}", **mark)
            axes.plot(self.tried, self.finals, "o", color=style.INK, ms=3.5, label="end of a trial")
            label = f"suggestion {self.suggestion:.2g}"
            axes.axvline(self.suggestion, color=style.ORANGE, lw=1.8, label=label)
            scales.few_decades(axes, self.rates[-1] / self.rates[0])
            known = np.concatenate([self.smoothed, self.finals])
            known = known[np.isfinite(known) & (known <= np.nanmax(self.smoothed))]
            room = 0.15 * (known.max() - known.min())
            axes.set_ylim(known.min() - room, known.max() + room)
            axes.set_xlabel("learning rate")
            axes.set_ylabel("loss")
            axes.grid(axis="y")
            style.words(figure, "Learning rate range test", "\n".join(words))
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1.03), ncols=3)
        return figure


def rate_range_test(
    loss: Callable,
    params: Any,
    data: Any,
    tx: Transformation,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 300,
    batch_size: int | None = None,
    seeds: int = 1,
    key: Any = None,
    name: str = "learning_rate",
) -> RangeTest:
    """Finds the order of magnitude of a good learning rate.

    In one run whose rate rises, and eight or more short ones at fixed rates, in one program, which decide.
    `benchmarks/range_test.md` tells how far that was from the best of a sweep.

    Args:
      loss: as for `train`.
      params: as for `train`.
      data: as for `train`.
      tx: an optimizer; its rate is replaced.
      low: first rate, > 0: one at which nothing happens.
      high: last rate, > low: one that is too high.
      steps: updates of each run, >= 20; 40 for each decade between low and high are good.
      batch_size: as for `train`.
      seeds: runs to average over, >= 1.
      key: an int or a `jax.random.key`.
      name: of the hyperparameter to raise, as `tx.replace` takes it.

    Raises:
      TypeError: if the optimizer has no such number, or several.
      ValueError: if the loss is not finite at the first rate, or never falls.
    """
    low = checks.number(WHO, "low", ranges.positive(low))
    high = checks.number(WHO, "high", ranges.positive(high))
    steps = checks.whole(WHO, "steps", steps, 20)
    if low >= high:
        raise ValueError(f"{WHO}: low must be below high, got {low} and {high}.")
    rising = tx.replace({name: exponential(low, steps - 1, high / low)})
    how: dict[str, Any] = {"batch_size": batch_size, "seeds": seeds, "key": key}
    sweep = one_member(rising)
    result = train(loss, params, data, sweep, steps=steps, points=steps, progress=False, **how)
    rates = np.geomspace(low, high, steps)
    losses = result.curves["loss"][0].mean(0)
    smoothed, at_steepest, at_edge = read_off(losses, WINDOW * (steps - 1) / np.log10(high / low))
    steepest = float(rates[at_steepest])
    edge = None if at_edge is None else float(rates[at_edge])
    tried, finals = trials(
        lambda rates: ends(loss, params, data, tx, name, rates, steps, how),
        high if edge is None else edge,
    )
    best = float(f"{best_of(tried, finals, smoothed[0]):.2g}")
    chosen = tx.replace({name: best})
    good = stretch(tried, finals, smoothed[0], GOOD)
    return RangeTest(rates, losses, smoothed, steepest, edge, best, good, chosen, tried, finals)


def read_off(losses: np.ndarray, window: float) -> tuple[np.ndarray, int, int | None]:
    """The smoothed loss, and where it falls fastest and where it has diverged."""
    if not np.isfinite(losses[0]):
        raise ValueError(f"{WHO}: the loss is {losses[0]} before the first update.")
    half = max(1, round(window / 2))
    finite = int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else len(losses)
    start = float(losses[:half].mean())
    ceiling = start + max(abs(start - losses[:finite].min()), 1e-12)
    smoothed = np.full(len(losses), np.nan)
    smoothed[:finite] = _averaged(np.minimum(losses[:finite], ceiling), half)
    least = int(np.nanargmin(smoothed))
    drop = smoothed[0] - smoothed[least]
    if least == 0 or not drop > 0:
        raise ValueError(
            f"{WHO}: the loss never falls below its first value, {start:.4g}; "
            "try other rates, or more steps."
        )
    above = ~(smoothed[least:] <= smoothed[least] + drop / 2)
    edge = least + int(np.argmax(above)) if above.any() else None
    slopes = np.gradient(smoothed[: least + 1])
    return smoothed, int(np.argmin(slopes)), edge


def _averaged(values: np.ndarray, half: int) -> np.ndarray:
    """The mean over `half` neighbours on both sides, fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    i = np.arange(len(values))
    low, high = np.maximum(i - half, 0), np.minimum(i + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)
