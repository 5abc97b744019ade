"""The members of a training in numbers: what each reached, who is best, how wide the good range is."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from adaptive_tx.tune.report.member import Member
from adaptive_tx.tune.report.runs import Runs
from adaptive_tx.tune.report.sensitivity import Width, width
from adaptive_tx.tune.report.ties import tied
from adaptive_tx.tune.sweeps.categories import word
from adaptive_tx.tune.sweeps.problem import shown
from adaptive_tx.tune.sweeps.sweep import Sweep


@dataclasses.dataclass(frozen=True)
class Members:
    """The members of all sweeps of a training, in the order of their tables.

    Arrays of floats are NaN where a member was not trained, or does not have the axis.
    """

    sweeps: dict[str, Sweep]
    stops: np.ndarray  # int[point]: each point of a curve is the mean up to this step
    curves: dict[str, np.ndarray]  # float[member, seed, point]: "loss" and the scalars of its aux
    metrics: dict[str, np.ndarray]  # float[member, seed]: by `evaluate`, at the last step of each
    scores: np.ndarray  # float[member, seed]: what ranks
    trained: np.ndarray  # int[member]: steps made
    diverged: np.ndarray  # bool[member, seed]: not finite at the end
    seconds: dict[str, float]  # by sweep: what this call took for it, compilation included
    by: str  # what the scores are
    sign: float  # -1 if more is better
    # By member: those that were kept.
    runs: dict[int, Runs] = dataclasses.field(default_factory=dict)
    # int[evaluation]: after which steps all were evaluated, if that was asked for.
    eval_stops: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, int))
    # float[member, seed, evaluation]: what `evaluate` gave then.
    eval_curves: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.trained)

    @property
    def shown(self) -> str:
        """The curve that tells how training goes: the loss, or what ranks, or the first that is logged."""
        return shown(self.curves, self.by)

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
    def words(self) -> dict[str, list[str]]:
        """The category of each member, as a word, for each axis of categories; "" where it has none."""
        names = dict.fromkeys(name for sweep in self.sweeps.values() for name in sweep.words)
        return {
            name: [
                word(sweep.words[name]) if name in sweep.words else ""
                for sweep in self.sweeps.values()
                for _ in range(len(sweep))
            ]
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
        losses = self.losses
        return sorted(range(len(self)), key=lambda i: (-self.trained[i], losses[i], i))

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
        row = i - self.first(name)
        scores, sweep = self.scores[i], self.sweeps[name]
        diverged = int(self.diverged[i].sum())
        mean = float(scores.mean()) if not diverged else float("nan")
        spread = len(scores) > 1 and not diverged and np.isfinite(mean)
        std = float(scores.std(ddof=1)) if spread else None
        setting, steps = sweep.setting(row), int(self.trained[i])
        known = np.where(self.diverged[i] | np.isnan(scores), np.inf, self.sign * scores)
        best, runs = int(np.argmin(known)), self.runs.get(i)
        return Member(i, name, setting, sweep[row], steps, mean, std, diverged, best, runs)

    @property
    def tied(self) -> np.ndarray:
        """bool[member]: trained to the end, and by their seeds not to be told from the best (`ties`)."""
        ended = (self.trained == self.stops[-1])[:, None] & ~self.diverged
        return tied(np.where(ended, self.sign * self.scores, np.inf))

    def alike(self, i: int, axis: str) -> list[int]:
        """The members of the same sweep that differ from member i in one axis at most, along it."""
        members = self._of(self.names[i])  # which have the same categories
        others = [column for name, column in self.settings.items() if name != axis]
        same = [
            j for j in members if all(np.array_equal(c[i], c[j], equal_nan=True) for c in others)
        ]
        return sorted(same, key=lambda j: self.settings[axis][j])

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

    def first(self, name: str) -> int:
        """The first member of a sweep."""
        return self._of(name)[0]

    def _of(self, name: str) -> range:
        """The members of a sweep."""
        begin = 0
        for one, sweep in self.sweeps.items():
            if one == name:
                return range(begin, begin + len(sweep))
            begin += len(sweep)
        raise ValueError(f"result: no sweep {name!r}; there are {', '.join(self.sweeps)}.")

    def _best(self, members: Sequence[int]) -> Member:
        losses = self.losses
        for i in self.ranked:
            if i in members and np.isfinite(losses[i]):
                return self.member(i)
        raise ValueError("result: every member diverged; there is no best.")

    def _width(self, name: str, within: float, axis: str) -> Width:
        sweep, best = self.sweeps[name], self.best_of(name)
        if axis not in sweep.settings:
            raise ValueError(
                f"sensitivity: {name} has no axis {axis}; it has {', '.join(sweep.settings)}."
            )
        these = self.alike(best.index, axis)
        values = self.settings[axis][these]
        if len(these) < 2 or values[0] <= 0:
            raise ValueError(
                f"sensitivity: needs several positive values of {axis} with all other settings of "
                f"{name} as its best; sweep a grid."
            )
        final = self.trained[these] == self.stops[-1]
        return width(values, self.losses[these], these.index(best.index), within, final)
