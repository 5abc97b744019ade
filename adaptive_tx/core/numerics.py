"""Arithmetic on one array: averages, bias corrections, guarded roots. No trees and no state here.

Every function works in the dtype it is given (`leafwise` has widened it to float32 at least), is finite
wherever its arguments are, and has finite derivatives, at zero too.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@functools.cache
def arithmetic_dtype(*dtypes) -> jnp.dtype:
    """The dtype to compute in: the widest of those given, and float32 at least."""
    double = any(real_dtype(dtype) == jnp.float64 for dtype in dtypes)
    if any(jnp.issubdtype(dtype, jnp.complexfloating) for dtype in dtypes):
        return jnp.dtype(jnp.complex128 if double else jnp.complex64)
    return jnp.dtype(jnp.float64 if double else jnp.float32)


@functools.cache
def real_dtype(dtype) -> jnp.dtype:
    """The dtype of the modulus of a number of this dtype."""
    return jnp.finfo(dtype).dtype


def widen(x: jax.Array, dtype) -> jax.Array:
    """`x` in the precision of the arithmetic's `dtype`; real stays real, complex stays complex."""
    complexes = jnp.iscomplexobj(x)
    dtype = arithmetic_dtype(x.dtype, dtype) if complexes else real_dtype(dtype)
    return lax.convert_element_type(x, dtype)


def narrow(x: jax.Array, dtype) -> jax.Array:
    """`x` in a smaller dtype, saturating: a finite number stays finite, an infinite one infinite."""
    limit = float(jnp.finfo(dtype).max)
    if jnp.issubdtype(x.dtype, jnp.floating) and limit < float(jnp.finfo(x.dtype).max):
        x = jnp.where(jnp.isinf(x), x, clamp(x, limit))
    if jnp.iscomplexobj(x) and not jnp.issubdtype(dtype, jnp.complexfloating):
        raise TypeError(f"a number of dtype {x.dtype} cannot be kept as {dtype}")
    return lax.convert_element_type(x, dtype)


def clamp(x: jax.Array, limit: float) -> jax.Array:
    """`x` with every entry (real and imaginary part alike) brought into [-limit, limit]; keeps NaN."""
    if jnp.iscomplexobj(x):
        return lax.complex(clamp(x.real, limit), clamp(x.imag, limit))
    return lax.clamp(np.asarray(-limit, x.dtype), x, np.asarray(limit, x.dtype))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Decay:
    """A decay rate b in [0, 1), kept as 1 - b: the weight that an average gives to what is new.

    Near 1, b cannot say in float32 how far from 1 it is: of 0.99999 the distance is off by 7e-4. So the
    distance is what a step gets, and everything comes from it alone.
    """

    weight: Any
    # Whether b is a number >= 1/2 of which float32 makes another: then 1 - weight is not b.
    rounds: bool = dataclasses.field(default=False, metadata={"static": True})

    @classmethod
    def of(cls, b) -> "Decay":
        """A Python number is subtracted in double precision; an array is what its dtype has kept of b."""
        if isinstance(b, (float, int)):
            return cls(1.0 - b, rounds=b >= 0.5 and float(np.float32(b)) != b)
        b = lax.convert_element_type(b, jnp.float64 if b.dtype == jnp.float64 else jnp.float32)
        return cls(1.0 - b)

    def astype(self, dtype) -> "Decay":
        return Decay(lax.convert_element_type(self.weight, dtype), self.rounds)


# What every rule is made of is written in `lax`: tracing it takes a fifth of the time.


def times(x: jax.Array, factor: jax.Array) -> jax.Array:
    """x by a scalar, which is real where `x` may be complex."""
    if factor.dtype != x.dtype:
        factor = lax.convert_element_type(factor, x.dtype)
    return lax.mul(x, lax.broadcast(factor, x.shape))


def ema(new: jax.Array, old: jax.Array, b: Decay) -> jax.Array:
    """The exponential moving average, b old + (1 - b) new, with weights whose sum is 1 to the last bit.

    Where float32 has b they are b and 1 - b. Else 1 - (1 - b), rounded, is another b, and the average is a
    step from the old towards the new: of two products, as the difference of two large numbers is infinite.
    """
    if old.dtype != new.dtype:  # a real average, to begin with, of complex numbers
        old = lax.convert_element_type(old, new.dtype)
    if b.rounds:
        return lax.add(old, lax.sub(times(new, b.weight), times(old, b.weight)))
    return lax.add(times(old, _rest(b)), times(new, b.weight))


def decayed(x: jax.Array, b: Decay) -> jax.Array:
    """b x, to float32's last digit."""
    return times(x, _rest(b))


def _rest(b: Decay) -> jax.Array:
    return lax.sub(np.ones((), b.weight.dtype), b.weight)


def debiased(mean: jax.Array, weights: jax.Array) -> jax.Array:
    """mean / weights, the sum of the weights in it.

    As a product: of (mean / weights) / (root + eps) XLA makes mean / (weights (root + eps)), and where the
    root is 0 the product with a small eps may be too.
    """
    return times(mean, lax.div(np.ones((), weights.dtype), weights))


def squared(g: jax.Array) -> jax.Array:
    """|g|^2, real."""
    if not jnp.iscomplexobj(g):
        return lax.mul(g, g)
    real, imag = lax.real(g), lax.imag(g)
    return lax.add(lax.mul(real, real), lax.mul(imag, imag))


@jax.custom_jvp
def root(x: jax.Array) -> jax.Array:
    """sqrt(x) for x >= 0, with derivative 0 (not infinity) at 0."""
    return lax.sqrt(x)


@root.defjvp
def _(primals, tangents):
    (x,), (dx,) = primals, tangents
    positive = x > 0
    slope = jnp.where(positive, 0.5 / jnp.sqrt(jnp.where(positive, x, 1)), 0)
    return root(x), slope * dx


def over_root(u: jax.Array, square: jax.Array, eps: jax.Array) -> jax.Array:
    """u / (sqrt(square) + eps), with eps in the unit of the root."""
    size = lax.add(root(square), lax.broadcast(eps, square.shape))
    return lax.div(u, size if size.dtype == u.dtype else lax.convert_element_type(size, u.dtype))


def modulus(g: jax.Array) -> jax.Array:
    """|g|, real, with derivative 0 at 0."""
    return jnp.abs(g)


def sign(g: jax.Array) -> jax.Array:
    """g / |g|, and 0 at 0."""
    if not jnp.iscomplexobj(g):
        return jnp.sign(g)
    size = modulus(g)
    return g / jnp.where(size > 0, size, 1)


@jax.custom_jvp
def one_minus_power(b: Decay, t: jax.Array) -> jax.Array:
    """1 - b^t for t >= 1, without the cancellation of the literal formula near b = 1.

    In float32 the literal 1 - b^t is off by 1e-4 at b = 0.99999; this is right to 4e-7.
    """
    forgets, log = _log(b)
    return jnp.where(forgets, 1, -jnp.expm1(t * log))


@one_minus_power.defjvp
def _(primals, tangents):
    b, t = primals  # t counts steps: nothing is differentiated with respect to it
    forgets, log = _log(b)
    slope = jnp.where(forgets, (t == 1).astype(t.dtype), t * jnp.exp((t - 1) * log))
    return one_minus_power(b, t), slope * tangents[0].weight


def _log(b: Decay) -> tuple[jax.Array, jax.Array]:
    """Whether b is 0, which has no logarithm, and log b where it has one."""
    forgets = b.weight >= 1
    return forgets, jnp.log1p(-jnp.where(forgets, 0.5, b.weight))
