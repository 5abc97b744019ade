"""Schedules made of phases: warmup before any schedule, warmup-stable-decay, one after the other."""

from collections.abc import Sequence

import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.ranges import at_least_one, finite, fraction, non_negative
from adaptive_tx.core.schedule import Schedule, begun, bind_schedule, elapsed, progress, real
from adaptive_tx.core.typing import Scalar, ScheduleFunction


@explained
def with_warmup(schedule: ScheduleFunction, steps: Scalar, *, start: Scalar = 0.0) -> Schedule:
    """A straight line from `start` times the schedule's first value up to it, then the schedule.

    Is start schedule(0) at count 0, schedule(0) at count = steps, and schedule(count - steps) after: it
    begins at the first count >= steps, with an integer count of its own.
    With start = 0 the first update is exactly zero, while moments and counts advance.

    Args:
      schedule: any schedule; it begins when the warmup ends.
      steps: length of the warmup, >= 1.
      start: fraction of the first value to begin with, in [0, 1].
    """
    return bind_schedule(
        "with_warmup",
        _with_warmup,
        schedule=schedule,
        steps=at_least_one(steps),
        start=fraction(start),
    )


def _with_warmup(count, schedule, steps, start):
    later = schedule(begun(count, steps))
    return later * (start + (1 - start) * progress(count, steps))


@explained
def warmup_stable_decay(
    peak: Scalar, warmup: Scalar, stable: Scalar, decay: Scalar, *, floor: Scalar = 0.0
) -> Schedule:
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
        "warmup_stable_decay",
        _warmup_stable_decay,
        peak=finite(peak),
        warmup=at_least_one(warmup),
        stable=non_negative(stable),
        decay=at_least_one(decay),
        floor=finite(floor),
    )


def _warmup_stable_decay(count, peak, warmup, stable, decay, floor):
    down = jnp.clip(elapsed(count, warmup + stable) / decay, 0, 1)
    rising = peak * real(count) / warmup
    return jnp.where(elapsed(count, warmup) < 0, rising, peak + (floor - peak) * down)


@explained
def join(*schedules: ScheduleFunction, boundaries: Sequence[int]) -> Schedule:
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
