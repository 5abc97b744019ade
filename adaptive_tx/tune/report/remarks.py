"""What a reader of the scores must know: a best at the edge of what was tried, and what seeds can tell."""

import dataclasses

import numpy as np

from adaptive_tx.tune.report.members import Members
from adaptive_tx.tune.sweeps.shapes import shapes_over
from adaptive_tx.tune.sweeps.sweep import Sweep


def remarks(members: Members) -> list[str]:
    """Sentences to print below a table."""
    return [*_at_edges(members), *_ties(members), *_halved(members)]


def at_edges(members: Members) -> list[str]:
    """Of the best of each sweep, the axes at whose end it lies, in words."""
    found = []
    for name, sweep in members.sweeps.items():
        rows = members.losses[members.first(name) :][: len(sweep)]
        if np.isfinite(rows).any():
            best = members.best_of(name)
            ends = edges(sweep, best.index - members.first(name)).items()
            whose = f"{name} " if len(members.sweeps) > 1 else ""
            found += [f"{whose}{axis} {best.settings[axis]:.7g} is the {end}" for axis, end in ends]
    return found


def _at_edges(members: Members) -> list[str]:
    found = at_edges(members)
    return [f"At the edge of what was tried: {', '.join(found)}."] if found else []


def _ties(members: Members) -> list[str]:
    seeds, ties = members.scores.shape[1], int(members.tied.sum())
    if len(members) == 1 or not ties:
        return []
    if seeds == 1:
        return ["One seed tells no setting from another; result.confirm() trains the best on more."]
    whole = members.scores[np.isfinite(members.scores).all(1)]
    if not (whole != whole[:, :1]).any():
        return [
            f"All {seeds} seeds gave the same: nothing differs between them (the same parameters, all "
            "examples in each step, no key), so they tell no setting from another."
        ]
    if ties == 1:
        return [f"No other can be the best, as {seeds} seeds tell (95 %, paired by seed)."]
    return [
        f"~ {ties} cannot be told apart by {seeds} seeds (95 %, paired by seed), and the first is the "
        "luckiest of them; result.confirm() trains the best on fresh seeds."
    ]


def _halved(members: Members) -> list[str]:
    """How halving compared members whose rates have several shapes."""
    if len(set(members.trained)) == 1:
        return []
    found = [shapes_over(sweep, int(members.stops[-1])) for sweep in members.sweeps.values()]
    late = max(one.late for one in found)
    most = max(int(one.of.max()) + 1 for one in found)
    if most == 1:
        return []
    return [
        f"Axes change the shape of the rate, of which there are {most}: halving dropped nothing before "
        f"step {late}, where the last warm-up is over, and then compared members of one shape."
    ]


def edges(sweep: Sweep, row: int) -> dict[str, str]:
    """The axes at whose end this row lies, and which end: "smallest" or "largest".

    An axis of one value has no edge, nor has an end beyond which its optimizer allows nothing (b1 = 0).
    """
    found = {}
    for name, column in sweep.settings.items():
        values = np.unique(column)
        here = float(column[row])
        if len(values) > 1 and here in (values[0], values[-1]):
            next_inside = values[1] if here == values[0] else values[-2]
            ratio = (
                values[0] > 0 and here / next_inside
            )  # of positive values the next one in proportion
            beyond = here * ratio if ratio else 2 * here - float(next_inside)
            if _allowed(sweep, row, name, float(beyond)):
                found[name] = "smallest" if here == values[0] else "largest"
    return found


def _allowed(sweep: Sweep, row: int, name: str, beyond: float) -> bool:
    """Whether a value as far beyond the end as the next one is inside, or nearer, makes an optimizer."""
    column = sweep.settings[name]
    here, one = column[row], sweep.only(np.array([row]))
    for value in (beyond, (here + beyond) / 2, 0.99 * here + 0.01 * beyond):
        tried = np.array([value]).astype(column.dtype)  # of integers the next one at least
        if tried == here:
            continue
        try:
            dataclasses.replace(one, settings={**one.settings, name: tried})[0]
        except (ValueError, TypeError):
            continue
        return True
    return False
