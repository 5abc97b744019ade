"""`adaptive-tx tune`: a sweep on a built-in task, with its table, its figure and its numbers."""

import argparse
import sys
from typing import NoReturn

import numpy as np

from adaptive_tx.tune.options import (
    above_zero,
    at_least_one,
    axis,
    halving,
    optimizer_names,
    sweeps,
)
from adaptive_tx.tune.result import Result
from adaptive_tx.tune.tasks import TASKS, Task, load
from adaptive_tx.tune.training import train

HELP = "sweep optimizers on a built-in task"
ABOUT = """\
Trains every setting of one or more optimizers, with several seeds, in one
compiled program, and tells which is best and how wide the range of good learning
rates is. An interrupted sweep goes on when the same command is given again.
"""
AXES = """\
axes:
  learning_rate=1e-4:1e-1:16   16 values, evenly spaced in the logarithm
  b1=0:0.9:4:linear            4 values, evenly spaced
  b2=0.9,0.99,0.999            these values; or one
  lion.learning_rate=...       for one optimizer alone, in place of what is for all
  learning_rate=1e-4:1e-1      with --random: anything between, drawn in the logarithm
  b1=0:0.9:linear              with --random: anything between
"""
RATES = "learning_rate=1e-5:1:16"
ROWS = 10  # of the table


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add = parser.add_argument
    add(
        "--optimizer",
        type=optimizer_names,
        default=("adam",),
        metavar="A,B,...",
        help="by name (default: adam)",
    )
    add(
        "--task",
        choices=TASKS,
        default="digits-mlp",
        metavar="TASK",
        help="see below (default: %(default)s)",
    )
    add(
        "--axis", type=axis, action="append", default=[], metavar="NAME=VALUES",
        help=f"what varies, see below; may stand several times (default: {RATES})",
    )  # fmt: skip
    add(
        "--steps",
        type=at_least_one,
        default=500,
        metavar="N",
        help="updates of each run (default: %(default)s)",
    )
    add(
        "--batch-size", type=at_least_one, metavar="N",
        help="examples in a batch (default: 64, or all if there are fewer)",
    )  # fmt: skip
    add(
        "--seeds",
        type=at_least_one,
        default=3,
        metavar="N",
        help="runs of each setting (default: %(default)s)",
    )
    add(
        "--halving", type=halving, metavar="EVERY:KEEP",
        help="after each EVERY steps only the best fraction KEEP goes on",
    )  # fmt: skip
    add(
        "--at-once",
        type=at_least_one,
        metavar="N",
        help="settings trained at a time (default: all)",
    )
    add(
        "--random", type=at_least_one, metavar="N",
        help="draw N settings from the ranges, instead of a grid",
    )  # fmt: skip
    add(
        "--within", type=above_zero, default=0.1, metavar="LOSS",
        help="how much worse than the best still counts as good (default: %(default)s)",
    )  # fmt: skip
    add("--out", default="tune", metavar="DIR", help="for its files (default: %(default)s)")
    width = max(map(len, TASKS))
    told = "\n".join(f"  {name:<{width}}  {row.about}" for name, row in TASKS.items())
    parser.epilog = f"{AXES}\ntasks:\n{told}"


def run(arguments: argparse.Namespace) -> int:
    """Trains, tells and saves; returns the exit code."""
    axes = arguments.axis
    if "learning_rate" not in {one.name for one in axes if one.optimizer is None}:
        axes = [axis(RATES), *axes]
    try:
        tried = sweeps(arguments.optimizer, axes, arguments.random)
    except (ValueError, TypeError) as error:
        _refuse(arguments, error)
    task = load(arguments.task)
    batch_size = arguments.batch_size or min(64, len(task.data.targets))
    try:
        result = train(
            task.loss, task.init, task.data, tried, steps=arguments.steps, batch_size=batch_size,
            seeds=arguments.seeds, evaluate=task.evaluate, at_once=arguments.at_once,
            halving=arguments.halving, out=arguments.out,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        if not str(error).startswith("train: "):
            raise
        _refuse(arguments, error)
    except KeyboardInterrupt:
        print("adaptive-tx tune: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    result.plot().savefig(arguments.out / "tune.png", dpi=160)
    _tell(task, result, batch_size, arguments)
    return 0


def _refuse(arguments: argparse.Namespace, error: Exception) -> NoReturn:
    """Says what is wrong in one line, and ends with exit code 2."""
    arguments.fail(" ".join(str(error).split()))
    raise AssertionError("fail ends the program")


def _tell(task: Task, result: Result, batch_size: int, arguments: argparse.Namespace) -> None:
    """The best rows, the best of each optimizer as one writes it, and where the files are."""
    from rich.console import Console

    console = Console(highlight=False)
    settings, seeds = result.scores.shape
    console.print()
    console.print(f"{task.name}: {task.about}", style="bold")
    console.print(
        f"{_counted(settings, 'setting')} x {_counted(seeds, 'seed')}, {arguments.steps:,} steps of "
        f"{batch_size} of {len(task.data.targets):,} examples; {result.by} on "
        f"{len(task.held_out.targets):,} others"
    )
    console.print()
    console.print(result.table(top=ROWS))
    if settings > ROWS:
        console.print(f" and {settings - ROWS} more in results.csv", style="dim")
    console.print()
    for name in result.sweeps:
        for line in _best(result, name, arguments.within):
            console.print(line, soft_wrap=True, markup=False)
    console.print()
    for file in ("tune.png", "results.csv", "results.json"):
        console.print(str(arguments.out / file), soft_wrap=True, markup=False)


def _best(result: Result, name: str, within: float) -> list[str]:
    """What is known of the best of one optimizer."""
    if not np.isfinite(result.losses[np.array(result.names) == name]).any():
        return [f"{name}: every setting diverged"]
    best = result.best_of(name)
    settings = ", ".join(f"{one}={value:g}" for one, value in best.settings.items())
    ends = {one: values[best.index].mean() for one, values in result.found.items()}
    found = ", ".join(
        f"{one.replace('_', ' ')} {ends[one]:.4g}" for one in sorted(ends, key=result.by.__ne__)
    )
    return [f"atx.{name}({settings}): {found}", f"  = {best.tx!r}", *_width(result, name, within)]


def _width(result: Result, name: str, within: float) -> list[str]:
    """How wide the good range is; nothing where it cannot be known, as of random draws."""
    try:
        good = result.sensitivity(within)[name]
    except ValueError:
        return []
    dropped = len(set(result.trained)) > 1
    told = ", those dropped with what they had then" if dropped else ""
    return [f"  learning rates with a {result.by} within {within:g} of it{told}: {good}"]


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
