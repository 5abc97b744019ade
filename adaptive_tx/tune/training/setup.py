"""What the sweeps of one call have in common: what the user gave, checked and on its devices."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.tune.sweeps.batches import BatchOrder, as_key
from adaptive_tx.tune.sweeps.plan import Plan
from adaptive_tx.tune.sweeps.problem import Init, Problem, problem
from adaptive_tx.tune.training.engine import Source
from adaptive_tx.tune.training.examples import arrays, varied
from adaptive_tx.tune.training.traces import Traces, traces
from adaptive_tx.tune.training.workers import Workers


class Setup(NamedTuple):
    """What the members of all sweeps have in common."""

    problem: Problem
    init: Init | None  # None if all seeds begin with the same
    params: Any  # these; None if they are made
    source: Source
    order: BatchOrder | None  # None if batches are drawn by a function, or all examples
    traces: Traces
    by: tuple[str, float]  # what ranks, and its sign: least is best
    seeds: int
    plan: Plan
    at_once: int | None
    workers: Workers


def setup(
    who: str,
    loss,
    params,
    data,
    evaluate,
    *,
    minimize,
    maximize,
    batch_size,
    seeds,
    key,
    plan: Plan,
    at_once,
) -> Setup:
    """The setup from the arguments of a call.

    Raises:
      TypeError, ValueError: for one that does not fit.
    """
    functions = problem(who, loss, data, evaluate)
    seeds = checks.whole(who, "seeds", seeds, 1)
    if at_once is not None:
        at_once = checks.whole(who, "at_once", at_once, 1)
    words, root = as_key(who, key)
    tree, batch, order = None, None, None
    if functions.draw is None:
        tree, batch, examples = arrays(who, data, batch_size)
        if batch_size is not None:
            order = BatchOrder(examples, batch_size, seeds, words)
    elif batch_size is not None:
        raise TypeError(
            f"{who}: batch_size is for arrays; data is a function, which draws batches."
        )
    given = params if callable(params) else jax.tree.map(jnp.asarray, params)
    traced = traces(who, functions, given, batch, jax.eval_shape(root))
    functions = dataclasses.replace(functions, content=traced.content)
    if functions.draw is not None:
        varied(who, functions, jax.random.split(root()))
    init = None if traced.init is None else Init(params, traced.init.digest)
    by_key = functions.has_key or functions.draw or init
    keys: Any = jax.random.split(root(), seeds) if by_key else np.arange(seeds, dtype=np.int32)
    workers = Workers()
    return Setup(
        problem=functions,
        init=init,
        params=None if init else given,
        source=workers.shared(Source(tree, keys), axis=None),
        order=order,
        traces=traced,
        by=_ranking(who, minimize, maximize, traced),
        seeds=seeds,
        plan=plan,
        at_once=at_once,
        workers=workers,
    )


def _ranking(who: str, minimize, maximize, traces: Traces) -> tuple[str, float]:
    """What ranks the members, and its sign."""
    if minimize is not None and maximize is not None:
        raise TypeError(f"{who}: give minimize or maximize, not both.")
    name = maximize or minimize or "loss"
    known = tuple(dict.fromkeys((*traces.metrics, *traces.scalars)))
    by_default = not (minimize or maximize)
    if name not in known or (by_default and traces.metrics and name not in traces.metrics):
        raise ValueError(
            f"{who}: there is no {name!r} to rank by; name one of {', '.join(known)} "
            "as minimize or maximize."
        )
    return name, -1.0 if maximize else 1.0
