"""The members of a sweep that are trained at a time: their programs, and one portion for each worker.

Inside, a portion is laid out [seed, member], its last member repeated; what is told of it [member, seed].
"""

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune import engine
from adaptive_tx.tune.engine import Runs
from adaptive_tx.tune.sweeps import Sweep
from adaptive_tx.tune.task import Task

Portions = tuple[Runs, ...]
Numbers = dict[str, np.ndarray]  # by name, float[member, seed]


class Chunk:
    """Some members, and what starts, advances and evaluates their runs."""

    def __init__(
        self, task: Task, sweep: Sweep, members: np.ndarray,
        kept: tuple[np.ndarray, Runs] | None,
    ):  # fmt: skip
        """Begins to compile; `kept` are whose runs go on, and these, on the host."""
        workers = task.workers
        self.task, self.members, self._kept = task, members, kept
        at_once = task.at_once and min(task.at_once, len(sweep))
        self._places = workers.portions(members, at_once)
        self._txs = [workers.shared(sweep.at(places), axis=0) for places in self._places]
        params, runs = shapes(task, self._txs[0])
        params, runs = workers.shared(params, axis=None), workers.shared(runs, axis=1)
        here = self._txs[0], runs, task.feed, self._rows(0, 1), np.int32(0), np.int32(1)
        if kept is None:
            self._start = workers.compiled(engine.start, (), params, self._txs[0])
        self._advance = workers.compiled(engine.advance, (task.problem, task.traces.told), *here)
        self._evaluated = workers.compiled(engine.evaluated, (task.problem,), runs.params)

    def begin(self) -> Portions:
        """The runs before the first step to make; all is compiled to make it."""
        if self._kept is None:
            params = self.task.workers.shared(_made(self.task), axis=None)
            start = self._start.result()
            begun = [start(params, tx) for tx in self._txs]
        else:
            whose, kept = self._kept
            begun = [taken(kept, np.searchsorted(whose, these)) for these in self._places]
        self._advance.result()
        return self._shared(begun)

    def advance(self, runs: Portions, first: int, last: int) -> tuple[Portions, Numbers]:
        """The runs after the steps from `first` to before `last`, and what the loss told meanwhile."""
        advance = self._advance.result()
        where = self.task.feed, self._rows(first, last), np.int32(first), np.int32(last)
        each = self.task.workers.each(lambda tx, runs: advance(tx, runs, *where), self._txs, runs)
        return self._shared(runs for runs, _ in each), self._numbers([told for _, told in each])

    def evaluate(self, runs: Portions) -> tuple[Numbers, np.ndarray]:
        """What `evaluate` finds, and whether all parameters are finite."""
        evaluated = self._evaluated.result()
        each = self.task.workers.each(lambda runs: evaluated(runs.params), runs)
        return self._numbers(each)

    def held(self, runs: Portions) -> Runs:
        """The runs, on the host, without those that fill up the last portion."""
        return taken(joined(runs), np.arange(len(self.members)))

    def _rows(self, first: int, last: int) -> np.ndarray | None:
        orders = self.task.orders
        return None if orders is None else orders.rows(first, last, self.task.plan.room)

    def _shared(self, portions: Iterable[Runs]) -> Portions:
        return tuple(self.task.workers.shared(runs, axis=1) for runs in portions)

    def _numbers(self, portions: list) -> Any:
        """A tree of numbers [seed, member], of each portion, as one of [member, seed]."""

        def together(*numbers):
            return np.concatenate(numbers, 1).T[: len(self.members)]

        return jax.tree.map(together, *portions)


def shapes(task: Task, tx: Transformation) -> tuple[Any, Runs]:
    """Of the parameters of each seed, and of the runs of an optimizer with a leading axis."""
    params = jax.eval_shape(lambda: _made(task))
    return params, jax.eval_shape(engine.start, params, tx)


def joined(portions: Portions) -> Runs:
    """The runs of all portions, on the host."""
    return jax.tree.map(lambda *xs: np.concatenate(xs, 1), *portions)


def taken(runs: Runs, places: np.ndarray) -> Runs:
    """The runs at these places, all on the host."""
    return jax.tree.map(lambda x: x[:, places], runs)


def _made(task: Task) -> Any:
    """The initial parameters of each seed, [seed, ...]."""
    if task.init is not None:
        return engine.made(task.init, task.feed.keys)
    return jax.tree.map(lambda p: np.broadcast_to(p, (task.seeds, *p.shape)), task.params)
