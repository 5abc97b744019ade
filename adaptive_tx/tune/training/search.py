"""One sweep in training: chunks of members, rung by rung, kept on disk and resumed."""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from adaptive_tx.tune.sweeps.shapes import shapes
from adaptive_tx.tune.sweeps.sweep import Sweep
from adaptive_tx.tune.training.chunk import Begun, Chunk, Portions, Runs
from adaptive_tx.tune.training.chunk import shapes as runs_like
from adaptive_tx.tune.training.interrupts import held_back
from adaptive_tx.tune.training.kept import Kept
from adaptive_tx.tune.training.on_host import join, select, to_host
from adaptive_tx.tune.training.record import Record
from adaptive_tx.tune.training.setup import Setup
from adaptive_tx.tune.training.store import Store, packed, unpacked

SAVE_EVERY = 20.0  # seconds between two savings of what is being trained


class Cursor(NamedTuple):
    """Where a search is. Replaced as a whole, so that an interrupt finds the old one or the new."""

    alive: np.ndarray  # int[], the members that are trained
    rung: int = 0  # which is trained now
    chunk: int = 0  # which of its chunks
    point: int = 0  # which of its intervals comes next
    running: Portions = ()  # the runs of the chunk that is trained
    survivors: Runs | None = None  # of all alive, as the last rung left them
    finished: Portions = ()  # of the chunks of this rung that are trained


class Search:
    """Trains one sweep; `record` holds what is known at any time."""

    def __init__(self, setup: Setup, sweep: Sweep, name: str, store: Store | None, keep):
        self.setup, self.sweep, self.name, self.store = setup, sweep, name, store
        self.record = Record.empty(setup, len(sweep))
        self.kept = Kept(keep)
        self.cursor = Cursor(np.arange(len(sweep)))
        self.shapes = shapes(sweep, setup.plan)
        self.saved = time.monotonic()
        self.seconds = 0.0  # of training
        self._resume()

    def train(self, on_steps: Callable[[int], None]) -> Record:
        """Goes on to the end; `on_steps` is called with the steps that members have made."""
        begin = time.monotonic()
        try:
            while self.cursor.rung < len(self.setup.plan.rungs):
                for members in self._chunks()[self.cursor.chunk :]:
                    self._train_chunk(members, on_steps)
                self._next_rung()
        finally:
            self._save()
            self.seconds += time.monotonic() - begin
        return self.record

    @property
    def work(self) -> int:
        """The steps of all members that will have been made."""
        return self.shapes.work(self.setup.plan)

    @property
    def work_done(self) -> int:
        """The steps of all members that were made."""
        return int(self.record.trained.sum())

    def values(self) -> np.ndarray:
        """float[member, seed]: what ranks, as `evaluate` or the loss gave it."""
        name, _ = self.setup.by
        if name in self.record.metrics:
            return self.record.metrics[name]
        return self.record.recent(self.setup.plan, name)

    def losses(self) -> np.ndarray:
        """float[member], least is best: the mean over seeds, infinite where a run is not finite."""
        values = np.where(self.record.finite, self.setup.by[1] * self.values(), np.inf)
        return np.where(np.isnan(values), np.inf, values).mean(1)

    @property
    def _last_rung(self) -> bool:
        return self.cursor.rung == len(self.setup.plan.rungs) - 1

    def _chunks(self) -> list[np.ndarray]:
        """The members alive, in portions of `at_once`."""
        alive = self.cursor.alive
        size = self.setup.at_once or len(alive)
        return [alive[i : i + size] for i in range(0, len(alive), size)]

    def _train_chunk(self, members: np.ndarray, on_steps: Callable[[int], None]) -> None:
        chunk = Chunk(self.setup, self.sweep, members, self._begun(members))
        runs = chunk.begin()
        intervals = self.setup.plan.intervals(self.cursor.rung)
        end, evaluations = self.setup.plan.rungs[self.cursor.rung], self.setup.plan.evaluations
        for point, first, last in intervals[self.cursor.point :]:
            with held_back():
                runs, means = chunk.advance(runs, first, last)
                self.record.add_scalars(members, point, last, means, self.setup.shown)
                self.cursor = self.cursor._replace(running=runs, point=self.cursor.point + 1)
            if last != end and last in evaluations:
                at = evaluations.index(last)
                self.record.add_evaluation(members, at, chunk.evaluate(runs)[0])
            on_steps(len(members) * (last - first))
            if time.monotonic() - self.saved > SAVE_EVERY:
                self._save()
        numbers, finite = chunk.evaluate(runs)
        self.record.add_metrics(members, numbers, finite)
        if end in evaluations:
            self.record.add_evaluation(members, evaluations.index(end), numbers)
        finished = () if self._last_rung else (*self.cursor.finished, chunk.on_host(runs))
        if self._last_rung:
            self.kept.add(members, self.losses(), lambda these: chunk.some_on_host(runs, these))
        following = self.cursor.chunk + 1
        self.cursor = self.cursor._replace(running=(), point=0, chunk=following, finished=finished)

    def _begun(self, members: np.ndarray) -> Begun | None:
        """The runs of a chunk that go on: after an interrupt, or after the last rung."""
        if self.cursor.running:
            return members, join(self.cursor.running)
        if self.cursor.survivors is not None:
            return self.cursor.alive, self.cursor.survivors
        return None

    def _next_rung(self) -> None:
        """Drops the worst, and brings the others together."""
        alive, survivors = self.cursor.alive, None
        if not self._last_rung:
            plan, rung = self.setup.plan, self.cursor.rung
            best = self.shapes.survivors(alive, self.losses()[alive], plan, rung)
            columns = np.searchsorted(alive, best)
            alive, survivors = best, select(join(self.cursor.finished), columns)
        self.cursor = Cursor(alive, self.cursor.rung + 1, survivors=survivors)
        self._save()

    def _save(self) -> None:
        at = self.cursor
        deleted = any(getattr(x, "is_deleted", bool)() for x in jax.tree.leaves(at.running))
        if self.store is None or deleted:  # stopped in a step: what was saved before stands
            return
        saved = {"alive": at.alive, "rung": at.rung, "chunk": at.chunk, "point": at.point}
        saved |= {"running": len(at.running), "finished": len(at.finished)}
        saved |= {"survivors": at.survivors is not None}
        saved |= packed("record", self.record) | packed("running", at.running)
        saved |= packed("survivors", at.survivors) | packed("finished", at.finished)
        saved |= {"kept members": np.array(sorted(self.kept.runs), np.int64)}
        saved |= packed("kept", [self.kept.runs[i] for i in sorted(self.kept.runs)])
        if self.setup.stream is not None:
            saved |= self.setup.stream.saving()
        self.store.save(self.name, saved)
        self.saved = time.monotonic()

    def _resume(self) -> None:
        if self.store is None or self.name not in self.store:
            return
        like = to_host(runs_like(self.setup, self.sweep.stacked)[1])
        with self.store.load(self.name) as saved:
            self.record = unpacked("record", saved, self.record)
            kept = saved["kept members"].tolist()
            self.kept.runs = dict(zip(kept, unpacked("kept", saved, (like,) * len(kept))))
            if self.setup.stream is not None:
                self.setup.stream.found(saved)
            self.cursor = Cursor(
                saved["alive"],
                *(int(saved[name]) for name in ("rung", "chunk", "point")),
                running=unpacked("running", saved, (like,) * int(saved["running"])),
                survivors=unpacked("survivors", saved, like) if saved["survivors"] else None,
                finished=unpacked("finished", saved, (like,) * int(saved["finished"])),
            )
