"""Ways to keep the moments of Adam that are not ours, as what a number becomes when it is kept.

    nearest       bfloat16, rounded to the nearest
    bitsandbytes  8 bits: places in a table of 256 numbers, in units of the largest of each block of 256;
                  Dettmers et al., 8-bit Optimizers via Block-wise Quantization, 2021, arXiv:2110.02861
    flashoptim    8 bits: in units of the largest of each block of 32, and after a function that spreads the
                  small ones, 2 x / (1 + |x|) for the mean and the root for the squares; units in float16.
                  Gonzalez Ortiz et al., FlashOptim, 2026, arXiv:2602.23349, algorithms 2 and 3

They are written from the papers, for comparison: what is kept here is float32, with the numbers that few
bits would hold. bitsandbytes itself keeps arrays of less than 4,096 entries in 32 bits: all of the MLP's.
"""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

DECADES = 7  # of the table


def table(signed: bool) -> np.ndarray:
    """256 numbers up to 1: each decade, to 1e-7, has half as many places as the one above it."""
    sizes = [0.0, 1.0]
    for i in range(DECADES):
        edges = np.linspace(0.1, 1, 2 ** (i + (not signed)) + 1)
        middles = 10.0 ** (i + 1 - DECADES) * (edges[:-1] + edges[1:]) / 2
        sizes += [*middles, *(-middles if signed else ())]
    return np.sort(np.asarray(sizes, np.float32))


MEANS, SQUARES = table(signed=True), table(signed=False)


def nearest(mu: jax.Array, nu: jax.Array) -> tuple[jax.Array, jax.Array]:
    return lax.reduce_precision(mu, 8, 7), lax.reduce_precision(nu, 8, 7)


def bitsandbytes(mu: jax.Array, nu: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean = blockwise(mu, 256, signed_place)
    return mean, blockwise(nu, 256, lambda x: in_table(x, SQUARES))


def both_zero(keep: Callable) -> Callable:
    """The same, with a mean of 0 wherever the square is 0."""

    def kept(mu: jax.Array, nu: jax.Array) -> tuple[jax.Array, jax.Array]:
        mu, nu = keep(mu, nu)
        return jnp.where(nu > 0, mu, 0), nu

    return kept


def in_table(x: jax.Array, places: np.ndarray) -> jax.Array:
    middles = jnp.asarray((places[:-1] + places[1:]) / 2)
    return jnp.asarray(places)[jnp.searchsorted(middles, x, method="scan_unrolled")]


def signed_place(x: jax.Array) -> jax.Array:
    """What is negative stays so: not 0, but the number below it."""
    below = MEANS[MEANS < 0][-1]
    kept = in_table(x, MEANS)
    return jnp.where((x < 0) & (kept >= 0), below, kept)


def flashoptim(mu: jax.Array, nu: jax.Array) -> tuple[jax.Array, jax.Array]:
    root = blockwise(jnp.sqrt(nu), 32, lambda x: jnp.round(x * 255) / 255, jnp.float16)
    return blockwise(mu, 32, companded, jnp.float16), jnp.square(root)


def companded(x: jax.Array) -> jax.Array:
    kept = jnp.round(2 * x / (1 + jnp.abs(x)) * 127) / 127
    return kept / (2 - jnp.abs(kept))


def blockwise(x: jax.Array, size: int, keep: Callable, of_unit: Any = jnp.float32) -> jax.Array:
    """What `keep` makes of an array in units of the largest of each block of so many entries."""
    blocks = jnp.pad(x.ravel(), (0, -x.size % size)).reshape(-1, size)
    unit = jnp.max(jnp.abs(blocks), axis=1, keepdims=True)
    unit = unit.astype(of_unit).astype(jnp.float32)
    kept = keep(blocks / jnp.where(unit > 0, unit, 1)) * unit
    return kept.ravel()[: x.size].reshape(x.shape)


def kept(tx: optax.GradientTransformation, keep: Callable) -> optax.GradientTransformation:
    """Adam (a chain that begins with it) whose moments go through `keep(mu, nu)` after each step."""

    def update(updates: Any, state: Any, params: Any = None):
        updates, (adam, *rest) = cast(tuple, tx.update(updates, state, params))
        mu, structure = jax.tree.flatten(adam.mu)
        pairs = [keep(*pair) for pair in zip(mu, jax.tree.leaves(adam.nu))]
        mu, nu = (structure.unflatten(column) for column in zip(*pairs))
        return updates, (adam._replace(mu=mu, nu=nu), *rest)

    return optax.GradientTransformation(tx.init, update)
