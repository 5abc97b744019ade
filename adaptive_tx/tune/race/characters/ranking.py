"""What a race of characters prints: the ranking as a table, and what its columns are."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from adaptive_tx.tune.race.characters.options import REFERENCE, SHARES, Options
from adaptive_tx.tune.race.characters.record import tokens
from adaptive_tx.tune.race.characters.score import ERRORS, WITHIN, Score, places
from adaptive_tx.tune.report.fitting_table import FittingTable
from adaptive_tx.tune.report.tables import MISSING
from adaptive_tx.tune.report.terminal import Page

HEAD = (
    *("#", "optimizer", "loss", "± std", f"less {REFERENCE}'s", "tokens %"),
    *("decades", "rate", "decay", "bytes", "s"),
)


def show(scores: Sequence[Score], options: Options) -> None:
    """Prints the ranking and where the files are."""
    page = Page()
    reference = next(one for one in scores if one.name == REFERENCE)
    rows = [
        [str(rank), one.name, *_cells(one, reference, tokens(options))]
        for rank, one in zip(places(scores), scores)
    ]
    title = (
        f"Characters: transformer, {options.steps} steps, {options.rates} rates x {len(SHARES)} "
        f"decays x {options.seeds} seeds, then {options.fresh} fresh ones"
    )
    page.say()
    page.console.print(FittingTable(HEAD, rows, title))
    page.say()
    page.console.print(_caption(options))
    page.say()
    for name in ("characters.png", "characters.json"):
        page.copyable(str(options.out / name))


def _cells(one: Score, reference: Score, budgets: Sequence[int]) -> list[str]:
    losses = one.losses
    std = f"{losses.std(ddof=1):.3f}" if len(losses) > 1 else MISSING
    return [
        f"{losses.mean():.3f}" if np.isfinite(losses).all() else "diverged",
        std if np.isfinite(losses).all() else MISSING,
        versus(one, reference),
        share(one, reference, budgets),
        f"{'>=' if one.open else ''}{one.decades:.1f}",
        f"{one.learning_rate:.2g}{'*' if one.at_edge else ''}",
        f"{one.weight_decay:.2g}",
        f"{one.bytes:.1f}",
        f"{one.seconds:.2f}",
    ]


def versus(one: Score, reference: Score) -> str:
    """The difference from the reference, and whether it is one."""
    against = one.against(reference)
    if one is reference or not np.isfinite(against.mean):
        return MISSING
    return "tie" if against.tie else f"{against.mean:+.3f}".replace("-", "\u2212")


def share(one: Score, reference: Score, budgets: Sequence[int]) -> str:
    """The tokens to the reference's loss, in percent of what it took."""
    reached = one.tokens(reference, budgets)
    if reached is None:
        return "not"
    return f"{'<=' if reached.at_most else ''}{100 * reached.number / budgets[-1]:.0f}"


def _caption(options: Options) -> Table:
    budgets = tokens(options)
    text = {
        "#": "optimizers that the seeds cannot tell from the best of them share one",
        "loss": "nats a character on the test part, of the setting that is best on the validation "
        f"part: mean and standard deviation over {options.fresh} fresh seeds",
        f"less {REFERENCE}'s": "mean over the same seeds; a tie is within "
        f"{ERRORS:g} standard errors of zero",
        "tokens": f"of the shortest training that ends at {REFERENCE}'s loss, in percent of "
        f"{budgets[-1]:,} characters; not: no training up to that length does",
        "decades": f"of learning rate within {WITHIN:g} nats of the best validation loss; >= if "
        "that reaches the last rate tried",
        "rate": "the best one; * if it is the first or the last that was tried",
        "bytes": "of state a parameter",
        "s": "seconds of the processor for one training by itself, without compilation; the fastest",
    }
    table = Table(box=None, show_header=False, padding=(0, 1), style="dim")
    for term, meaning in text.items():
        table.add_row(term, meaning)
    return table
