"""AdaBelief: Adam with the spread of the gradients about their mean in place of their size.

    mu <- b1 mu + (1 - b1) g                        unit of g
    nu <- b2 nu + (1 - b2) |g - mu|^2 + eps         unit of g squared (s in the paper)
    u   = mu / c1 / (sqrt(nu / c2) + eps)          no unit; c1, c2 as in Adam

Where gradients agree, nu is small and the steps are large. eps appears twice, as in the paper; inside
nu it adds up to eps / (1 - b2). The authors' code (adabelief_pytorch 0.2.1) rectifies unless it is told not
to: that is `scale_by_adabelief_rectified`; its amsgrad is `scale_by_adabelief_amsgrad`.

Zhuang et al., AdaBelief Optimizer, 2020, arXiv:2010.07468, algorithm 2 (eps 1e-16 in its code).
"""

from optax import ScaleByBeliefState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(ScaleByBeliefState)


def moments(g, mu, nu, b1, b2, eps):
    """The next mu and nu, which all forms of AdaBelief share."""
    mu = ema(g, mu, b1)
    return mu, ema(squared(g - mu), nu, b2) + eps


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2):
    mu, nu = moments(g, mu, nu, b1, b2, eps)
    return over_root(debiased(mu, c1), nu / c2, eps), mu, nu


@explained
def scale_by_adabelief(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-16
) -> Transformation:
    """Divides the mean of the gradients by their spread about it.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean squared deviation, in [0, 1).
      eps: keeps the quotient finite, > 0.
    """
    return leafwise(
        "scale_by_adabelief",
        step,
        ScaleByBeliefState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", of="spread", debiased=True),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
