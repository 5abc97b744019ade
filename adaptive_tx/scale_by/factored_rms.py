"""Adafactor's denominator: the mean squares of a matrix, remembered as those of its rows and columns.

    w        = t^b2_decay                         weight of the new gradient: 1 at t = 1, then less
    row_var <- (1 - w) row_var + w mean of (|g|^2 + eps) over the last axis        unit of g squared
    col_var <- likewise over the last axis but one
    v        = row_var / (mean of row_var over the rows) col_var
    v       <- (1 - w) v + w (|g|^2 + eps)        for scalars and vectors, which are not factored
    u        = g / sqrt(v)                        no unit

A matrix of n rows and m columns needs n + m numbers, not n m; v is exact where |g|^2 has rank 1. An array
of more axes is a stack of matrices along its last two. With w = t^b2_decay the means need no bias
correction: b2 = 1 - w grows from 0 to 1.

Keras computes this form. torch adds nothing to |g|^2, and takes the square of the machine epsilon as
least v; optax factors the two largest axes, and only where both are 128 or more; big_vision from 32 on,
with a cap on b2 (`scale_by_factored_rms_big_vision`).

Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235,
algorithms 1, 4 and 5.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import mean
from adaptive_tx.core.numerics import root, squared
from adaptive_tx.core.ranges import not_positive, positive
from adaptive_tx.core.slots import mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByFactoredRmsState(NamedTuple):
    count: jax.Array  # int32[]
    row_var: optax.Updates  # like params, real, the last axis of length 1; None for vectors
    col_var: optax.Updates  # like params, real, the last axis but one of length 1; None for vectors
    variance: optax.Updates  # like params, real; None for what is factored


def of_rows(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return (*shape[:-1], 1) if len(shape) > 1 else None


def of_columns(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return (*shape[:-2], 1, shape[-1]) if len(shape) > 1 else None


def of_vectors(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return shape if len(shape) < 2 else None


SLOTS = {
    "row_var": mean_of_squares("", shape=of_rows),
    "col_var": mean_of_squares("", shape=of_columns),
    "variance": mean_of_squares("", shape=of_vectors),
}


def product(row_var, col_var, axis=-2):
    """The mean squares of a whole array from those of its rows, which lie along an axis, and columns.

    Rows of 1e-30 are scaled up first: the derivative of a quotient takes the inverse of its square. None
    counts as less than the smallest normal number.
    """
    tiny = jnp.finfo(row_var.dtype).tiny
    rows = jnp.maximum(row_var, tiny)
    rows = rows * lax.stop_gradient(1 / jnp.max(rows, axis, keepdims=True, initial=tiny))
    return rows / mean(rows, axis) * col_var


def shared(t, *, b2_decay):
    """The weight of the new gradient."""
    return {"weight": t**b2_decay}


def step(g, row_var, col_var, variance, t, *, eps, weight):
    square = squared(g) + eps
    if g.ndim < 2:
        v = variance = (1 - weight) * variance + weight * square
    else:
        row_var = (1 - weight) * row_var + weight * mean(square, -1)
        col_var = (1 - weight) * col_var + weight * mean(square, -2)
        v = product(row_var, col_var)
    return g / root(jnp.maximum(v, jnp.finfo(v.dtype).tiny)), row_var, col_var, variance


@explained
def scale_by_factored_rms(
    *,
    b2_decay: ScalarOrSchedule = -0.8,
    eps: ScalarOrSchedule = 1e-30,
) -> Transformation:
    """Divides each gradient by its root mean square, remembered per row and per column.

    Args:
      b2_decay: the weight of the t-th gradient is t^b2_decay; <= 0. The nearer to 0, the shorter the
        memory.
      eps: what is added to every square, > 0, in the unit of g squared.

    The state holds a number for each row and each column of a matrix. Inside `shard_map` these are the rows
    and columns of a shard.
    """
    return leafwise(
        "scale_by_factored_rms",
        step,
        ScaleByFactoredRmsState,
        slots=SLOTS,
        shared=shared,
        b2_decay=not_positive(b2_decay),
        eps=positive(eps),
    )
