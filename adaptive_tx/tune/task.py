"""What all sweeps of a call train, and how: what the user gave, checked."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.tune.engine import Feed
from adaptive_tx.tune.examples import arrays, varied
from adaptive_tx.tune.plan import Plan
from adaptive_tx.tune.problem import Init, Orders, Problem, as_key, problem
from adaptive_tx.tune.traces import Traces, traces
from adaptive_tx.tune.workers import Workers


class Task(NamedTuple):
    """What the members of all sweeps have in common."""

    problem: Problem
    init: Init | None  # None if all seeds begin with the same
    params: Any  # these; None if they are made
    feed: Feed
    orders: Orders | None  # None if batches are drawn by a function, or all examples
    traces: Traces
    by: tuple[str, float]  # what ranks, and its sign: least is best
    seeds: int
    plan: Plan
    at_once: int | None
    workers: Workers


def task(
    who: str, loss, params, data, evaluate, *, minimize, maximize, batch_size, seeds, key,
    plan: Plan, at_once,
) -> Task:  # fmt: skip
    """The task from the arguments of a call.

    Raises:
      TypeError, ValueError: for one that does not fit.
    """
    the_problem = problem(who, loss, data, evaluate)
    seeds = checks.whole(who, "seeds", seeds, 1)
    if at_once is not None:
        at_once = checks.whole(who, "at_once", at_once, 1)
    words, root = as_key(who, key)
    tree, batch, orders = None, None, None
    if the_problem.draw is None:
        tree, batch, examples = arrays(who, data, batch_size)
        if batch_size is not None:
            orders = Orders(examples, batch_size, seeds, words)
    elif batch_size is not None:
        raise TypeError(
            f"{who}: batch_size is for arrays; data is a function, which draws batches."
        )
    given = params if callable(params) else jax.tree.map(jnp.asarray, params)
    traced = traces(who, the_problem, given, batch, jax.eval_shape(root))
    the_problem = dataclasses.replace(the_problem, content=traced.content)
    if the_problem.draw is not None:
        varied(who, the_problem, jax.random.split(root()))
    init = None if traced.init is None else Init(params, traced.init.digest)
    by_key = the_problem.has_key or the_problem.draw or init
    keys: Any = jax.random.split(root(), seeds) if by_key else np.arange(seeds, dtype=np.int32)
    workers = Workers()
    return Task(
        problem=the_problem,
        init=init,
        params=None if init else given,
        feed=workers.shared(Feed(tree, keys), axis=None),
        orders=orders,
        traces=traced,
        by=_ranking(who, minimize, maximize, traced.found, traced.told),
        seeds=seeds,
        plan=plan,
        at_once=at_once,
        workers=workers,
    )


def _ranking(
    who: str, minimize, maximize, found: tuple[str, ...], told: tuple[str, ...]
) -> tuple[str, float]:
    """What ranks the members, and its sign."""
    if minimize is not None and maximize is not None:
        raise TypeError(f"{who}: give minimize or maximize, not both.")
    name = maximize or minimize or "loss"
    known = tuple(dict.fromkeys((*found, *told)))
    if name not in known or (found and not (minimize or maximize) and name not in found):
        raise ValueError(
            f"{who}: there is no {name!r} to rank by; name one of {', '.join(known)} "
            "as minimize or maximize."
        )
    return name, -1.0 if maximize else 1.0
