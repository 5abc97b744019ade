"""What is known of the members of a sweep while they train."""

from typing import NamedTuple

import numpy as np

from adaptive_tx.tune.sweeps.plan import Plan
from adaptive_tx.tune.training.setup import Setup


class Record(NamedTuple):
    """Numbers of all members; NaN where they were not trained."""

    curves: dict[str, np.ndarray]  # float[member, seed, point]
    metrics: dict[str, np.ndarray]  # float[member, seed], at the last step of each
    eval_curves: dict[str, np.ndarray]  # float[member, seed, evaluation]
    finite: np.ndarray  # bool[member, seed]
    trained: np.ndarray  # int[member], steps made

    @classmethod
    def empty(cls, setup: Setup, members: int) -> "Record":
        shape = members, setup.seeds
        points = *shape, len(setup.plan.stops)
        curves = {name: np.full(points, np.nan) for name in setup.traces.scalars}
        metrics = {name: np.full(shape, np.nan) for name in setup.traces.metrics}
        evaluations = *shape, len(setup.plan.evaluations)
        eval_curves = {name: np.full(evaluations, np.nan) for name in metrics}
        finite, trained = np.ones(shape, bool), np.zeros(members, np.int64)
        return cls(curves, metrics, eval_curves, finite, trained)

    def add_scalars(
        self, members: np.ndarray, point: int, last: int, numbers: dict, shown: str
    ) -> None:
        """The means of a step's scalars over the interval that ends at step `last`.

        The one that is shown tells whether a run is finite.
        """
        for name, values in numbers.items():
            self.curves[name][members, :, point] = values
        self.finite[members] = np.isfinite(numbers[shown])
        self.trained[members] = last

    def add_metrics(self, members: np.ndarray, numbers: dict, finite: np.ndarray) -> None:
        """What `evaluate` gave for the last parameters."""
        for name, values in numbers.items():
            self.metrics[name][members] = values
        self.finite[members] &= finite

    def add_evaluation(self, members: np.ndarray, at: int, numbers: dict) -> None:
        """What `evaluate` gave on the way."""
        for name, values in numbers.items():
            self.eval_curves[name][members, :, at] = values

    def recent(self, plan: Plan, name: str) -> np.ndarray:
        """float[member, seed]: the mean of a curve over the last tenth of the steps made."""
        stops, trained = np.array(plan.stops), self.trained[:, None]
        counts = (stops > 0.9 * trained) & (stops <= trained)
        weights = (counts * np.diff(stops, prepend=0))[:, None]
        sums = np.where(weights > 0, self.curves[name], 0.0) * weights
        return sums.sum(-1) / np.maximum(weights.sum(-1), 1)
