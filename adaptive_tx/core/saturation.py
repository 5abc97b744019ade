"""The bound on gradients that are squared: a spike saturates once, before any use of it."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def squarable(g: jax.Array) -> jax.Array:
    """`g` in a range where a million squares can be summed: |g| <= 2^53 = 9e15 in float32.

    What is not finite stays as it is, for all to see.
    """
    if jnp.iscomplexobj(g):
        return lax.complex(_within_range(lax.real(g)), _within_range(lax.imag(g)))
    return _within_range(g)


@jax.custom_jvp
def _within_range(g: jax.Array) -> jax.Array:
    """By its bits, which are ordered as the numbers are: one operand from the first operation to the last.

    Written as a choice between `g` and its bound XLA would write it out, and read it again for each use: on
    the CPU RMSProp's step then takes twice as long. Less infinity, the finite numbers of one sign have the
    largest unsigned bits, from which a minimum cuts off what is above the bound; then those of the other.
    """
    bits = _bits_of(g.dtype)
    x = lax.bitcast_convert_type(g, bits.dtype)
    for shift in (bits.infinity, bits.sign):
        x = lax.sub(x, lax.broadcast(shift, g.shape))
        x = lax.min(x, lax.broadcast(bits.bound, g.shape))
    return lax.bitcast_convert_type(lax.add(x, lax.broadcast(bits.back, g.shape)), g.dtype)


@_within_range.defjvp
def _(primals, tangents):
    (g,), (dg,) = primals, tangents
    return _within_range(g), jnp.where(jnp.abs(g) > _largest(g.dtype), 0, dg)


def _largest(dtype) -> float:
    """The largest number of which a million squares can be summed."""
    return 2.0 ** ((jnp.finfo(dtype).maxexp - 22) // 2)


class _Bits(NamedTuple):
    """Unsigned integers, as the bits of a float, and without what does not fit."""

    dtype: Any
    infinity: np.ndarray
    sign: np.ndarray
    bound: np.ndarray  # of the largest, less infinity
    back: np.ndarray


@functools.cache
def _bits_of(dtype) -> _Bits:
    size = jnp.finfo(dtype).bits
    integer = np.dtype(f"uint{size}")

    def of(x: float) -> int:
        return int(np.asarray(x, dtype).view(integer))

    numbers = of(np.inf), 1 << (size - 1), of(_largest(dtype)) - of(np.inf), of(-np.inf)
    return _Bits(integer, *(np.asarray(n % (1 << size), integer) for n in numbers))
