"""Schedules: functions from the number of finished updates to a value, as values themselves.

The first update sees count 0. A schedule works for any hyperparameter: `adam(cosine(1e-3, 1000))`,
`scale_by_adam(b2=linear(0.9, 0.999, 100))`. Its numbers are leaves of the optimizer's tree: they can be
traced, mapped and differentiated, and changing one does not compile again. Each docstring says the
value at count 0, at the boundaries, and after the end.
"""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp

from adaptive_tx import checks
from adaptive_tx.checks import Range, at_least_one, fraction, non_negative, positive
from adaptive_tx.transformation import Schedule, bind_schedule

finite = Range(-math.inf, math.inf, "()")


def constant(value) -> Schedule:
    """`value`, always."""
    return bind_schedule("constant", _constant, value=finite(value))


def _constant(count, value):
    return value


def step_decay(value, every, factor) -> Schedule:
    """`value` times `factor` once for every `every` updates: value factor^floor(count / every).

    Starts at value; the update number k * every (from 0) is the first with factor^k; never ends.

    Args:
      value: first value.
      every: updates between drops, >= 1.
      factor: what each drop multiplies by, >= 0.
    """
    return bind_schedule(
        "step_decay", _step_decay,
        value=finite(value), every=at_least_one(every), factor=non_negative(factor),
    )  # fmt: skip


def _step_decay(count, value, every, factor):
    return value * factor ** jnp.floor(count / every)


def multi_step(value, boundaries: Sequence[int], factor) -> Schedule:
    """`value` times `factor` once for each boundary reached (count >= boundary).

    Starts at value; after the last boundary it stays at value factor^len(boundaries).

    Args:
      value: first value.
      boundaries: increasing Python ints >= 1, known at trace time.
      factor: what each boundary multiplies by, >= 0.
    """
    steps = checks.increasing("multi_step", "boundaries", boundaries)
    return bind_schedule(
        "multi_step", _multi_step, {"boundaries": steps},
        value=finite(value), factor=non_negative(factor),
    )  # fmt: skip


def _multi_step(count, boundaries, value, factor):
    return value * factor ** sum((count >= b).astype(count.dtype) for b in boundaries)


def exponential(value, steps, factor, staircase: bool = False) -> Schedule:
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
        "exponential", _exponential,
        value=finite(value), steps=at_least_one(steps), factor=positive(factor),
    )  # fmt: skip


def _exponential(count, value, steps, factor):
    return value * factor ** (count / steps)


def linear(start, end, steps) -> Schedule:
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
    return start + (end - start) * _progress(count, steps)


def _progress(count, steps):
    """How much of `steps` is done, from 0 to 1."""
    return jnp.minimum(count / steps, 1)


def polynomial(start, end, steps, power=1.0) -> Schedule:
    """From `start` at count 0 to `end` at count = steps: end + (start - end) (1 - count/steps)^power.

    Stays at end from then on.

    Args:
      start: value at count 0.
      end: value at count = steps and after.
      steps: length, >= 1.
      power: > 0; 1 is `linear`.
    """
    return bind_schedule(
        "polynomial", _polynomial,
        start=finite(start), end=finite(end), steps=at_least_one(steps), power=positive(power),
    )  # fmt: skip


def _polynomial(count, start, end, steps, power):
    left = 1 - _progress(count, steps)
    done = left <= 0  # 0^power has no finite derivative
    return jnp.where(done, end, end + (start - end) * jnp.where(done, 1, left) ** power)


def cosine(peak, steps, floor=0.0) -> Schedule:
    """Half a cosine wave from `peak` at count 0 to `floor` at count = steps; `floor` from then on.

    Args:
      peak: value at count 0.
      steps: length, >= 1.
      floor: value at the end and after.

    Source: Loshchilov and Hutter, SGDR, 2017, arXiv:1608.03983, equation 5, without restarts.
    """
    return bind_schedule(
        "cosine", _cosine, peak=finite(peak), steps=at_least_one(steps), floor=finite(floor)
    )


