"""A study of Optuna whose trials are trained in batches, each batch in one compiled program."""

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from adaptive_tx.core import checks, ranges
from adaptive_tx.tune.report.result import Result
from adaptive_tx.tune.report.trials import RECORD, needed, outcome, records
from adaptive_tx.tune.studies.bar import study_bar
from adaptive_tx.tune.studies.space import space as space_of
from adaptive_tx.tune.studies.worker import Worker, trained
from adaptive_tx.tune.sweeps.axes import zipped
from adaptive_tx.tune.sweeps.batches import as_key
from adaptive_tx.tune.sweeps.streams import read_once
from adaptive_tx.tune.sweeps.sweep import Sweep, sweep
from adaptive_tx.tune.training.interrupts import unwinding
from adaptive_tx.tune.training.train import train

if TYPE_CHECKING:
    from optuna import Study, Trial

WHO = "optuna"
SAME = "steps", "seeds", "batch_size", "halving", "points", "minimize", "maximize"
NOT_OURS = {
    "out": "the study keeps what is known",
    "version": "nothing is resumed within a batch",
    "keep": "a study has no room for parameters; confirm() or train keep those of the best",
}


def optuna(
    study: "Study",
    loss: Callable,
    params: Any,
    data: Any,
    make: Callable,
    space: Mapping[str, Any],
    *,
    trials: int,
    at_once: int = 16,
    steps: int,
    seeds: int = 1,
    minimize: str | None = None,
    maximize: str | None = None,
    of_loss: Iterable[str] = (),
    grace: float = 60.0,
    progress: bool = True,
    **how: Any,
) -> Result:
    """Searches with Optuna's samplers: asks for a batch of trials, trains it in one program, tells.

    Batches after the first compile nothing. All trials see the same batches and keys, and so differ by
    nothing but their numbers. Storage, samplers, dashboard and importance are Optuna's: any number of
    processes and machines may call this on one study (`create_study(storage=..., load_if_exists=True)`).

    A value is the mean over seeds; a trial with a run that diverged has an infinite one, which keeps
    samplers away from there (one that FAILs would be forgotten). With `halving`, the trials of a batch
    that it drops are PRUNED, with what they had then; `CmaEsSampler` takes these into account with
    `consider_pruned_trials=True`. The study's pruner is not asked.

    Ctrl-C and SIGTERM put what is being trained back into the queue. So do other workers, or the next call,
    with the trials of a worker that was killed, `grace` seconds after its last sign of life: whatever the
    storage, for these signs are attributes of the study. The clocks of machines must agree that far.

    Args:
      study: of one objective; its sampler should know that a batch is under way at once:
        `TPESampler(constant_liar=True)`, `CmaEsSampler(popsize=at_once)`.
      loss: as of `train`.
      params: as of `train`.
      data: as of `train`.
      make: makes an optimizer from numbers, as of `sweep`.
      space: by name, a range (`log_uniform`, `uniform`, `integers`; of `log_one_minus` Optuna has the
        distance from 1, as "1 - b2"), a distribution of Optuna, a list of numbers of which to choose,
        or one number.
      trials: ends once the study has so many, >= 1, those of other workers and of earlier calls among
        them; a batch is never split, so there may be a few more.
      at_once: trials in a batch, >= 1.
      steps: as of `train`.
      seeds: as of `train`.
      minimize: as of `train`, if the study minimizes.
      maximize: what a study that maximizes does so with.
      of_loss: the names in the space that are arguments of the loss, as of `sweep`.
      grace: seconds without a sign of life after which a worker counts as dead, > 0.
      progress: whether to show a bar (needs rich).
      **how: what else `train` takes: `batch_size`, `evaluate`, `halving`, `key`.

    Returns:
      All members that the study knows, of whatever worker, in the order of their trials; `confirm()`
      trains the best of them again.

    Raises:
      ImportError: without Optuna.
      TypeError, ValueError: for an argument that does not fit, or if the study holds another training.

    Source: Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, 2019,
    arXiv:1907.10902.
    """
    _check_study(study, minimize, maximize)
    trials = checks.whole(WHO, "trials", trials, 1)
    at_once = min(trials, checks.whole(WHO, "at_once", at_once, 1))
    grace = checks.number(WHO, "grace", ranges.positive(grace))
    spaces = space_of(WHO, space)
    if read_once(data):
        raise ValueError(
            f"{WHO}: data is an iterator that can be read once, and each batch of trials reads it again; "
            "give an iterable whose iter() begins again, or an iterator with state() and restore(state)."
        )
    for name, reason in NOT_OURS.items():
        if name in how:
            raise TypeError(f"{WHO}: takes no {name}: {reason}.")
    how |= {"steps": steps, "seeds": seeds, "minimize": minimize, "maximize": maximize}
    how = {"key": None, **how, "at_once": None, "progress": False}
    _check_same(study, make, sorted(space), how)
    train_them = functools.partial(train, loss=loss, params=params, data=data, **how)
    tried = functools.partial(_tried, make, of_loss=of_loss)
    begin = time.monotonic()
    with unwinding(), Worker(study, grace) as worker, study_bar(study, trials, progress) as show:
        while _missing(study, worker, trials):
            batch = worker.ask(spaces.asked, at_once)
            try:
                rows = [spaces.setting(trial.params) for trial in batch]
                result = train_them(sweep=tried(rows), keep=0)
                for i, trial in enumerate(batch):
                    _tell(study, trial, result, i)
            except BaseException:
                for trial in batch:
                    worker.put_back(trial.number)
                raise
            show()
    by, sign = maximize or minimize or "loss", 1.0 if maximize is None else -1.0
    result = _result(study, tried, by, sign, time.monotonic() - begin)
    return dataclasses.replace(result, again=train_them)


