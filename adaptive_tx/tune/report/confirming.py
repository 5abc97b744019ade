"""The best of a search trained again, on seeds that it has not seen: what they reach without luck."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.tune.report import files, tables
from adaptive_tx.tune.report.members import Member, Members
from adaptive_tx.tune.report.ties import interval, tied
from adaptive_tx.tune.sweeps.batches import as_key

FRESH = 2**31  # folded into the key of the search: its seeds are numbered from 0


class Confirmed(NamedTuple):
    """One setting on fresh seeds."""

    member: Member  # as the search found it: its settings, its score there
    scores: np.ndarray  # float[seed], on fresh seeds
    mean: float  # of these; NaN if one diverged
    low: float  # of the interval of the mean, which holds with 95 % for all of them at once
    high: float
    diverged: int  # of the seeds
    tied: bool  # cannot be told apart from the best


class Confirmation(NamedTuple):
    """The best of a search on fresh seeds, by their mean there, best first."""

    members: tuple[Confirmed, ...]
    by: str  # what the scores are
    seeds: int

    @property
    def best(self) -> Confirmed:
        """The best one on fresh seeds; those that are `tied` are as good for all that is known."""
        return self.members[0]

    def table(self, plain: bool = False) -> Any:
        """A row for each: a table for rich, or with `plain` text."""
        make = tables.text if plain else tables.fitting
        return make(*self._cells())

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes all numbers to a file."""
        rows = [self._as_dict(one) for one in self.members]
        kept = {"by": self.by, "seeds": self.seeds, "members": rows}
        Path(path).write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")

    def __str__(self) -> str:
        return self.table(plain=True)

    def _as_dict(self, one: Confirmed) -> dict[str, Any]:
        numbers = {"search": one.member.score, "mean": one.mean, "low": one.low, "high": one.high}
        return {
            "optimizer": one.member.name,
            "settings": files.settings(one.member),
            "tx": repr(one.member.tx),
            "scores": files.finite(one.scores),
            **{name: files.finite(x) for name, x in numbers.items()},
            "diverged": one.diverged,
            "tied": one.tied,
        }

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        names = dict.fromkeys(name for one in self.members for name in one.member.settings)
        head = ["optimizer", *names, f"{self.by} on fresh seeds", "95 % interval", "tied"]
        rows = []
        for one in self.members:
            row = [one.member.name, *(tables.value(one.member.settings, n) for n in names)]
            lost = f"{one.diverged}/{self.seeds} diverged"
            row += [lost if one.diverged else tables.number(one.mean, 4)]
            known = np.isfinite([one.low, one.high]).all()
            row += [f"{one.low:.4g} to {one.high:.4g}" if known else tables.MISSING]
            rows.append([*row, "~" if one.tied else "", tables.number(one.member.score, 4)])
        return [*head, f"{self.by} in the search"], rows


def confirm(
    found: Members, again: Callable[..., Members], top: int, seeds: int, key: Any, used: Any
) -> Confirmation:
    """Trains the best again.

    Args:
      found: what the search found.
      again: trains sweeps by name, with so many seeds, from a key.
      top: how many, of those that were trained to the end.
      seeds: of each.
      key: of the fresh seeds; None: one that follows from the key of the search.
      used: the key of the search.

    Raises:
      ValueError: if the key is that of the search, or nothing was trained to the end.
    """
    top = checks.whole("confirm", "top", top, 1)
    seeds = checks.whole("confirm", "seeds", seeds, 1)
    words, root = as_key("confirm", used)
    if key is None:
        key = jax.random.fold_in(root(), FRESH)
    elif as_key("confirm", key)[0] == words:
        raise ValueError(
            "confirm: key is that of the search, whose best would see their lucky seeds again; give "
            "another one, or none."
        )
    losses, end = found.losses, found.stops[-1]
    best = [i for i in found.ranked if found.trained[i] == end and np.isfinite(losses[i])][:top]
    if not best:
        raise ValueError("confirm: every member diverged; there is nothing to confirm.")
    sweeps, order = {}, []
    for name, sweep in found.sweeps.items():
        if rows := [i - found.first(name) for i in best if found.names[i] == name]:
            sweeps[name] = sweep.only(np.array(rows))
            order += [i for i in best if found.names[i] == name]
    return _confirmation(found, order, again(sweeps, seeds, key))


def _confirmation(found: Members, order: list[int], fresh: Members) -> Confirmation:
    """The members `order` of the search, each with its row of `fresh`."""
    finite = ~fresh.diverged & np.isfinite(fresh.scores)
    same = tied(np.where(finite, fresh.sign * fresh.scores, np.inf))
    rows = []
    for i, scores, known, alike in zip(order, fresh.scores, finite, same, strict=True):
        whole, nan = bool(known.all()), float("nan")
        low, high = interval(scores, len(order)) if whole else (nan, nan)
        mean = float(scores.mean()) if whole else nan
        lost = int((~known).sum())
        rows.append(Confirmed(found.member(i), scores, mean, low, high, lost, bool(alike)))
    ranked = [rows[i] for i in fresh.ranked]
    return Confirmation(tuple(ranked), fresh.by, fresh.scores.shape[1])