def _cosine(count, peak, steps, floor):
    return _half_wave(peak, floor, _progress(count, steps))


def _half_wave(start, end, progress):
    return end + (start - end) * (1 + jnp.cos(math.pi * progress)) / 2


def cosine_restarts(peak, period, growth: int = 1, floor=0.0) -> Schedule:
    """Cosines from `peak` towards `floor`, again and again, each `growth` times as long as the last.

    Is peak at count 0 and at each restart; just before one it is near floor; never ends.

    Args:
      peak: value at each start.
      period: length of the first wave, >= 1.
      growth: ratio of the lengths of successive waves, a Python int >= 1.
      floor: what each wave falls to.

    Source: Loshchilov and Hutter, SGDR, 2017, arXiv:1608.03983.
    """
    growth = checks.whole("cosine_restarts", "growth", growth, at_least=1)
    return bind_schedule(
        "cosine_restarts", _cosine_restarts, {"growth": growth},
        peak=finite(peak), period=at_least_one(period), floor=finite(floor),
    )  # fmt: skip


def _cosine_restarts(count, growth, peak, period, floor):
    cycles = count / period  # in units of the first wave
    if growth == 1:
        return _half_wave(peak, floor, cycles - jnp.floor(cycles))
    k = jnp.floor(jnp.log1p(cycles * (growth - 1)) / math.log(growth))
    begins = lambda k: (float(growth) ** k - 1) / (growth - 1)  # noqa: E731  a formula
    k = jnp.where(cycles < begins(k), k - 1, k)  # the logarithm may have rounded across a boundary
    k = jnp.where(cycles >= begins(k + 1), k + 1, k)
    return _half_wave(peak, floor, (cycles - begins(k)) / float(growth) ** k)


def one_cycle(peak, steps, warm=0.3, div=25.0, final_div=1e4) -> Schedule:
    """One cycle: a half cosine up to `peak`, another down to almost nothing.

    From peak / div at count 0 to peak at count = warm steps - 1, down to peak / div / final_div at
    count = steps - 1, and there from then on. The same as torch's OneCycleLR with cosine annealing.

    Args:
      peak: largest value.
      steps: length, >= 1.
      warm: fraction of the steps that go up, in [0, 1]; warm steps must be more than 1.
      div: peak over the first value, > 0.
      final_div: the first value over the last, > 0.

    Source: Smith and Topin, Super-Convergence, 2018, arXiv:1708.07120.
    """
    return bind_schedule(
        "one_cycle", _one_cycle,
        peak=finite(peak), steps=at_least_one(steps), warm=fraction(warm), div=positive(div),
        final_div=positive(final_div),
    )  # fmt: skip


def _one_cycle(count, peak, steps, warm, div, final_div):
    first, top = peak / div, warm * steps - 1
    up = jnp.clip(count / jnp.maximum(top, 1e-6), 0, 1)
    down = jnp.clip((count - top) / jnp.maximum(steps - 1 - top, 1e-6), 0, 1)
    falling = _half_wave(peak, first / final_div, down)
    return jnp.where(count <= top, _half_wave(first, peak, up), falling)


def cyclic(low, high, half_period) -> Schedule:
    """A triangle wave: `low` at count 0, `high` after `half_period` updates, `low` after two, and on.

    Args:
      low: value at count 0 and at every whole period.
      high: value at half_period.
      half_period: updates from low to high, >= 1.

    Source: Smith, Cyclical Learning Rates, 2017, arXiv:1506.01186.
    """
    return bind_schedule(
        "cyclic", _cyclic, low=finite(low), high=finite(high), half_period=at_least_one(half_period)
    )


def _cyclic(count, low, high, half_period):
    phase = count / half_period
    return low + (high - low) * (1 - jnp.abs(phase - 2 * jnp.floor(phase / 2) - 1))


