"""Arithmetic on one array: averages, bias corrections, guarded roots. No trees and no state here.

Every function works in the dtype it is given (`leafwise` has widened it to float32 at least), is finite
wherever its arguments are, and has finite derivatives, at zero too.
"""

import jax
import jax.numpy as jnp
from jax import lax


def arithmetic_dtype(*dtypes) -> jnp.dtype:
    """The dtype to compute in: the widest of those given, and float32 at least."""
    double = any(real_dtype(dtype) == jnp.float64 for dtype in dtypes)
    if any(jnp.issubdtype(dtype, jnp.complexfloating) for dtype in dtypes):
        return jnp.dtype(jnp.complex128 if double else jnp.complex64)
    return jnp.dtype(jnp.float64 if double else jnp.float32)


def real_dtype(dtype) -> jnp.dtype:
    """The dtype of the modulus of a number of this dtype."""
    return jnp.finfo(dtype).dtype


def widen(x: jax.Array, dtype) -> jax.Array:
    """`x` in the precision of the arithmetic's `dtype`; real stays real, complex stays complex."""
    if not jnp.iscomplexobj(x):
        dtype = real_dtype(dtype)
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
    return lax.clamp(jnp.asarray(-limit, x.dtype), x, jnp.asarray(limit, x.dtype))


def ema(new: jax.Array, old: jax.Array, b) -> jax.Array:
    """The exponential moving average: b old + (1 - b) new."""
    return b * old + (1 - b) * new


def squared(g: jax.Array) -> jax.Array:
    """|g|^2, real. |g| saturates at sqrt(largest number) / 2 first, so that the square is finite."""
    g = clamp(g, float(jnp.finfo(g.dtype).max) ** 0.5 / 2)
    if jnp.iscomplexobj(g):
        return g.real * g.real + g.imag * g.imag
    return g * g


@jax.custom_jvp
def root(x: jax.Array) -> jax.Array:
    """sqrt(x) for x >= 0, with derivative 0 (not infinity) at 0."""
    return jnp.sqrt(x)


@root.defjvp
def _(primals, tangents):
    (x,), (dx,) = primals, tangents
    positive = x > 0
    slope = jnp.where(positive, 0.5 / jnp.sqrt(jnp.where(positive, x, 1)), 0)
    return root(x), slope * dx


def modulus(g: jax.Array) -> jax.Array:
    """|g|, real, with derivative 0 at 0."""
    if not jnp.iscomplexobj(g):
        return jnp.abs(g)
    zero = g == 0
    return jnp.where(zero, 0, jnp.abs(jnp.where(zero, 1, g)))


def sign(g: jax.Array) -> jax.Array:
    """g / |g|, and 0 at 0."""
    if not jnp.iscomplexobj(g):
        return jnp.sign(g)
    size = modulus(g)
    return g / jnp.where(size > 0, size, 1)


@jax.custom_jvp
def one_minus_power(b: jax.Array, t: jax.Array) -> jax.Array:
    """1 - b^t for b in [0, 1) and t >= 1, without the cancellation of the literal formula near b = 1.

    In float32 the literal 1 - b^t is off by 1e-3 at b = 0.99999; this is right to 4e-7. The smallest
    normal number under the logarithm changes nothing but b = 0, where it stands for the limit.
    """
    return -jnp.expm1(t * jnp.log(b + jnp.finfo(b.dtype).tiny))


@one_minus_power.defjvp
def _(primals, tangents):
    b, t = primals  # t counts steps: nothing is differentiated with respect to it
    return one_minus_power(b, t), -t * jnp.power(b, t - 1) * tangents[0]


def debias(average: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """An average that started at zero, divided by the sum of its weights: average / (1 - b^t)."""
    return average / one_minus_power(b, t)


def bounded(g: jax.Array) -> jax.Array:
    """`g` in a range whose squares can be summed: |g| <= sqrt(largest number) / 2^24.

    That is 1e12 in float32. An infinite entry or a NaN counts as the bound.
    """
    limit = float(jnp.finfo(g.dtype).max) ** 0.5 / 2**24
    return jnp.where(jnp.isfinite(g), clamp(g, limit), limit)


def norm(g: jax.Array, axis=None) -> jax.Array:
    """The Euclidean norm of `bounded(g)`, over the given axes (kept, with length 1) or over all."""
    return root(jnp.sum(squared(bounded(g)), axis=axis, keepdims=axis is not None))


def shrink(g: jax.Array, size: jax.Array, limit: jax.Array) -> jax.Array:
    """`g` scaled down so that `size`, its norm, becomes `limit`; unchanged where it is within it.

    Entries that are not finite stay as they are, for all to see; since `norm` counts them as huge,
    the finite ones beside them shrink to almost nothing.
    """
    over = size > limit
    factor = jnp.where(over, limit / jnp.where(over, size, 1), 1)
    return jnp.where(over & jnp.isfinite(g), bounded(g) * factor, g)
