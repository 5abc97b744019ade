"""Where what `init` makes lies on the devices: as the parameters do."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer
from jax.experimental.shard_alike import shard_alike


def laid_out(x: jax.Array, p) -> jax.Array:
    """`x`, laid out on the devices as `p` is.

    An array that is there tells it to `full_like`, and so does a type with Explicit axes. In a program
    for Auto axes zeros follow from nothing, and each device would hold all of them.
    """
    if not isinstance(p, Tracer) or not jnp.ndim(p):
        return x
    # Without the derivatives of `p`: the primitive would make zeros of them, as large as `p`.
    return shard_alike(x, lax.stop_gradient(p))[0]
