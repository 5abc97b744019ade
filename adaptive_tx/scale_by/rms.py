"""RMSProp: the gradient over the root of the mean of its recent squares.

    nu <- b2 nu + (1 - b2) |g|^2          unit of g squared
    u   = g / (sqrt(nu) + eps)            no unit
    or, eps in the root: g / sqrt(nu + eps)

There is no bias correction: from nu = 0 the first step has size 1 / sqrt(1 - b2); TensorFlow 1 starts at 1,
and its first steps are small. `eps` has the unit of g outside
the root, of g squared inside. torch has it outside; Keras and optax inside, which changes long runs.

Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012 (b2 = 0.9, no eps).
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.checks import flag
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, over_root, root, squared
from adaptive_tx.core.ranges import decay_rate, non_negative, positive
from adaptive_tx.core.slots import mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByRmsState(NamedTuple):
    count: jax.Array  # int32[]
    nu: optax.Updates  # like params, real


def step(g, nu, t, *, b2, eps):
    nu = ema(squared(g), nu, b2)
    return over_root(g, nu, eps), nu


def step_eps_in_root(g, nu, t, *, b2, eps):
    nu = ema(squared(g), nu, b2)
    return g / root(nu + eps), nu


@explained
def scale_by_rms(
    *,
    b2: ScalarOrSchedule = 0.9,
    eps: ScalarOrSchedule = 1e-8,
    initial_accumulator_value: ScalarOrSchedule = 0.0,
    eps_in_root: bool = False,
) -> Transformation:
    """Divides each gradient by the root of the moving average of its square.

    Args:
      b2: decay of the average (`decay`, `rho` or `alpha` elsewhere), in [0, 1).
      eps: keeps the quotient finite, > 0; in the unit of g, or of g squared inside the root.
      initial_accumulator_value: what nu starts at, >= 0.
      eps_in_root: whether eps is added under the root (Keras, optax) or to it; a Python bool.
    """
    flag("scale_by_rms", "eps_in_root", eps_in_root)
    return leafwise(
        "scale_by_rms",
        step_eps_in_root if eps_in_root else step,
        ScaleByRmsState,
        slots={"nu": mean_of_squares("b2", start="initial_accumulator_value")},
        settings={"eps_in_root": eps_in_root},
        b2=decay_rate(b2),
        eps=positive(eps),
        initial_accumulator_value=non_negative(initial_accumulator_value),
    )
