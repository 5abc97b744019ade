"""Rectified AdaBelief: it divides by the spread only as far as that can be trusted.

    mu, nu as in AdaBelief                    nu with its eps
    rho_t, r as in RAdam                      about the number of gradients that nu has seen
    if rho_t > threshold:
        u = r mu / c1 / (sqrt(nu / c2) + eps)             no unit; c1, c2 as in Adam
    else:
        u = mu / c1                           unit of g (or, below="none", u = 0)

The default of the authors' code (adabelief_pytorch 0.2.1, `rectify=True`), which is not in the paper. That
code adds the eps of the root before the bias correction, where it counts for 1 / sqrt(c2) as much: 1e-16
beside a root that the eps within nu keeps above 1e-8.

Zhuang et al., AdaBelief Optimizer, 2020, arXiv:2010.07468, with the rectification of Liu et al., 2020,
arXiv:1908.03265.
"""

from typing import Literal

from optax import ScaleByBeliefState

from adaptive_tx.core.checks import choice
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, over_root
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by.adabelief import moments
from adaptive_tx.scale_by.radam import above_four, rectified, shared


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2, rectification):
    mu, nu = moments(g, mu, nu, b1, b2, eps)
    return rectified(debiased(mu, c1), nu / c2, eps, rectification), mu, nu


def step_or_none(g, mu, nu, t, *, b1, b2, eps, c1, c2, rectification):
    mu, nu = moments(g, mu, nu, b1, b2, eps)
    return rectification * over_root(debiased(mu, c1), nu / c2, eps), mu, nu


@explained
def scale_by_adabelief_rectified(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-16,
    threshold: ScalarOrSchedule = 5.0,
    below: Literal["momentum", "none"] = "momentum",
) -> Transformation:
    """AdaBelief, rectified for the few gradients its denominator has seen at first.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean squared deviation, in [0, 1).
      eps: keeps the quotient finite, > 0; added to the squared deviation at every step, and to the root.
      threshold: adapt where rho_t is above it, >= 4; about the number of the last step that does not.
      below: what to do before: "momentum" (the mean of the gradients, undivided), or "none" (no update).
    """
    who = "scale_by_adabelief_rectified"
    choice(who, "below", below, ("momentum", "none"))
    return leafwise(
        who,
        step if below == "momentum" else step_or_none,
        ScaleByBeliefState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", of="spread", debiased=True),
        },
        shared=shared,
        metrics=("rho", "rectification"),
        settings={"below": below},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
        threshold=above_four(threshold),
    )
