"""A schedule is a value too: a function of the number of finished updates, whose numbers are leaves.

A count is an int32, and stays one as long as steps are told apart: float32 knows only every second
count above 2^24. What a formula needs as a float comes from the functions below, to the step.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import probing, ranges, values
from adaptive_tx.core.arguments import Arguments, Static, arguments_of, as_schedule, in_dtype
from adaptive_tx.core.keeping import Partial, keepable
from adaptive_tx.core.numerics import Decay


@keepable
@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """A function of the number of finished updates, as a value: `step -> value`."""

    evaluate: Partial

    def __call__(self, count: chex.Numeric) -> jax.Array:
        value = self.evaluate(count)
        return 1 - value.weight if isinstance(value, Decay) else value

    def decay(self, count: chex.Numeric) -> Decay:
        """Its value as a decay rate b: 1 - b to the last digit, if its function returns it so."""
        value = self.evaluate(count)
        if not isinstance(value, Decay):
            return Decay.of(probing.within(value, ranges.decay_rate))
        return value

    __eq__ = values.equal
    __hash__ = values.hashed
    concrete = values.concrete

    def __repr__(self) -> str:
        return values.written(self.evaluate)

    @property
    def holds_functions(self) -> bool:
        """Whether some of it is not the library's, and so may be meant for some counts only."""
        inner = arguments_of(self.evaluate).parts
        return any(not isinstance(v, Schedule) or v.holds_functions for v in inner)


def bind_schedule(
    who: str, function: Callable, settings: dict[str, Any] | None = None, **arguments: Any
) -> Schedule:
    """`function(count, **settings, **arguments)` as a schedule.

    Arguments that are marked numbers are checked, and become its leaves; the others are schedules,
    and their leaves become its leaves. `settings` are hashable and known at trace time. The function
    gets an integer count where it is called with one, and decay rates as `Decay`; it may return one.
    """
    inner = {k: as_schedule(who, k, v) for k, v in arguments.items() if not _is_number(v)}
    numbers = {k: v for k, v in arguments.items() if _is_number(v)}
    bound = Arguments.of(who, numbers, settings or {}, inner, fixed=True)
    return Schedule(Partial(_evaluate, Static(function), bound))


def _is_number(argument) -> bool:
    return isinstance(argument, ranges.Number)


def _evaluate(function: Static, arguments: Arguments, count):
    count = jnp.asarray(count)
    count = count.astype(jnp.int32 if _is_whole(count) else float)
    inner = dict(zip(arguments.part_names, arguments.parts))
    numbers = in_dtype(arguments.for_step(jnp.zeros((), jnp.int32)), jnp.result_type(float))
    return function.value(count, **dict(arguments.settings), **inner, **numbers)


def _is_whole(count: jax.Array) -> bool:
    return jnp.issubdtype(count.dtype, jnp.integer)


def real(count: jax.Array) -> jax.Array:
    """The count as a float, to float32's last digit: for what does not jump from one count to the next."""
    return count.astype(float)


def progress(count: jax.Array, steps: jax.Array) -> jax.Array:
    """How much of `steps` is done, from 0 to 1."""
    return jnp.minimum(real(count) / steps, 1)


def elapsed(count: jax.Array, start: jax.Array) -> jax.Array:
    """count - start as a float: negative before, and to the step after it, however large the count is.

    The start is what float32 has of it.
    """
    if not _is_whole(count):
        return count - start
    whole = lax.stop_gradient(jnp.clip(jnp.floor(start), 0, 2.0**31 - 128))
    return real(count - whole.astype(count.dtype)) - (start - whole)


def begun(count: jax.Array, start: jax.Array) -> jax.Array:
    """The count of a schedule that begins at the first count >= start: an integer as `count` is."""
    if not _is_whole(count):
        return jnp.maximum(count - start, 0)
    first = jnp.clip(jnp.ceil(start), 0, 2.0**31 - 128)
    return jnp.maximum(count - first.astype(count.dtype), 0)


def periods(count: jax.Array, period: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How many whole periods are over, and how much of the present one, in [0, period), both floats.

    The remainder of a float is exact: of a large count, that of its upper bits, and that of the others.
    """
    if _is_whole(count):
        upper, lower = real(count // 4096) * 4096, real(count % 4096)
        over, more = lax.rem(upper, period), lax.rem(lower, period)
        left = period - over
        into = jnp.where(more >= left, more - left, over + more)
    else:
        into = lax.rem(count, period)
    return jnp.round((real(count) - into) / period), into
