"""The norm of a whole tree, on one device or on many."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from adaptive_tx.core import axes
from adaptive_tx.core.numerics import (
    arithmetic_dtype,
    norm_of,
    real_dtype,
    sum_of_squares,
    widen,
)


def global_norm(grads, splits: Sequence[axes.Split] | None = None) -> jax.Array:
    """The norm of all leaves together, in their arithmetic's dtype; at least float32.

    `splits` says over which axes of devices each leaf is split (`axes.Axes.splits`).
    """
    leaves = [jnp.asarray(g) for g in jax.tree.leaves(grads)]
    splits = [()] * len(leaves) if splits is None else splits
    dtype = real_dtype(arithmetic_dtype(*(g.dtype for g in leaves)))
    total = axes.summed([sum_of_squares(widen(g, dtype)) for g in leaves], splits, dtype)
    return norm_of(total, sum(map(axes.size, leaves, splits)))


def check_agreement(who: str, grads, size: jax.Array) -> None:
    """A norm that scales all leaves must be the same wherever one of them is."""
    mend = "name it: axis_name={axis}"
    axes.check_agreement(who, "grads", grads, "the norm of all leaves", size, mend)
