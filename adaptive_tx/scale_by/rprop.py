"""Rprop: each entry has a step size of its own, which only the signs of its gradients change.

    s = sign(g prev)                                               did the gradient keep its sign?
    step_size <- clip(step_size eta_plus,  min_step, max_step)     where s > 0
                 clip(step_size eta_minus, min_step, max_step)     where s < 0, and then g <- 0
                 clip(step_size,           min_step, max_step)     where s = 0
    update = -sign(g) step_size                                    unit of the parameters
    prev  <- g

Every step_size starts at the learning rate, which is not read again. After a change of sign there is one
step of rest, and prev = 0 makes the next one keep its size. Only signs matter, so the gradients must be of
full batches. Of a complex number the real and the imaginary part count as two entries.

This is iRprop-, the form that torch computes. The first paper takes back a step after a change of sign;
optax starts with a step of zero and applies the size of the step before.

Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning, 1993; Igel and
Huesken, Improving the Rprop Learning Algorithm, 2000, algorithm 4.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.on_parts import OnParts
from adaptive_tx.core.ranges import Range, non_negative
from adaptive_tx.core.slots import kept
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

shrinking = Range(0.0, 1.0, "()")
growing = Range(1.0, math.inf, "()")


@exportable
class ScaleByRpropState(NamedTuple):
    count: jax.Array  # int32[]
    step_sizes: optax.Updates  # like params
    prev_updates: optax.Updates  # like params, the gradient before; 0 after a change of sign


def step_on_real(g, step_sizes, prev_updates, t, *, eta_minus, eta_plus, min_step, max_step):
    agreement = jnp.sign(g) * jnp.sign(prev_updates)  # of signs: the product itself may underflow
    factor = jnp.where(agreement > 0, eta_plus, jnp.where(agreement < 0, eta_minus, 1))
    step_sizes = jnp.minimum(jnp.maximum(step_sizes * factor, min_step), max_step)
    g = jnp.where(agreement < 0, 0, g)
    return -jnp.sign(g) * step_sizes, step_sizes, g


step = OnParts(step_on_real)


@explained
def scale_by_rprop(
    learning_rate: ScalarOrSchedule,
    *,
    eta_minus: ScalarOrSchedule = 0.5,
    eta_plus: ScalarOrSchedule = 1.2,
    min_step: ScalarOrSchedule = 1e-6,
    max_step: ScalarOrSchedule = 50.0,
) -> Transformation:
    """Turns gradients into updates whose size grows while the sign of the gradient is kept.

    Args:
      learning_rate: first size of every step, >= 0, in the unit of the parameters; only `init` reads it.
      eta_minus: factor of the size after a change of sign, in (0, 1).
      eta_plus: factor of the size after a kept sign, > 1.
      min_step: least size, >= 0, in the unit of the parameters.
      max_step: largest size, >= 0, in the unit of the parameters.

    The state holds two arrays like each parameter, `step_sizes` and `prev_updates`.
    """
    return leafwise(
        "scale_by_rprop",
        step,
        ScaleByRpropState,
        slots={"step_sizes": kept(start="learning_rate")},
        learning_rate=non_negative(learning_rate),
        eta_minus=shrinking(eta_minus),
        eta_plus=growing(eta_plus),
        min_step=non_negative(min_step),
        max_step=non_negative(max_step),
    )
