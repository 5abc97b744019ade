"""AMSGrad's form of RAdam: rectified, over a denominator that never shrinks.

    mu, nu as in Adam; rho_t, r as in RAdam
    nu_max <- max(nu_max, nu)                                       unit of g squared
    if rho_t > threshold:
        u = r mu_hat / (sqrt(nu_max / c2) + eps)                    no unit; c2 as in Adam
    else:
        u = mu_hat                            unit of g (or, below="none", u = 0)

The maximum is over the raw nu, from the first step on, as in `scale_by_amsgrad`. It is `amsgrad=True` of
TensorFlow Addons' RectifiedAdam, which adapts from rho_t = threshold on, and whose eps is 1e-7; the authors
of RAdam, torch and optax have no such form.

Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020, arXiv:1908.03265, with the
maximum of Reddi, Kale and Kumar, 2018, arXiv:1904.09237.
"""

from typing import Literal

from adaptive_tx.core.checks import choice
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, over_root
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import maximum, mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by.amsgrad import ScaleByAmsgradState, moments
from adaptive_tx.scale_by.radam import above_four, rectified, shared


def step(g, mu, nu, nu_max, t, *, b1, b2, eps, c1, c2, rectification):
    mu, nu, nu_max = moments(g, mu, nu, nu_max, b1, b2)
    return rectified(debiased(mu, c1), nu_max / c2, eps, rectification), mu, nu, nu_max


def step_or_none(g, mu, nu, nu_max, t, *, b1, b2, eps, c1, c2, rectification):
    mu, nu, nu_max = moments(g, mu, nu, nu_max, b1, b2)
    return rectification * over_root(debiased(mu, c1), nu_max / c2, eps), mu, nu, nu_max


@explained
def scale_by_radam_amsgrad(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    threshold: ScalarOrSchedule = 5.0,
    below: Literal["momentum", "none"] = "momentum",
) -> Transformation:
    """RAdam with the largest mean square so far in the denominator.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      threshold: adapt where rho_t is above it, >= 4; about the number of the last step that does not.
      below: what to do before: "momentum" (the mean of the gradients, undivided), or "none" (no update).
    """
    who = "scale_by_radam_amsgrad"
    choice(who, "below", below, ("momentum", "none"))
    return leafwise(
        who,
        step if below == "momentum" else step_or_none,
        ScaleByAmsgradState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
            "nu_max": maximum("square"),
        },
        shared=shared,
        metrics=("rho", "rectification"),
        settings={"below": below},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
        threshold=above_four(threshold),
    )
