"""RMSProp with Adam's bias correction: Adam without a mean of the gradients, which need not be kept then.

    nu <- b2 nu + (1 - b2) |g|^2          unit of g squared
    u   = g / (sqrt(nu / c2) + eps)       no unit
          with c2 = 1 - b2^t, the sum of the weights

The first step has size 1, and so has every one while gradients keep their size. It is `scale_by_adam` with
b1 = 0 in half of the state: for what has momentum of its own, such as `schedule_free`. `eps` has the unit
of g. optax has it as scale_by_rms(bias_correction=True, eps_in_sqrt=False).

Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, algorithm 1 with b1 = 0.
"""

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by.rms import ScaleByRmsState


def step(g, nu, t, *, b2, eps, c2):
    nu = ema(squared(g), nu, b2)
    return over_root(g, nu / c2, eps), nu


@explained
def scale_by_rms_debiased(
    *, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-8
) -> Transformation:
    """Divides each gradient by the root of the mean of its squares so far, corrected for its start at 0.

    Args:
      b2: decay of the mean square, in [0, 1), default 0.999.
      eps: keeps the quotient finite, > 0, default 1e-8, in the unit of the gradients.

    The state holds one array like each parameter, `nu`, in float32 at least.
    """
    return leafwise(
        "scale_by_rms_debiased",
        step,
        ScaleByRmsState,
        slots={"nu": mean_of_squares("b2", debiased=True)},
        b2=decay_rate(b2),
        eps=positive(eps),
    )
