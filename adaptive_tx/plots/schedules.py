"""Schedules as curves: the value that each update sees, against the number of finished updates."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.plots import labels
from adaptive_tx.plots.files import FORMATS, saved, writable

if TYPE_CHECKING:
    from adaptive_tx.plots.picture import Picture


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
    from adaptive_tx.plots.schedule_figure import schedule_figure  # needs matplotlib
    from adaptive_tx.plots.style import LOOKS

    writable("schedule", path, FORMATS)
    steps = checks.whole("schedule", "steps", steps, at_least=1)
    given = labels.pairs("schedule", schedules, callable, "schedule")
    if len(given) > LOOKS:
        raise ValueError(f"schedule: at most {LOOKS} can be told apart, got {len(given)}.")
    names = labels.of_schedules(given)
    curves = [values(name, one, steps) for name, (_, one) in zip(names, given)]
    return saved(schedule_figure(names, curves, steps), path)


def values(name: str, schedule: Callable, steps: int) -> np.ndarray:
    """The value at each count from 0 to steps - 1, as float64[steps]."""
    counts = jnp.arange(steps)
    try:
        given = jax.jit(jax.vmap(schedule))(counts)
    except TypeError:  # it cannot be traced: Python's `if`, `math`, NumPy
        given = [schedule(count) for count in range(steps)]
    try:
        numbers = np.asarray(given, float)
    except (TypeError, ValueError):
        raise ValueError(f"schedule: {name} must return a number, got {given[0]!r}.") from None
    if numbers.shape != (steps,):
        raise ValueError(
            f"schedule: {name} must return a scalar, got an array of shape {numbers.shape[1:]}."
        )
    return numbers
