"""Factored RMSProp, as in Keras' Adafactor: eps is added to every square.

    w        = t^beta2_decay                      weight of the new gradient, 1 at t = 1
    row_var <- (1 - w) row_var + w mean of (|g|^2 + eps) over the last axis        unit of g squared
    col_var <- likewise over the last axis but one
    v        = row_var / (mean of row_var over the rows) col_var
    v       <- (1 - w) v + w (|g|^2 + eps)        for scalars and vectors, not factored
    u        = g / sqrt(v)                        no unit

As in the paper. torch has the machine epsilon squared as the least v instead, where there is none
here but the smallest normal number.

Shazeer and Stern, Adafactor, 2018, arXiv:1804.04235, algorithm 4; keras.optimizers.Adafactor, 3.15.
"""

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.compat.torch.factored_rms import (
    ScaleByFactoredRmsState,
    init,
    not_positive,
    real_like,
)
from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.checks import positive, state_type
from adaptive_tx.core.norms import bounded, mean
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, root, squared
from adaptive_tx.core.states import incremented
from adaptive_tx.core.transformation import Transformation, bind


def product(row_var, col_var):
    """The mean squares of a whole array from those of its rows and columns.

    Rows of 1e-30 are scaled up first: the derivative of a quotient takes the inverse of its square.
    """
    rows = row_var * lax.stop_gradient(
        1 / jnp.max(row_var, -2, keepdims=True, initial=jnp.finfo(row_var.dtype).tiny)
    )
    return rows / mean(rows, -2) * col_var


def step(g, row_var, col_var, variance, t, *, eps, beta2_decay):
    w, square = t**beta2_decay, squared(bounded(g)) + eps
    if g.ndim < 2:
        v = variance = (1 - w) * variance + w * square
    else:
        row_var = (1 - w) * row_var + w * mean(square, -1)
        col_var = (1 - w) * col_var + w * mean(square, -2)
        v = product(row_var, col_var)
    return g / root(jnp.maximum(v, jnp.finfo(v.dtype).tiny)), row_var, col_var, variance


def _update(arguments: Arguments, grads, state, params=None, **extra):
    who = arguments.who
    state_type(who, ScaleByFactoredRmsState, state)
    real_like(who, "grads", grads)
    count, numbers = incremented(state.count), arguments.at(state.count)
    structure = jax.tree.structure(grads)
    made_for = jax.eval_shape(lambda: init(arguments, grads))[1:]
    for slots, expected in zip(state[1:], made_for):
        checks.same_layout(who, "slots for grads", expected, "the state has", slots)
    columns = [structure.flatten_up_to(tree) for tree in (grads, *state[1:])]
    results = [_on_leaf(*leaf, count, numbers) for leaf in zip(*columns)]
    trees = [structure.unflatten(c) for c in zip(*results)] if results else [grads, *state[1:]]
    return trees[0], ScaleByFactoredRmsState(count, *trees[1:])


@jax.jit
def _on_leaf(g, row_var, col_var, variance, count, numbers):
    olds = (row_var, col_var, variance)
    dtype = arithmetic_dtype(g.dtype, *(old.dtype for old in olds if old is not None))
    row, col, all_ = (None if old is None else old.astype(dtype) for old in olds)
    numbers = in_dtype(numbers, dtype)
    u, *new = step(g.astype(dtype), row, col, all_, count.astype(dtype), **numbers)
    return narrow(u, g.dtype), *(
        None if old is None else narrow(x, old.dtype) for x, old in zip(new, olds)
    )


def scale_by_factored_mean_square(beta2_decay=-0.8, eps=1e-30) -> Transformation:
    """Divides each gradient by its root mean square, remembered per row and per column.

    Args:
      beta2_decay: the weight of the t-th gradient is t^beta2_decay; <= 0.
      eps: what is added to every square, > 0, in the unit of g squared.
    """
    return bind(
        "scale_by_factored_mean_square",
        init,
        _update,
        beta2_decay=not_positive(beta2_decay),
        eps=positive(eps),
    )
