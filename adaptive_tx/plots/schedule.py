"""Schedules as curves: the value that each update sees, against the number of finished updates."""

import os
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.plots import labels

if TYPE_CHECKING:
    from adaptive_tx.plots.style import Axes, Picture

UNLIKE = 30.0  # ratio of sizes from which two curves do not share a panel
FEW = 60  # updates up to which each value gets a dot


def schedule(*schedules, steps: int, path: str | os.PathLike | None = None) -> "Picture":
    """Draws the value that each of `steps` updates sees: at every count from 0 to steps - 1.

    Schedules whose sizes differ more than thirty times (a rate and a b2) get panels of their own.

    >>> from adaptive_tx import plots, schedules
    >>> peak = schedules.with_warmup(schedules.cosine(1e-3, 900), 100)
    >>> figure = plots.schedule(peak, lambda count: 1e-3 if count < 500 else 1e-4, steps=1000)

    Args:
      *schedules: functions count -> value, ours, optax's or any, or one dict of name -> schedule. A
        Python function that JAX cannot trace is called once for each count. At most 14.
      steps: number of updates, >= 1.
      path: a .png, .svg or .pdf file to write the figure to.

    Returns:
      A matplotlib Figure. It belongs to no backend, and shows in notebooks.

    Raises:
      ImportError: without matplotlib: pip install adaptive-tx[plots].
      TypeError: for something that is no function.
      ValueError: for none or too many schedules, or one whose value is no scalar.
    """
    from adaptive_tx.plots import style

    style.writable("schedule", path, style.FORMATS)
    steps = checks.whole("schedule", "steps", steps, at_least=1)
    given = labels.pairs("schedule", schedules, callable, "schedule")
    if len(given) > style.LOOKS:
        raise ValueError(f"schedule: at most {style.LOOKS} can be told apart, got {len(given)}.")
    names = labels.of_schedules(given)
    curves = [values(name, one, steps) for name, (_, one) in zip(names, given)]
    return style.saved(_draw(names, curves, steps), path)


def values(name: str, schedule: Callable, steps: int) -> np.ndarray:
    """The value at each count from 0 to steps - 1, as float64[steps]."""
    counts = jnp.arange(steps)
    try:
        given = jax.jit(jax.vmap(schedule))(counts)
    except TypeError:  # it cannot be traced: Python's `if`, `math`, NumPy
        given = [schedule(count) for count in range(steps)]
    try:
        found = np.asarray(given, float)
    except (TypeError, ValueError):
        raise ValueError(f"schedule: {name} must return a number, got {given[0]!r}.") from None
    if found.shape != (steps,):
        raise ValueError(
            f"schedule: {name} must return a scalar, got an array of shape {found.shape[1:]}."
        )
    return found


def _draw(names: Sequence[str], curves: Sequence[np.ndarray], steps: int) -> "Picture":
    from adaptive_tx.plots import style

    panels = _panels(curves)
    written = [textwrap.fill(name, 95, subsequent_indent="    ") for name in names]
    lines = sum(text.count("\n") + 1 for text in written)
    wide, above, each = 7.6, 0.8, 2.5 if len(panels) == 1 else 1.9  # inches
    high = above + (each + 0.25) * len(panels) + 0.4 + 0.2 * lines
    looks = style.looks(len(names))
    for look, lw in zip(looks, np.linspace(2.8, 1.4, len(names)) if len(names) > 1 else [1.8]):
        look["lw"] = lw  # of equal curves, the first is seen behind the last
    with style.look():
        figure = style.Picture(figsize=(wide, high), facecolor="white")
        title = "Schedules" if len(names) > 1 else "Schedule"
        style.words(figure, title, f"what each of {steps:,} updates sees")
        for i, panel in enumerate(panels):
            bottom = high - above - each - (each + 0.25) * i
            axes = figure.add_axes((0.75 / wide, bottom / high, 1 - 1.0 / wide, each / high))
            for k in panel:
                _curve(axes, names[k], curves[k], looks[k])
            _frame(axes, steps, last=i == len(panels) - 1)
        keys = [style.Line2D([], [], **{**look, "marker": ""}) for look in looks]
        figure.legend(
            keys, written, loc="lower left", bbox_to_anchor=(0.75 / wide, 0.15 / high),
            labelspacing=0.45, handlelength=2.6,
        )  # fmt: skip
    return figure


def _curve(axes: "Axes", name: str, values: np.ndarray, look: dict[str, Any]) -> None:
    dots = {"ms": 4} if len(values) <= FEW else {"marker": ""}
    how = {**look, **dots, "label": name, "solid_joinstyle": "miter"}
    axes.plot(np.arange(len(values)), values, **how)


def _frame(axes: "Axes", steps: int, last: bool) -> None:
    from adaptive_tx.plots import style

    room = max(0.01 * steps, 0.5)
    axes.set_xlim(-room, steps - 1 + room)
    style.step_axis(axes, 8)
    axes.yaxis.set_major_locator(style.ticks(6))
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
