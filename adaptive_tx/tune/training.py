"""Training every member of a sweep, with every seed, in one compiled program."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx import checks
from adaptive_tx.tune.chunk import Task
from adaptive_tx.tune.engine import Feed
from adaptive_tx.tune.plan import plan
from adaptive_tx.tune.problem import Orders, arrays, as_key, checked_names, problem
from adaptive_tx.tune.progress import progress_bar
from adaptive_tx.tune.result import Result
from adaptive_tx.tune.search import Search
from adaptive_tx.tune.store import Store, digest, named
from adaptive_tx.tune.sweeps import Sweep
from adaptive_tx.tune.workers import Workers

WHO = "train"


def train(
    loss: Callable, params: Any, data: Any, sweep: Sweep | Mapping[str, Sweep], *, steps: int,
    batch_size: int | None = None, seeds: int = 1, evaluate: Callable | None = None,
    minimize: str | None = None, maximize: str | None = None, key: Any = None,
    at_once: int | None = None, halving: tuple[int, float] | None = None, points: int = 50,
    out: str | os.PathLike | None = None, progress: bool = True,
) -> Result:  # fmt: skip
    """Trains all members of a sweep, times seeds, and tells which is best.

    All members of a seed start from the same parameters and see the same batches and keys. A member
    that diverges is marked, and spoils nothing. Several devices share the members, and on one CPU its
    cores do.

    Args:
      loss: `loss(params, batch)` or `loss(params, batch, key)`, a scalar, or a scalar and an aux. Scalars
        in an aux that is a dict are recorded beside the loss; any other aux is for others.
      params: a tree of initial parameters, the same for all seeds, or a function of a key that makes one.
      data: a tree of arrays with a first axis of examples, of which each epoch sees all in another
        order; or a function `(key) -> batch` that jax can trace.
      sweep: what is tried (`tune.sweep`); or several by name, each an optimizer of its own.
      steps: updates of each member, >= 1.
      batch_size: examples in a batch, if `data` is arrays.
      seeds: runs of each member, >= 1, with other batches, keys, and (from a function) parameters.
      evaluate: `evaluate(params)`, a scalar loss or a dict of scalars, computed for every member at its
        last step, and where members are dropped. Without it the mean training loss over the last tenth
        of the steps counts.
      minimize: which number ranks, of those of `evaluate` or of the loss's aux (default: "loss").
      maximize: the same where more is better.
      key: an int or a `jax.random.key`; the default is the same every time.
      at_once: members trained at a time, each with all its seeds, to bound memory; the default is all.
        All chunks run the same compiled program, the last one filled up.
      halving: (every, keep): after each `every` steps only the best fraction `keep` of the members goes
        on; the others are computed no more. Without `at_once`, each smaller portion compiles again.
      points: of the recorded curves, about; each is the mean over an interval of steps.
      out: a folder for results.json and results.csv and what is needed to go on: after an interrupt or a
        crash the same call resumes and ends with the same numbers (with other cores or devices, up to
        rounding). Ctrl-C waits for the steps that are being made, and loses none; a crash may lose those
        of the last 20 seconds.
      progress: whether to show a bar (needs rich).

    Raises:
      TypeError, ValueError: for an argument that does not fit, before anything is trained; and if `out`
        holds the training of another call.

    Source: halving is of Jamieson and Talwalkar, Non-stochastic Best Arm Identification, 2016,
    arXiv:1502.07943.
    """
    sweeps = _by_name(sweep)
    the_plan = plan(WHO, steps, points, halving)
    task = _task(loss, params, data, evaluate, batch_size, seeds, key)
    by = _ranking(minimize, maximize, task.found, task.told)
    if at_once is not None:
        at_once = checks.whole(WHO, "at_once", at_once, 1)
    task = task._replace(by=by, plan=the_plan, at_once=at_once)
    store = None
    if out is not None:
        call = {
            "sweeps": {name: [repr(one.tx), digest(one.settings)] for name, one in sweeps.items()},
            "loss": named(loss), "params": digest(params), "data": digest(data), "steps": steps,
            "batch_size": batch_size, "seeds": seeds, "evaluate": named(evaluate), "by": list(by),
            "key": as_key(WHO, key)[0], "at_once": at_once, "points": points,
            "halving": halving and list(halving),
            "float": jnp.dtype(jax.dtypes.canonicalize_dtype(float)).name,
        }  # fmt: skip
        store = Store(WHO, out, call)
    searches = [Search(task, one, name, store) for name, one in sweeps.items()]
    with progress_bar(searches, shown=progress) as show:
        for search in searches:
            search.train(lambda steps, search=search: show(search, steps))
            if store:
                _result(task, searches).save(store)
    return _result(task, searches)


def _by_name(sweep: Any) -> dict[str, Sweep]:
    sweeps = dict(sweep) if isinstance(sweep, Mapping) else {getattr(sweep, "name", ""): sweep}
    if not sweeps or not all(isinstance(one, Sweep) for one in sweeps.values()):
        raise TypeError(
            f"{WHO}: sweep must be made by tune.sweep, or several by name; got {sweep!r}."
        )
    for name in sweeps:
        if not isinstance(name, str) or os.path.basename(name) != name:
            raise ValueError(f"{WHO}: {name!r} cannot name a sweep: it must do as a file's name.")
    return sweeps


def _task(loss, params, data, evaluate, batch_size, seeds, key) -> Task:
    """What is trained; the plan is put in later."""
    the_problem = problem(WHO, loss, data, evaluate)
    seeds = checks.whole(WHO, "seeds", seeds, 1)
    words, root = as_key(WHO, key)
    orders, tree, size = None, None, 0
    if the_problem.draw is None:
        tree, size = arrays(WHO, data, batch_size)
        orders = Orders(len(jax.tree.leaves(tree)[0]), size, seeds, words)
    elif batch_size is not None:
        raise TypeError(
            f"{WHO}: batch_size is for arrays; data is a function, which draws batches."
        )
    make = params if callable(params) else None
    params = None if make else jax.tree.map(jnp.asarray, params)
    by_key = the_problem.has_key or the_problem.draw or make
    keys: Any = jax.random.split(root(), seeds) if by_key else np.arange(seeds, dtype=np.int32)
    a_key = jax.eval_shape(root)
    start = jax.eval_shape(make, a_key) if make else params
    batch = (
        jax.eval_shape(the_problem.draw, a_key)
        if the_problem.draw
        else jax.tree.map(lambda x: jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype), tree)
    )
    told, found = checked_names(WHO, the_problem, start, batch, a_key)
    workers = Workers()
    feed = workers.shared(Feed(tree, keys), axis=None)
    return Task(
        the_problem, make, params, feed, orders, told, found, by=("loss", 1.0), seeds=seeds,
        plan=plan(WHO, 1, 1, None), at_once=None, workers=workers,
    )  # fmt: skip


def _ranking(
    minimize, maximize, found: tuple[str, ...], told: tuple[str, ...]
) -> tuple[str, float]:
    """What ranks the members, and its sign."""
    if minimize is not None and maximize is not None:
        raise TypeError(f"{WHO}: give minimize or maximize, not both.")
    name = maximize or minimize or "loss"
    known = tuple(dict.fromkeys((*found, *told)))
    if name not in known or (found and not (minimize or maximize) and name not in found):
        raise ValueError(
            f"{WHO}: there is no {name!r} to rank by; name one of {', '.join(known)} "
            "as minimize or maximize."
        )
    return name, -1.0 if maximize else 1.0


def _result(task: Task, searches: list[Search]) -> Result:
    """The records of all searches as one."""
    records = [search.record for search in searches]
    sweeps = {search.name: search.sweep for search in searches}

    def together(field: str) -> dict[str, np.ndarray]:
        parts = [getattr(record, field) for record in records]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return Result(
        sweeps=sweeps,
        stops=np.array(task.plan.stops),
        curves=together("curves"),
        found=together("found"),
        scores=np.concatenate([search.values() for search in searches]),
        trained=np.concatenate([record.trained for record in records]),
        diverged=~np.concatenate([record.finite for record in records]),
        seconds={search.name: search.seconds for search in searches},
        by=task.by[0],
        sign=task.by[1],
    )
