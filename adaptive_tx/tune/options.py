"""The options of the command line: each word as a value, or an error in one line."""

import argparse
import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from adaptive_tx import optimizers
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.axes import random
from adaptive_tx.tune.sweeps.forms import Axis, at_least_one
from adaptive_tx.tune.sweeps.intervals import Interval
from adaptive_tx.tune.sweeps.sweep import Sweep, sweep
from adaptive_tx.tune.tasks import TASKS


def named_optimizers() -> dict[str, Callable[..., Transformation]]:
    """The constructors of `optimizers.py`, by name, in the order they stand there."""
    return {
        name: function
        for name, function in vars(optimizers).items()
        if inspect.isfunction(function)
        and function.__module__ == optimizers.__name__
        and not name.startswith("_")
    }


def optimizer_names(text: str) -> tuple[str, ...]:
    """`adam,lion` as names, each once."""
    known = tuple(named_optimizers())
    names = dict.fromkeys(name.strip() for name in text.split(","))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(
                f"there is no optimizer {name!r}; choose from {', '.join(known)}"
            )
    return tuple(names)


def from_zero(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


COUNT: dict[str, Any] = {"type": at_least_one, "metavar": "N"}  # of an option that is a count


def add_training(add: Callable, steps: int, seeds: int) -> None:
    """The options of every command that trains on a task."""
    default = "(default: %(default)s)"
    names = {"type": optimizer_names, "metavar": "A,B,...", "default": ("adam",)}
    add("--optimizer", **names, help="by name, see below (default: adam)")
    task = {"choices": TASKS, "metavar": "TASK", "default": "digits-mlp"}
    add("--task", **task, help=f"see below {default}")
    add("--steps", **COUNT, default=steps, help=f"updates of each run {default}")
    every = "examples in a batch (default: 64, or all if there are fewer)"
    add("--batch-size", **COUNT, help=every)
    add("--seeds", **COUNT, default=seeds, help=f"runs of each setting {default}")
    add_key(add)


def add_key(add: Callable) -> None:
    """What all that is random follows from."""
    drawn = "of the initial parameters and the batches"
    add("--key", type=from_zero, metavar="N", default=0, help=f"{drawn} (default: %(default)s)")


def listed() -> str:
    """For help: the optimizers with the numbers that each can be swept by, and the tasks."""
    optimizers = {name: ", ".join(numbers_of(name)) for name in named_optimizers()}
    tasks = {name: row.about for name, row in TASKS.items()}
    found = {"optimizers, and the axes that each has": optimizers, "tasks": tasks}
    return "\n\n".join(f"{title}:\n{_rows(rows)}" for title, rows in found.items())


def _rows(rows: dict[str, str]) -> str:
    wide = max(map(len, rows)) + 4
    lines = (
        textwrap.fill(
            text, 80, initial_indent=f"  {name}".ljust(wide), subsequent_indent=" " * wide
        )
        for name, text in rows.items()
    )
    return "\n".join(lines)


def above_zero(text: str) -> float:
    """A positive number."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def halving(text: str) -> tuple[int, float]:
    """`100:0.5`: after each 100 steps the better half goes on."""
    every, colon, keep = text.partition(":")
    try:
        part = float(keep)
    except ValueError:
        part = 0.0
    if not colon or not 0 < part < 1:
        raise argparse.ArgumentTypeError(
            f"expected EVERY:KEEP, with KEEP between 0 and 1, got {text!r}"
        )
    return at_least_one(every), part


def sweeps(names: Iterable[str], axes: Iterable[Axis], draws: int | None) -> dict[str, Sweep]:
    """One sweep for each optimizer: of the axes that are for all, or, where it has them, its own.

    Args:
      names: of the optimizers.
      axes: as asked for.
      draws: how many settings to draw from the ranges, each with all combinations of the lists; None:
        every combination of all axes.

    Raises:
      ValueError, TypeError: for what cannot be, in one sentence.
    """
    names, axes = tuple(names), tuple(axes)
    _check(names, axes)
    made = {}
    for name in names:
        own = {one.name: one.values for one in axes if one.optimizer is None}
        own |= {one.name: one.values for one in axes if one.optimizer == name}
        made[name] = _sweep(name, own, draws)
    return made


def _check(names: tuple[str, ...], axes: tuple[Axis, ...]) -> None:
    """Every axis is one of its optimizers', and stands once."""
    asked = [(one.optimizer, one.name) for one in axes]
    for one in axes:
        if asked.count((one.optimizer, one.name)) > 1:
            raise ValueError(f"--axis: {one.name} stands twice.")
        if one.optimizer not in (None, *names):
            raise ValueError(f"--axis: {one.optimizer} is not among {', '.join(names)}.")
        for name in names if one.optimizer is None else (one.optimizer,):
            if one.name not in (known := numbers_of(name)):
                alone = "" if len(names) == 1 else f" For one alone write OPTIMIZER.{one.name}=..."
                raise ValueError(
                    f"--axis: {name} has no {one.name}; it has {', '.join(known)}.{alone}"
                )


def numbers_of(optimizer: str) -> list[str]:
    """The numbers that a constructor takes; an int is what must be known when tracing."""
    parameters = inspect.signature(named_optimizers()[optimizer]).parameters.values()
    return [p.name for p in parameters if p.default is p.empty or type(p.default) is float]


def _sweep(name: str, axes: dict[str, Any], draws: int | None) -> Sweep:
    make = named_optimizers()[name]
    ranges = {name: values for name, values in axes.items() if isinstance(values, Interval)}
    if draws is None:
        for one, values in ranges.items():
            if values.count is None:
                raise ValueError(f"--axis: {one} needs a count, low:high:count, or --random.")
        return sweep(make, **axes)
    if not ranges:
        raise ValueError(f"--random: {name} has no range to draw from; give one as low:high.")
    lists = {name: values for name, values in axes.items() if name not in ranges}
    return sweep(make, random(draws, 0, **ranges), **lists)
