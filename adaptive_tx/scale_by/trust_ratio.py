"""LAMB's layerwise adaptation: each leaf moves by a fraction of its own length.

    u = ||p|| / ||g|| g          unit of p; norms over one leaf; u = g where p or g is all zero

With the learning rate after it, a leaf turns by about the same angle at each step whatever its size. What
comes in is a direction with its decay, as in `lamb`.

The paper bounds ||p|| by a function that it leaves open; its authors' code takes ||p|| itself, and a ratio
of 1 where a norm is 0: there the paper's step would be 0 for ever. That code leaves biases and the
parameters of normalisation out (`mask`, `only`). Keras decays p before it takes its norm.

You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2020,
arXiv:1904.00962, algorithm 2.
"""

import jax.numpy as jnp
from jax import lax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import mask_of
from adaptive_tx.core.numerics import modulus, norm
from adaptive_tx.core.transformation import Transformation


def largest(*arrays):
    """The largest modulus, or 1 if all is zero; to divide by, so that squares stay in range.

    What follows does not depend on it, so its derivative is left out.
    """
    size = [jnp.max(modulus(x), initial=0) for x in arrays]
    size = lax.stop_gradient(jnp.max(jnp.stack(size)))
    return jnp.where(size > 0, size, 1)


def step(g, t, *, p):
    unit, scale = largest(g), largest(p)
    g = g / unit
    length, size = scale * norm(p / scale), norm(g)
    known = (length > 0) & (size > 0)
    return jnp.where(known, length / jnp.where(known, size, 1), unit) * g


def scale_by_trust_ratio(mask=None, only=None) -> Transformation:
    """Gives the direction of each leaf the length of its parameters. Needs the parameters.

    Args:
      mask: the leaves that are adapted, as a tree of bools or a function of the parameters; the others
        pass as they are.
      only: the leaves that are adapted, as a predicate on path and array: `lambda path, p: p.ndim > 1`.

    Inside `shard_map` the lengths are those of a shard.
    """
    who = "scale_by_trust_ratio"
    return leafwise(who, step, mask=mask_of(who, mask, only))