def _missing(study: "Study", worker: Worker, trials: int) -> bool:
    """Whether trials are missing. Waits while others train those that do: they may die of it."""
    while True:
        worker.revive()
        missing = trials - len(trained(study))
        if missing <= 0 or missing > worker.others_train():
            return missing > 0
        time.sleep(min(1.0, worker.grace / 4))


def _tell(study: "Study", trial: "Trial", result: Result, i: int) -> None:
    one = outcome(result, i)
    for name, x in one.attributes.items():
        trial.set_user_attr(name, x)
    for step, value in one.reported.items():
        trial.report(value, step)
    study.tell(trial, one.value, one.state, skip_if_finished=True)


def _check_study(study: Any, minimize: str | None, maximize: str | None) -> None:
    if not isinstance(study, needed(WHO).Study):
        raise TypeError(f"{WHO}: study must be a study of Optuna, got {study!r}.")
    asked = [one.name.lower() for one in study.directions]
    if len(asked) > 1:
        raise ValueError(f"{WHO}: the study has {len(asked)} objectives; one can be searched for.")
    if asked != ["minimize" if maximize is None else "maximize"]:
        name = "minimize=" if asked == ["minimize"] else "maximize="
        raise ValueError(
            f"{WHO}: the study is one to {asked[0]}; say what with {name}, or give create_study the "
            "other direction."
        )


def _check_same(study: "Study", make: Callable, axes: list[str], how: dict[str, Any]) -> None:
    """A study holds one training: values of another could not be compared.

    Raises:
      ValueError: if it holds another.
    """
    asked = {"make": getattr(make, "__name__", type(make).__name__), "axes": axes}
    asked |= {name: how.get(name) for name in SAME} | {"key": as_key(WHO, how["key"])[0]}
    now = json.loads(json.dumps(asked, default=str))
    was = study.user_attrs.get(RECORD, now)
    if changed := [name for name in now if was.get(name) != now[name]]:
        changes = "; ".join(f"{name} was {was.get(name)}, now {now[name]}" for name in changed)
        raise ValueError(f"{WHO}: the study holds another training ({changes}); make a new one.")
    study.set_user_attr(RECORD, now)


def _tried(make: Callable, rows: list[dict[str, float]], of_loss: Iterable[str]) -> Sweep:
    """One member for each row.

    Raises:
      ValueError: if they make several programs, for batches would differ in what they are made of.
    """
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    tried = sweep(make, zipped(**columns), of_loss=of_loss)
    if len(tried.parts) > 1:
        raise ValueError(
            f"{WHO}: the space changes which parts the optimizer has ({', '.join(tried.parts)}); give each "
            "of these a study of its own."
        )
    return tried


def _result(study: "Study", as_sweep: Callable, by: str, sign: float, seconds: float) -> Result:
    """All that the study knows."""
    rows, fields = records(trained(study))
    tried = as_sweep(rows)
    took = {tried.name: seconds}
    return Result(sweeps={tried.name: tried}, seconds=took, by=by, sign=sign, **fields)
