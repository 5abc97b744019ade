"""Rprop: each entry has its own step size, which only the signs of the gradient change.

    s = sign(g prev)                               did the gradient keep its sign?
    step_size <- clip(step_size eta_plus,  min_step, max_step)     where s > 0
                 clip(step_size eta_minus, min_step, max_step)     where s < 0, and then g <- 0
                 clip(step_size,           min_step, max_step)     where s = 0
    u    = sign(g) step_size                       unit of the parameters
    prev <- g

The direction has the size of the step, so no learning rate follows, only a minus sign. After a
change of sign there is one step of rest, and prev = 0 makes the next one keep its size. The size of
the gradients does not matter, so Rprop is for full batches. torch computes this form; optax clips
only where the sign was kept or lost, starts with a step of zero, and applies the size of the step
before. Of a complex number the real and the imaginary part count as two entries.

Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning, 1993; this
variant, without taking back a step, is iRprop- of Igel and Huesken, 2000.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.compat.torch.as_torch import OnParts
from adaptive_tx.core.checks import Range, non_negative
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.slots import kept
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation

shrinking = Range(0.0, 1.0, "()")
growing = Range(1.0, math.inf, "()")


@exportable
class ScaleByRpropState(NamedTuple):
    count: jax.Array  # int32[]
    step_sizes: optax.Updates  # like params
    prev_updates: optax.Updates  # like params


def _step(g, step_sizes, prev_updates, t, *, eta_minus, eta_plus, min_step, max_step):
    agreement = jnp.sign(g) * jnp.sign(prev_updates)  # of signs: the product itself may underflow
    factor = jnp.where(agreement > 0, eta_plus, jnp.where(agreement < 0, eta_minus, 1))
    step_sizes = jnp.minimum(jnp.maximum(step_sizes * factor, min_step), max_step)
    g = jnp.where(agreement < 0, 0, g)
    return jnp.sign(g) * step_sizes, step_sizes, g


step = OnParts(_step)


def scale_by_rprop(
    initial_step=0.01, eta_minus=0.5, eta_plus=1.2, min_step=1e-6, max_step=50.0
) -> Transformation:
    """Replaces each gradient by its sign times a step that grows while the sign is kept.

    Args:
      initial_step: first size of every step, >= 0, in the unit of the parameters; only `init` reads it.
      eta_minus: factor after a change of sign, in (0, 1).
      eta_plus: factor after a kept sign, > 1.
      min_step: least size, >= 0.
      max_step: largest size, >= 0.
    """
    return leafwise(
        "scale_by_rprop",
        step,
        ScaleByRpropState,
        slots={"step_sizes": kept(start="initial_step")},
        initial_step=non_negative(initial_step),
        eta_minus=shrinking(eta_minus),
        eta_plus=growing(eta_plus),
        min_step=non_negative(min_step),
        max_step=non_negative(max_step),
    )
