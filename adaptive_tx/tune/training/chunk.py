"""The members of a sweep that are trained at a time: their programs, and one portion for each worker.

Inside, a portion is laid out [seed, member], its last member repeated; numbers leave it as [member, seed].
"""

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.sweep import Sweep
from adaptive_tx.tune.training import engine
from adaptive_tx.tune.training.engine import Runs
from adaptive_tx.tune.training.setup import Setup
from adaptive_tx.wrappers.eval_params import eval_params

Portions = tuple[Runs, ...]
Begun = tuple[np.ndarray, Runs]  # whose runs, in increasing order, and these, on the host
Numbers = dict[str, np.ndarray]  # by name, float[member, seed]


class Chunk:
    """Some members, and what starts, advances and evaluates their runs."""

    def __init__(self, setup: Setup, sweep: Sweep, members: np.ndarray, begun: Begun | None):
        """Begins to compile; `begun` are runs that go on."""
        workers = setup.workers
        self.setup, self.members, self._begun = setup, members, begun
        at_once = setup.at_once and min(setup.at_once, len(sweep))
        self._portions = workers.portions(members, at_once)
        self._txs = [workers.shared(sweep.at(portion), axis=0) for portion in self._portions]
        params, runs = shapes(setup, self._txs[0])
        params, runs = workers.shared(params, axis=None), workers.shared(runs, axis=1)
        one_step = setup.source, self._rows(0, 1), np.int32(0), np.int32(1)
        known = setup.problem, setup.traces.scalars
        if begun is None:
            self._start = workers.compiled(engine.start, (), params, self._txs[0])
        self._advance = workers.compiled(engine.advance, known, self._txs[0], runs, *one_step)
        both = runs.params, runs.params  # which are like the weights to evaluate
        self._evaluate = workers.compiled(engine.evaluate, (setup.problem,), *both)

    def begin(self) -> Portions:
        """The runs before the first step to make; all is compiled to make it."""
        if self._begun is None:
            params = self.setup.workers.shared(_init_params(self.setup), axis=None)
            start = self._start.result()
            portions = [start(params, tx) for tx in self._txs]
        else:
            whose, runs = self._begun
            portions = [select(runs, np.searchsorted(whose, these)) for these in self._portions]
        self._advance.result()
        return self._shared(portions)

    def advance(self, runs: Portions, first: int, last: int) -> tuple[Portions, Numbers]:
        """The runs after the steps from `first` to before `last`, and the mean scalars."""
        advance = self._advance.result()
        steps = self.setup.source, self._rows(first, last), np.int32(first), np.int32(last)
        each = self.setup.workers.each(lambda tx, runs: advance(tx, runs, *steps), self._txs, runs)
        return self._shared(runs for runs, _ in each), self._numbers([means for _, means in each])

    def evaluate(self, runs: Portions) -> tuple[Numbers, np.ndarray]:
        """The metrics of `evaluate`, and whether all parameters are finite."""
        evaluate = self._evaluate.result()

        def of_portion(runs: Runs):
            return evaluate(runs.params, eval_params(runs.state, runs.params))

        return self._numbers(self.setup.workers.each(of_portion, runs))

    def on_host(self, runs: Portions) -> Runs:
        """The runs, on the host, without those that fill up the last portion."""
        return select(join(runs), np.arange(len(self.members)))

    def _rows(self, first: int, last: int) -> np.ndarray | None:
        order = self.setup.order
        return None if order is None else order.rows(first, last, self.setup.plan.room)

    def _shared(self, portions: Iterable[Runs]) -> Portions:
        return tuple(self.setup.workers.shared(runs, axis=1) for runs in portions)

    def _numbers(self, portions: list) -> Any:
        """A tree of numbers [seed, member], of each portion, as one of [member, seed]."""

        def join(*numbers):
            return np.concatenate(numbers, 1).T[: len(self.members)]

        return jax.tree.map(join, *portions)


def shapes(setup: Setup, tx: Transformation) -> tuple[Any, Runs]:
    """Of the parameters of each seed, and of the runs of an optimizer with a leading axis."""
    params = jax.eval_shape(lambda: _init_params(setup))
    return params, jax.eval_shape(engine.start, params, tx)


def join(portions: Portions) -> Runs:
    """The runs of all portions, on the host."""
    return jax.tree.map(lambda *xs: np.concatenate(xs, 1), *portions)


def select(runs: Runs, columns: np.ndarray) -> Runs:
    """Some columns of runs, all on the host."""
    return jax.tree.map(lambda x: x[:, columns], runs)


def _init_params(setup: Setup) -> Any:
    """The initial parameters of each seed, [seed, ...]."""
    if setup.init is not None:
        return engine.init_params(setup.init, setup.source.keys)
    return jax.tree.map(lambda p: np.broadcast_to(p, (setup.seeds, *p.shape)), setup.params)
