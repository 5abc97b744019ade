"""Random bits that follow from a place and a time: what rounds at random keeps no key in its state.

    bits = hash(seed, number of the update, path of the leaf, place of the entry in it)

So they are the same on one device and on eight, in groups and without, and after a restart. The place of an
entry is that in the whole array. Inside `shard_map` a device knows its own part alone; there the axes over
which a leaf is split tell the parts apart, as far as its type names them.

The hash is two rounds of multiply and xor-shift with the constants of lowbias32 (Chris Wellons,
Prospecting for hash functions, 2018).
"""

import functools
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ODD = 0x9E3779B9  # 2^32 / golden ratio: spreads what is counted
FIRST, SECOND = 0x7FEB352D, 0x846CA68B
MODULUS = 2**32


@jax.jit
def key_of(seed: Any, t: jax.Array) -> jax.Array:
    """What the seed, a number, and the number of the update make: uint32."""
    seed = lax.bitcast_convert_type(jnp.asarray(seed, jnp.float32), jnp.uint32)
    return hashed(hashed(seed) ^ lax.convert_element_type(t, jnp.uint32))


@functools.cache
def salt_of(path: str) -> np.ndarray:
    """What tells a leaf from others."""
    return np.asarray(zlib.crc32(path.encode()), np.uint32)


def word(key: jax.Array, salt: Any, like: jax.Array, number: int = 0) -> jax.Array:
    """32 random bits for each entry of an array; another `number` gives others."""
    salt = jnp.asarray(salt)
    for name in sorted(jax.typeof(like).manual_axis_type.varying):
        part = lax.convert_element_type(lax.axis_index(name), jnp.uint32)
        salt = hashed(salt ^ _constant(ODD)) + part
    first = hashed(key ^ hashed(salt + _constant(number * ODD)))
    second = hashed(first ^ _constant(ODD))
    return _hashed(_places(like.shape) + first, second)


PROBE = 64  # the number of words that no slot is rounded with


def normal(key: jax.Array, salt: Any, like: jax.Array) -> jax.Array:
    """A normal number for each entry of an array, of its dtype, by Box and Muller's formula."""
    dtype = jnp.finfo(like.dtype).dtype
    first, second = (
        lax.convert_element_type(word(key, salt, like, PROBE + i) >> _constant(8), dtype)
        for i in (0, 1)
    )
    radius = jnp.sqrt(-2 * jnp.log((first + 1) * 2.0**-24))
    return radius * jnp.cos(second * (2 * np.pi * 2.0**-24))


def hashed(x: jax.Array) -> jax.Array:
    """A permutation of the numbers of 32 bits that leaves nothing of their order."""
    return _hashed(x, _constant(0))


def _hashed(x: jax.Array, key: jax.typing.ArrayLike) -> jax.Array:
    x = (x ^ (x >> _constant(16))) * _constant(FIRST)
    x = ((x ^ (x >> _constant(15))) ^ key) * _constant(SECOND)
    return x ^ (x >> _constant(16))


def _places(shape: tuple[int, ...]) -> jax.Array:
    """ODD times the place of each entry in the array, modulo 2^32."""
    places, stride = jnp.zeros(shape, jnp.uint32), _constant(ODD)
    for axis in reversed(range(len(shape))):
        places = places + lax.broadcasted_iota(jnp.uint32, shape, axis) * stride
        stride = _product(stride, shape[axis])
    return places


def _product(stride: Any, length: Any) -> Any:
    """Modulo 2^32; a length may be a symbol, in an exported function."""
    if not isinstance(length, int):
        return stride * jnp.asarray(length).astype(jnp.uint32)
    known = isinstance(stride, np.ndarray)
    return _constant(int(stride) * length) if known else stride * _constant(length)


def _constant(x: int) -> np.ndarray:
    return np.asarray(x % MODULUS, np.uint32)
