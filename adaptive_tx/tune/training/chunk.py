"""The members of a sweep that are trained at a time: their programs, and one portion for each worker.

Inside, a portion is laid out [seed, member], its last member repeated; numbers leave it as [member, seed].
"""

import functools
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from adaptive_tx.tune.sweeps.sweep import Setting, Sweep
from adaptive_tx.tune.training import engine
from adaptive_tx.tune.training.on_host import from_host, join, select, to_host
from adaptive_tx.tune.training.setup import Setup
from adaptive_tx.tune.training.ways import is_mapped

Runs = Any  # carries, with leading axes [seed, member]
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
        self._settings = [workers.shared(sweep.at(portion), axis=0) for portion in self._portions]
        begun, runs = shapes(setup, self._settings[0])
        begun, runs = workers.shared(begun, axis=None), workers.shared(runs, axis=1)
        problem, first = setup.problem, self._settings[0]
        if self._begun is None:
            self._start = workers.compiled(engine.start, (problem.begin,), begun, first)
        one_step = setup.source, self._rows(0, 1), self._room(), np.int32(0), np.int32(1)
        mapped = is_mapped(setup.written, len(self._portions[0]))
        known = problem, setup.traces.scalars, mapped
        self._advance = workers.compiled(engine.advance, known, first, runs, *one_step)
        parts = problem.parts(runs, to_evaluate=False)
        self._evaluate = workers.compiled(engine.evaluate, (problem,), parts)

    def begin(self) -> Portions:
        """The runs before the first step to make; all is compiled to make it."""
        if self._begun is None:
            begun = self.setup.workers.shared(_begun(self.setup), axis=None)
            start = self._start.result()
            portions = [start(begun, setting) for setting in self._settings]
        else:
            whose, runs = self._begun
            columns = [np.searchsorted(whose, these) for these in self._portions]
            portions = [from_host(select(runs, these)) for these in columns]
        self._advance.result()
        return self._shared(portions)

    def advance(self, runs: Portions, first: int, last: int) -> tuple[Portions, Numbers]:
        """The runs after the steps from `first` to before `last`, and the mean scalars."""
        if self.setup.stream is None:
            return self._advanced(runs, self._rows(first, last), None, first, last)
        sums: Numbers = {}
        for begin, end, block in self.setup.stream.blocks(first, last):
            block = self.setup.workers.shared(block, axis=None)
            runs, means = self._advanced(runs, None, block, begin, end)
            part = (end - begin) / (last - first)
            sums = {name: sums.get(name, 0.0) + part * mean for name, mean in means.items()}
        return runs, sums

    def _advanced(self, runs: Portions, rows, block, first: int, last: int):
        advance = self._advance.result()
        steps = self.setup.source, rows, block, np.int32(first), np.int32(last)
        each = self.setup.workers.each(
            lambda setting, runs: advance(setting, runs, *steps), self._settings, runs
        )
        return self._shared(runs for runs, _ in each), self._numbers([means for _, means in each])

    def evaluate(self, runs: Portions) -> tuple[Numbers, np.ndarray]:
        """The metrics of `evaluate`, and whether all parameters are finite."""
        evaluate = self._evaluate.result()

        def of_portion(runs: Runs):
            return evaluate(self.setup.problem.parts(runs, to_evaluate=True))

        return self._numbers(self.setup.workers.each(of_portion, runs))

    def some_on_host(self, runs: Portions, members: np.ndarray) -> Runs:
        """The runs of some of the members, on the host."""
        places = np.searchsorted(self.members, members)
        size = len(self._portions[0])
        parts = []
        for i, portion in enumerate(runs):
            here = places[places // size == i] - i * size
            parts.append(select(to_host(portion), here))
        return join(tuple(parts))

    def on_host(self, runs: Portions) -> Runs:
        """The runs, on the host, without those that fill up the last portion."""
        return select(join(runs), np.arange(len(self.members)))

    def _rows(self, first: int, last: int) -> np.ndarray | None:
        order = self.setup.order
        return None if order is None else order.rows(first, last, self.setup.plan.room)

    def _room(self) -> Any:
        """The shapes of a block of a stream."""
        stream = self.setup.stream
        return None if stream is None else self.setup.workers.shared(stream.room, axis=None)

    def _shared(self, portions: Iterable[Runs]) -> Portions:
        return tuple(self.setup.workers.shared(runs, axis=1) for runs in portions)

    def _numbers(self, portions: list) -> Any:
        """A tree of numbers [seed, member], of each portion, as one of [member, seed]."""

        def joined(*numbers):
            return np.concatenate(numbers, 1).T[: len(self.members)]

        return jax.tree.map(joined, *portions)


def shapes(setup: Setup, setting: Setting) -> tuple[Any, Runs]:
    """Of what each seed begins with, and of the runs of members with a leading axis."""
    begun = jax.eval_shape(lambda: _begun(setup))
    start = functools.partial(engine.start, setup.problem.begin)
    return begun, jax.eval_shape(start, begun, setting)


def _begun(setup: Setup) -> Any:
    """What each seed begins with, [seed, ...]: parameters, or for a step of the user's own its key."""
    if setup.init is not None:
        return engine.init_params(setup.init, setup.source.keys)
    if setup.begun is None:
        return setup.source.keys
    return jax.tree.map(lambda p: np.broadcast_to(p, (setup.seeds, *p.shape)), setup.begun)
