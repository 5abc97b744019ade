"""Where arrays lie on the devices: what `init` makes as the parameters do, and one as another."""

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


def lying_as(x: jax.Array, like: jax.Array) -> jax.Array:
    """`x`, where `like` lies, if the types of both say so: on the Explicit axes of one mesh.

    Of a whole array each device takes its own part, and nothing is sent.
    """
    here, there = jax.typeof(x).sharding, jax.typeof(like).sharding
    if here.mesh != there.mesh or here.spec == there.spec:
        return x
    return jax.sharding.reshard(x, there)


def everywhere(x: jax.Array) -> jax.Array:
    """`x` whole on all devices; it is gathered where its type says that it is split: on Explicit axes."""
    here = jax.typeof(x).sharding
    if all(axis is None for axis in here.spec):
        return x
    return jax.sharding.reshard(x, jax.NamedSharding(here.mesh, jax.P(*(None,) * x.ndim)))
