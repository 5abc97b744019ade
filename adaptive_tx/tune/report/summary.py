"""What `adaptive-tx tune` prints at the end: the best settings, how wide their range is, the files."""

import argparse

import numpy as np

from adaptive_tx.plots.words import counted
from adaptive_tx.tune.report.confirming import Confirmation
from adaptive_tx.tune.report.result import Result
from adaptive_tx.tune.report.terminal import Page
from adaptive_tx.tune.sweeps.categories import written
from adaptive_tx.tune.tasks import Task

ROWS = 10  # of the table
FILES = "tune.png", "results.csv", "results.json"


def show(
    task: Task,
    result: Result,
    batch_size: int,
    confirmed: Confirmation | None,
    arguments: argparse.Namespace,
) -> None:
    """The best rows, in the search and again, the best of each optimizer as one writes it, the files."""
    page = Page()
    settings, seeds = result.scores.shape
    page.say()
    page.say(f"{task.name}: {task.about}", style="bold")
    page.say(
        f"{counted(settings, 'setting')} x {counted(seeds, 'seed')}, {arguments.steps:,} steps of "
        f"{batch_size} of {len(task.data.targets):,} examples; {result.by} on "
        f"{len(task.held_out.targets):,} others"
    )
    page.say()
    page.table(result, top=ROWS)
    if settings > ROWS:
        page.say(f"and {settings - ROWS} more in results.csv", indent=1, style="dim")
    if confirmed is not None:
        _on_fresh_seeds(page, confirmed)
    page.say()
    for name in result.sweeps:
        _best(page, result, name, arguments.within)
    page.say()
    for file in (*FILES, "confirmed.json") if confirmed else FILES:
        page.copyable(str(arguments.out / file))


def _on_fresh_seeds(page: Page, confirmed: Confirmation) -> None:
    page.say()
    page.say(
        f"The best again, on {confirmed.seeds} fresh seeds (intervals: 95 % for all "
        "at once; ~ cannot be told from the best, paired by seed):"
    )
    page.table(confirmed)


def _best(page: Page, result: Result, name: str, within: float) -> None:
    """What is known of the best of one optimizer."""
    if not np.isfinite(result.losses[np.array(result.names) == name]).any():
        page.say(f"{name}: every setting diverged")
        return
    best = result.best_of(name)
    ends = {one: values[best.index].mean() for one, values in result.metrics.items()}
    metrics = ", ".join(
        f"{one.replace('_', ' ')} {ends[one]:.4g}" for one in sorted(ends, key=result.by.__ne__)
    )
    page.say(f"atx.{name}({written(best.settings)}): {metrics}")
    page.copyable(f"  = {best.tx!r}")
    if width := _width(result, name, within):
        page.say(width, indent=2)


def _width(result: Result, name: str, within: float) -> str | None:
    """How wide the good range is; nothing where it cannot be known, as of random draws."""
    try:
        good = result.sensitivity(within)[name]
    except ValueError:
        return None
    dropped = ", those dropped with what they had then" if len(set(result.trained)) > 1 else ""
    return f"learning rates with a {result.by} within {within:g} of it{dropped}: {good}"