def inverse_sqrt(value) -> Schedule:
    """value / sqrt(count + 1): the Adam paper's alpha / sqrt(t). Starts at value, never ends.

    Source: Kingma and Ba, arXiv:1412.6980, sections 4 and 6.1.
    """
    return bind_schedule("inverse_sqrt", _inverse_sqrt, value=finite(value))


def _inverse_sqrt(count, value):
    return value / jnp.sqrt(count + 1)


def constant_then_exponential(value, steps, rate) -> Schedule:
    """`value` up to count = steps, then value exp(-rate (count - steps)).

    Args:
      value: the first value, also at count = steps.
      steps: how long it stays, >= 0.
      rate: of the decay, per update, >= 0.
    """
    return bind_schedule(
        "constant_then_exponential", _constant_then_exponential,
        value=finite(value), steps=non_negative(steps), rate=non_negative(rate),
    )  # fmt: skip


def _constant_then_exponential(count, value, steps, rate):
    return value * jnp.exp(-rate * jnp.maximum(count - steps, 0))


def warmup_stable_decay(peak, warmup, stable, decay, floor=0.0) -> Schedule:
    """A straight line from 0 up to `peak`, then `peak`, then a straight line down to `floor`.

    Is 0 at count 0, peak from count = warmup to count = warmup + stable, floor from
    count = warmup + stable + decay on.

    Args:
      peak: the value of the plateau.
      warmup: updates on the way up, >= 1.
      stable: updates at the peak, >= 0.
      decay: updates on the way down, >= 1.
      floor: the value at the end and after.

    Source: Hu et al., MiniCPM, 2024, arXiv:2404.06395, section 4.
    """
    return bind_schedule(
        "warmup_stable_decay", _warmup_stable_decay,
        peak=finite(peak), warmup=at_least_one(warmup), stable=non_negative(stable),
        decay=at_least_one(decay), floor=finite(floor),
    )  # fmt: skip


def _warmup_stable_decay(count, peak, warmup, stable, decay, floor):
    down = jnp.clip((count - warmup - stable) / decay, 0, 1)
    return jnp.where(count < warmup, peak * count / warmup, peak + (floor - peak) * down)


def with_warmup(schedule: Callable, steps, start=0.0) -> Schedule:
    """A straight line from `start` times the schedule's first value up to it, then the schedule.

    Is start schedule(0) at count 0, schedule(0) at count = steps, and schedule(count - steps) after.
    With start = 0 the first update is exactly zero, while moments and counts advance.

    Args:
      schedule: any schedule; it begins when the warmup ends.
      steps: length of the warmup, >= 1.
      start: fraction of the first value to begin with, in [0, 1].
    """
    return bind_schedule(
        "with_warmup", _with_warmup,
        schedule=schedule, steps=at_least_one(steps), start=fraction(start),
    )  # fmt: skip


def _with_warmup(count, schedule, steps, start):
    later = schedule(jnp.maximum(count - steps, 0))
    return later * (start + (1 - start) * _progress(count, steps))


def join(*schedules: Callable, boundaries: Sequence[int]) -> Schedule:
    """One schedule after the other: the next begins, at its own count 0, when a boundary is reached.

    Args:
      *schedules: one more than boundaries.
      boundaries: increasing Python ints >= 1, known at trace time.

    Raises:
      ValueError: if the numbers of schedules and boundaries do not fit.
    """
    steps = checks.increasing("join", "boundaries", boundaries)
    if len(schedules) != len(steps) + 1:
        raise ValueError(
            f"join: needs one schedule more than boundaries, got {len(schedules)} and {len(steps)}."
        )
    parts = {str(i): part for i, part in enumerate(schedules)}
    return bind_schedule("join", _join, {"boundaries": steps}, **parts)


def _join(count, boundaries, **parts):
    first, *rest = parts.values()
    value = first(count)
    for boundary, part in zip(boundaries, rest, strict=True):
        value = jnp.where(count < boundary, value, part(jnp.maximum(count - boundary, 0)))
    return value
