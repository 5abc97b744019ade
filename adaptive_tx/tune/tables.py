"""The members of a result as a table."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from adaptive_tx.tune.result import Result

MISSING = "\u2013"


def plain(result: "Result", top: int | None) -> str:
    """Columns of text; numbers on the right."""
    head, rows = _cells(result, top)
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = (
        "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths)))
        for row in (head, *rows)
    )
    return "\n".join(line.rstrip() for line in lines)


def rich(result: "Result", top: int | None) -> Any:
    """The same for rich, as wide as the terminal.

    Raises:
      ImportError: if rich is not there.
    """
    try:
        from adaptive_tx.tune.fitting import Fitting
    except ImportError:
        raise ImportError(
            "table: needs rich: pip install adaptive-tx[tune], or plain=True."
        ) from None
    return Fitting(*_cells(result, top))


def _cells(result: "Result", top: int | None) -> tuple[list[str], list[list[str]]]:
    """The header, and the text of each cell; columns in which all is alike and dull are left out."""
    several = result.scores.shape[1] > 1
    dropped, diverged = len(set(result.trained)) > 1, result.diverged.any()
    score = f"{'' if result.sign > 0 else 'highest '}{result.by}"
    head = ["optimizer", *result.settings, score] + several * ["\u00b1 std"]
    head += dropped * ["steps"] + bool(diverged) * ["diverged"]
    rows = []
    for i in result.ranked[:top]:
        one = result.member(i)
        row = [one.name, *(_number(one.settings.get(name), 7) for name in result.settings)]
        row += [_number(one.score, 4)] + several * [_number(one.std, 2)]
        row += dropped * [str(one.steps)]
        row += bool(diverged) * [f"{one.diverged}/{result.scores.shape[1]}" if one.diverged else ""]
        rows.append(row)
    return head, rows


def _number(value: float | None, digits: int) -> str:
    return MISSING if value is None or not np.isfinite(value) else f"{value:.{digits}g}"
