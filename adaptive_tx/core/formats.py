"""Numbers in few bits, entry by entry, on one array: rounded at random to one of two neighbours.

Read as integers, the bits of positive floats grow with them, and between two powers of two in proportion.
So with d uniform in [0, 2^s),

    (bits(x) + d) >> s

is one of the two neighbours of x with s fewer digits, each as often as makes x right in the mean. Rounded
to the nearest instead, an average with b2 = 0.999 never moves: its steps are smaller than half of what lies
between.

    sixteen    bfloat16
    square     8 bits of a number >= 0: 0, and from 2^-94 to 2^33 two levels an octave; of a sum of squares
               from 2^-64 to 2^63
    pair       16 bits of a mean of squares nu, and of the mean mu of what was squared:
                 nu   9 bits: 0, and from 2^-94 to 2^33 four levels an octave
                 mu   its sign, and 6 bits, in the unit 2^floor(log2(nu) / 2), which lies in
                      (sqrt(nu) / 2, sqrt(nu)]: from 0 to 1/4 1/64 apart, to 3/4 1/32; then, plus 1/4, eight
                      levels an octave from 1 to 4, four to 16, two to 64, one to 256

What is rounded is x plus the start of its levels (2^-94, 2^-64, 1/4), which is taken off again: so 0 is a
level, and what is small against the start lies on levels that are evenly spaced (`core/levels.py`).

Where nu is 0 so is mu, and no quotient of the two explodes. By Cauchy and Schwarz |mu| <= R sqrt(nu) with R
= (1 - b1) / sqrt((1 - b2) (1 - b1^2 / b2)): 7.3 at Adam's defaults, 23 at b2 = 0.9999, where it is reached
by the first steps. What is too large is the largest, of mu and nu by the same factor. What is not finite
stays so: in 8 bits it is NaN, and of a pair both are (the code of a mean of -0).

Of squares not they are right in the mean, but their fourth roots. A stored average nu walks at random
between levels, with a variance of h q nu^2 / 2 whatever b2 is (h: how far levels are apart, relatively;
q: the mean of ||g|^2 / nu - 1|), and 1 / sqrt(nu) is convex: with nu right in the mean it is too large by
3 h q / 16, 3 % for normal gradients, and training goes as with a higher rate. With nu^a right in the mean
nu itself is too large by (1 - a) h q / 2; at a = 1/4 that cancels it, whatever the gradients are. Between
neighbours l < x < u it is, to second order, to round x + 3/8 (x - l) (u - x) / x.

The bits are shared so since, at the best rate of an autoencoder, the noise of nu and that of mu then cost
alike (docs/few_bits.md): two levels an octave of nu cost three times as much as four.

Without random bits (`word` is None) a number is rounded to the nearest.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from adaptive_tx.core.levels import MANTISSA, Levels, Means

SIZE = np.uint32(0x7FFFFFFF)  # all bits of a float32 but its sign
INFINITE, NAN = np.uint32(0x7F800000), 0x7FC00000  # their bits
LARGEST_SIXTEEN = 0x7F7FFFFF  # the bits of the largest that is cut to a finite bfloat16


def sixteen(x: jax.Array, word: jax.Array | None, high: bool = False) -> jax.Array:
    """A float32 as a bfloat16, by one half of a word. Its derivative is that of the mean."""
    if word is None:
        return _sixteen(x, jnp.full(x.shape, 2**15, jnp.uint32))
    return _sixteen(x, word >> np.uint32(16) if high else word & np.uint32(2**16 - 1))


@jax.custom_jvp
def _sixteen(x: jax.Array, d: jax.Array) -> jax.Array:
    bits = _bits(x)  # integers alone: as floats, a CPU would take subnormals for 0
    size = bits & SIZE
    rounded = lax.min(size + d, lax.full_like(bits, LARGEST_SIXTEEN))
    quiet = lax.select(size > INFINITE, lax.full_like(bits, NAN), size)
    new = (bits & ~SIZE) | lax.select(size < INFINITE, rounded, quiet)
    cut = lax.convert_element_type(new >> np.uint32(16), jnp.uint16)
    return lax.bitcast_convert_type(cut, jnp.bfloat16)


@_sixteen.defjvp
def _(primals, tangents):
    return _sixteen(*primals), lax.convert_element_type(tangents[0], jnp.bfloat16)


SQUARE = Levels(digits=1, start=2.0**-94, largest=254, for_roots=True)
SUM = Levels(digits=1, start=2.0**-64, largest=254, for_roots=True)
NU = Levels(digits=2, start=2.0**-94, largest=510, for_roots=True)
MU = Means()
NAN_SQUARE = 255
NAN_MEAN = 128  # of a pair: -0, which is no other's


def square_code(x: jax.Array, word: jax.Array | None, levels: Levels) -> jax.Array:
    """A float32 >= 0, in uint8; `levels` are SQUARE or SUM."""
    code = levels.code(_not_negative(x), word)
    code = lax.min(code, lax.full_like(code, levels.largest))
    return _byte(lax.select(lax.is_finite(x), code, lax.full_like(code, NAN_SQUARE)))


def square_of(code: jax.Array, levels: Levels) -> jax.Array:
    """The float32 that a code stands for."""
    code = lax.convert_element_type(code, jnp.int32)
    return _nan_where(code == NAN_SQUARE, levels.value(code))


def pair_codes(mu: jax.Array, nu: jax.Array, word: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Two float32s, in a uint8 each: sign and level of mu with the first bit of nu's level; the others."""
    level = NU.code(_not_negative(nu), word)
    in_units = lax.abs(mu) * _power(-_log_unit(level))
    of_mean = MU.code(in_units, word)
    of_mean = lax.select(level > 0, of_mean, lax.full_like(of_mean, 0))
    level = lax.min(level, lax.full_like(level, NU.largest))
    negative = lax.convert_element_type((mu < 0) & (of_mean > 0), jnp.int32)
    first = (negative << 7) | (of_mean << 1) | (level >> 8)
    finite = lax.is_finite(mu) & lax.is_finite(nu)
    return _byte(lax.select(finite, first, lax.full_like(first, NAN_MEAN))), _byte(level & 255)


def pair_of(first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The two float32s that a pair of codes stands for, mu and nu."""
    first, second = (lax.convert_element_type(x, jnp.int32) for x in (first, second))
    level, of_mean = ((first & 1) << 8) | second, (first >> 1) & 63
    size = MU.value(of_mean) * _power(_log_unit(level))
    mu = lax.select(first >> 7 > 0, -size, size)
    is_nan = first & 254 == NAN_MEAN
    return _nan_where(is_nan, mu), _nan_where(is_nan, NU.value(level))


def _log_unit(level: jax.Array) -> jax.Array:
    """floor(log2(nu) / 2) of a level of nu."""
    return (level >> 3) - np.int32(47)


def _power(exponent: jax.Array) -> jax.Array:
    """2^exponent, in float32."""
    return lax.bitcast_convert_type((exponent + np.int32(127)) << MANTISSA, jnp.float32)


def _bits(x: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(x, jnp.uint32)


def _not_negative(x: jax.Array) -> jax.Array:
    return lax.max(x, lax.full_like(x, 0))


def _byte(code: jax.Array) -> jax.Array:
    return lax.convert_element_type(code, jnp.uint8)


def _nan_where(is_nan: jax.Array, x: jax.Array) -> jax.Array:
    """By the bits: a NaN on the way, that is chosen nowhere, would stop `jax_debug_nans`."""
    bits = lax.select(is_nan, lax.full_like(_bits(x), NAN), _bits(x))
    return lax.bitcast_convert_type(bits, jnp.float32)
