"""Schedules made of waves: cosines, with and without restarts, one cycle, triangles."""

import math

import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.ranges import at_least_one, finite, fraction, positive
from adaptive_tx.core.schedule import Schedule, bind_schedule, elapsed, periods, progress, real
from adaptive_tx.core.typing import Scalar


@explained
def cosine(peak: Scalar, steps: Scalar, *, floor: Scalar = 0.0) -> Schedule:
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
    return _half_wave(peak, floor, progress(count, steps))


def _half_wave(start, end, progress):
    return end + (start - end) * (1 + jnp.cos(math.pi * progress)) / 2


@explained
def cosine_restarts(
    peak: Scalar, period: Scalar, *, growth: int = 1, floor: Scalar = 0.0
) -> Schedule:
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
        "cosine_restarts",
        _cosine_restarts,
        {"growth": growth},
        peak=finite(peak),
        period=at_least_one(period),
        floor=finite(floor),
    )


def _cosine_restarts(count, growth, peak, period, floor):
    if growth == 1:
        return _half_wave(peak, floor, periods(count, period)[1] / period)
    _, since, length = growing_periods(count, period, float(growth))
    return _half_wave(peak, floor, since / length)


def growing_periods(count, period, growth: float):
    """Of periods that grow: the number of the present one, how much of it is over, and its length."""

    def since(k):  # it begins at period (growth^k - 1) / (growth - 1)
        return elapsed(count, period * growth**k / (growth - 1)) + period / (growth - 1)

    k = jnp.floor(jnp.log1p(real(count) / period * (growth - 1)) / math.log(growth))
    k = jnp.where(since(k) < 0, k - 1, k)  # the logarithm may have rounded across
    k = jnp.where(since(k + 1) >= 0, k + 1, k)
    return k, since(k), period * growth**k


@explained
def one_cycle(
    peak: Scalar, steps: Scalar, *, warm: Scalar = 0.3, div: Scalar = 25.0, final_div: Scalar = 1e4
) -> Schedule:
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
        "one_cycle",
        _one_cycle,
        peak=finite(peak),
        steps=at_least_one(steps),
        warm=fraction(warm),
        div=positive(div),
        final_div=positive(final_div),
    )


def _one_cycle(count, peak, steps, warm, div, final_div):
    first, top, count = peak / div, warm * steps - 1, real(count)
    # A part without a length is over at once; 1e-6 of a step is less than any that has one.
    up = jnp.clip(count / jnp.maximum(top, 1e-6), 0, 1)
    down = jnp.clip((count - top) / jnp.maximum(steps - 1 - top, 1e-6), 0, 1)
    falling = _half_wave(peak, first / final_div, down)
    return jnp.where(count <= top, _half_wave(first, peak, up), falling)


@explained
def cyclic(low: Scalar, high: Scalar, half_period: Scalar) -> Schedule:
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
    _, into = periods(count, 2 * half_period)
    return low + (high - low) * (1 - jnp.abs(into / half_period - 1))
