"""Which members' runs are kept to the end, so that nobody trains them again."""

from collections.abc import Callable, Collection
from typing import Any

import jax
import numpy as np

from adaptive_tx.core import checks


class Kept:
    """The runs of the best members trained to the end, or of those asked for; on the host."""

    def __init__(self, keep: int | Collection[int] | None):
        """`keep` is how many of the best, their rows, or None for all."""
        self.keep = keep
        self.runs: dict[int, Any] = {}  # by member: [seed, ...]

    def add(self, members: np.ndarray, losses: np.ndarray, runs_of: Callable) -> None:
        """Members that have ended, with the losses of all, and what gives runs [seed, member, ...]."""
        candidates = [*self.runs, *members.tolist()]
        if self.keep is None:
            wanted = candidates
        elif isinstance(self.keep, int):
            finite = [i for i in candidates if np.isfinite(losses[i])]
            wanted = sorted(finite, key=lambda i: losses[i])[: self.keep]
        else:
            wanted = [i for i in candidates if i in self.keep]
            finite = [i for i in candidates if np.isfinite(losses[i])]
            wanted += sorted(finite, key=lambda i: losses[i])[
                :1
            ]  # the winner, whoever is asked for
        new = np.array(sorted(set(wanted) & set(members.tolist())), int)
        self.runs = {i: runs for i, runs in self.runs.items() if i in wanted}
        if len(new):
            runs = runs_of(new)
            for column, i in enumerate(new.tolist()):
                self.runs[i] = _column(runs, column)


def _column(runs: Any, column: int) -> Any:
    return jax.tree.map(lambda x: x[:, column].copy(), runs)


def checked_keep(who: str, keep: Any, members: int) -> int | tuple[int, ...] | None:
    """How many members, their places among so many in the result, or None for "all".

    Raises:
      TypeError, ValueError: for anything else.
    """
    if keep == "all":
        return None
    if isinstance(keep, (list, tuple, range, np.ndarray)):
        places = tuple(checks.whole(who, f"keep[{i}]", x, 0) for i, x in enumerate(keep))
        if beyond := [place for place in places if place >= members]:
            raise ValueError(f"{who}: keep names member {beyond[0]}; there are {members}, from 0.")
        return places
    return checks.whole(who, "keep", keep, 0)
