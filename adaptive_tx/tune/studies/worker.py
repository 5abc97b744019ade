"""Who trains a trial, and whether that process still lives: of a dead one the trials are asked again.

A worker is one call. It writes the time into an attribute of the study every quarter of `grace`, and its
name into each trial. Any worker finds the running trials of one that has not written for `grace` seconds,
fails them and puts their parameters back into the queue. That needs nothing of a storage but attributes,
so it works with all of Optuna's: databases, journal files, Redis. Optuna's own heartbeats are of databases
alone, and of `Study.optimize`.
"""

import contextlib
import os
import socket
import threading
import time
import uuid
import warnings
from typing import TYPE_CHECKING, Any

from adaptive_tx.tune.report.trials import RECORD, needed

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

WORKER, AGAIN = "worker", "again"  # attributes of a trial: who trains it; whose parameters it has
BEAT = "alive "  # and of the study, before the name of a worker: when it last said so


class Worker:
    """This call, alive inside `with`."""

    def __init__(self, study: "Study", grace: float):
        self.study, self.grace = study, grace
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Worker":
        self.study.set_user_attr(BEAT + self.name, time.time())
        self._thread.start()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._end.wait(self.grace / 4):
            with contextlib.suppress(Exception):  # a database that is away for a moment
                self.study.set_user_attr(BEAT + self.name, time.time())

    def ask(self, distributions: dict, count: int) -> list["Trial"]:
        """Trials for this worker: those that wait first, then what the sampler suggests."""
        trials = []
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Heartbeat of storage is supposed")
            for _ in range(count):
                trials.append(self.study.ask())
                trials[-1].set_user_attr(WORKER, self.name)
                for name, distribution in distributions.items():
                    _suggest(trials[-1], name, distribution)
        return trials

    def put_back(self, number: int) -> None:
        """Fails a trial that runs, and lets its parameters be asked again."""
        from optuna.exceptions import UpdateFinishedTrialError

        state = needed("optuna").trial.TrialState
        trial = self.study.get_trials(deepcopy=False)[number]
        try:
            self.study.tell(number, state=state.FAIL)
        except (ValueError, UpdateFinishedTrialError):  # somebody else has told it
            return
        if trial.params:
            self.study.enqueue_trial(trial.params, {AGAIN: number})

    def revive(self) -> None:
        """Puts back the trials of workers that have died."""
        beats, now = self.study.user_attrs, time.time()
        for trial in self._running():
            if now - beats.get(BEAT + trial.user_attrs[WORKER], 0.0) > self.grace:
                self.put_back(trial.number)

    def others_train(self) -> int:
        """How many trials other workers have under way."""
        return len(self._running())

    def _running(self) -> list["FrozenTrial"]:
        running = (needed("optuna").trial.TrialState.RUNNING,)
        trials = self.study.get_trials(deepcopy=False, states=running)
        return [one for one in trials if one.user_attrs.get(WORKER, self.name) != self.name]


def trained(study: "Study") -> list["FrozenTrial"]:
    """The trials that were trained, whoever did."""
    state = needed("optuna").trial.TrialState
    trials = study.get_trials(deepcopy=False, states=(state.COMPLETE, state.PRUNED))
    return [trial for trial in trials if RECORD in trial.user_attrs]


def _suggest(trial: "Trial", name: str, distribution: Any) -> None:
    kind, options = type(distribution).__name__, distribution._asdict()
    if kind == "CategoricalDistribution":
        trial.suggest_categorical(name, **options)
    elif kind == "IntDistribution":
        trial.suggest_int(name, **options)
    else:
        trial.suggest_float(name, **options)
