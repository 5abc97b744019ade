"""Bases of a matrix's rows and columns that follow the eigenvectors of their second moments.

At t = 1 they are these, largest first. Then, after every `every` steps, of each side, with its moments M:

    the columns of Q are sorted by Q^T M Q, and with them what is kept of squares
    Q <- the Q of the QR of M Q                       one power iteration
    a mean that is kept in the bases is turned into the new ones

M is divided by its largest entry first, which changes no basis, so that no product overflows.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core.linear_algebra import (
    Sides,
    eigen,
    into,
    multiply,
    orthonormal,
    out_of,
    scaled,
)


def followed(
    bases: Sides, moments: Sides, mean: jax.Array, square: jax.Array, t: jax.Array, every: jax.Array
) -> Any:
    """The bases after step t, and in them a mean and a mean of squares; None is a side without one."""
    steps = t - 1
    due = jnp.where(t == 1, 1, 2 * (steps % jnp.floor(every) == 0))
    cases = (_kept, _first, _next)
    return lax.switch(due.astype(jnp.int32), cases, bases, moments, mean, square)


def _kept(bases, moments, mean, square):
    return bases, mean, square


def _first(bases, moments, mean, square):
    return [m if m is None else eigen(scaled(m))[1][:, ::-1] for m in moments], mean, square


def _next(bases, moments, mean, square):
    news, mean = [], out_of(bases, mean)
    for axis, (q, moment) in enumerate(zip(bases, moments, strict=True)):
        if q is None:
            news.append(None)
            continue
        power = multiply(scaled(moment), q)
        order = jnp.argsort(-jnp.sum((q.conj() * power).real, 0))
        square = jnp.take(square, order, axis)
        news.append(orthonormal(power[:, order]))
    return news, into(news, mean), square
