"""`adaptive-tx tune`: a sweep on a built-in task, with its table, its figure and its numbers."""

import argparse
import sys
from typing import NoReturn

from adaptive_tx.tune.interrupts import Terminated
from adaptive_tx.tune.options import (
    above_zero,
    at_least_one,
    axis,
    halving,
    optimizer_names,
    sweeps,
)
from adaptive_tx.tune.tasks import TASKS, load
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
INTERRUPTED, TERMINATED = 130, 143  # exit codes, as of a process that the signal ended
RATES = "learning_rate=1e-5:1:16"


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
    from adaptive_tx.tune import report

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
    except (KeyboardInterrupt, Terminated) as stop:
        print("adaptive-tx tune: interrupted; the same command goes on from here", file=sys.stderr)
        return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
    result.plot().savefig(arguments.out / "tune.png", dpi=160)
    report.show(task, result, batch_size, arguments)
    return 0


def _refuse(arguments: argparse.Namespace, error: Exception) -> NoReturn:
    """Says what is wrong in one line, and ends with exit code 2."""
    arguments.fail(" ".join(str(error).split()))
    raise AssertionError("fail ends the program")
