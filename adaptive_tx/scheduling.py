"""A schedule is a value too: a function of the number of finished updates, whose numbers are leaves."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from adaptive_tx import checks, values
from adaptive_tx.arguments import Arguments, Static, as_schedule, in_dtype


class Schedule(NamedTuple):
    """A function of the number of finished updates, as a value: `step -> value`."""

    evaluate: Partial

    def __call__(self, count: chex.Numeric) -> jax.Array:
        return self.evaluate(count)

    __eq__ = values.equal
    __ne__ = values.unequal
    __hash__ = values.hashed
    concrete = values.concrete

    def __repr__(self) -> str:
        return values.written(self.evaluate)


def bind_schedule(
    who: str, function: Callable, settings: dict[str, Any] | None = None, **arguments: Any
) -> Schedule:
    """`function(count, **settings, **arguments)` as a schedule.

    Arguments that are marked numbers are checked, and become its leaves; the others are schedules,
    and their leaves become its leaves. `settings` are hashable and known at trace time.
    """
    inner = {k: as_schedule(who, k, v) for k, v in arguments.items() if not _is_number(v)}
    numbers = {k: v for k, v in arguments.items() if _is_number(v)}
    numbers = Arguments.of(who, numbers, settings, fixed=True)
    bound = dataclasses.replace(
        numbers,
        names=(*inner, *numbers.names),
        values=(*inner.values(), *numbers.values),
        ranges=((None,) * len(inner) + numbers.ranges),
    )
    return Schedule(Partial(_evaluate, Static(function), bound))


def _is_number(argument) -> bool:
    return isinstance(argument, checks.Number)


def _evaluate(function: Static, arguments: Arguments, count):
    count = jnp.asarray(count, float)
    values = zip(arguments.names, arguments.values, arguments.ranges)
    inner = {name: value for name, value, allowed in values if allowed is None}
    numbers = in_dtype(arguments.at_start(), count.dtype)
    return function.value(count, **dict(arguments.settings), **inner, **numbers)


def progress(count: jax.Array, steps: jax.Array) -> jax.Array:
    """How much of `steps` is done, from 0 to 1."""
    return jnp.minimum(count / steps, 1)
