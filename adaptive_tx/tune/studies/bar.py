"""What a search shows while it runs: a bar of trials, and the best so far."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from adaptive_tx.tune.studies.worker import trained
from adaptive_tx.tune.sweeps.categories import written

if TYPE_CHECKING:
    from optuna import Study

BAR = 20  # characters: what it says of the best needs the room


@contextlib.contextmanager
def study_bar(study: "Study", trials: int, shown: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr; call what it yields when trials have ended, of whatever worker."""
    if not shown:
        yield lambda: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.table import Column
    except ImportError:
        raise ImportError(
            "optuna: the progress bar needs rich: pip install adaptive-tx[tune], or progress=False."
        ) from None
    columns = (
        TextColumn("trials"),
        BarColumn(bar_width=BAR),
        MofNCompleteColumn(),
        TextColumn("{task.fields[best]}", markup=False, table_column=Column(overflow="fold")),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=trials, completed=len(trained(study)), best=best(study))

        def show() -> None:
            bar.update(task, completed=len(trained(study)), best=best(study))

        yield show


def best(study: "Study") -> str:
    """The best trial as one line."""
    try:
        trial = study.best_trial
    except ValueError:  # there is none yet
        return ""
    return f"best {trial.value:.4g} at {written(trial.params)} (trial {trial.number})"
