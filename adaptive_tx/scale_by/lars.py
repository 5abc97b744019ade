"""LARS: a learning rate for each leaf, in proportion to its length over that of its gradient.

    u = trust_coefficient ||p|| / (||g|| + weight_decay ||p||) (g + weight_decay p)

The unit of u is that of p, norms are over one leaf, and the ratio is 1 where ||p|| or the denominator is 0.
The learning rate and then the momentum follow, as in `lars`.

optax divides by ||g + weight_decay p||, which is less; with weight_decay = 0 both are the same. Biases and
the parameters of normalisation are usually left out (`mask`, `only`).

You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks, 2017, arXiv:1708.03888,
equation 6 and algorithm 1.
"""

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import mask_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import norm
from adaptive_tx.core.ranges import non_negative, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import LeafPredicate, MaskOrFunction, ScalarOrSchedule
from adaptive_tx.scale_by.trust_ratio import largest


def step(g, t, *, p, trust_coefficient, weight_decay):
    unit, scale = largest(g, weight_decay * p), largest(p)
    g, lost = g / unit, weight_decay * p / unit
    length, size = scale * norm(p / scale), norm(g) + norm(lost)
    known = (length > 0) & (size > 0)
    ratio = trust_coefficient * length / jnp.where(known, size, 1)
    return jnp.where(known, ratio, unit) * (g + lost)


@explained
def scale_by_lars(
    *,
    trust_coefficient: ScalarOrSchedule = 0.001,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Gives the gradient of each leaf a length in proportion to its parameters'. Needs the parameters.

    Args:
      trust_coefficient: > 0; that length as a fraction of the parameters'. Beside the learning rate, which
        is multiplied by it, it only says in what unit that one is.
      weight_decay: >= 0, in the unit of g over that of p: what is added to g, and to its length.
      mask: the leaves that are adapted and decayed, as a tree of bools or a function of the parameters; the
        others pass as they are.
      only: the leaves that are, as a predicate on path and array: `lambda path, p: p.ndim > 1`.

    Inside `shard_map` the lengths are those of a shard.
    """
    who = "scale_by_lars"
    return leafwise(
        who,
        step,
        mask=mask_of(who, mask, only),
        trust_coefficient=positive(trust_coefficient),
        weight_decay=non_negative(weight_decay),
    )
