"""What the sweeps of one call have in common: what the user gave, checked and on its devices."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.tune.sweeps.batches import BatchOrder, as_key
from adaptive_tx.tune.sweeps.of_loss import OfLoss, of_loss
from adaptive_tx.tune.sweeps.of_step import OfStep, of_step
from adaptive_tx.tune.sweeps.plan import Plan
from adaptive_tx.tune.sweeps.problem import Init, shown
from adaptive_tx.tune.sweeps.streams import is_stream
from adaptive_tx.tune.sweeps.sweep import Sweep
from adaptive_tx.tune.training.engine import Source
from adaptive_tx.tune.training.examples import arrays, varied
from adaptive_tx.tune.training.stream import Stream
from adaptive_tx.tune.training.traces import Traces, one_member, traces
from adaptive_tx.tune.training.ways import written
from adaptive_tx.tune.training.workers import Workers


class Setup(NamedTuple):
    """What the members of all sweeps have in common."""

    problem: OfLoss | OfStep
    init: Init | None  # None if all seeds begin with the same, or a step of the user's own makes it
    begun: Any  # these; None if they are made
    source: Source
    order: BatchOrder | None  # None if batches are drawn, come in a stream, or are all examples
    stream: Stream | None
    traces: Traces
    by: tuple[str, float]  # what ranks, and its sign: least is best
    seeds: int
    plan: Plan
    at_once: int | None
    workers: Workers
    written: float  # bytes, by the operations of a step of one member (`ways.py`)

    @property
    def shown(self) -> str:
        """The scalar of a step that tells how a run goes: its loss, or what ranks, or the first."""
        return shown(self.traces.scalars, self.by[0])


def setup(
    who: str,
    functions: dict[str, Any],
    data: Any,
    sweeps: dict[str, Sweep],
    *,
    minimize: str | None,
    maximize: str | None,
    batch_size: int | None,
    seeds: int,
    key: Any,
    plan: Plan,
    at_once: int | None,
) -> Setup:
    """The setup from the arguments of a call.

    Args:
      functions: loss and params, or step and init; and evaluate.

    Raises:
      TypeError, ValueError: for one that does not fit.
    """
    streamed = is_stream(data)
    problem = _problem(who, functions, data if callable(data) and not streamed else None, sweeps)
    seeds = checks.whole(who, "seeds", seeds, 1)
    if at_once is not None:
        at_once = checks.whole(who, "at_once", at_once, 1)
    words, root = as_key(who, key)
    tree, batch, order, stream = None, None, None, None
    if problem.draw is not None or streamed:
        if batch_size is not None:
            what = "a stream, of batches" if streamed else "a function, which draws batches"
            raise TypeError(f"{who}: batch_size is for arrays; data is {what}.")
        if streamed:
            stream = Stream(who, data, plan.room)
            batch = stream.batch
    elif data is None and batch_size is not None:
        raise TypeError(f"{who}: batch_size is for arrays; data is None.")
    elif data is not None or isinstance(problem, OfLoss):
        tree, batch, examples = arrays(who, data, batch_size)
        if batch_size is not None:
            order = BatchOrder(examples, batch_size, seeds, words)
    params = functions["params"]
    begun = params if callable(params) else jax.tree.map(jnp.asarray, params)
    first = one_member(next(iter(sweeps.values())).stacked)
    traced = traces(who, problem, begun, batch, jax.eval_shape(root), first)
    problem = dataclasses.replace(problem, content=traced.content)
    if problem.draw is not None:
        varied(who, problem, jax.random.split(root()))
    is_step = isinstance(problem, OfStep)
    init = None if is_step or not traced.init else Init(params, traced.init.digest)
    by_key = problem.has_key or problem.draw or init or is_step
    keys: Any = jax.random.split(root(), seeds) if by_key else np.arange(seeds, dtype=np.int32)
    workers = Workers()
    return Setup(
        problem=problem,
        init=init,
        begun=None if init or is_step else begun,
        source=workers.shared(Source(tree, keys), axis=None),
        order=order,
        stream=stream,
        traces=traced,
        by=_ranking(who, minimize, maximize, traced),
        seeds=seeds,
        plan=plan,
        at_once=at_once,
        workers=workers,
        written=written(traced.program.jaxpr),
    )


def _problem(who: str, functions: dict[str, Any], draw: Any, sweeps: dict[str, Sweep]):
    """The problem of a loss, or of a step."""
    given = [name for name in ("loss", "params", "step", "init") if functions[name] is not None]
    evaluate = functions["evaluate"]
    axes = {sweep.of_loss for sweep in sweeps.values()}
    if len(axes) > 1:
        raise TypeError(f"{who}: all sweeps must have the same axes for the loss, got {axes}.")
    (names,) = axes
    if given == ["step", "init"]:
        return of_step(who, functions["step"], functions["init"], evaluate, draw, names)
    if given != ["loss", "params"]:
        raise TypeError(f"{who}: give loss and params, or step and init; got {given}.")
    return of_loss(who, functions["loss"], evaluate, draw, names)


def _ranking(who: str, minimize, maximize, traces: Traces) -> tuple[str, float]:
    """What ranks the members, and its sign."""
    if minimize is not None and maximize is not None:
        raise TypeError(f"{who}: give minimize or maximize, not both.")
    name = maximize or minimize or "loss"
    known = tuple(dict.fromkeys((*traces.metrics, *traces.scalars)))
    by_default = not (minimize or maximize)
    if name not in known or (by_default and traces.metrics and name not in traces.metrics):
        missing = f"evaluate gives no {name!r}" if traces.metrics else f"there is no {name!r}"
        raise ValueError(
            f"{who}: {missing} to rank by; name one of {', '.join(known)} as minimize or maximize."
        )
    return name, -1.0 if maximize else 1.0
