"""torch.optim.lr_scheduler 2.13 as schedules: each takes the base rate, then torch's arguments.

A schedule sees the number of finished updates, which is torch's last_epoch if the scheduler is
stepped after every update; for epochs, `lambda count: schedule(count // updates_per_epoch)`. torch
computes most of them from the rate before, these in closed form: equal but for rounding. The
numbers are leaves. `lr_cycles` has those that rise and fall, `plateau` has ReduceLROnPlateau.
"""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp

from adaptive_tx import schedules
from adaptive_tx.core import checks
from adaptive_tx.core.ranges import Range, at_least_one, finite, fraction, non_negative, positive
from adaptive_tx.core.schedule import Schedule, bind_schedule, elapsed, periods, progress, real

positive_fraction = Range(positive.low, 1.0, "[]")


def lambda_lr(lr, lr_lambda: Callable) -> Schedule:
    """lr times lr_lambda(count); the function must be one that JAX can trace."""
    if not callable(lr_lambda):
        raise TypeError(f"lambda_lr: lr_lambda must be a function of the count, got {lr_lambda!r}.")
    return bind_schedule("lambda_lr", _lambda, lr_lambda=lr_lambda, lr=non_negative(lr))


def _lambda(count, lr_lambda, lr):
    return lr * jnp.asarray(lr_lambda(count)).astype(lr.dtype)


def step_lr(lr, step_size, gamma=0.1) -> Schedule:
    """lr, times gamma (>= 0) once for every step_size (>= 1) updates."""
    return schedules.step_decay(lr, step_size, gamma)


def multi_step_lr(lr, milestones: Sequence[int], gamma=0.1) -> Schedule:
    """lr, times gamma (>= 0) at each milestone.

    The milestones are Python ints, known at trace time; one that is named twice counts twice.
    """
    steps = sorted(checks.whole("multi_step_lr", "milestones", m, 0) for m in milestones)
    return bind_schedule(
        "multi_step_lr",
        _multi_step,
        {"milestones": tuple(steps)},
        lr=non_negative(lr),
        gamma=non_negative(gamma),
    )


def _multi_step(count, milestones, lr, gamma):
    reached = (jnp.where(count >= m, gamma, 1) for m in milestones)
    return math.prod(reached, start=lr)


def constant_lr(lr, factor=1 / 3, total_iters=5) -> Schedule:
    """lr times factor (in [0, 1]) for total_iters updates, then lr."""
    return bind_schedule(
        "constant_lr",
        _constant,
        lr=non_negative(lr),
        factor=fraction(factor),
        total_iters=non_negative(total_iters),
    )


def _constant(count, lr, factor, total_iters):
    return jnp.where(elapsed(count, total_iters) < 0, lr * factor, lr)


def linear_lr(lr, start_factor=1 / 3, end_factor=1.0, total_iters=5) -> Schedule:
    """From lr start_factor (in (0, 1]) in a straight line to lr end_factor (in [0, 1]), and there.

    The line takes total_iters (>= 1) updates.
    """
    return bind_schedule(
        "linear_lr",
        _linear,
        lr=non_negative(lr),
        start_factor=positive_fraction(start_factor),
        end_factor=fraction(end_factor),
        total_iters=at_least_one(total_iters),
    )


def _linear(count, lr, start_factor, end_factor, total_iters):
    done = progress(count, total_iters)
    return lr * (start_factor + (end_factor - start_factor) * done)


def exponential_lr(lr, gamma) -> Schedule:
    """lr gamma^count; gamma > 0."""
    return bind_schedule("exponential_lr", _exponential, lr=non_negative(lr), gamma=positive(gamma))


def _exponential(count, lr, gamma):
    return lr * gamma ** real(count)


def polynomial_lr(lr, total_iters=5, power=1.0) -> Schedule:
    """lr (1 - count / total_iters)^power, and 0 from count = total_iters (>= 1) on; power > 0."""
    return bind_schedule(
        "polynomial_lr",
        _polynomial,
        lr=non_negative(lr),
        total_iters=at_least_one(total_iters),
        power=positive(power),
    )


def _polynomial(count, lr, total_iters, power):
    left = 1 - progress(count, total_iters)
    done = left <= 0  # 0^power has no finite derivative
    return jnp.where(done, 0, lr * jnp.where(done, 1, left) ** power)


def cosine_annealing_lr(lr, T_max, eta_min=0.0) -> Schedule:
    """Half a cosine from lr to eta_min in T_max (>= 1) updates; then, as in torch, up again to lr.

    `schedules.cosine` stays at the bottom.
    """
    return bind_schedule(
        "cosine_annealing_lr",
        _cosine,
        lr=non_negative(lr),
        T_max=at_least_one(T_max),
        eta_min=finite(eta_min),
    )


def _cosine(count, lr, T_max, eta_min):
    _, into = periods(count, 2 * T_max)
    return eta_min + (lr - eta_min) * (1 + jnp.cos(math.pi * into / T_max)) / 2


def sequential_lr(schedulers: Sequence[Callable], milestones: Sequence[int]) -> Schedule:
    """One schedule after the other: at each milestone the next begins, at its own count 0.

    Args:
      schedulers: schedules, one more than milestones.
      milestones: increasing Python ints >= 1, known at trace time.
    """
    return schedules.join(*schedulers, boundaries=milestones)
