"""Averaged stochastic gradient descent as in torch: a falling rate, and the mean of the parameters.

    update = -eta (g + lambd p)                              eta: the rate of this step
    ax    <- ax + mu (p + update - ax)                       unit of p; mu = 1: ax <- p + update
    eta   <- learning_rate / (1 + lambd learning_rate t)^alpha      for the next step
    mu    <- 1 / max(1, t - t0)                                     for the next step

The first step has eta = learning_rate; later a change of it is felt one step late. `ax` is the mean of the
parameters after each step from step t0 + 2 on; before, it is the parameters. They are what to evaluate
with: `optax.tree.get(state, "ax")`.

Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992; torch.optim.ASGD,
version 2.13, which keeps eta and mu in its default dtype, also for float64 parameters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.ranges import finite, non_negative
from adaptive_tx.core.slots import number
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation


@exportable
class ScaleByAsgdState(NamedTuple):
    count: jax.Array  # int32[]
    eta: jax.Array  # float[], the rate of the next step; not read before the first
    mu: jax.Array  # float[], the weight of the next parameters in their mean
    ax: optax.Updates  # like params, the mean


def shared(t, *, learning_rate, lambd, alpha, t0, eta, mu):
    """The rate and the weight of this step, and those of the next."""
    now = {"rate": jnp.where(t == 1, learning_rate, eta), "weight": mu}
    eta = learning_rate / (1 + lambd * learning_rate * t) ** alpha
    return now, {"eta": eta, "mu": 1 / jnp.maximum(1, t - t0)}


def step(g, ax, t, *, p, rate, weight, lambd):
    update = -rate * (g + lambd * p)
    new = p + update
    return update, jnp.where(weight == 1, new, ax + weight * (new - ax))


def scale_by_asgd(learning_rate, lambd=1e-4, alpha=0.75, t0=1e6) -> Transformation:
    """Turns gradients into updates, and keeps the mean of the parameters. Needs the parameters.

    Args:
      learning_rate: of the first step, >= 0, or a schedule.
      lambd: decay of the parameters, and of the rate with it; >= 0, over that of the rate.
      alpha: power of the fall of the rate.
      t0: a number of steps; the mean begins with step t0 + 2. Below 0 it begins with the second, whose
        weight is then less than 1.
    """
    return leafwise(
        "scale_by_asgd",
        step,
        ScaleByAsgdState,
        slots={"eta": number(), "mu": number(start=1.0)},
        shared=shared,
        learning_rate=non_negative(learning_rate),
        lambd=non_negative(lambd),
        alpha=finite(alpha),
        t0=finite(t0),
    )
