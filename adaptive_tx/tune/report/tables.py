"""The members of a result as a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive_tx.tune.report.members import Members
from adaptive_tx.tune.report.remarks import remarks
from adaptive_tx.tune.sweeps.categories import word

MISSING = "\u2013"
SHORT, FULL = {"score": 4, "std": 2}, {"score": 9, "std": 9}  # digits; nine are all of float32


def plain(members: Members, top: int | None) -> str:
    """Columns of text, for files and pipes: numbers on the right, with all their digits."""
    head, rows = _cells(members, top, FULL)
    return "\n".join([text(head, rows), *remarks(members)])


def text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under a header; numbers on the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = (
        "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths)))
        for row in (head, *rows)
    )
    return "\n".join(line.rstrip() for line in lines)


def rich(members: Members, top: int | None) -> Any:
    """The same for rich, as wide as the terminal."""
    return fitting(*_cells(members, top, SHORT), remarks(members))


def fitting(head: Sequence[str], rows: Sequence[Sequence[str]], remarks: Sequence[str] = ()) -> Any:
    """Columns for rich, with sentences below.

    Raises:
      ImportError: if rich is not there.
    """
    try:
        from adaptive_tx.tune.report.fitting_table import FittingTable  # needs rich
    except ImportError:
        raise ImportError(
            "table: needs rich: pip install adaptive-tx[tune], or plain=True."
        ) from None
    return FittingTable(head, rows, remarks=remarks)


def _cells(
    members: Members, top: int | None, digits: dict[str, int]
) -> tuple[list[str], list[list[str]]]:
    """The header, and the text of each cell; columns in which all is alike and dull are left out."""
    several = members.scores.shape[1] > 1
    dropped, diverged = len(set(members.trained)) > 1, members.diverged.any()
    score = f"{'' if members.sign > 0 else 'highest '}{members.by}"
    axes = [*members.words, *members.settings]
    head = ["optimizer", *axes, score] + several * ["\u00b1 std"]
    head += dropped * ["steps"] + bool(diverged) * ["diverged"] + several * ["tied"]
    rows, tied = [], members.tied
    for i in members.ranked[:top]:
        one = members.member(i)
        row = [one.name, *(value(one.settings, name) for name in axes)]
        row += [number(one.score, digits["score"])] + several * [number(one.std, digits["std"])]
        if dropped:
            row.append(str(one.steps))
        if diverged:
            row.append(f"{one.diverged}/{members.scores.shape[1]}" if one.diverged else "")
        if several:
            row.append("~" if tied[i] else "")
        rows.append(row)
    return head, rows


def value(settings: dict[str, Any], name: str) -> str:
    """One value of a setting; a dash if it has none."""
    return word(settings[name]) if name in settings else MISSING


def number(value: float | None, digits: int) -> str:
    """To so many digits; a dash if there is none."""
    return MISSING if value is None or not np.isfinite(value) else f"{value:.{digits}g}"
