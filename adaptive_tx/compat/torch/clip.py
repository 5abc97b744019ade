"""torch.nn.utils.clip_grad_norm_ as a transformation.

    g <- g min(1, max_norm / (||g|| + 1e-6))

over all leaves together. `clip_by_global_norm` is the same rule without the 1e-6. As there, an
entry beyond 1e12 counts as 1e12 in float32, and one that is not finite counts as huge and stays as
it is (torch: everything becomes 0 or NaN).
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from adaptive_tx.core import axes
from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.axes import Axes
from adaptive_tx.core.checks import Range, floating, state_type
from adaptive_tx.core.norms import check_agreement, global_norm
from adaptive_tx.core.numerics import arithmetic_dtype, bounded, modulus, real_dtype, widen
from adaptive_tx.core.states import CountState, incremented
from adaptive_tx.core.stepping import on_leaves
from adaptive_tx.core.transformation import Transformation, bind

norm_limit = Range(0.0, 1e12, "[]")


def step(g, t, *, size, max_norm):
    factor = jnp.minimum(max_norm / (size + 1e-6), 1)
    return jnp.where((factor < 1) & jnp.isfinite(g), bounded(g) * factor, g)


def _norm(norm_type: float, over: Axes, grads) -> jax.Array:
    """The 1-, 2- or infinity-norm of all leaves together."""
    if norm_type == 2:
        return global_norm(grads, over.splits(grads))
    leaves = jax.tree.leaves(grads)
    dtype = real_dtype(arithmetic_dtype(*(jnp.result_type(g) for g in leaves)))
    sizes = [modulus(bounded(widen(jnp.asarray(g), dtype))) for g in leaves]
    if norm_type == 1:
        return axes.summed([jnp.sum(size) for size in sizes], over.splits(grads), dtype)
    largest = [jnp.max(size, initial=0) for size in sizes]
    return over.largest(jnp.max(jnp.stack([jnp.zeros((), dtype), *largest])))


def _init(arguments: Arguments, params) -> CountState:
    floating(arguments.who, "params", params)
    return CountState(jnp.zeros((), jnp.int32))


def _update(arguments: Arguments, grads, state, params=None, **extra):
    state_type(arguments.who, CountState, state)
    floating(arguments.who, "grads", grads)
    count = incremented(state.count)
    size = _norm(arguments.setting("norm_type"), Axes.of(arguments), grads)
    check_agreement(arguments.who, grads, size)
    numbers = {**arguments.at(state.count), "size": size}
    clipped, _ = on_leaves(arguments.who, step, grads, t=count, numbers=numbers)
    return clipped, CountState(count)


def clip_grad_norm(
    max_norm, norm_type: float = 2.0, *, axis_name: Any = None, sharded: Any = None
) -> Transformation:
    """Scales the whole tree down to a norm of about max_norm, as clip_grad_norm_ does.

    Args:
      max_norm: the bound, in [0, 1e12], in the unit of the gradients.
      norm_type: 1, 2 or inf; known at trace time.
      axis_name: inside `shard_map`, the axes over which leaves are split, as in `clip_by_global_norm`.
      sharded: which leaves are, where JAX does not know it; as there.

    Source: torch.nn.utils.clip_grad_norm_, version 2.13.
    """
    who = "clip_grad_norm"
    if norm_type not in (1, 2, math.inf):
        raise ValueError(f"{who}: norm_type must be 1, 2 or inf, got {norm_type!r}.")
    settings = {"norm_type": float(norm_type), **axes.settings(who, axis_name, sharded)}
    max_norm = norm_limit(max_norm)
    return bind(who, _init, _update, settings=settings, clips=True, max_norm=max_norm)
