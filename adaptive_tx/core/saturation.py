"""The bound on gradients that are squared: a spike saturates once, before any use of it.

A clamp makes infinite numbers finite, too; so they are shown another way, in a slot that is written anyway
(or in the direction). Told apart by a choice, which uses `g` twice, the bounded gradient would be written
out by XLA and read again for each use: on the CPU RMSProp's step then takes twice as long.
"""

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core.numerics import clamp


def squarable(g: jax.Array, limit: float | None = None) -> jax.Array:
    """`g` in a range where a million squares can be summed: |g| <= 2^53 = 9e15 in float32; keeps NaN.

    `limit` is a smaller bound: that of what keeps the squares.
    """
    return clamp(g, limit or 2.0 ** ((jnp.finfo(g.dtype).maxexp - 22) // 2))


def revealing(x: jax.Array, g: jax.Array) -> jax.Array:
    """`x`, which belongs to a gradient that is bounded: NaN where that was not finite, for all to see."""
    nothing = lax.sub(g, g)
    if jnp.iscomplexobj(g) and not jnp.iscomplexobj(x):
        nothing = lax.add(lax.real(nothing), lax.imag(nothing))
    return lax.add(x, nothing)
