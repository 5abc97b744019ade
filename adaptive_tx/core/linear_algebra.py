"""What rules on matrices multiply with and decompose, one matrix at a time, whatever maps over them.

A matrix has two sides, its rows and its columns: a pair (left, right) multiplies it from both, and None is
a side that is left as it is.

On CPUs several batched calls of LAPACK in one program were seen to wait for each other for ever (jax
0.10.2); there a batch is stepped through, elsewhere it is one call.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from adaptive_tx.core.numerics import root, squared

Sides = Sequence[jax.Array | None]


def one_by_one(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of one array, or of a tree of such, whose batches are stepped through on CPUs."""

    @custom_vmap
    def call(x):
        return function(x)

    @call.def_vmap
    def _(size, batched, x):
        def spread(mapped, a):
            return a if mapped else jnp.broadcast_to(a, (size, *a.shape))

        x = jax.tree.map(spread, batched[0], x)
        step_through = functools.partial(lax.map, call)
        found = lax.platform_dependent(x, cpu=step_through, default=jax.vmap(function))
        return found, jax.tree.map(lambda _: True, found)

    return functools.wraps(function)(call)


@one_by_one
def eigen(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The eigenvalues of a Hermitian matrix, the least first, and their vectors, as columns."""
    values, vectors = jnp.linalg.eigh(x)
    return values, vectors


@one_by_one
def orthonormal(x: jax.Array) -> jax.Array:
    """A basis that column by column spans what the columns of a matrix do: Q of its QR."""
    return jnp.linalg.qr(x)[0]


@one_by_one
def out_of_triangles(factors: tuple[jax.Array | None, jax.Array | None, jax.Array]) -> jax.Array:
    """left^-T v right^-1 of (left, right, v), both upper triangular; None is the identity."""
    left, right, v = factors
    solve = functools.partial(lax.linalg.triangular_solve, lower=False)
    v = v if left is None else solve(left, v, left_side=True, transpose_a=True)
    return v if right is None else solve(right, v, left_side=False)


def multiply(x: jax.Array, y: jax.Array) -> jax.Array:
    """x @ y, of which no accelerator rounds the factors."""
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)


def adjoint(x: jax.Array) -> jax.Array:
    """The transpose; of a complex matrix its conjugate."""
    return x.T.conj()


def transposed(x: jax.Array | None) -> jax.Array | None:
    """The adjoint of one side."""
    return None if x is None else adjoint(x)


def spectral_bound(x: jax.Array) -> jax.Array:
    """A lower bound of the largest eigenvalue of a positive semidefinite matrix, > 0; often near it."""
    size = _size(x)
    x = x / size
    squares = jnp.sum(squared(x), 0)
    column = jnp.take(x, jnp.argmax(squares), 1) if x.size else jnp.zeros(x.shape[0], x.dtype)
    length = root(jnp.sum(squared(column)))
    along = multiply(column[None], x)[0] / jnp.where(length == 0, 1, length)
    found = root(jnp.sum(squared(along)))
    return size * jnp.where(found == 0, 1, found)


def grams(g: jax.Array) -> tuple[jax.Array, jax.Array]:
    """g g^T and g^T g: the products of each two rows, of each two columns."""
    return multiply(g, adjoint(g)), multiply(adjoint(g), g)


def between(left: jax.Array | None, g: jax.Array, right: jax.Array | None) -> jax.Array:
    """left g right."""
    g = g if left is None else multiply(left, g)
    return g if right is None else multiply(g, right)


def into(bases: Sides, g: jax.Array) -> jax.Array:
    """A matrix in orthonormal bases of its rows and its columns."""
    left, right = bases
    return between(None if left is None else adjoint(left), g, right)


def out_of(bases: Sides, g: jax.Array) -> jax.Array:
    """One that is given in these bases."""
    left, right = bases
    return between(left, g, None if right is None else adjoint(right))


def scaled(x: jax.Array) -> jax.Array:
    """A positive semidefinite matrix over its largest entry, which no basis of it depends on; 0 stays 0."""
    return x / _size(x)


def _size(x: jax.Array) -> jax.Array:
    """The largest entry of a positive semidefinite matrix, which is on its diagonal; 1 if that is 0."""
    largest = jnp.max(jnp.diagonal(x).real, initial=0)
    return jnp.where(largest == 0, 1, largest)


def power(x: jax.Array, exponent: float, damping: jax.Array) -> jax.Array:
    """A power of a positive semidefinite matrix to whose eigenvalues something is added, > 0.

    If one of them is negative by rounding, all are raised, so that the least becomes the damping.
    """
    values, vectors = eigen(scaled(x))
    values = (values - jnp.minimum(jnp.min(values, initial=jnp.inf), 0)) * _size(x) + damping
    scales = lax.convert_element_type(values**exponent, x.dtype)
    return multiply(vectors * scales[None], adjoint(vectors))
