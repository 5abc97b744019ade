"""`adaptive-tx tune`: a sweep on a built-in task, with its table, its figure and its numbers."""

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from adaptive_tx.tune.options import (
    COUNT,
    above_zero,
    add_training,
    from_zero,
    halving,
    listed,
    sweeps,
)
from adaptive_tx.tune.sweeps.forms import axis
from adaptive_tx.tune.tasks import load
from adaptive_tx.tune.training.interrupts import Terminated
from adaptive_tx.tune.training.train import train

HELP = "sweep optimizers on a built-in task"
ABOUT = """\
Trains every setting of one or more optimizers, with several seeds, in one
compiled program, and shows which is best and how wide the range of good
learning rates is. An interrupted sweep goes on when the same command is given again.
"""
AXES = """\
axes:
  learning_rate=1e-4:1e-1:16   16 values, evenly spaced in the logarithm
  b1=0:0.9:4:linear            4 values, evenly spaced
  b2=0.9:0.9999:4:log_one_minus  4 values, evenly spaced in log(1 - b2): 0.9, 0.99, ...
  learning_rate=1:9:3:integers   3 integers
  b2=0.9,0.99,0.999            these values; or one
  lion.learning_rate=...       for one optimizer alone, instead of what is for all
  learning_rate=1e-4:1e-1      with --random: anything between, drawn in the logarithm
  b1=0:0.9:linear              with --random: anything between
"""
INTERRUPTED, TERMINATED = 130, 143  # exit codes, as of a process that the signal ended
FRESH_SEEDS = 8  # of what is confirmed
RATES = "learning_rate=1e-5:1:16"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add, default = parser.add_argument, "(default: %(default)s)"
    add_training(add, steps=500, seeds=3)
    axes = {"type": axis, "metavar": "NAME=VALUES", "action": "append", "default": []}
    add("--axis", **axes, help=f"what varies, see below; can be repeated (default: {RATES})")
    rungs = {"type": halving, "metavar": "EVERY:KEEP"}
    add("--halving", **rungs, help="after each EVERY steps only the best fraction KEEP goes on")
    add("--at-once", **COUNT, help="settings trained at a time (default: all)")
    add("--random", **COUNT, help="draw N settings from the ranges, instead of a grid")
    within = {"type": above_zero, "metavar": "LOSS", "default": 0.1}
    add("--within", **within, help=f"how much worse than the best still counts as good {default}")
    best = {"type": from_zero, "metavar": "N", "default": 5}
    add("--confirm", **best, help=f"train the N best again on {FRESH_SEEDS} fresh seeds {default}")
    add("--out", default="tune", metavar="DIR", help=f"for its files {default}")
    parser.epilog = f"{AXES}\n{listed()}"


def run(arguments: argparse.Namespace) -> int:
    """Trains, prints and saves; returns the exit code."""
    from adaptive_tx.tune.report import summary

    axes = arguments.axis
    if "learning_rate" not in {one.name for one in axes if one.optimizer is None}:
        axes = [axis(RATES), *axes]
    try:
        tried = sweeps(arguments.optimizer, axes, arguments.random)
    except (ValueError, TypeError) as error:
        _refuse(arguments, error)
    task = load(arguments.task)
    batch_size = arguments.batch_size or min(64, len(task.data.targets))
    names = "steps", "seeds", "key", "at_once", "halving", "out"
    how = {name: getattr(arguments, name) for name in names}
    how |= {"batch_size": batch_size, "evaluate": task.evaluate}
    try:
        result = train(task.loss, task.init, task.data, tried, **how)
        some = arguments.confirm and np.isfinite(result.losses).any()
        confirmed = result.confirm(arguments.confirm, FRESH_SEEDS) if some else None
    except (ValueError, TypeError, OSError) as error:
        if not str(error).startswith("train: "):
            raise
        _refuse(arguments, error)
    except (KeyboardInterrupt, Terminated) as stop:
        print("adaptive-tx tune: interrupted; the same command goes on from here", file=sys.stderr)
        return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
    named = dataclasses.replace(result, origin={**result.origin, "task": task.name})
    with left(arguments, "results.json") as path:
        named.to_json(path)
    with left(arguments, "tune.png") as path:
        result.plot().savefig(path, dpi=160)
    if confirmed:
        with left(arguments, "confirmed.json") as path:
            confirmed.to_json(path)
    summary.show(task, result, batch_size, confirmed, arguments)
    return 0


@contextlib.contextmanager
def left(arguments: argparse.Namespace, *names: str) -> Iterator[Path]:
    """The path of a file that the block leaves; where it cannot be written, one line, exit code 2."""
    path = arguments.out.joinpath(*names)
    try:
        yield path
    except OSError as error:
        reason = error.strerror or error
        arguments.fail(f"cannot write {path}: {reason}; make room there, or choose another --out")


def _refuse(arguments: argparse.Namespace, error: Exception) -> NoReturn:
    """Says what is wrong in one line, and ends with exit code 2."""
    arguments.fail(" ".join(str(error).split()))
    raise AssertionError("fail ends the program")
