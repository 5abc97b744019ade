"""FTRL-Proximal as in Keras and TensorFlow: other powers than the root, and three more terms.

    p'      = p - learning_rate weight_decay p
    sum_of_squares <- sum_of_squares + |g|^2                         unit of g squared
    sigma   = (sum_new^-power - sum_old^-power) / learning_rate      power <= 0, unit of g over that of p
    linear <- linear + g + 2 l2_shrinkage p' - sigma p'              unit of g
    p      <- (clip(linear, -l1, l1) - linear) / ((sum_new^-power + beta) / learning_rate + 2 l2)

With power = -1/2, a sum that starts at 0, no shrinkage and no decay it is `scale_by_ftrl`, where l2 is
twice that of Keras. l2_shrinkage enters the gradient but not its square.

keras.optimizers.Ftrl, version 3.15.
"""

import jax.numpy as jnp

from adaptive_tx.compat.keras.excluded import AllBut, Undecayed
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import Mask
from adaptive_tx.core.numerics import modulus, sign, squared
from adaptive_tx.core.ranges import non_negative, not_positive, positive
from adaptive_tx.core.slots import sum_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.ftrl import ScaleByFtrlState


def step(
    g,
    sum_of_squares,
    linear,
    t,
    *,
    p,
    learning_rate,
    power,
    l1,
    l2,
    l2_shrinkage,
    beta,
    weight_decay,
):
    kept = p - learning_rate * weight_decay * p
    before = _power(sum_of_squares, -power)
    sum_of_squares = sum_of_squares + squared(g)
    after = _power(sum_of_squares, -power)
    linear = linear + (g + 2 * l2_shrinkage * kept - (after - before) / learning_rate * kept)
    over = jnp.maximum(modulus(linear) - l1, 0)
    new = -sign(linear) * over / ((after + beta) / learning_rate + 2 * l2)
    return new - p, sum_of_squares, linear


def _power(x, exponent):
    """x^exponent for x >= 0; the smallest normal number stands for 0, where there is no derivative."""
    return jnp.maximum(x, jnp.finfo(x.dtype).tiny) ** exponent


def scale_by_keras_ftrl(
    learning_rate,
    power=-0.5,
    initial_accumulator_value=0.1,
    l1=0.0,
    l2=0.0,
    l2_shrinkage=0.0,
    beta=0.0,
    weight_decay=0.0,
    mask: AllBut | None = None,
) -> Transformation:
    """Turns gradients into updates that lead to the regularized leader. Needs the parameters.

    Args:
      learning_rate: > 0, or a schedule that stays above 0.
      power: exponent of the sum in the rate of an entry, <= 0; 0 is a constant rate.
      initial_accumulator_value: what the sum starts at, >= 0, in the unit of g squared.
      l1: strength of the penalty l1 |p|, >= 0, in the unit of g.
      l2: strength of the penalty l2 |p|^2, >= 0.
      l2_shrinkage: strength of the penalty whose gradient is added to g, >= 0.
      beta: what is added to the power of the sum, >= 0.
      weight_decay: >= 0; p loses learning_rate weight_decay of itself first, as in Keras.
      mask: the leaves that do; the others keep all of themselves (`excluded`).
    """
    return leafwise(
        "scale_by_keras_ftrl",
        step,
        ScaleByFtrlState,
        mask=Mask(mask),
        otherwise=Undecayed(step),
        slots={"sum_of_squares": sum_of_squares(start="initial_accumulator_value")},
        learning_rate=positive(learning_rate),
        power=not_positive(power),
        initial_accumulator_value=non_negative(initial_accumulator_value),
        l1=non_negative(l1),
        l2=non_negative(l2),
        l2_shrinkage=non_negative(l2_shrinkage),
        beta=non_negative(beta),
        weight_decay=non_negative(weight_decay),
    )
