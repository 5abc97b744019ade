"""AdaGrad: the gradient over the root of the sum of all squared gradients so far.

    sum_of_squares <- sum_of_squares + |g|^2          unit of g squared
    u               = g / (sqrt(sum_of_squares) + eps)        no unit
    or, eps in the root: g / sqrt(sum_of_squares + eps)

The sum only grows, so the steps shrink like 1/sqrt(t). `eps` has the unit of g outside the root, of g
squared inside. The paper and torch have it outside (torch: 1e-10); Keras and optax inside (1e-7, with
the sum starting at 0.1).

Duchi, Hazan and Singer, Adaptive Subgradient Methods, 2011, JMLR 12, figure 1, diagonal form.
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.checks import flag
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import over_root, root, squared
from adaptive_tx.core.ranges import non_negative, positive
from adaptive_tx.core.slots import sum_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByAdagradState(NamedTuple):
    count: jax.Array  # int32[]
    sum_of_squares: optax.Updates  # like params, real


def step(g, sum_of_squares, t, *, eps):
    sum_of_squares = sum_of_squares + squared(g)
    return over_root(g, sum_of_squares, eps), sum_of_squares


def step_eps_in_root(g, sum_of_squares, t, *, eps):
    sum_of_squares = sum_of_squares + squared(g)
    return g / root(sum_of_squares + eps), sum_of_squares


@explained
def scale_by_adagrad(
    *,
    eps: ScalarOrSchedule = 1e-10,
    initial_accumulator_value: ScalarOrSchedule = 0.0,
    eps_in_root: bool = False,
) -> Transformation:
    """Divides each gradient by the root of the sum of its squares so far.

    Args:
      eps: keeps the quotient finite, > 0; in the unit of g, or of g squared inside the root.
      initial_accumulator_value: what the sum starts at, >= 0.
      eps_in_root: whether eps is added under the root (Keras, optax) or to it; a Python bool.
    """
    flag("scale_by_adagrad", "eps_in_root", eps_in_root)
    return leafwise(
        "scale_by_adagrad",
        step_eps_in_root if eps_in_root else step,
        ScaleByAdagradState,
        slots={"sum_of_squares": sum_of_squares(start="initial_accumulator_value")},
        settings={"eps_in_root": eps_in_root},
        eps=positive(eps),
        initial_accumulator_value=non_negative(initial_accumulator_value),
    )
