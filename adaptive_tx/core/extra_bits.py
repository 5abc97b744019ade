"""A bfloat16 number p with 0, 8 or 16 more bits beside it, on one array: together the float F.

Read as integers, the bits of a float32 are its sign and its size, which grows with it, and a bfloat16 is
the upper half of them. So with 16 extra bits

    size(p) = (size(F) + 2^15) >> 16            the nearest, half away from 0
    extra   = size(F) - (size(p) << 16)         in [-2^15, 2^15): F is there to the bit

With 8, F is first rounded at random to 24 bits, (size(F) + d) >> 8 with d uniform in [0, 2^8), and with 0
to 16 bits; each is right in the mean. The extra bits of p = 0 have a sign of their own, and what is not
finite has none.

What takes p elsewhere is a bfloat16 too, u, and somebody else adds it: p becomes q, which is p + u rounded.
Extra bits are relative to this q. If p' is F rounded and p' - p is a bfloat16, q is p' and F is kept to the
bit: so wherever p / 2 <= p' <= 2 p. Where in one step a parameter changes its sign, shrinks to less than
half or, seldom, grows to more than double, p' may be out of reach. Then u is F - p, rounded, and the full
value is off by no more than that rounding: half a unit in the last place of u, at most 2^-8 of u (and, with
a last place of its own, by one unit of that):

    p + u is that close to F, and of the numbers that are rounded to q. Of these the full value is the
    nearest to F, so it is no farther from it than p + u is.

No other code avoids it: 2^32 floats take all 2^32 pairs of p and extra bits, so F says what p must be; and
from 1 to 3/1024 there is no bfloat16 to add. What is finite stays so: the largest full value is 3.39e38,
and so is the largest update. Where a processor takes numbers below 2^-126 for 0, so does this.
"""

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from adaptive_tx.core.numerics import clamp

DTYPES = {8: jnp.int8, 16: jnp.int16}
SIZE = np.int32(0x7FFFFFFF)  # all bits of a float32 but its sign
UPPER = np.int32(-0x10000)  # those of a bfloat16
HALF = 0x8000  # of what lies between two of them
INFINITE = np.int32(0x7F800000)
LARGEST = np.int32(0x7F7F7FFF)  # the last that is rounded to a finite bfloat16


def number_of_bits(who: str, given: Any) -> int:
    """How many extra bits, checked; any whole number's type will do, but not a bool."""
    try:
        bits = None if isinstance(given, bool) else operator.index(given)
    except TypeError:
        bits = None
    if bits not in (0, *DTYPES):
        raise ValueError(f"{who}: extra_bits must be 0, 8 or 16, got {given!r}.")
    return bits


def full_value(p: jax.Array, extra: jax.Array | None) -> jax.Array:
    """The float32 that a bfloat16 and its extra bits stand for. Its derivative is that of `p`."""
    return _valued(_joined(p, extra), p)


def moved(
    p: jax.Array, full: jax.Array, bits: int, word: jax.Array | None
) -> tuple[jax.Array, jax.Array | None]:
    """The update that takes a bfloat16 to a float32, and the extra bits that it has there.

    Args:
      p: where it is.
      full: where it shall be.
      bits: how many extra bits it has, 16, 8 or 0; of 0 there are none.
      word: random bits, of which it takes the lowest 16 - bits.

    The derivative of the update is that of full - p.
    """
    here, cut = _joined(p, None), 16 - bits
    size, sign = _size_and_sign(full)
    if word is not None and cut:
        size = size + lax.convert_element_type(word & np.uint32(2**cut - 1), jnp.int32)
    size = (lax.min(size, lax.full_like(size, LARGEST)) >> cut) << cut
    nearest = _float((size + HALF) & UPPER | sign)
    update, there = _added(here, nearest)
    # Where no update leads to the nearest: as close as one leads to the full value.
    other, beside = _added(here, _float(size | sign))
    hit = there == nearest
    update, there = lax.select(hit, update, other), lax.select(hit, there, beside)
    finite = lax.is_finite(full)
    update = lax.select(finite, update, full)
    update = _as_difference(lax.convert_element_type(update, jnp.bfloat16), full, p)
    if not bits:
        return update, None
    extra = lax.select(finite, _beyond(there, size, sign, cut), lax.full_like(size, 0))
    return update, lax.convert_element_type(extra, DTYPES[bits])


def _joined(p: jax.Array, extra: jax.Array | None) -> jax.Array:
    """By the bits: read as a float, it may come with digits that it will have no more when it is kept."""
    code = lax.convert_element_type(lax.bitcast_convert_type(p, jnp.int16), jnp.int32) << 16
    if extra is None:
        return _float(code)
    size, sign = code & SIZE, code & ~SIZE
    beyond = lax.convert_element_type(extra, jnp.int32) << (16 - 8 * extra.dtype.itemsize)
    both = size + lax.select(size < INFINITE, beyond, lax.full_like(size, 0))
    sign = lax.select(size > 0, sign, both & ~SIZE)
    return _float(lax.abs(both) | sign)


def _added(here: jax.Array, to: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The bfloat16 that leads from here to there, and where it leads: both in float32."""
    update = _rounded(clamp(to - here, float(jnp.finfo(jnp.bfloat16).max)))
    return update, _rounded(here + update)


def _beyond(there: jax.Array, size: jax.Array, sign: jax.Array, cut: int) -> jax.Array:
    """What the size of the full value has beyond that of the bfloat16, as far as extra bits reach.

    Their signs are the same, or the bfloat16 is 0: as -p is one, F > 0 makes F - p, rounded, at least -p.
    """
    own, _ = _size_and_sign(there)
    beyond = (lax.clamp(own - HALF, size, own + (HALF - 1)) - own) >> cut
    beyond = lax.select((own == 0) & (sign != 0), -beyond, beyond)
    return lax.select(own < INFINITE, beyond, lax.full_like(own, 0))


def _rounded(x: jax.Array) -> jax.Array:
    """As bfloat16 has it. A conversion there and back XLA may leave out."""
    return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)


def _size_and_sign(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    bits = lax.bitcast_convert_type(x, jnp.int32)
    return bits & SIZE, bits & ~SIZE


def _float(bits: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(bits, jnp.float32)


@jax.custom_jvp
def _valued(x: jax.Array, p: jax.Array) -> jax.Array:
    """x, whose derivative is that of `p`."""
    return x


@_valued.defjvp
def _(primals, tangents):
    return _valued(*primals), lax.convert_element_type(tangents[1], jnp.float32)


@jax.custom_jvp
def _as_difference(update: jax.Array, full: jax.Array, p: jax.Array) -> jax.Array:
    """`update`, whose derivative is that of full - p."""
    return update


@_as_difference.defjvp
def _(primals, tangents):
    _, of_full, of_p = tangents
    change = of_full - lax.convert_element_type(of_p, jnp.float32)
    return _as_difference(*primals), lax.convert_element_type(change, jnp.bfloat16)
