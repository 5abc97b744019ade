"""One sweep on its way: chunks of members trained rung by rung, kept on disk, resumed."""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from adaptive_tx.tune.chunk import Chunk, Portions, joined, shapes, taken
from adaptive_tx.tune.engine import Runs
from adaptive_tx.tune.interrupts import held_back
from adaptive_tx.tune.record import Record
from adaptive_tx.tune.store import Store, packed, unpacked
from adaptive_tx.tune.sweeps import Sweep
from adaptive_tx.tune.task import Task

SAVE_EVERY = 20.0  # seconds between two savings of what is being trained


class Place(NamedTuple):
    """Where a search is. Replaced as a whole, so that an interrupt finds the old one or the new."""

    alive: np.ndarray  # int[], the members that are trained
    rung: int = 0  # which is trained now
    chunk: int = 0  # which of its chunks
    point: int = 0  # which of its intervals comes next
    now: Portions = ()  # the runs of the chunk that is trained
    held: Runs | None = None  # of all alive, as the last rung left them
    done: Portions = ()  # of the chunks of this rung that are trained


class Search:
    """Trains one sweep; `record` holds what is known at any time."""

    def __init__(self, task: Task, sweep: Sweep, name: str, store: Store | None):
        self.task, self.sweep, self.name, self.store = task, sweep, name, store
        self.record = Record.empty(task, len(sweep))
        self.at = Place(np.arange(len(sweep)))
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
        return self.record.recent(self.task.plan, name) if found is None else found

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

    def _train_chunk(self, members: np.ndarray, on_steps: Callable[[int], None]) -> None:
        chunk = Chunk(self.task, self.sweep, members, self._kept(members))
        runs = chunk.begin()
        for point, first, last in self.task.plan.intervals(self.at.rung)[self.at.point :]:
            with held_back():
                runs, told = chunk.advance(runs, first, last)
                self.record.told(members, point, last, told)
                self.at = self.at._replace(now=runs, point=self.at.point + 1)
            on_steps(len(members) * (last - first))
            if time.monotonic() - self.saved > SAVE_EVERY:
                self._save()
        self.record.evaluated(members, *chunk.evaluate(runs))
        done = () if self._last_rung else (*self.at.done, chunk.held(runs))
        self.at = self.at._replace(now=(), point=0, chunk=self.at.chunk + 1, done=done)

    def _kept(self, members: np.ndarray) -> tuple[np.ndarray, Runs] | None:
        """What is left of the runs of a chunk, and whose: by an interrupt, or by the last rung."""
        if self.at.now:
            return members, joined(self.at.now)
        return None if self.at.held is None else (self.at.alive, self.at.held)

    def _next_rung(self) -> None:
        """Drops the worst, and brings the others together."""
        alive, held = self.at.alive, None
        if not self._last_rung:
            order = np.argsort(self.losses()[alive], kind="stable")
            places = np.sort(order[: self.task.plan.kept(len(alive))])
            alive, held = alive[places], taken(joined(self.at.done), places)
        self.at = Place(alive, self.at.rung + 1, held=held)
        self._save()

    def _save(self) -> None:
        at = self.at
        deleted = any(getattr(x, "is_deleted", bool)() for x in jax.tree.leaves(at.now))
        if self.store is None or deleted:  # stopped in a step: what was saved before stands
            return
        numbers = at._asdict() | {
            "now": len(at.now), "held": at.held is not None, "done": len(at.done),
        }  # fmt: skip
        trees = {"record": self.record, "now": at.now, "held": at.held, "done": at.done}
        arrays = (packed(name, tree) for name, tree in trees.items())
        self.store.save(
            self.name, {**numbers, **{k: x for part in arrays for k, x in part.items()}}
        )
        self.saved = time.monotonic()

    def _resume(self) -> None:
        if self.store is None or self.name not in self.store:
            return
        _, like = shapes(self.task, self.sweep.tx)
        with self.store.load(self.name) as kept:
            self.record = unpacked("record", kept, self.record)
            self.at = Place(
                kept["alive"],
                *(int(kept[name]) for name in ("rung", "chunk", "point")),
                now=unpacked("now", kept, (like,) * int(kept["now"])),
                held=unpacked("held", kept, like) if kept["held"] else None,
                done=unpacked("done", kept, (like,) * int(kept["done"])),
            )
