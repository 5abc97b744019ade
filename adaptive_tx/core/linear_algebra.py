"""What rules on matrices multiply with and decompose, one matrix at a time, whatever maps over them.

A matrix has two sides, its rows and its columns: a pair (left, right) multiplies it from both, and None is
a side that is left as it is.

On CPUs several batched calls of LAPACK in one program were seen to wait for each other for ever (jax
0.10.2); there a batch is stepped through, elsewhere it is one call.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

Sides = Sequence[jax.Array | None]


def one_by_one(function: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """A function of one array whose batches are stepped through on CPUs."""

    @custom_vmap
    def call(x):
        return function(x)

    @call.def_vmap
    def _(size, batched, x):
        del size, batched  # there is one argument, which is
        step_through = functools.partial(lax.map, call)
        return lax.platform_dependent(x, cpu=step_through, default=jax.vmap(function)), True

    return functools.wraps(function)(call)


@one_by_one
def eigenvectors(x: jax.Array) -> jax.Array:
    """Those of a Hermitian matrix, as columns, with the largest eigenvalue first."""
    return jnp.linalg.eigh(x)[1][:, ::-1]


@one_by_one
def orthonormal(x: jax.Array) -> jax.Array:
    """A basis that column by column spans what the columns of a matrix do: Q of its QR."""
    return jnp.linalg.qr(x)[0]


def multiply(x: jax.Array, y: jax.Array) -> jax.Array:
    """x @ y, of which no accelerator rounds the factors."""
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)


def adjoint(x: jax.Array) -> jax.Array:
    """The transpose; of a complex matrix its conjugate."""
    return x.T.conj()


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
    """A positive semidefinite matrix over its largest entry, which is on its diagonal; 0 stays 0."""
    largest = jnp.max(jnp.diagonal(x).real, initial=0)
    return x / jnp.where(largest == 0, 1, largest)
