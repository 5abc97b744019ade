"""What is known of the members of a sweep while they train."""

from typing import NamedTuple

import numpy as np

from adaptive_tx.tune.plan import Plan
from adaptive_tx.tune.task import Task


class Record(NamedTuple):
    """Numbers of all members; NaN where they were not trained."""

    curves: dict[str, np.ndarray]  # float[member, seed, point]
    found: dict[str, np.ndarray]  # float[member, seed], at the last step of each
    finite: np.ndarray  # bool[member, seed]
    trained: np.ndarray  # int[member], steps made

    @classmethod
    def empty(cls, task: Task, members: int) -> "Record":
        shape = members, task.seeds
        curves = {
            name: np.full((*shape, len(task.plan.stops)), np.nan) for name in task.traces.told
        }
        found = {name: np.full(shape, np.nan) for name in task.traces.found}
        return cls(curves, found, np.ones(shape, bool), np.zeros(members, np.int64))

    def told(self, members: np.ndarray, point: int, last: int, numbers: dict) -> None:
        """Notes what the loss told in the interval that ends at step `last`."""
        for name, values in numbers.items():
            self.curves[name][members, :, point] = values
        self.finite[members] = np.isfinite(numbers["loss"])
        self.trained[members] = last

    def evaluated(self, members: np.ndarray, numbers: dict, finite: np.ndarray) -> None:
        """Notes what `evaluate` found."""
        for name, values in numbers.items():
            self.found[name][members] = values
        self.finite[members] &= finite

    def recent(self, plan: Plan, name: str = "loss") -> np.ndarray:
        """float[member, seed]: the mean of a curve over the last tenth of the steps made."""
        stops, trained = np.array(plan.stops), self.trained[:, None]
        counts = (stops > 0.9 * trained) & (stops <= trained)
        weights = (counts * np.diff(stops, prepend=0))[:, None]
        sums = np.where(weights > 0, self.curves[name], 0.0) * weights
        return sums.sum(-1) / np.maximum(weights.sum(-1), 1)
