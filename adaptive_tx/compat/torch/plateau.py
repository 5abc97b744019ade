"""ReduceLROnPlateau: the rate falls when a metric has stopped improving.

    better = metric < best (1 - threshold)       mode "min", "rel"; "max": metric > best (1 + threshold)
             metric < best - threshold           mode "min", "abs"; "max": metric > best + threshold
    bad    <- 0 where better (then best <- metric), else bad + 1
    where cooling down:     cooldown one less, bad <- 0
    where bad > patience:   new = max(rate factor, min_lr);  rate <- new if rate - new > eps
                            cooldown starts, bad <- 0
    update <- update rate / lr

It stands last in a chain and multiplies the update, so whatever the rate does there, it does to all
of it (decoupled decay too). The metric of a call is seen after its update, as in `optimizer.step();
scheduler.step(metric)`: it changes the next one. A metric that is NaN is no improvement.

torch.optim.lr_scheduler.ReduceLROnPlateau, version 2.13.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.axes import check_value
from adaptive_tx.core.checks import choice, floating, state_type
from adaptive_tx.core.on_leaf import on_leaves
from adaptive_tx.core.ranges import Range, finite, non_negative, positive
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, bind

factor_range = Range(0.0, 1.0, "[)")


@exportable
class ReduceLROnPlateauState(NamedTuple):
    count: jax.Array  # int32[]
    scale: jax.Array  # float[], the rate over lr
    best: jax.Array  # float[], infinite before the first metric
    num_bad: jax.Array  # int32[], metrics since the last improvement
    cooldown_left: jax.Array  # int32[], metrics to ignore


def step(u, t, *, scale):
    return scale * u


def _init(arguments: Arguments, params) -> ReduceLROnPlateauState:
    floating(arguments.who, "params", params)
    worst = jnp.full((), jnp.inf if arguments.setting("mode") == "min" else -jnp.inf, float)
    count, num_bad, cooldown_left = (jnp.zeros((), jnp.int32) for _ in range(3))
    return ReduceLROnPlateauState(count, jnp.ones(()), worst, num_bad, cooldown_left)


def _update(arguments: Arguments, updates, state, params=None, *, value: Any = ..., **extra):
    who = arguments.who
    state_type(who, ReduceLROnPlateauState, state)
    if value is ...:
        raise TypeError(
            f"{who}: needs the metric, update(grads, state, params, value=metric); "
            "value=None for an update without one."
        )
    count = incremented(state.count)
    scaled = on_leaves(who, step, updates, count, scale=state.scale)
    if value is not None:
        if jnp.shape(value) != ():
            raise ValueError(f"{who}: value must be a scalar, got shape {jnp.shape(value)}.")
        check_value(who, updates, value)
        metric = jnp.asarray(value).astype(state.best.dtype)
        state = _seen(state, metric, arguments, in_dtype(arguments.at(state.count), metric.dtype))
    return scaled, state._replace(count=count)


def _seen(state, metric, arguments: Arguments, n: dict) -> ReduceLROnPlateauState:
    """The state after one metric; `n` holds the numbers."""
    minimize, relative = (
        arguments.setting("mode") == "min",
        arguments.setting("threshold_mode") == "rel",
    )
    margin = -n["threshold"] if minimize else n["threshold"]
    bar = state.best * (1 + margin) if relative else state.best + margin
    better = metric < bar if minimize else metric > bar
    cooling = state.cooldown_left > 0
    bad = jnp.where(better | cooling, 0, state.num_bad + 1)
    left = jnp.where(cooling, state.cooldown_left - 1, state.cooldown_left)
    reduce = bad.astype(metric.dtype) > n["patience"]
    rate = n["lr"] * state.scale
    lower = jnp.maximum(rate * n["factor"], n["min_lr"])
    return state._replace(
        scale=jnp.where(reduce & (rate - lower > n["eps"]), lower / n["lr"], state.scale),
        best=jnp.where(better, metric, state.best),
        num_bad=jnp.where(reduce, 0, bad),
        cooldown_left=jnp.where(reduce, n["cooldown"].astype(left.dtype), left),
    )


def reduce_lr_on_plateau(
    lr,
    mode: str = "min",
    factor=0.1,
    patience=10,
    threshold=1e-4,
    threshold_mode: str = "rel",
    cooldown=0,
    min_lr=0,
    eps=1e-8,
) -> Transformation:
    """Multiplies the update by a factor that falls when the metric `value` no longer improves.

    Args:
      lr: the rate that the chain before it has, > 0; min_lr and eps are compared with it.
      mode: "min" or "max": which metrics are better.
      factor: what the rate is multiplied by, in [0, 1).
      patience: how many metrics without improvement are borne, >= 0.
      threshold: what counts as an improvement.
      threshold_mode: whether it is a fraction of the best metric ("rel") or in its unit ("abs").
      cooldown: metrics to ignore after a reduction, >= 0.
      min_lr: least rate, >= 0.
      eps: smaller reductions are not made, >= 0.

    `update` takes `value=metric`; with `value=None` it only multiplies.

    Raises:
      TypeError: from `update`, if there is no `value`.
    """
    who = "reduce_lr_on_plateau"
    settings = {
        "mode": choice(who, "mode", mode, ("min", "max")),
        "threshold_mode": choice(who, "threshold_mode", threshold_mode, ("rel", "abs")),
    }
    return bind(
        who,
        _init,
        _update,
        settings=settings,
        lr=positive(lr),
        factor=factor_range(factor),
        patience=non_negative(patience),
        threshold=finite(threshold),
        cooldown=non_negative(cooldown),
        min_lr=non_negative(min_lr),
        eps=non_negative(eps),
    )
