"""What is known of the members of a sweep while they train."""

from typing import NamedTuple

import numpy as np

from adaptive_tx.tune.sweeps.plan import Plan
from adaptive_tx.tune.training.setup import Setup


class Record(NamedTuple):
    """Numbers of all members; NaN where they were not trained."""

    curves: dict[str, np.ndarray]  # float[member, seed, point]
    metrics: dict[str, np.ndarray]  # float[member, seed], at the last step of each
    finite: np.ndarray  # bool[member, seed]
    trained: np.ndarray  # int[member], steps made

    @classmethod
    def empty(cls, setup: Setup, members: int) -> "Record":
        shape = members, setup.seeds
        points = *shape, len(setup.plan.stops)
        curves = {name: np.full(points, np.nan) for name in setup.traces.scalars}
        metrics = {name: np.full(shape, np.nan) for name in setup.traces.metrics}
        return cls(curves, metrics, np.ones(shape, bool), np.zeros(members, np.int64))

    def add_scalars(self, members: np.ndarray, point: int, last: int, numbers: dict) -> None:
        """The means of the loss's scalars over the interval that ends at step `last`."""
        for name, values in numbers.items():
            self.curves[name][members, :, point] = values
        self.finite[members] = np.isfinite(numbers["loss"])
        self.trained[members] = last

    def add_metrics(self, members: np.ndarray, numbers: dict, finite: np.ndarray) -> None:
        """What `evaluate` gave for the last parameters."""
        for name, values in numbers.items():
            self.metrics[name][members] = values
        self.finite[members] &= finite

    def recent(self, plan: Plan, name: str = "loss") -> np.ndarray:
        """float[member, seed]: the mean of a curve over the last tenth of the steps made."""
        stops, trained = np.array(plan.stops), self.trained[:, None]
        counts = (stops > 0.9 * trained) & (stops <= trained)
        weights = (counts * np.diff(stops, prepend=0))[:, None]
        sums = np.where(weights > 0, self.curves[name], 0.0) * weights
        return sums.sum(-1) / np.maximum(weights.sum(-1), 1)
