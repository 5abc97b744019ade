"""AMSGrad's form of AdaBelief: the largest spread so far in the denominator.

    mu, nu as in AdaBelief                                          nu with its eps
    nu_max <- max(nu_max, nu)                                       unit of g squared
    u       = mu / c1 / (sqrt(nu_max / c2) + eps)                   no unit; c1, c2 as in Adam

The maximum is over the raw nu, as in `scale_by_amsgrad`. This is `amsgrad=True, rectify=False` of the
authors' code; with `rectify=True`, its default, that code keeps the maximum and does not use it.

Zhuang et al., AdaBelief Optimizer, 2020, arXiv:2010.07468, with the maximum of Reddi, Kale and Kumar,
2018, arXiv:1904.09237.
"""

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, over_root
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import maximum, mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by.adabelief import moments
from adaptive_tx.scale_by.amsgrad import ScaleByAmsgradState


def step(g, mu, nu, nu_max, t, *, b1, b2, eps, c1, c2):
    mu, nu = moments(g, mu, nu, b1, b2, eps)
    nu_max = jnp.where(
        nu_max > nu, nu_max, nu
    )  # of `maximum` XLA would compute nu anew, rounded otherwise
    return over_root(debiased(mu, c1), nu_max / c2, eps), mu, nu, nu_max


@explained
def scale_by_adabelief_amsgrad(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-16
) -> Transformation:
    """Divides the mean of the gradients by the largest spread about it so far.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean squared deviation, in [0, 1).
      eps: keeps the quotient finite, > 0; added to the squared deviation at every step, and to the root.
    """
    return leafwise(
        "scale_by_adabelief_amsgrad",
        step,
        ScaleByAmsgradState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", of="spread", debiased=True),
            "nu_max": maximum("spread"),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
