"""What came out of a training: every number, the best member, how wide the good range is."""

import csv
import dataclasses
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sensitivity import Width, width
from adaptive_tx.tune.sweeps import Sweep


class Member(NamedTuple):
    """One setting of one optimizer, and what it reached."""

    index: int
    name: str  # of its sweep
    settings: dict[str, float]
    tx: Transformation  # with Python numbers, as one would write it
    steps: int  # made; fewer than all if it was dropped
    score: float  # mean over seeds of what ranks; NaN if a run diverged
    std: float | None  # over seeds, with n - 1; None for one seed
    diverged: int  # of its seeds


@dataclasses.dataclass(frozen=True)
class Result:
    """The members of all sweeps of a training, in the order of their tables.

    Arrays of floats are NaN where a member was not trained, or does not have the axis.
    """

    sweeps: dict[str, Sweep]
    stops: np.ndarray  # int[point]: each point of a curve is the mean up to this step
    curves: dict[str, np.ndarray]  # float[member, seed, point]: "loss" and the scalars of its aux
    found: dict[str, np.ndarray]  # float[member, seed]: by `evaluate`, at the last step of each
    scores: np.ndarray  # float[member, seed]: what ranks
    trained: np.ndarray  # int[member]: steps made
    diverged: np.ndarray  # bool[member, seed]: not finite at the end
    seconds: dict[str, float]  # by sweep: what this call took for it, compilation included
    by: str  # what the scores are
    sign: float  # -1 if more is better

    def __len__(self) -> int:
        return len(self.trained)

    @property
    def settings(self) -> dict[str, np.ndarray]:
        """float[member] for each axis of any sweep."""
        names = dict.fromkeys(name for sweep in self.sweeps.values() for name in sweep.settings)
        missing = {one: np.full(len(sweep), np.nan) for one, sweep in self.sweeps.items()}
        return {
            name: np.concatenate(
                [sweep.settings.get(name, missing[one]) for one, sweep in self.sweeps.items()]
            )
            for name in names
        }

    @property
    def names(self) -> list[str]:
        """The sweep of each member."""
        return [name for name, sweep in self.sweeps.items() for _ in range(len(sweep))]

    @property
    def losses(self) -> np.ndarray:
        """float[member]: the mean of the scores over seeds, least is best, infinite if one diverged."""
        values = np.where(self.diverged, np.inf, self.sign * self.scores)
        return np.where(np.isnan(values), np.inf, values).mean(1)

    @property
    def ranked(self) -> list[int]:
        """The members, best first: those that went furthest, and of these by their loss."""
        return sorted(range(len(self)), key=lambda i: (-self.trained[i], self.losses[i], i))

    @property
    def best(self) -> Member:
        """The best member that was trained to the end.

        Raises:
          ValueError: if every one diverged.
        """
        return self._best(range(len(self)))

    def best_of(self, name: str) -> Member:
        """The best member of one of several sweeps."""
        return self._best(self._of(name))

    def member(self, i: int) -> Member:
        """Everything about one member."""
        name = self.names[i]
        row = i - self._of(name)[0]
        scores, sweep = self.scores[i], self.sweeps[name]
        diverged = int(self.diverged[i].sum())
        mean = float(scores.mean()) if not diverged else float("nan")
        std = float(scores.std(ddof=1)) if len(scores) > 1 and not diverged else None
        return Member(
            i, name, sweep.setting(row), sweep[row], int(self.trained[i]), mean, std, diverged
        )

    def sensitivity(self, within: float, axis: str = "learning_rate") -> dict[str, Width]:
        """For each sweep, the interval of `axis` in which the score stays within `within` of its best.

        The other axes are held at the values of the best member. Between the values tried, the score is
        taken as linear in the logarithm. Where halving dropped members before they were good enough, the
        interval ends before them and is open. A sweep in which everything diverged is left out.

        Args:
          within: how much worse still counts as good, > 0, in the unit of the score.
          axis: an axis with positive values.

        Raises:
          ValueError: if a sweep has no such axis, or has no two members that differ in it alone.
        """
        return {
            name: self._width(name, within, axis)
            for name in self.sweeps
            if np.isfinite(self.losses[self._of(name)]).any()
        }

    def table(self, top: int | None = None, plain: bool = False) -> Any:
        """The members, best first: a table for rich, as wide as the terminal, or with `plain` text.

        Args:
          top: how many; the default is all.
          plain: text that needs no rich.
        """
        from adaptive_tx.tune import tables

        return tables.plain(self, top) if plain else tables.rich(self, top)

    def plot(self) -> Any:
        """Loss curves, the score against each axis with the spread of the seeds, a map of two axes.

        Returns a matplotlib Figure; in a notebook it shows itself.
        """
        from adaptive_tx.tune.figure import draw

        return draw(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON knows; None where there is no finite number."""
        members = []
        for i in range(len(self)):
            one = self.member(i)
            members.append({
                "optimizer": one.name, "settings": one.settings, "tx": repr(one.tx),
                "steps": one.steps, "score": _finite(one.score),
                "std": None if one.std is None else _finite(one.std),
                "scores": _finite(self.scores[i]), "diverged": self.diverged[i].tolist(),
                **{name: _finite(values[i]) for name, values in self.found.items()},
                "curves": {name: _finite(curve[i]) for name, curve in self.curves.items()},
            })  # fmt: skip
        ranking = {"by": self.by, "more_is_better": self.sign < 0, "ranked": self.ranked}
        return {**ranking, "stops": self.stops.tolist(), "members": members}

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes `to_dict` to a file."""
        Path(path).write_text(self._json())

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a row for each member and seed: its numbers, without the curves."""
        Path(path).write_text(self._csv())

    def save(self, store: Any) -> None:
        """Leaves results.json and results.csv in a training's folder."""
        store.write_text("results.json", self._json())
        store.write_text("results.csv", self._csv())

    def _json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def _csv(self) -> str:
        out = io.StringIO()
        head = ["optimizer", *self.settings, "seed", "steps", "diverged", "score", *self.found]
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(head)
        for i, name in enumerate(self.names):
            row = ["" if np.isnan(c[i]) else float(c[i]) for c in self.settings.values()]
            for seed in range(self.scores.shape[1]):
                ends = [self.scores[i, seed], *(values[i, seed] for values in self.found.values())]
                known = [float(f"{x:.7g}") if np.isfinite(x) else "" for x in ends]
                diverged = bool(self.diverged[i, seed])
                writer.writerow([name, *row, seed, int(self.trained[i]), diverged, *known])
        return out.getvalue()

    def _of(self, name: str) -> range:
        """The members of a sweep."""
        begin = 0
        for one, sweep in self.sweeps.items():
            if one == name:
                return range(begin, begin + len(sweep))
            begin += len(sweep)
        raise ValueError(f"result: no sweep {name!r}; there are {', '.join(self.sweeps)}.")

    def _best(self, members: Sequence[int]) -> Member:
        best = next((i for i in self.ranked if i in members and np.isfinite(self.losses[i])), None)
        if best is None:
            raise ValueError("result: every member diverged; there is no best.")
        return self.member(best)

    def _width(self, name: str, within: float, axis: str) -> Width:
        sweep, begin, best = self.sweeps[name], self._of(name)[0], self.best_of(name)
        if axis not in sweep.settings:
            raise ValueError(
                f"sensitivity: {name} has no axis {axis}; it has {', '.join(sweep.settings)}."
            )
        others = [column for other, column in sweep.settings.items() if other != axis]
        row = best.index - begin
        alike = [i for i in range(len(sweep)) if all(c[i] == c[row] for c in others)]
        alike.sort(key=lambda i: sweep.settings[axis][i])
        values = sweep.settings[axis][alike]
        if len(alike) < 2 or values[0] <= 0:
            raise ValueError(
                f"sensitivity: needs several positive values of {axis} with all other settings of "
                f"{name} as its best; sweep a grid."
            )
        these = begin + np.array(alike)
        final = self.trained[these] == self.stops[-1]
        return width(values, self.losses[these], alike.index(row), within, final)


def _finite(values: Any) -> Any:
    """Numbers to six digits as (nested) lists, None for those that are not finite."""
    if np.ndim(values):
        return [_finite(value) for value in values]
    return float(f"{values:.6g}") if np.isfinite(values) else None
