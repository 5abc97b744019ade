"""Triangular factors of rows and columns that make a matrix white, taught by random probes.

    A   = QL m QR^T,   B = QL^-T v QR^-1                   v: normal numbers, the probe
    QL <- QL - rate triu(A A^T - B B^T) / |A A^T + B B^T| QL
    QR <- QR - rate triu(A^T A - B^T B) / |A^T A + B^T B| QR

Where A A^T and B B^T are equal in the mean, QL^T QL m QR^T QR has the identity for its covariance. |.| is a
lower bound of the spectral norm. Both factors are brought to one size, which changes no product.
"""

import jax
import jax.numpy as jnp

from adaptive_tx.core.linear_algebra import (
    Sides,
    between,
    grams,
    multiply,
    out_of_triangles,
    spectral_bound,
    transposed,
)
from adaptive_tx.core.numerics import root


def taught(factors: Sides, m: jax.Array, v: jax.Array, rate: jax.Array) -> list[jax.Array | None]:
    """The factors after one step; None is a side without one.

    A and B are divided by their largest entry, on which nothing depends, so that no product overflows.
    """
    a = between(factors[0], m, transposed(factors[1]))
    b = out_of_triangles((*factors, v))
    size = _or_one(jnp.maximum(_largest(a), _largest(b)))
    terms = zip(factors, grams(a / size), grams(b / size), strict=True)
    news = [None if q is None else _moved(q, aa, bb, rate) for q, aa, bb in terms]
    sizes = [_largest(q) for q in news if q is not None]
    both = root(sizes[0]) * root(sizes[1]) if len(sizes) == 2 else None
    if both is None:
        return news
    return [None if q is None else q * (both / _or_one(_largest(q))) for q in news]


def _moved(q: jax.Array, aa: jax.Array, bb: jax.Array, rate: jax.Array) -> jax.Array:
    return q - rate * multiply(jnp.triu(aa - bb) / spectral_bound(aa + bb), q)


def _largest(x: jax.Array) -> jax.Array:
    return jnp.max(jnp.abs(x), initial=0)


def _or_one(x: jax.Array) -> jax.Array:
    return jnp.where(x == 0, 1, x)
