"""Schedules that go from one value to another: drops, straight lines, powers, exponentials, memories."""

from collections.abc import Sequence

import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import Decay
from adaptive_tx.core.ranges import at_least_one, decay_rate, finite, non_negative, positive
from adaptive_tx.core.schedule import Schedule, bind_schedule, elapsed, periods, progress, real
from adaptive_tx.core.typing import Scalar


@explained
def constant(value: Scalar) -> Schedule:
    """`value`, always."""
    return bind_schedule("constant", _constant, value=finite(value))


def _constant(count, value):
    return value


@explained
def step_decay(value: Scalar, every: Scalar, factor: Scalar) -> Schedule:
    """`value` times `factor` once for every `every` updates: value factor^floor(count / every).

    Starts at value; the update number k * every (from 0) is the first with factor^k; never ends.

    Args:
      value: first value.
      every: updates between drops, >= 1.
      factor: what each drop multiplies by, >= 0.
    """
    return bind_schedule(
        "step_decay",
        _step_decay,
        value=finite(value),
        every=at_least_one(every),
        factor=non_negative(factor),
    )


def _step_decay(count, value, every, factor):
    return value * factor ** periods(count, every)[0]


@explained
def multi_step(value: Scalar, boundaries: Sequence[int], factor: Scalar) -> Schedule:
    """`value` times `factor` once for each boundary reached (count >= boundary).

    Starts at value; after the last boundary it stays at value factor^len(boundaries).

    Args:
      value: first value.
      boundaries: increasing Python ints >= 1, known at trace time.
      factor: what each boundary multiplies by, >= 0.
    """
    steps = checks.increasing("multi_step", "boundaries", boundaries)
    return bind_schedule(
        "multi_step",
        _multi_step,
        {"boundaries": steps},
        value=finite(value),
        factor=non_negative(factor),
    )


def _multi_step(count, boundaries, value, factor):
    return value * factor ** sum((count >= b).astype(value.dtype) for b in boundaries)


@explained
def exponential(
    value: Scalar, steps: Scalar, factor: Scalar, *, staircase: bool = False
) -> Schedule:
    """`value` times `factor` over every `steps` updates, smoothly: value factor^(count / steps).

    Starts at value; is value factor at count = steps; never ends.

    Args:
      value: first value.
      steps: updates in which it is multiplied once, >= 1. With steps=1, factor is per step.
      factor: > 0.
      staircase: whether count / steps is rounded down (then the same as `step_decay`).
    """
    if checks.flag("exponential", "staircase", staircase):
        checks.number("exponential", "factor", positive(factor))
        return step_decay(value, steps, factor)
    return bind_schedule(
        "exponential",
        _exponential,
        value=finite(value),
        steps=at_least_one(steps),
        factor=positive(factor),
    )


def _exponential(count, value, steps, factor):
    return value * factor ** (real(count) / steps)


@explained
def linear(start: Scalar, end: Scalar, steps: Scalar) -> Schedule:
    """From `start` at count 0 in a straight line to `end` at count = steps, and `end` from then on.

    Args:
      start: value at count 0.
      end: value at count = steps and after.
      steps: length, >= 1.
    """
    return bind_schedule(
        "linear", _linear, start=finite(start), end=finite(end), steps=at_least_one(steps)
    )


def _linear(count, start, end, steps):
    return start + (end - start) * progress(count, steps)


@explained
def polynomial(start: Scalar, end: Scalar, steps: Scalar, *, power: Scalar = 1.0) -> Schedule:
    """From `start` at count 0 to `end` at count = steps: end + (start - end) (1 - count/steps)^power.

    Stays at end from then on.

    Args:
      start: value at count 0.
      end: value at count = steps and after.
      steps: length, >= 1.
      power: > 0; 1 is `linear`.
    """
    return bind_schedule(
        "polynomial",
        _polynomial,
        start=finite(start),
        end=finite(end),
        steps=at_least_one(steps),
        power=positive(power),
    )


def _polynomial(count, start, end, steps, power):
    left = 1 - progress(count, steps)
    done = left <= 0  # 0^power has no finite derivative
    return jnp.where(done, end, end + (start - end) * jnp.where(done, 1, left) ** power)


@explained
def inverse_sqrt(value: Scalar) -> Schedule:
    """value / sqrt(count + 1): the Adam paper's alpha / sqrt(t). Starts at value, never ends.

    Source: Kingma and Ba, arXiv:1412.6980, sections 4 and 6.1.
    """
    return bind_schedule("inverse_sqrt", _inverse_sqrt, value=finite(value))


def _inverse_sqrt(count, value):
    return value / jnp.sqrt(real(count) + 1)


@explained
def constant_then_exponential(value: Scalar, steps: Scalar, rate: Scalar) -> Schedule:
    """`value` up to count = steps, then value exp(-rate (count - steps)).

    Args:
      value: the first value, also at count = steps.
      steps: how long it stays, >= 0.
      rate: of the decay, per update, >= 0.
    """
    return bind_schedule(
        "constant_then_exponential",
        _constant_then_exponential,
        value=finite(value),
        steps=non_negative(steps),
        rate=non_negative(rate),
    )


def _constant_then_exponential(count, value, steps, rate):
    return value * jnp.exp(-rate * jnp.maximum(elapsed(count, steps), 0))


@explained
def half_life(start: Scalar, end: Scalar, steps: Scalar) -> Schedule:
    """From the decay rate `start` to `end`, while the half-life of the average grows in a straight line.

    The half-life log(1/2) / log(b) is that of start at count 0, that of end at count = steps and after. A
    line from 0.9 to 0.9999 in b itself would have half the final memory only in the last thousandth of it.

    Args:
      start: decay rate at count 0, in [0, 1).
      end: decay rate at count = steps and after, in [0, 1).
      steps: length, >= 1.

    A rule gets 1 - b to float32's last digit, of which b near 1 keeps three.

    Source: Pagliardini et al., AdEMAMix, arXiv:2409.03137, and their code for JAX; the one for torch is a
    count ahead, and takes the half-lives of b + 1e-8.
    """
    return bind_schedule(
        "half_life",
        _half_life,
        start=decay_rate(start),
        end=decay_rate(end),
        steps=at_least_one(steps),
    )


def _half_life(count, start: Decay, end: Decay, steps):
    done = progress(count, steps)
    memory = (1 - done) * _memory(start) + done * _memory(end)
    keeps = memory > 0
    return Decay(jnp.where(keeps, -jnp.expm1(-1 / jnp.where(keeps, memory, 1)), 1))


def _memory(b: Decay):
    """1 / -log(b), in steps: the half-life over log(2); 0 of b = 0."""
    keeps = b.weight < 1
    return jnp.where(keeps, -1 / jnp.log1p(-jnp.where(keeps, b.weight, 0.5)), 0)
