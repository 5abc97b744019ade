"""What a training shows while it runs: a bar with the best so far."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from adaptive_tx.tune.sweeps.categories import written
from adaptive_tx.tune.training.search import Search

BAR = 20  # characters: what it says of the best needs the room


@contextlib.contextmanager
def progress_bar(
    searches: Sequence[Search], shown: bool
) -> Iterator[Callable[[Search, int], None]]:
    """A bar on stderr; call what it yields with the search that made steps, and their number.

    Where it cannot be drawn again and again, as in a file, it is not drawn.
    """
    if not shown:
        yield lambda search, steps: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column
    except ImportError:
        raise ImportError(
            "train: the progress bar needs rich: pip install adaptive-tx[tune], or progress=False."
        ) from None
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=BAR),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[best]}", markup=False, table_column=Column(overflow="fold")),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not _redrawn(console)) as bar:
        total = sum(search.work for search in searches)
        begun = sum(search.work_done for search in searches)
        now = "compiling" if begun < total else best(searches[-1])
        task = bar.add_task(searches[0].name, total=total, completed=begun, best=now)

        def show(search: Search, steps: int) -> None:
            count = f"{searches.index(search) + 1}/{len(searches)} " if len(searches) > 1 else ""
            bar.update(task, advance=steps, description=count + search.name, best=best(search))

        yield show
        bar.update(task, best=final(searches))


def _redrawn(console: Any) -> bool:
    return console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)


def final(searches: Sequence[Search]) -> str:
    """The best of all, by what ranks them."""
    losses = [search.losses() for search in searches]
    ends = [
        np.where(s.record.trained == s.setup.plan.steps, x, np.inf)
        for s, x in zip(searches, losses)
    ]
    first = min(range(len(searches)), key=lambda i: ends[i].min())
    search, member = searches[first], int(np.argmin(ends[first]))
    if not np.isfinite(ends[first][member]):
        return "nothing finite"
    name, sign = search.setup.by
    kind = "evaluated" if name in search.record.metrics else "training"
    setting = written(search.sweep.setting(member))
    return f"best {kind} {name} {sign * ends[first][member]:.4g} at {setting}"


def best(search: Search) -> str:
    """The best member so far by its training loss, as one line."""
    record = search.record
    begun, furthest = record.trained > 0, record.trained == record.trained.max()
    losses = np.where(
        record.finite, record.recent(search.setup.plan, search.setup.shown), np.inf
    ).mean(1)
    losses = np.where(begun & furthest, losses, np.inf)
    member = int(np.argmin(losses))
    diverged = int((~record.finite[begun]).any(1).sum())
    lost = f", {diverged} diverged" if diverged else ""
    if not np.isfinite(losses[member]):
        return f"nothing finite{lost}"
    setting = written(search.sweep.setting(member))
    return f"best training {search.setup.shown} {losses[member]:.4g} at {setting}{lost}"
