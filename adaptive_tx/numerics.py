"""Arithmetic on one array: averages, bias corrections, guarded roots. No trees and no state here.

Every function works in the dtype it is given (`leafwise` has widened it to float32 at least), is finite
wherever its arguments are, and has finite derivatives, at zero too.
"""

import functools

import jax
import jax.numpy as jnp
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
    return lax.clamp(jnp.asarray(-limit, x.dtype), x, jnp.asarray(limit, x.dtype))


def ema(new: jax.Array, old: jax.Array, b) -> jax.Array:
    """The exponential moving average: b old + (1 - b) new."""
    return b * old + (1 - b) * new


def squared(g: jax.Array) -> jax.Array:
    """|g|^2, real. It saturates at a quarter of the largest number, as if |g| did at half its root."""
    square = g.real * g.real + g.imag * g.imag if jnp.iscomplexobj(g) else g * g
    return jnp.minimum(square, float(jnp.finfo(g.dtype).max) / 4)


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

    In float32 the literal 1 - b^t is off by 1e-4 at b = 0.99999; this is right to 4e-7. The smallest
    normal number under the logarithm changes nothing but b = 0, where it stands for the limit.
    """
    return -jnp.expm1(t * jnp.log(b + jnp.finfo(b.dtype).tiny))


@one_minus_power.defjvp
def _(primals, tangents):
    b, t = primals  # t counts steps: nothing is differentiated with respect to it
    return one_minus_power(b, t), -t * jnp.power(b, t - 1) * tangents[0]


def corrections(t: jax.Array, *, b1, b2=None, **_) -> dict[str, jax.Array]:
    """The sums of the weights of averages that started at zero: c1 = 1 - b1^t, and c2 = 1 - b2^t."""
    sums = {"c1": one_minus_power(b1, t)}
    return sums if b2 is None else sums | {"c2": one_minus_power(b2, t)}


def bounded(g: jax.Array) -> jax.Array:
    """`g` in a range whose squares can be summed: |g| <= 1e12 in float32 (the bound / 2^24).

    An infinite entry or a NaN counts as that.
    """
    limit = _bound(g.dtype) / 2**24
    return jnp.where(jnp.isfinite(g), clamp(g, limit), limit)


def norm(g: jax.Array, axis=None) -> jax.Array:
    """The Euclidean norm, over the given axes (kept, with length 1) or over all; see `norm_of`."""
    total = sum_of_squares(g, axis)
    return norm_of(total, g.size // total.size)


def sum_of_squares(g: jax.Array, axis=None) -> jax.Array:
    """The sum of |g|^2, real; infinite where it is too large."""
    square = g.real * g.real + g.imag * g.imag if jnp.iscomplexobj(g) else g * g
    return jnp.sum(square, axis=axis, keepdims=axis is not None)


def norm_of(total: jax.Array, size) -> jax.Array:
    """The norm of `size` entries whose squares add up to `total`.

    If that is not finite (a norm above 1e19 in float32, or an entry that is not finite itself), it is
    the norm that these entries have at most once `shrink` has bounded them.
    """
    length = root(total)
    largest = _bound(total.dtype) * jnp.sqrt(jnp.asarray(size, total.dtype))
    return jnp.where(jnp.isfinite(length), length, largest)


def rms(g: jax.Array) -> jax.Array:
    """The root of the mean of |g|^2; 0 of no entries."""
    length = norm(g)
    return length / jnp.sqrt(jnp.maximum(jnp.asarray(g.size, length.dtype), 1))


def shrink(g: jax.Array, size: jax.Array, limit: jax.Array) -> jax.Array:
    """`g` scaled down so that `size`, its norm, becomes `limit`; unchanged where it is within it.

    Entries that are not finite stay as they are, for all to see; since `norm_of` counts them as huge,
    the finite ones beside them shrink to almost nothing.
    """
    over = size > limit
    factor = jnp.where(over, limit / jnp.where(over, size, 1), 1)
    return jnp.where(jnp.isfinite(g), clamp(g, _bound(g.dtype)) * factor, g)


def _bound(dtype) -> float:
    """The root of the largest number: 1.8e19 in float32. Entries beyond it are brought to it."""
    return float(jnp.finfo(dtype).max) ** 0.5
