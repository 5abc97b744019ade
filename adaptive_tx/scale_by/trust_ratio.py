"""LAMB's layerwise adaptation: each leaf moves by a fraction of its own length.

    u = max(||p||, min_norm) / ||g|| g          unit of p; norms over one leaf

With the learning rate after it, a leaf turns by about the same angle at each step whatever its size. What
comes in is a direction with its decay, as in `lamb`.

Where one of the lengths is 0, the ratio is 1, as in the authors' code: with the paper's 0 the leaf would
never move. That code leaves biases and the parameters of normalisation out (`mask`, `only`), and has no
bounds; the paper allows a lower and an upper one. Keras decays p before it takes its norm.

You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2020,
arXiv:1904.00962, algorithm 2.
"""

import jax.numpy as jnp
from jax import lax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import mask_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import norm
from adaptive_tx.core.numerics import modulus
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import LeafPredicate, MaskOrFunction, ScalarOrSchedule


def largest(*arrays):
    """The largest modulus, or 1 if all is zero; to divide by, so that squares stay in range.

    What follows does not depend on it, so its derivative is left out.
    """
    size = [jnp.max(modulus(x), initial=0) for x in arrays]
    size = lax.stop_gradient(jnp.max(jnp.stack(size)))
    return jnp.where(size > 0, size, 1)


def step(g, t, *, p, min_norm):
    unit, scale = largest(g), largest(p)
    g = g / unit
    length, size = jnp.maximum(scale * norm(p / scale), min_norm), norm(g)
    known = (length > 0) & (size > 0)
    return jnp.where(known, length / jnp.where(known, size, 1), unit) * g


@explained
def scale_by_trust_ratio(
    *,
    min_norm: ScalarOrSchedule = 0.0,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Gives the direction of each leaf the length of its parameters. Needs the parameters.

    Args:
      min_norm: least length of a leaf that counts, >= 0, in the unit of p: zero weights move by it.
      mask: the leaves that are adapted, as a tree of bools or a function of the parameters; the others
        pass as they are.
      only: the leaves that are adapted, as a predicate on path and array: `lambda path, p: p.ndim > 1`.

    Inside `shard_map` the lengths are those of a shard.
    """
    who = "scale_by_trust_ratio"
    return leafwise(who, step, mask=mask_of(who, mask, only), min_norm=non_negative(min_norm))
