"""Factored RMSProp, as in torch's Adafactor: squares are remembered per row and per column.

    w        = t^beta2_decay                      weight of the new gradient, 1 at t = 1
    row_var <- (1 - w) row_var + w mean of |g|^2 over the last axis           unit of g squared
    col_var <- likewise over the last axis but one
    v        = row_var col_var / max(mean of row_var over the rows, eps)
    v       <- (1 - w) v + w |g|^2                for scalars and vectors, not factored
    u        = g / sqrt(max(v, eps^2))            no unit

eps is the machine epsilon of the parameter's dtype if not given, so float32 and float64 runs differ
by design. Every array of two axes or more is factored, along its last two. The paper and Keras add
1e-30 to |g|^2 instead; optax factors the two largest axes, where both are 128 or more.

Shazeer and Stern, Adafactor, 2018, arXiv:1804.04235, algorithm 4; torch.optim.Adafactor, version
2.13.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.checks import not_positive, positive, state_type
from adaptive_tx.core.norms import bounded, mean
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, root, squared
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, bind


@exportable
class ScaleByFactoredRmsState(NamedTuple):
    count: jax.Array  # int32[]
    row_var: optax.Updates  # like params, the last axis of length 1; None for vectors
    col_var: optax.Updates  # like params, the last axis but one of length 1; None for vectors
    variance: optax.Updates  # like params; None for what is factored


def step(g, row_var, col_var, variance, t, *, eps, beta2_decay):
    w, square = t**beta2_decay, squared(bounded(g))
    if g.ndim < 2:
        v = variance = (1 - w) * variance + w * square
    else:
        row_var = (1 - w) * row_var + w * mean(square, -1)
        col_var = (1 - w) * col_var + w * mean(square, -2)
        v = row_var / jnp.maximum(mean(row_var, -2), eps) * col_var
    least = jnp.maximum(eps * eps, jnp.finfo(v.dtype).tiny)
    return g / root(jnp.maximum(v, least)), row_var, col_var, variance


def _slots(p):
    """Zeros for row_var, col_var and variance; None for those that it does not need."""
    shape, dtype = list(jnp.shape(p)), arithmetic_dtype(jnp.result_type(p))
    if len(shape) < 2:
        return None, None, jnp.zeros(shape, dtype)
    return jnp.zeros((*shape[:-1], 1), dtype), jnp.zeros((*shape[:-2], 1, shape[-1]), dtype), None


def real_like(who: str, what: str, tree) -> None:
    checks.floating(who, what, tree)
    for path, leaf in jax.tree.leaves_with_path(tree):
        if jnp.iscomplexobj(leaf):
            raise TypeError(
                f"{who}: takes real numbers only; {checks.keystr(what, path)} is complex."
            )


def init(arguments: Arguments, params) -> ScaleByFactoredRmsState:
    real_like(arguments.who, "params", params)
    leaves, structure = jax.tree.flatten(params)
    columns = zip(*map(_slots, leaves)) if leaves else ((), (), ())
    return ScaleByFactoredRmsState(jnp.zeros((), jnp.int32), *map(structure.unflatten, columns))


def _update(arguments: Arguments, grads, state, params=None, **extra):
    who = arguments.who
    state_type(who, ScaleByFactoredRmsState, state)
    real_like(who, "grads", grads)
    checks.params_given(who, params)
    checks.same_layout(who, "grads", grads, "params has", params)
    count, numbers = incremented(state.count), arguments.at(state.count)
    structure = jax.tree.structure(grads)
    made_for = jax.eval_shape(lambda: init(arguments, grads))[1:]
    for slots, expected in zip(state[1:], made_for):
        checks.same_layout(who, "slots for grads", expected, "the state has", slots)
    columns = [structure.flatten_up_to(tree) for tree in (grads, params, *state[1:])]
    results = [_on_leaf(*leaf, count, numbers) for leaf in zip(*columns)]
    trees = [structure.unflatten(c) for c in zip(*results)] if results else [grads, *state[1:]]
    return trees[0], ScaleByFactoredRmsState(count, *trees[1:])


@jax.jit
def _on_leaf(g, p, row_var, col_var, variance, count, numbers):
    dtype = arithmetic_dtype(g.dtype, jnp.result_type(p))
    eps = jnp.finfo(jnp.result_type(p)).eps
    numbers = in_dtype({"eps": float(eps), **numbers}, dtype)
    row, col, all_ = (x if x is None else x.astype(dtype) for x in (row_var, col_var, variance))
    u, *new = step(g.astype(dtype), row, col, all_, count.astype(dtype), **numbers)
    olds = (row_var, col_var, variance)
    return narrow(u, g.dtype), *(
        None if old is None else narrow(x, old.dtype) for x, old in zip(new, olds)
    )


def scale_by_factored_rms(beta2_decay=-0.8, eps=None) -> Transformation:
    """Divides each gradient by its root mean square, remembered per row and per column.

    Args:
      beta2_decay: the weight of the t-th gradient is t^beta2_decay; <= 0.
      eps: least root mean square, > 0, in the unit of g; None: the machine epsilon of the parameter.
    """
    given: dict[str, Any] = {} if eps is None else {"eps": positive(eps)}
    return bind(
        "scale_by_factored_rms", init, _update, beta2_decay=not_positive(beta2_decay), **given
    )
