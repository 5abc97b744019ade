"""Levels of numbers >= 0: floats with few digits, less the first of them, so that 0 is a level.

    code = (bits(x + start) + d) >> cut, from that of `start`         value = bits^-1(code << cut) - start

Small numbers lie between levels that are evenly spaced, and those that are large against `start` between as
many an octave. Which d makes a code right in the mean, and whose levels these are, says `core/formats.py`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

MANTISSA = 23  # the bits of a float32 after its exponent
MANTISSAS = np.uint32(2**MANTISSA - 1)


class Levels:
    """Floats from `start` on that keep `digits` bits of their mantissas, less `start`: code 0 is 0.

    `for_roots`: they are rounded so that their fourth roots are right in the mean.
    """

    def __init__(self, digits: int, start: float, largest: int, for_roots: bool = False):
        self.cut = MANTISSA - digits
        self.start = np.float32(start)
        self.offset = int(self.start.view(np.uint32)) >> self.cut  # of the codes, as cut bits
        self.largest = largest  # code
        self.for_roots = for_roots

    def code(self, x: jax.Array, word: jax.Array | None) -> jax.Array:
        """Of x >= 0, as int32; beyond `largest` it goes on. Rounded by the lowest bits of a word."""
        bits = _bits(x + self.start)
        if word is None:
            d = np.uint32(2 ** (self.cut - 1))
        else:
            d = word & np.uint32(2**self.cut - 1)
            d = d + self._for_roots(bits) if self.for_roots else d
        return _signed((bits + d) >> np.uint32(self.cut)) - np.int32(self.offset)

    def _for_roots(self, bits: jax.Array) -> jax.Array:
        """What d is to be more, so that x is rounded as x + 3/8 (x - lower) (upper - x) / x.

        On mantissas m, with 1.457 - m / 2 for 1 / m, right to a tenth: on a CPU quotients take long.
        """
        above = _float(bits & np.uint32(2**self.cut - 1))
        below = np.float32(2**self.cut) - above
        unit = 2.0**-MANTISSA
        slope = np.float32(0.1875 * unit**2)
        inverse = np.float32(0.375 * 0.957 * unit) - slope * _float(bits & MANTISSAS)
        more = lax.convert_element_type(above * below * inverse, jnp.int32)
        return lax.convert_element_type(more, jnp.uint32)

    def value(self, code: jax.Array) -> jax.Array:
        """Of a code, as int32."""
        bits = (code + np.int32(self.offset)) << np.int32(self.cut)
        return lax.bitcast_convert_type(bits, jnp.float32) - self.start


class Means:
    """Levels of means: those of x + 1/4 lie half as close together, relatively, every two octaves.

    The first two octaves (k = 0) have 32 codes, the next two (k = 1) 16, and so on to 2 (k = 4).
    """

    start = np.float32(0.25)
    first = int(start.view(np.uint32))
    last = 10 << MANTISSA  # 256, ten octaves above, from `first`
    cut = MANTISSA - 4  # where k = 0

    def code(self, x: jax.Array, word: jax.Array | None) -> jax.Array:
        """Of x >= 0, as int32. Rounded by the highest bits of a word."""
        bits = _signed(_bits(x + self.start)) - np.int32(self.first)
        bits = lax.min(bits, lax.full_like(bits, self.last))
        k = bits >> np.int32(MANTISSA + 1)
        if word is None:
            d = lax.full_like(k, 2 ** (self.cut - 1)) << k
        else:
            d = _signed(word >> lax.convert_element_type(np.int32(32 - self.cut) - k, jnp.uint32))
        within = ((bits & np.int32(2 ** (MANTISSA + 1) - 1)) + d) >> (k + np.int32(self.cut))
        return self._codes_before(k) + within

    def value(self, code: jax.Array) -> jax.Array:
        """Of a code, as int32."""
        left = lax.convert_element_type(np.int32(127) - (code + code), jnp.float32)
        k = np.int32(127 + 6) - (lax.bitcast_convert_type(left, jnp.int32) >> np.int32(MANTISSA))
        within = (code - self._codes_before(k)) << (k + np.int32(self.cut))
        bits = np.int32(self.first) + (k << np.int32(MANTISSA + 1)) + within
        return lax.bitcast_convert_type(bits, jnp.float32) - self.start

    def _codes_before(self, k: jax.Array) -> jax.Array:
        return np.int32(64) - lax.shift_right_logical(lax.full_like(k, 64), k)


def _bits(x: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(x, jnp.uint32)


def _signed(bits: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(bits, jnp.int32)


def _float(bits: jax.Array) -> jax.Array:
    """Of an integer below 2^31."""
    return lax.convert_element_type(_signed(bits), jnp.float32)
