"""StableAdamW: AdamW whose whole step is shortened in leaves where gradients outgrow their mean squares.

    mu, nu as in Adam, v = nu / c2
    u = ((mu / c1) / (sqrt(v) + eps) + weight_decay p) / max(1, rms(g / max(sqrt(v), eps)))

The root mean square is over one leaf. It is about 1 while squares stay as they were, and up to 1 / sqrt(1
- b2) where they jump: that is when Adam, whose nu is out of date, steps too far and losses spike. It is
Adafactor's clipping (`clip_by_rms`) by the size of g, not that of the direction.

What is shortened is the rate, so the decay with it; therefore it is part of this rule, and not of the
chain. The paper debiases by b (1 - b^(t-1)) / (1 - b^t) in place of b in both means, which is mu / c1 and
nu / c2 in another order. eps is in the unit of g; the paper's is 1e-6, and its b2 for CLIP 0.95 to 0.995;
those of optimi are the defaults here. optax 0.2.8 has no StableAdamW.

Wortsman et al., Stable and low-precision training for large-scale vision-language models, 2023,
arXiv:2304.13013, algorithm 2.
"""

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import mask_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import rms
from adaptive_tx.core.numerics import debiased, ema, modulus, over_root, root, squared, times
from adaptive_tx.core.ranges import decay_rate, non_negative, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import LeafPredicate, MaskOrFunction, ScalarOrSchedule

exportable(ScaleByAdamState)


def step(g, mu, nu, t, *, p, b1, b2, eps, weight_decay, c1, c2):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    u = over_root(debiased(mu, c1), nu / c2, eps) + times(p, weight_decay)
    return u / excess(g, nu / c2, eps), mu, nu


def without_decay(g, mu, nu, t, *, p, weight_decay, **numbers):
    return step(g, mu, nu, t, p=p, weight_decay=jnp.zeros_like(weight_decay), **numbers)


def excess(g, square, eps):
    """How many times larger than its mean square says a leaf's gradient is; 1 at least."""
    return jnp.maximum(rms(modulus(g) / jnp.maximum(root(square), eps)), 1)


@explained
def scale_by_stable_adam(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.99,
    eps: ScalarOrSchedule = 1e-6,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adam's direction with its decay, shortened where gradients outgrow it. Needs the parameters.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      weight_decay: >= 0; times the learning rate the fraction of p lost per step, where none is shortened.
      mask: the leaves to decay, as a tree of bools or a function of the parameters.
      only: the leaves to decay, as a predicate on path and array: `lambda path, p: p.ndim > 1`.

    The state holds two arrays like each parameter, `mu` and `nu`, in float32 at least. Inside `shard_map`
    the root mean square is that of a shard.
    """
    who = "scale_by_stable_adam"
    return leafwise(
        who,
        step,
        ScaleByAdamState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
        },
        mask=mask_of(who, mask, only),
        otherwise=without_decay,
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
        weight_decay=non_negative(weight_decay),
    )
