"""Numbers in few bits, entry by entry, on one array: rounded at random to one of two neighbours.

Read as integers, the bits of positive floats grow with them, and between two powers of two in proportion.
So with d uniform in [0, 2^s),

    (bits(x) + d) >> s

is one of the two neighbours of x with s fewer digits, each as often as makes x right in the mean. Rounded
to the nearest instead, an average with b2 = 0.999 never moves: its steps are smaller than half of what lies
between.

    sixteen    bfloat16
    square     8 bits of a number >= 0: 0, or two levels an octave from 2^-94 to 1.5 2^32; of a sum of
               squares from 2^-64 to 1.5 2^62
    pair       16 bits of a mean of squares nu, and of the mean mu of what was squared:
                 nu   9 bits: 0, or four levels an octave from 2^-94 to 1.25 2^33
                 mu   its sign, and 6 bits: 0, or eight levels an octave from 1/32 to 1 and four from there
                      to 48, in the unit 2^floor(log2(nu) / 2), which lies in (sqrt(nu) / 2, sqrt(nu)]

By Cauchy and Schwarz |mu| <= R sqrt(nu) with R = (1 - b1) / sqrt((1 - b2) (1 - b1^2 / b2)): 7.3 at Adam's
defaults, and below 24, so within reach, for b1 = 0.9 up to b2 = 0.9999. Where nu is 0 so is mu, and no
quotient of the two explodes. Below the smallest level s a number x is s with probability x / s, and else 0;
larger ones are the largest, of mu and nu by the same factor. What is not finite stays so: in 8 bits it is
NaN, and of a pair both are (the code of a mean of -0).

Of squares not they are right in the mean, but their fourth roots. A stored average nu walks at random
between levels, with a variance of h q nu^2 / 2 whatever b2 is (h: how far levels are apart, relatively;
q: the mean of ||g|^2 / nu - 1|), and 1 / sqrt(nu) is convex: with nu right in the mean it is too large by
3 h q / 16, 3 % for normal gradients, and training goes as with a higher rate. With nu^a right in the mean
nu itself is too large by (1 - a) h q / 2; at a = 1/4 that cancels it, whatever the gradients are. Between
neighbours l < x < u it is, to second order, to round x + 3/8 (x - l) (u - x) / x.

Without random bits (`word` is None) a number is rounded to the nearest.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

MANTISSA = 23  # the bits of a float32 after its exponent
SIZE = np.uint32(0x7FFFFFFF)  # all bits of a float32 but its sign
INFINITE, NAN, ONE = np.uint32(0x7F800000), 0x7FC00000, np.uint32(0x3F800000)  # their bits
MANTISSAS = np.uint32(2**MANTISSA - 1)
LARGEST_SIXTEEN = 0x7F7FFFFF  # the bits of the largest that is cut to a finite bfloat16


def sixteen(x: jax.Array, word: jax.Array | None, high: bool = False) -> jax.Array:
    """A float32 as a bfloat16, by one half of a word. Its derivative is that of the mean."""
    d = _high(word, 16) if high else _low(word, 16)
    return _sixteen(x, jnp.full(x.shape, 2**15, jnp.uint32) if d is None else d)


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


class Levels:
    """Floats that keep `digits` bits of their mantissas: code 1 is 2^lowest, and 0 is 0.

    `for_roots`: they are rounded so that their fourth roots are right in the mean.
    """

    def __init__(self, digits: int, lowest: int, largest: int, for_roots: bool = False):
        self.cut = MANTISSA - digits
        self.smallest = np.float32(2.0**lowest)
        self.offset = ((127 + lowest) << digits) - 1  # of the codes, as cut bits
        self.largest = largest  # code
        self.for_roots = for_roots

    def code(self, x: jax.Array, d: jax.Array | None) -> jax.Array:
        """Of x >= 0, as int32; beyond `largest` it goes on.

        `d` is uniform in [0, 2^cut); without it, x is rounded to the nearest.
        """
        more = self._for_roots(x) if self.for_roots and d is not None else np.uint32(0)
        d = jnp.full(x.shape, 2 ** (self.cut - 1), jnp.uint32) if d is None else d
        over = lax.convert_element_type((_bits(x) + d + more) >> np.uint32(self.cut), jnp.int32)
        drawn = lax.convert_element_type(lax.convert_element_type(d, jnp.int32), jnp.float32)
        kept = drawn < x * np.float32(2.0**self.cut / self.smallest)
        below = lax.convert_element_type(kept, jnp.int32)
        return lax.select(x < self.smallest, below, over - np.int32(self.offset))

    def _for_roots(self, x: jax.Array) -> jax.Array:
        """What d is to be more, so that x is rounded as x + 3/8 (x - lower) (upper - x) / x.

        On mantissas, with a line for 1 / x, right to a tenth: a quotient XLA writes out on the CPU.
        """
        mantissa = lax.bitcast_convert_type((_bits(x) & MANTISSAS) | ONE, jnp.float32)
        kept = MANTISSAS & ~np.uint32(2**self.cut - 1)
        above = mantissa - lax.bitcast_convert_type((_bits(x) & kept) | ONE, jnp.float32)
        below = np.float32(2.0 ** (self.cut - MANTISSA)) - above
        by = above * below * (np.float32(0.375 * 1.457) - np.float32(0.375 * 0.5) * mantissa)
        bits = lax.convert_element_type(by * np.float32(2.0**MANTISSA), jnp.int32)
        return lax.convert_element_type(bits, jnp.uint32)

    def value(self, code: jax.Array) -> jax.Array:
        """Of a code, as int32."""
        bits = (code + np.int32(self.offset)) << np.int32(self.cut)
        x = lax.bitcast_convert_type(bits, jnp.float32)
        return lax.select(code > 0, x, jnp.zeros_like(x))


class Means:
    """Levels of means: eight an octave from 1/32 to 1, where most means are, and four from there to 48."""

    fine = Levels(digits=3, lowest=-5, largest=40)
    coarse = Levels(digits=2, lowest=0, largest=23)
    largest = 63
    cut = coarse.cut

    def code(self, x: jax.Array, d: jax.Array | None) -> jax.Array:
        low = self.fine.code(x, None if d is None else d >> np.uint32(1))
        high = self.coarse.code(x, d) + np.int32(self.fine.largest)
        return lax.select(x < 1, low, high)

    def value(self, code: jax.Array) -> jax.Array:
        edge = np.int32(self.fine.largest)
        return lax.select(code > edge, self.coarse.value(code - edge), self.fine.value(code))


SQUARE = Levels(digits=1, lowest=-94, largest=254, for_roots=True)
SUM = Levels(digits=1, lowest=-64, largest=254, for_roots=True)
NU = Levels(digits=2, lowest=-94, largest=510, for_roots=True)
MU = Means()
NAN_SQUARE = 255
NAN_MEAN = 128  # of a pair: -0, which is no other's


def square_code(x: jax.Array, word: jax.Array | None, levels: Levels) -> jax.Array:
    """A float32 >= 0, in uint8; `levels` are SQUARE or SUM."""
    code = levels.code(_not_negative(x), _low(word, levels.cut))
    code = lax.min(code, lax.full_like(code, levels.largest))
    return _byte(lax.select(lax.is_finite(x), code, lax.full_like(code, NAN_SQUARE)))


def square_of(code: jax.Array, levels: Levels) -> jax.Array:
    """The float32 that a code stands for."""
    code = lax.convert_element_type(code, jnp.int32)
    return _nan_where(code == NAN_SQUARE, levels.value(code))


def pair_codes(mu: jax.Array, nu: jax.Array, word: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Two float32s, in a uint8 each: sign and level of mu with the first bit of nu's level; the others."""
    level = NU.code(_not_negative(nu), _low(word, NU.cut))
    in_units = lax.abs(mu) * _power(-_log_unit(level))
    of_mean = MU.code(in_units, _high(word, MU.cut))
    of_mean = lax.min(of_mean, lax.full_like(of_mean, MU.largest))
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
    """floor(log2(nu) / 2) of a level of nu; of level 0 as of level 1."""
    return (lax.max(level - 1, lax.full_like(level, 0)) >> 3) - np.int32(47)


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


def _low(word: jax.Array | None, bits: int) -> jax.Array | None:
    """The lowest bits of each word."""
    return None if word is None else word & np.uint32(2**bits - 1)


def _high(word: jax.Array | None, bits: int) -> jax.Array | None:
    """The highest bits: of 32 some may be among the lowest, too, as the last digits of a number."""
    return None if word is None else word >> np.uint32(32 - bits)
