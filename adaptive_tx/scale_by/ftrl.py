"""FTRL-Proximal: follow the regularized leader; sparse weights by soft thresholding.

    sigma   = (sqrt(sum_of_squares + |g|^2) - sqrt(sum_of_squares)) / learning_rate
    linear <- linear + g - sigma p                                   unit of g
    sum_of_squares <- sum_of_squares + |g|^2                         unit of g squared
    p      <- -sign(linear) max(|linear| - l1, 0) / ((beta + sqrt(sum_of_squares)) / learning_rate + l2)

The parameters are a function of the state: what they are before the first step is forgotten, and an entry
that has seen no gradient becomes 0 (start them at 0). Every entry with |linear| <= l1 is exactly 0. The
update that is returned is the new p minus the old one, so no learning rate follows.

sigma is computed as |g|^2 / (sqrt(...) + sqrt(...)), which does not cancel. Keras and TensorFlow start the
sum at 0.1, have 2 l2, a beta of 0, other powers than the root, and a second l2 within the gradient.

McMahan et al., Ad Click Prediction: a View from the Trenches, 2013, algorithm 1: linear is its z,
sum_of_squares its n, learning_rate its alpha.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import modulus, root, sign, squared
from adaptive_tx.core.ranges import non_negative, positive
from adaptive_tx.core.slots import sum_of_squares as declared_sum
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByFtrlState(NamedTuple):
    count: jax.Array  # int32[]
    sum_of_squares: optax.Updates  # like params, real
    linear: optax.Updates  # like params


def shared(t, *, learning_rate):
    """Its inverse once: XLA makes one of a rate that it knows, and of another divides every entry."""
    return {"per_rate": 1 / learning_rate}


def step(g, sum_of_squares, linear, t, *, p, per_rate, l1, l2, beta):
    before, square = root(sum_of_squares), squared(g)
    sum_of_squares = sum_of_squares + square
    after = root(sum_of_squares)
    growth = square / jnp.where(after == 0, 1, after + before)
    linear = linear + (g - growth * per_rate * p)
    over = jnp.maximum(modulus(linear) - l1, 0)
    curvature = (beta + after) * per_rate + l2
    new = -sign(linear) * (over / jnp.where(curvature == 0, 1, curvature))
    return new - p, sum_of_squares, linear


@explained
def scale_by_ftrl(
    learning_rate: ScalarOrSchedule,
    *,
    l1: ScalarOrSchedule = 0.0,
    l2: ScalarOrSchedule = 0.0,
    beta: ScalarOrSchedule = 1.0,
) -> Transformation:
    """Turns gradients into updates that lead to the regularized leader. Needs the parameters.

    Args:
      learning_rate: > 0, or a schedule that stays above 0; in the unit of the parameters.
      l1: strength of the penalty l1 |p|, >= 0, in the unit of g: the larger, the more entries are 0.
      l2: strength of the penalty l2/2 |p|^2, >= 0, in the unit of g over that of p.
      beta: what is added to the root of the sum, >= 0, in the unit of g: it makes the first steps smaller.

    The state holds two arrays like each parameter, `sum_of_squares` and `linear`.
    """
    return leafwise(
        "scale_by_ftrl",
        step,
        ScaleByFtrlState,
        slots={"sum_of_squares": declared_sum()},
        shared=shared,
        learning_rate=positive(learning_rate),
        l1=non_negative(l1),
        l2=non_negative(l2),
        beta=non_negative(beta),
    )
