"""`adaptive-tx range`: the learning rate range test on a built-in task, as a table and figures."""

import argparse
import json
import sys
from typing import Any

from adaptive_tx.tune.command import INTERRUPTED, left
from adaptive_tx.tune.options import above_zero, add_training, listed, named_optimizers
from adaptive_tx.tune.tasks import load
from adaptive_tx.tune.training.range_test import RangeTest, rate_range_test

HELP = "find the order of magnitude of a good learning rate in a few short runs"
ABOUT = """\
Trains with a rate that rises until the training diverges, then at eight or more
fixed rates below that, and suggests the middle of the best. A first guess: sweep
around it with `adaptive-tx tune`.
"""
WHO = "rate_range_test: "


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add, default = parser.add_argument, "(default: %(default)s)"
    add_training(add, steps=300, seeds=1)
    rate = {"type": above_zero, "metavar": "RATE"}
    add("--low", **rate, default=1e-6, help=f"first rate, at which nothing happens {default}")
    add("--high", **rate, default=10.0, help=f"last rate, which is too high {default}")
    add("--out", default="range", metavar="DIR", help=f"for its files {default}")
    parser.epilog = listed()


def run(arguments: argparse.Namespace) -> int:
    """Tests each optimizer, prints and saves; returns the exit code."""
    tests, failed = {}, {}
    for name in arguments.optimizer:
        try:
            tests[name] = _tested(arguments, name)
        except (ValueError, TypeError) as error:
            if not str(error).startswith((WHO, "train: ")):
                raise
            failed[name] = str(error).removeprefix(WHO)
        except KeyboardInterrupt:
            print("adaptive-tx range: interrupted", file=sys.stderr)
            return INTERRUPTED
    for name, reason in failed.items():
        print(f"adaptive-tx range: {name}: {reason}", file=sys.stderr)
    if not tests:
        return 1
    for name, test in tests.items():
        with left(arguments, f"{name}.png") as path:
            test.plot().savefig(path, dpi=160)
    with left(arguments, "range.json") as path:
        path.write_text(
            json.dumps({k: _record(test) for k, test in tests.items()}, indent=1) + "\n"
        )
    _show(arguments, tests)
    return int(bool(failed))


def _tested(arguments: argparse.Namespace, name: str) -> RangeTest:
    task = load(arguments.task)
    how = {word: getattr(arguments, word) for word in ("steps", "seeds", "key", "low", "high")}
    how["batch_size"] = arguments.batch_size or min(64, len(task.data.targets))
    tx = named_optimizers()[name](1.0)
    return rate_range_test(task.loss, task.init, task.data, tx, **how)


def _record(test: RangeTest) -> dict[str, Any]:
    return {
        "suggestion": test.suggestion,
        "steepest": test.steepest,
        "edge": test.edge,
        "tx": repr(test.tx),
        "rates": test.rates.tolist(),
        "losses": [None if x != x else float(x) for x in test.losses],
    }


def _show(arguments: argparse.Namespace, tests: dict[str, RangeTest]) -> None:
    from adaptive_tx.tune.report.fitting_table import FittingTable
    from adaptive_tx.tune.report.tables import MISSING
    from adaptive_tx.tune.report.terminal import Page

    head = "optimizer", "suggestion", "steepest", "edge"
    rows = [
        [name, f"{t.suggestion:g}", f"{t.steepest:.2g}", f"{t.edge:.2g}" if t.edge else MISSING]
        for name, t in tests.items()
    ]
    task, page = load(arguments.task), Page()
    page.say()
    page.console.print(FittingTable(head, rows, f"{task.name}: {task.about}"))
    page.say()
    page.say("steepest: the rate at which the loss falls fastest; edge: from which it rises again")
    page.say()
    for test in tests.values():
        page.copyable(f"  = {test.tx!r}")
    page.say()
    for name in (*(f"{name}.png" for name in tests), "range.json"):
        page.copyable(str(arguments.out / name))
