"""An optimizer that measures itself: the same updates, and in its state what happened.

    tx = measured(adamw(1e-3))
    updates, state = tx.update(grads, state, params)
    metrics(state)                                {"effective_step": ..., "grad_norm": ..., ...}

Nothing is measured inside the arithmetic: each part of a chain runs as it would without, and what went
in, what came out, and the part's state are looked at afterwards.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from adaptive_tx.core import axes, checks
from adaptive_tx.core.arguments import Arguments, Static
from adaptive_tx.core.chain import walked
from adaptive_tx.core.finding import states_of, unboxed
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import narrow
from adaptive_tx.core.paths import with_paths
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, transformation_of, wrap
from adaptive_tx.core.tree import global_norm
from adaptive_tx.core.typing import AxisName, PyTree
from adaptive_tx.wrappers import flags
from adaptive_tx.wrappers.stage_metrics import clipped, stage_metrics

SIZES = ("grad_norm", "update_norm", "param_norm", "update_to_param", "nonfinite_leaves")


@exportable
class MeasuredState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[]
    metrics: dict[str, jax.Array]  # float32[] each; 0 before the first update


@explained
def measured(
    tx: optax.GradientTransformation,
    *,
    by: Literal["leaf"] | Callable[[str], str] | None = None,
    every: int = 1,
    axis_name: AxisName | None = None,
    sharded: PyTree | None = None,
) -> Transformation:
    """The same updates, and in the state's field `metrics` what happened in the last one.

    Args:
      tx: the transformation; its hyperparameters keep their names.
      by: what to measure also apart, under `name/group`: "leaf", or a function from a leaf's path, such
        as `encoder/kernel`, to the name of its group. By default only all leaves together.
      every: how many steps one measurement stands for, at least 1: the first is measured, and every n-th
        after it; in between, the metrics stay. On a CPU a measured step costs as much as three to five
        of Adam, the others nothing; under `vmap` every step is measured, and every n-th shown.
      axis_name: inside `shard_map`, the name(s) of the axes over which leaves are split: the metrics are
        then those of all devices together. Without it they are those of a shard.
      sharded: which leaves are split over them, where JAX does not know it, as in `clip_by_global_norm`.

    Each is a float32 scalar, found by `metrics(state)`, and 0 before the first update:

      grad_norm, update_norm, param_norm: of all leaves together. 1.8e19 and more, and entries that are
        not finite, count as 1.8e19 times the root of the number of entries.
      update_to_param: the quotient of the last two, 0 where the parameters are.
      nonfinite_leaves: how many leaves of the gradient have an entry that is NaN or infinite.
      clipped: the fraction of all entries that clipping changed, if a part of the chain clips.
      snr_median, snr_q10, snr_q90: of rules with mu and nu, quantiles of |mu_hat| / sqrt(nu_hat) over
        the entries; over about 4096 of them, always the same, if there are more (`noise`).
      effective_step: of the same rules, the largest entry of the direction, before the learning rate.
      effective_step_bound: the Adam paper's for it (section 2.1), max(1, (1 - b1) / sqrt(1 - b2)),
        where nu is the mean of |g|^2. A lone gradient reaches it. Gradients that grow by b2 / b1 a
        step can exceed it, up to 1 / sqrt(1 - b1^2 / b2) times: 2.3 for b1 = 0.9.
      gradient_signal, gradient_noise: of rules with mu, the estimates of |G|^2 and of the trace of the
        gradient's covariance, and gradient_noise_scale, noise / signal in batches, at most 1e4 (`noise`).
      rho, rectification: of RAdam; of any rule, the numbers that it computes once for all leaves.

    By group there are the first five and the quantiles. Where several parts of a chain have metrics of
    their own, the names start with the part's position, as in `hyperparameters`: "1.0.snr_median".

    Groups are seen through. What is inside another wrapper, or one of optax's, is not: put `measured`
    inside. In `guarded(measured(tx))` a skipped step is not measured; `measured(guarded(tx))` sees it from
    outside. Derivatives do not flow through metrics.

    Raises:
      ValueError: if `update` gets no parameters.
    """
    if by is not None and by != "leaf" and not callable(by):
        raise ValueError(f'measured: by must be "leaf" or a function of a path, got {by!r}.')
    every = checks.whole("measured", "every", every, 1)
    settings = ({} if by is None else {"by": by}) | ({} if every == 1 else {"every": every})
    settings |= axes.settings("measured", axis_name, sharded)
    tx = transformation_of("measured", "tx", tx)
    return wrap("measured", _init, _update, tx, Static(stage_metrics(tx)), settings=settings)


@explained
def metrics(state: PyTree) -> dict[str, jax.Array]:
    """What `measured` has measured in the last update, by name: scalars, ready for a logger.

    Args:
      state: the state of an optimizer with `measured` anywhere in it, or whatever holds that (a
        TrainState, an nnx.Optimizer). Stacked by `lax.scan` or `vmap`, each metric is an array.

    If several parts are measured, the names start with the paths of their states: "0/grad_norm".

    Raises:
      ValueError: if nothing in the state has been measured.
    """
    found = states_of(MeasuredState, state)
    if not found:
        raise ValueError(
            "metrics: nothing in this state was measured; make the optimizer with measured(tx), and "
            "its state with that one's init. Of flax.nnx give the optimizer, or its opt_state."
        )
    return {
        "/".join(filter(None, (path if len(found) > 1 else "", name))): value
        for path, measured_state in found
        for name, value in unboxed(measured_state.metrics).items()
    }


def _init(stage_metrics: Static, arguments: Arguments, params) -> MeasuredState:
    inner_state = arguments.inner(params)
    names = []
    for group in _groups(arguments, params):
        names += [name + group for name in SIZES]
        names += [name + group for each in stage_metrics.value for name in each.names(not group)]
    if any(each.clips for each in stage_metrics.value):
        names.append("clipped")
    zeros = {name: jnp.zeros((), jnp.float32) for name in names}
    return MeasuredState(inner_state, jnp.zeros((), jnp.int32), zeros)


def _update(stage_metrics: Static, arguments: Arguments, grads, state, params=None, **extra):
    checks.state_type(arguments.who, MeasuredState, state)
    checks.params_given(arguments.who, params)
    watch = functools.partial(_watched, stage_metrics.value, extra=extra)
    inner, given = functools.partial(arguments.inner, **extra), (grads, state.inner_state, params)
    every, old = arguments.setting("every") or 1, state.metrics
    due = state.count % every == 0
    if every == 1 or not flags.is_traced(given, due):
        measured = every == 1 or bool(due)
        updates, new, found = watch(arguments, *given, old) if measured else (*inner(*given), old)
    elif flags.may_repeat(arguments.inner, given):
        constants = flags.constant((arguments, *given, old))
        found = lax.cond(due, lambda: watch(*constants)[2], lambda: old)
        # What is measured is what was there: the step, which writes in place, must wait for it. The
        # compiler does not know that a count of leaves is never negative.
        done = found["nonfinite_leaves"] >= 0
        grads = jax.tree.map(lambda g: jnp.where(done, g, jnp.zeros_like(g)), grads)
        updates, new = inner(grads, *given[1:])
    else:
        updates, new, found = lax.cond(
            due, lambda: watch(arguments, *given, old), lambda: (*inner(*given), old)
        )
    return updates, MeasuredState(new, incremented(state.count), found)


def _watched(stage_metrics, arguments: Arguments, grads, state, params, old, *, extra):
    """The step, and its metrics."""
    updates, inner_state, stages = walked(arguments.inner, grads, state, params, extra)
    trees, stages, old = flags.constant(((grads, updates, params), stages, old))
    over, found = axes.Axes.of(arguments), {}
    splits, bad = over.splits(*trees), over.largest(_not_finite(trees[0]))
    every = arguments.setting("every") or 1
    for group, leaves in _groups(arguments, grads).items():
        of_group = [splits[i] for i in leaves]
        values = _sizes(of_group, *([jax.tree.leaves(tree)[i] for i in leaves] for tree in trees))
        values["nonfinite_leaves"] = jnp.sum(bad[np.array(leaves, int)])
        for each, stage in zip(stage_metrics, stages, strict=True):
            values |= each.metrics(stage, leaves, not group, old, of_group, every)
        found |= {name + group: value for name, value in values.items()}
    clips = [stage for each, stage in zip(stage_metrics, stages) if each.clips]
    if clips:
        found["clipped"] = clipped(clips, splits)
    return updates, inner_state, found


def _groups(arguments: Arguments, tree) -> dict[str, list[int]]:
    """What the names of a group's metrics end with, and its leaves; "" is all of them."""
    by = arguments.setting("by")
    paths = [path for path, _ in with_paths(tree)]
    groups = {"": list(range(len(paths)))}
    for i, path in enumerate(paths if by else ()):
        name = path if by == "leaf" else by(path)
        if not isinstance(name, str):
            raise TypeError(f"measured: by must return a string, got {name!r} for {path!r}.")
        groups.setdefault(f"/{name}", []).append(i)
    return groups


def _sizes(splits: list, grads: list, updates: list, params: list) -> dict[str, jax.Array]:
    """The norms of some leaves, whatever the rule."""
    of_grads, of_updates, of_params = (
        narrow(global_norm(leaves, splits), jnp.float32) for leaves in (grads, updates, params)
    )
    there = of_params > 0
    return {
        "grad_norm": of_grads,
        "update_norm": of_updates,
        "param_norm": of_params,
        "update_to_param": jnp.where(there, of_updates / jnp.where(there, of_params, 1), 0),
    }


def _not_finite(grads) -> jax.Array:
    """1 for each leaf that has an entry that is NaN or infinite, otherwise 0."""
    return flags.not_finite(grads)[0].astype(jnp.float32)
