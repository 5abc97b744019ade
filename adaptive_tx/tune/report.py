"""What `adaptive-tx tune` says at the end: the best settings, how wide their range is, and the files."""

import argparse

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from adaptive_tx.tune.result import Result
from adaptive_tx.tune.sweeps import written
from adaptive_tx.tune.tasks import Task

ROWS = 10  # of the table
FILES = "tune.png", "results.csv", "results.json"


class Page:
    """A terminal, on which sentences break between words; or a file, where they do not break."""

    def __init__(self):
        self.console = Console(highlight=False)

    def say(self, text: str = "", indent: int = 0, style: str = "") -> None:
        """One sentence."""
        if self.console.is_terminal:
            self.console.print(Padding(Text(text, style), (0, 0, 0, indent), expand=False))
        else:
            self.copyable(" " * indent + text)

    def copyable(self, text: str) -> None:
        """One line, however long, so that it is copied as one."""
        self.console.print(text, soft_wrap=True, markup=False)


def show(task: Task, result: Result, batch_size: int, arguments: argparse.Namespace) -> None:
    """The best rows, the best of each optimizer as one writes it, and where the files are."""
    page = Page()
    settings, seeds = result.scores.shape
    page.say()
    page.say(f"{task.name}: {task.about}", style="bold")
    page.say(
        f"{_counted(settings, 'setting')} x {_counted(seeds, 'seed')}, {arguments.steps:,} steps of "
        f"{batch_size} of {len(task.data.targets):,} examples; {result.by} on "
        f"{len(task.held_out.targets):,} others"
    )
    page.say()
    page.console.print(result.table(top=ROWS))
    if settings > ROWS:
        page.say(f"and {settings - ROWS} more in results.csv", indent=1, style="dim")
    page.say()
    for name in result.sweeps:
        _best(page, result, name, arguments.within)
    page.say()
    for file in FILES:
        page.copyable(str(arguments.out / file))


def _best(page: Page, result: Result, name: str, within: float) -> None:
    """What is known of the best of one optimizer."""
    if not np.isfinite(result.losses[np.array(result.names) == name]).any():
        page.say(f"{name}: every setting diverged")
        return
    best = result.best_of(name)
    ends = {one: values[best.index].mean() for one, values in result.found.items()}
    found = ", ".join(
        f"{one.replace('_', ' ')} {ends[one]:.4g}" for one in sorted(ends, key=result.by.__ne__)
    )
    page.say(f"atx.{name}({written(best.settings)}): {found}")
    page.copyable(f"  = {best.tx!r}")
    if width := _width(result, name, within):
        page.say(width, indent=2)


def _width(result: Result, name: str, within: float) -> str | None:
    """How wide the good range is; nothing where it cannot be known, as of random draws."""
    try:
        good = result.sensitivity(within)[name]
    except ValueError:
        return None
    dropped = len(set(result.trained)) > 1
    told = ", those dropped with what they had then" if dropped else ""
    return f"learning rates with a {result.by} within {within:g} of it{told}: {good}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
