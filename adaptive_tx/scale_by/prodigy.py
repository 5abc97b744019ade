"""Prodigy: Adam whose step size is estimated, from how far the gradients have brought the parameters.

    rate   = d learning_rate                                 d: the estimate so far; d0 at t = 1
    numerator <- b3 numerator + (d / d0) rate <g, p0 - p>    over the whole tree; p0: p at `init`
    s     <- b3 s  + (d / d0) rate g
    mu, nu as in Adam, of d g
    d_hat  = d_coef numerator / ||s||_1                      over the whole tree; unit of p
    d_max <- max(d_max, d_hat)
    d     <- min(d_max, growth_rate d)                       of max(d, d_hat) while d is still d0
    p     <- p - rate (mu / (sqrt(nu) + d eps) + weight_decay p)    with the rate above, and the new d

No learning rate follows, and nothing moves before there is a gradient. `use_bias_correction` multiplies
the rate by sqrt(c2) / c1, as Adam; `safeguard_warmup` has d for the rate in s. The paper has the old d at
the root, no growth rate; the authors' code (prodigyopt 1.1.2) skips steps at rate 0 or without a gradient,
and at b1 = 0 has the new d in mu; optax always corrects, and is NaN while gradients are 0.

Mishchenko and Defazio, Prodigy, 2023, arXiv:2306.06101, algorithm 4.
"""

from typing import Any, NamedTuple

import jax
import optax

from adaptive_tx.core import axes
from adaptive_tx.core.distance import Distance, next_sum
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import mask_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, over_root, squared, times
from adaptive_tx.core.ranges import decay_rate, growth, non_negative, positive
from adaptive_tx.core.slots import Slot, mean_of_squares, number, parameters
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import (
    AxisName,
    LeafPredicate,
    MaskOrFunction,
    PyTree,
    ScalarOrSchedule,
)


@exportable
class ScaleByProdigyState(NamedTuple):
    count: jax.Array  # int32[]
    d: jax.Array  # float[], unit of p; 0 before the first update
    d_max: jax.Array  # float[], unit of p
    numerator: jax.Array  # float[]
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real
    grad_sum: optax.Updates  # like params: s
    params0: optax.Params  # like params: p0


def step(
    g, mu, nu, grad_sum, params0, t, *, p, weight_decay, b1, b2, d_before, least, rate, fading, weight
):  # fmt: skip
    scaled = times(g, d_before)
    mu, nu = ema(scaled, mu, b1), ema(squared(scaled), nu, b2)
    u = over_root(mu, nu, least) + weight_decay * p
    return -times(u, rate), mu, nu, next_sum(g, grad_sum, fading, weight), params0


def undecayed(*args, **keywords):
    return step(*args, p=0.0, **keywords)


@explained
def scale_by_prodigy(
    learning_rate: ScalarOrSchedule = 1.0,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    b3: ScalarOrSchedule | None = None,
    eps: ScalarOrSchedule = 1e-8,
    d0: ScalarOrSchedule = 1e-6,
    d_coef: ScalarOrSchedule = 1.0,
    growth_rate: ScalarOrSchedule = float("inf"),
    weight_decay: ScalarOrSchedule = 0.0,
    use_bias_correction: bool = False,
    safeguard_warmup: bool = False,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
    axis_name: AxisName | None = None,
    sharded: PyTree | None = None,
) -> Transformation:
    """Turns gradients into updates of a size that it finds itself. Needs the parameters.

    Args:
      learning_rate: factor of the size found, >= 0; 1, or a schedule from 1 to 0.
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      b3: decay of the two sums that d is found from, in [0, 1); None: the root of b2.
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      d0: first estimate, > 0, in the unit of the parameters; far too small is right.
      d_coef: factor of the estimate, > 0.
      growth_rate: how many times larger d may be after each step, >= 1.
      weight_decay: >= 0; times d and the rate, the part of each parameter lost in a step.
      use_bias_correction: whether the rate is corrected as in Adam.
      safeguard_warmup: whether the sum of the gradients, ||s||, is without the rate, for a long warmup.
      mask: the leaves that decay, as a tree of bools or a function of the parameters.
      only: the leaves that decay, as a predicate on path and array: `lambda path, p: p.ndim > 1`.
      axis_name: inside `shard_map`, the axes over which leaves are split, as in `clip_by_global_norm`.
      sharded: which leaves are, where JAX does not know it; as there.
    """
    who = "scale_by_prodigy"
    given: Any = {} if b3 is None else {"b3": decay_rate(b3)}
    flags = {"use_bias_correction": use_bias_correction, "safeguard_warmup": safeguard_warmup}
    return leafwise(
        who,
        step,
        ScaleByProdigyState,
        slots={
            **dict.fromkeys(("d", "d_max", "numerator"), number()),
            "mu": Slot("mean", "direction", "b1", debiased=True),
            "nu": mean_of_squares("b2", of="step", debiased=True),
            "grad_sum": Slot("sum", decay="b3"),
            "params0": parameters(),
        },
        shared=Distance.of(who, b3 is None, **flags),
        metrics=("d",),
        mask=mask_of(who, mask, only),
        otherwise=undecayed,
        settings={**flags, **axes.settings(who, axis_name, sharded)},
        learning_rate=non_negative(learning_rate),
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        **given,
        eps=positive(eps),
        d0=positive(d0),
        d_coef=positive(d_coef),
        growth_rate=growth(growth_rate),
        weight_decay=non_negative(weight_decay),
    )
