"""What a race prints: the ranking as a table, and what its columns are."""

from collections.abc import Sequence

from rich.table import Table

from adaptive_tx.tune.race.options import Options
from adaptive_tx.tune.race.score import GUESS, POINTS, Score, places
from adaptive_tx.tune.report.fitting_table import FittingTable
from adaptive_tx.tune.report.tables import MISSING
from adaptive_tx.tune.report.terminal import Page
from adaptive_tx.tune.tasks.digits import Digits


def show(scores: Sequence[Score], options: Options, data: Digits, seconds: float) -> None:
    """Prints the ranking and where the files are."""
    page = Page()
    page.say()
    page.console.print(_table(scores, options))
    page.say()
    page.console.print(_caption(options, data))
    page.say()
    page.say(f"{len(scores) * len(options.rates) * options.seeds:,} runs in {seconds:.0f} s")
    for name in ("race.png", "race.json"):
        page.copyable(str(options.out / name))


def _table(scores: Sequence[Score], options: Options) -> FittingTable:
    results = "best rate", "test acc. %", "\u00b1 std", "decades", "diverged", "seconds"
    pairs = zip(places(scores), scores, strict=True)
    rows = [[str(rank), score.name, *_cells(score)] for rank, score in pairs]
    title = (
        f"Digits: {options.model}, {options.steps} steps, "
        f"{len(options.rates)} rates x {options.seeds} seeds"
    )
    return FittingTable(("#", "optimizer", *results), rows, title)


def _cells(score: Score) -> list[str]:
    diverged = f"{score.runs.diverged.sum()}/{score.runs.diverged.size}"
    end = [diverged, f"{score.seconds:.1f}"]
    if score.best is None:
        return [MISSING] * 4 + end
    best = score.best
    std = MISSING if best.std is None else f"{100 * best.std:.1f}"
    decades = f"{'>=' if best.width.open else ''}{best.width.decades:.1f}"
    return [_short(best.rate), f"{100 * best.mean:.1f}", std, decades, *end]


def _caption(options: Options, data: Digits) -> Table:
    rates, test = options.rates, len(data.test.targets)
    text = {
        "#": "by test accuracy; optimizers that the seeds cannot tell from the best of them share one",
        "best rate": f"of {len(rates)} from {_short(rates[0])} to {_short(rates[-1])}, the one "
        f"that is best on average on {len(data.validation.targets)} validation images",
        "test acc.": f"at that rate, on {test} other images (one is {100 / test:.1f} points): "
        "mean and standard deviation over seeds",
        "decades": "of learning rate around the best with mean test accuracy within "
        f"{100 * POINTS:.0f} points of its, linear in log rate between the rates tried; "
        ">= if that reaches the last rate tried",
        "diverged": "not finite at the end, or train loss above a uniform guess's; counts as "
        f"{100 * GUESS:.0f} % accuracy",
        "seconds": "for all rates and seeds, compilation included",
    }
    table = Table(box=None, show_header=False, padding=(0, 1), style="dim")
    for term, meaning in text.items():
        table.add_row(term, meaning)
    return table


def _short(rate: float) -> str:
    """Two digits, and no exponent where none is needed."""
    return f"{float(f'{rate:.2g}'):g}"
