"""keras.optimizers.schedules 3.15: learning rates as functions of the number of finished updates.

The names, order and defaults of the arguments are Keras', without name. Where the library's own schedule
is the same function, it is that.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp

from adaptive_tx import schedules
from adaptive_tx.core import checks
from adaptive_tx.core.ranges import at_least_one, finite, fraction, non_negative, positive
from adaptive_tx.core.schedule import Schedule, bind_schedule, elapsed, periods, progress, real
from adaptive_tx.schedules.waves import growing_periods


def exponential_decay(
    initial_learning_rate, decay_steps, decay_rate, staircase: bool = False
) -> Schedule:
    """initial_learning_rate decay_rate^(count / decay_steps), the exponent rounded down by staircase."""
    return schedules.exponential(
        initial_learning_rate, decay_steps, decay_rate, staircase=staircase
    )


def piecewise_constant_decay(boundaries: Sequence[int], values: Sequence) -> Schedule:
    """values[0] up to and including count = boundaries[0], then values[1], and so on.

    The boundaries are increasing Python ints >= 0, known at trace time; values are one more.
    """
    who = "piecewise_constant_decay"
    after = [checks.whole(who, "boundaries", boundary, 0) + 1 for boundary in boundaries]
    if len(values) != len(after) + 1:
        raise ValueError(
            f"{who}: values must be one more than boundaries, got {len(values)} and {len(after)}."
        )
    return schedules.join(*map(schedules.constant, values), boundaries=after)


def polynomial_decay(
    initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle: bool = False
) -> Schedule:
    """A power of a straight line to end_learning_rate in decay_steps updates, where it stays.

    With cycle it then begins anew, lower: from where it would be at that count on a line twice as
    long, and so on.
    """
    if not checks.flag("polynomial_decay", "cycle", cycle):
        return schedules.polynomial(
            initial_learning_rate, end_learning_rate, decay_steps, power=power
        )
    return bind_schedule(
        "polynomial_decay",
        _polynomial_cycle,
        {"cycle": True},
        initial_learning_rate=finite(initial_learning_rate),
        decay_steps=at_least_one(decay_steps),
        end_learning_rate=finite(end_learning_rate),
        power=positive(power),
    )


def _polynomial_cycle(count, cycle, initial_learning_rate, decay_steps, end_learning_rate, power):
    over, into = periods(count, decay_steps)
    times = jnp.maximum(jnp.where(into > 0, over + 1, over), 1)
    left = 1 - real(count) / (decay_steps * times)
    done = left <= 0  # 0^power has no finite derivative
    height = jnp.where(done, 0, jnp.where(done, 1, left) ** power)
    return end_learning_rate + (initial_learning_rate - end_learning_rate) * height


def inverse_time_decay(
    initial_learning_rate, decay_steps, decay_rate, staircase: bool = False
) -> Schedule:
    """initial_learning_rate / (1 + decay_rate count / decay_steps), the quotient rounded down by staircase.

    decay_rate must be >= 0.
    """
    checks.flag("inverse_time_decay", "staircase", staircase)
    return bind_schedule(
        "inverse_time_decay",
        _inverse_time,
        {"staircase": staircase},
        initial_learning_rate=finite(initial_learning_rate),
        decay_steps=at_least_one(decay_steps),
        decay_rate=non_negative(decay_rate),
    )


def _inverse_time(count, staircase, initial_learning_rate, decay_steps, decay_rate):
    done = periods(count, decay_steps)[0] if staircase else real(count) / decay_steps
    return initial_learning_rate / (1 + decay_rate * done)


def cosine_decay(
    initial_learning_rate, decay_steps, alpha=0.0, *, warmup_target=None, warmup_steps=0
) -> Schedule:
    """Half a cosine from initial_learning_rate to alpha times it in decay_steps updates; it stays.

    With a warmup_target: first a straight line from initial_learning_rate to it in warmup_steps,
    then the cosine, from there.
    """
    rate, steps = finite(initial_learning_rate), at_least_one(decay_steps)
    if warmup_target is None:
        return bind_schedule(
            "cosine_decay",
            _cosine,
            initial_learning_rate=rate,
            decay_steps=steps,
            alpha=fraction(alpha),
        )
    return bind_schedule(
        "cosine_decay",
        _warmed_cosine,
        initial_learning_rate=rate,
        decay_steps=steps,
        alpha=fraction(alpha),
        warmup_target=finite(warmup_target),
        warmup_steps=non_negative(warmup_steps),
    )


def _cosine(count, initial_learning_rate, decay_steps, alpha):
    return initial_learning_rate * _half_wave(progress(count, decay_steps), alpha)


def _half_wave(progress, alpha):
    return alpha + (1 - alpha) * (1 + jnp.cos(math.pi * progress)) / 2


def _warmed_cosine(count, initial_learning_rate, decay_steps, alpha, warmup_target, warmup_steps):
    warm = progress(count, jnp.maximum(warmup_steps, 1))
    rising = initial_learning_rate + (warmup_target - initial_learning_rate) * warm
    since = elapsed(count, warmup_steps)
    falling = _cosine(jnp.maximum(since, 0), warmup_target, decay_steps, alpha)
    return jnp.where(since < 0, rising, falling)


def cosine_decay_restarts(
    initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0
) -> Schedule:
    """Cosines again and again: each t_mul (>= 1) times as long and m_mul times as high as the last.

    t_mul is known at trace time. Restarts come on time also where their logarithm rounds down.
    """
    checks.number("cosine_decay_restarts", "t_mul", at_least_one(t_mul))
    return bind_schedule(
        "cosine_decay_restarts",
        _cosine_restarts,
        {"t_mul": float(t_mul)},
        initial_learning_rate=finite(initial_learning_rate),
        first_decay_steps=at_least_one(first_decay_steps),
        m_mul=non_negative(m_mul),
        alpha=fraction(alpha),
    )


def _cosine_restarts(count, t_mul, initial_learning_rate, first_decay_steps, m_mul, alpha):
    if t_mul == 1:
        k, into = periods(count, first_decay_steps)
        done = into / first_decay_steps
    else:
        k, into, length = growing_periods(count, first_decay_steps, t_mul)
        done = into / length
    height = jnp.where(m_mul > 0, jnp.where(m_mul > 0, m_mul, 1) ** k, jnp.where(k > 0, 0.0, 1.0))
    wave = height * (1 + jnp.cos(math.pi * done)) / 2
    return initial_learning_rate * (alpha + (1 - alpha) * wave)
