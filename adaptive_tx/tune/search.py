"""One sweep on its way: chunks of members trained rung by rung, kept on disk, resumed."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from adaptive_tx.tune import engine
from adaptive_tx.tune.engine import Feed, Runs
from adaptive_tx.tune.plan import Plan
from adaptive_tx.tune.problem import Orders, Problem
from adaptive_tx.tune.store import Store, packed, unpacked
from adaptive_tx.tune.sweeps import Sweep

SAVE_EVERY = 20.0  # seconds between two savings of what is being trained


class Task(NamedTuple):
    """What all sweeps of a call train, and how."""

    problem: Problem
    make_params: Callable | None
    params: Any
    feed: Feed
    orders: Orders | None  # None if batches are drawn by a function
    told: tuple[str, ...]  # what the loss tells, recorded as curves
    found: tuple[str, ...]  # what `evaluate` gives
    by: tuple[str, float]  # what ranks, and its sign: least is best
    seeds: int
    plan: Plan
    at_once: int | None


class Record(NamedTuple):
    """What is known of the members of a sweep; NaN where they were not trained."""

    curves: dict[str, np.ndarray]  # float[member, seed, point]
    found: dict[str, np.ndarray]  # float[member, seed], at the last step of each
    finite: np.ndarray  # bool[member, seed]
    trained: np.ndarray  # int[member], steps made

    @classmethod
    def empty(cls, task: Task, members: int) -> "Record":
        shape = members, task.seeds
        curves = {name: np.full((*shape, len(task.plan.stops)), np.nan) for name in task.told}
        found = {name: np.full(shape, np.nan) for name in task.found}
        return cls(curves, found, np.ones(shape, bool), np.zeros(members, np.int64))


class Place(NamedTuple):
    """Where a search is. Replaced as a whole, so that an interrupt finds the old one or the new."""

    alive: np.ndarray  # int[], the members that are trained
    rung: int = 0  # which is trained now
    chunk: int = 0  # which of its chunks
    point: int = 0  # which of its intervals comes next
    now: Runs | None = None  # the runs of the chunk that is trained
    held: Runs | None = None  # of all alive, as the last rung left them
    done: tuple[Runs, ...] = ()  # of the chunks of this rung that are trained


class Search:
    """Trains one sweep; `record` holds what is known at any time."""

    def __init__(self, task: Task, sweep: Sweep, name: str, store: Store | None):
        self.task, self.sweep, self.name, self.store = task, sweep, name, store
        self.record = Record.empty(task, len(sweep))
        self.at = Place(np.arange(len(sweep)))
        self.devices = jax.devices()
        self.saved = time.monotonic()
        self.seconds = 0.0  # of training
        self._resume()

    def train(self, on_steps: Callable[[int], None]) -> Record:
        """Goes on to the end; `on_steps` is told how many steps of members were made."""
        begin = time.monotonic()
        try:
            while self.at.rung < len(self.task.plan.rungs):
                for members in self._chunks()[self.at.chunk :]:
                    self._train_chunk(members, on_steps)
                self._next_rung()
        finally:
            self._save()
            self.seconds += time.monotonic() - begin
        return self.record

    @property
    def work_done(self) -> int:
        """The steps of all members that were made."""
        return int(self.record.trained.sum())

    def values(self) -> np.ndarray:
        """float[member, seed]: what ranks, as `evaluate` or the loss gave it."""
        name, _ = self.task.by
        found = self.record.found.get(name)
        return recent(self.record, self.task.plan, name) if found is None else found

    def losses(self) -> np.ndarray:
        """float[member], least is best: the mean over seeds, infinite where a run is not finite."""
        values = np.where(self.record.finite, self.task.by[1] * self.values(), np.inf)
        return np.where(np.isnan(values), np.inf, values).mean(1)

    @property
    def _last_rung(self) -> bool:
        return self.at.rung == len(self.task.plan.rungs) - 1

    def _chunks(self) -> list[np.ndarray]:
        """The members alive, in portions of `at_once`."""
        alive = self.at.alive
        size = self.task.at_once or len(alive)
        return [alive[i : i + size] for i in range(0, len(alive), size)]

    def _train_chunk(self, members: np.ndarray, on_steps) -> None:
        task, rows = self.task, None
        padded = self._padded(members)
        tx = self._on_devices(self.sweep.at(padded), axis=0)
        runs = self._begin(padded, tx) if self.at.now is None else self.at.now
        runs = self._on_devices(runs, axis=1)
        for point, first, last in task.plan.intervals(self.at.rung)[self.at.point :]:
            if task.orders is not None:
                rows = task.orders.rows(first, last, task.plan.room)
            runs, told = engine.advance(
                task.problem, task.told, tx, runs, task.feed, rows, np.int32(first), np.int32(last)
            )
            self._note(members, point, last, told)
            self.at = self.at._replace(now=runs, point=self.at.point + 1)
            on_steps(len(members) * (last - first))
            if time.monotonic() - self.saved > SAVE_EVERY:
                self._save()
        found, finite = engine.evaluated(task.problem, runs.params)
        for name, values in found.items():
            self.record.found[name][members] = _of(members, values)
        self.record.finite[members] &= _of(members, finite)
        done = () if self._last_rung else (*self.at.done, _chosen(runs, np.arange(len(members))))
        self.at = self.at._replace(now=None, point=0, chunk=self.at.chunk + 1, done=done)

    def _begin(self, padded: np.ndarray, tx) -> Runs:
        """The runs of a chunk before this rung: new, or as the last rung left them."""
        if self.at.held is None:
            return engine.start(self.task.make_params, self.task.params, tx, self.task.feed.keys)
        return _chosen(self.at.held, np.searchsorted(self.at.alive, padded))

    def _note(self, members: np.ndarray, point: int, last: int, told: dict) -> None:
        for name, values in told.items():
            self.record.curves[name][members, :, point] = _of(members, values)
        self.record.finite[members] = np.isfinite(self.record.curves["loss"][members, :, point])
        self.record.trained[members] = last

    def _next_rung(self) -> None:
        """Drops the worst, and brings the others together."""
        alive, held = self.at.alive, None
        if not self._last_rung:
            order = np.argsort(self.losses()[alive], kind="stable")
            places = np.sort(order[: self.task.plan.kept(len(alive))])
            every = jax.tree.map(lambda *xs: np.concatenate(xs, 1), *self.at.done)
            alive, held = alive[places], _chosen(every, places)
        self.at = Place(alive, self.at.rung + 1, held=held)
        self._save()

    def _padded(self, members: np.ndarray) -> np.ndarray:
        """Members of one chunk, the last repeated: chunks are of one size, shared by the devices."""
        size = self.task.at_once or len(members)
        size = -(-size // len(self.devices)) * len(self.devices)
        return np.pad(members, (0, size - len(members)), mode="edge")

    def _on_devices(self, tree: Any, axis: int) -> Any:
        """Shared by all devices, if there are several."""
        if len(self.devices) == 1:
            return tree
        mesh = Mesh(np.array(self.devices), ("members",))
        spec = PartitionSpec(*axis * (None,), "members")
        return jax.device_put(tree, NamedSharding(mesh, spec))

    def _save(self) -> None:
        at = self.at
        deleted = any(getattr(x, "is_deleted", bool)() for x in jax.tree.leaves(at.now))
        if self.store is None or deleted:  # interrupted in a step: what was saved before stands
            return
        numbers = at._asdict() | {
            "now": at.now is not None, "held": at.held is not None, "done": len(at.done),
        }  # fmt: skip
        trees = {"record": self.record, "now": at.now, "held": at.held, "done": at.done}
        arrays = (packed(name, tree) for name, tree in trees.items())
        self.store.save(
            self.name, {**numbers, **{k: x for part in arrays for k, x in part.items()}}
        )
        self.saved = time.monotonic()

    def _resume(self) -> None:
        if self.store is None or (kept := self.store.load(self.name)) is None:
            return
        task = self.task
        like = jax.eval_shape(
            lambda keys: engine.start(task.make_params, task.params, self.sweep.tx, keys),
            task.feed.keys,
        )
        self.record = unpacked("record", kept, self.record)
        self.at = Place(
            kept["alive"],
            *(int(kept[name]) for name in ("rung", "chunk", "point")),
            now=unpacked("now", kept, like) if kept["now"] else None,
            held=unpacked("held", kept, like) if kept["held"] else None,
            done=unpacked("done", kept, (like,) * int(kept["done"])),
        )


def recent(record: Record, plan: Plan, name: str = "loss") -> np.ndarray:
    """float[member, seed]: the mean of a curve over the last tenth of the steps made."""
    stops, trained = np.array(plan.stops), record.trained[:, None]
    counts = (stops > 0.9 * trained) & (stops <= trained)
    weights = (counts * np.diff(stops, prepend=0))[:, None]
    sums = np.where(weights > 0, record.curves[name], 0.0) * weights
    return sums.sum(-1) / np.maximum(weights.sum(-1), 1)


def _of(members: np.ndarray, values: jax.Array) -> np.ndarray:
    """Numbers laid out [seed, member and padding] as [member, seed]."""
    return np.asarray(values).T[: len(members)]


def _chosen(runs: Runs, places: np.ndarray) -> Runs:
    """The runs at these places, on the host."""
    return jax.tree.map(lambda x: np.asarray(x)[:, places], runs)
