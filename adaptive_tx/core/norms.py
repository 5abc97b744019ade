"""Norms of arrays, and what is scaled by them: bounded, so that one huge entry spoils nothing else.

Like `numerics`: in the dtype that it is given, finite wherever its arguments are, with finite derivatives.
"""

import jax
import jax.numpy as jnp

from adaptive_tx.core.numerics import clamp, root, squared


def bounded(g: jax.Array) -> jax.Array:
    """`g` with finite entries only: |g| <= 1e12 in float32 (the bound / 2^24), NaN and infinity too.

    For norms, which what is not finite must not spoil; what a rule steps on is `squarable`.
    """
    limit = _bound(g.dtype) / 2**24
    return jnp.where(jnp.isfinite(g), clamp(g, limit), limit)


def mean(x: jax.Array, axis: int) -> jax.Array:
    """The mean over one axis, kept with length 1; 0 of nothing."""
    total = jnp.sum(x, axis, keepdims=True)
    return total / jnp.maximum(jnp.asarray(x.shape[axis], total.dtype), 1)


def norm(g: jax.Array, axis: int | tuple[int, ...] | None = None) -> jax.Array:
    """The Euclidean norm, over the given axes (kept, with length 1) or over all; see `norm_of`."""
    total = sum_of_squares(g, axis)
    return norm_of(total, g.size // max(total.size, 1))


def sum_of_squares(g: jax.Array, axis: int | tuple[int, ...] | None = None) -> jax.Array:
    """The sum of |g|^2, real; infinite where it is too large."""
    return jnp.sum(squared(g), axis=axis, keepdims=axis is not None)


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
