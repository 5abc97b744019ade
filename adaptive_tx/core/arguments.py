"""The arguments of a constructor call, kept as a node of a pytree.

Numbers, schedules and inner transformations are the children, and so the numbers are leaves of whatever
was constructed; names, ranges and settings are structure, compared and hashed with it.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.tree_util import GetAttrKey, Partial

from adaptive_tx.core import checks, probing
from adaptive_tx.core.numerics import Decay


@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True)
class Arguments:
    """The arguments of one constructor call, in order.

    `who` is the constructor's name. `values` holds for each name a number, a schedule, or a Partial
    (the `init` or the `update` of an inner transformation); `ranges` the interval of each number, and
    None for a part. `settings` are (name, value) pairs known at trace time. What `init` is called with
    names in `scheduled` the numbers of `update` that shape the state, each with whether it is a schedule.
    `within` names the function that what the constructor made was given to, for `repr`. `clips` declares
    that the entries which this changes were clipped.
    """

    who: str
    names: tuple[str, ...]
    values: tuple[Any, ...]
    ranges: tuple[checks.Range | None, ...]
    settings: tuple[tuple[str, Any], ...] = ()
    scheduled: tuple[tuple[str, bool], ...] = ()
    within: str = ""
    clips: bool = False

    @classmethod
    def of(
        cls,
        who: str,
        numbers: dict[str, checks.Number],
        settings: dict[str, Any] | None = None,
        fixed: bool = False,
    ) -> "Arguments":
        """Check what a constructor was given, and keep it; `fixed` numbers cannot be schedules."""
        check = checks.number if fixed else _hyperparameter
        values = tuple(check(who, name, number) for name, number in numbers.items())
        ranges = tuple(number.range for number in numbers.values())
        return cls(who, tuple(numbers), values, ranges, tuple((settings or {}).items()))

    @classmethod
    def of_parts(cls, who: str, parts: Mapping[str, Callable]) -> "Arguments":
        """Keep inner transformations: one side of them, `init` or `update`."""
        return cls(who, tuple(parts), tuple(parts.values()), (None,) * len(parts))

    def at(self, count: jax.Array) -> dict[str, Any]:
        """Each number by name, with schedules evaluated at `count` finished updates."""
        return {
            name: _at(self.who, name, value, allowed, count)
            for name, value, allowed in zip(self.names, self.values, self.ranges)
            if allowed is not None
        }

    def for_step(self, count: jax.Array) -> dict[str, Any]:
        """The same, as a step takes them: each decay rate as a `Decay`."""
        decays = {n for n, allowed in zip(self.names, self.ranges) if allowed == checks.decay_rate}
        numbers = self.at(count)
        return {n: Decay.of(value) if n in decays else value for n, value in numbers.items()}

    def is_schedule(self, name: str) -> bool:
        return callable(self.values[self.names.index(name)])

    def at_start(self) -> dict[str, Any]:
        """Each number by name, as `init` sees it."""
        return self.at(jnp.zeros((), jnp.int32))

    def setting(self, name: str) -> Any:
        """An argument that is known at trace time; None if it was not given."""
        return dict(self.settings).get(name)

    def put(self, name: str, value: Any) -> "Arguments":
        """The same call with another value for one name, checked like the first."""
        if name in (shaping := dict(self.scheduled)):
            pairs = {**shaping, name: callable(value)}
            return dataclasses.replace(self, scheduled=tuple(pairs.items()))
        i = self.names.index(name)
        if (allowed := self.ranges[i]) is not None:
            value = _hyperparameter(self.who, name, allowed(value))
        return dataclasses.replace(self, values=self.values[:i] + (value,) + self.values[i + 1 :])

    def tree_flatten_with_keys(self):
        children = tuple((GetAttrKey(n), v) for n, v in zip(self.names, self.values))
        return children, tuple(getattr(self, name) for name in STRUCTURE)

    @classmethod
    def tree_unflatten(cls, structure, children):
        return cls(values=tuple(children), **dict(zip(STRUCTURE, structure)))


STRUCTURE = tuple(f.name for f in dataclasses.fields(Arguments) if f.name != "values")


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Static:
    """A pytree node without leaves around something hashable."""

    value: Any


def arguments_of(function: Any) -> Any:
    """What a constructor bound; None for a function that none of ours made."""
    args = function.args if isinstance(function, Partial) else ()
    return args[-1] if args and isinstance(args[-1], Arguments) else None


def _hyperparameter(who: str, name: str, number: checks.Number) -> Any:
    """A number, checked, or a schedule."""
    if callable(number.value):
        schedule = as_schedule(who, name, number.value)
        probing.check(who, name, schedule, number.range)
        return schedule
    return checks.number(who, name, number)


def _at(who: str, name: str, value: Any, allowed: checks.Range, count: jax.Array):
    """A number in force after `count` finished updates."""
    if isinstance(value, float):
        return value
    if not callable(value):
        if shape := jnp.shape(value):
            raise ValueError(
                f"{who}: {name} is an array of shape {shape}: these are several in one value. Map over "
                "them, jax.vmap(step)(txs, ...), or take one: jax.tree.map(lambda x: x[0], txs)."
            )
        return value
    value = value(count)
    if shape := jnp.shape(value):
        raise ValueError(
            f"{who}: the schedule of {name} must return a scalar, got an array of shape {shape}."
        )
    return probing.within(value, allowed)


def in_dtype(numbers: Any, dtype) -> Any:
    """Hyperparameters as arrays of one dtype, Python floats too: what is computed is then the same."""

    def convert(value):
        if isinstance(value, Decay):
            return value.astype(dtype)
        return lax.convert_element_type(value, dtype)

    return jax.tree.map(convert, numbers, is_leaf=lambda value: isinstance(value, Decay))


def as_schedule(who: str, name: str, value) -> Callable:
    """A function of the count as a pytree; one that is no pytree becomes one without leaves."""
    if callable(value) and not _takes_a_count(value):
        raise TypeError(
            f"{who}: {name} must be a schedule, a function of the count alone; was {value!r} meant to be "
            "called?"
        )
    if not callable(value):
        raise TypeError(
            f"{who}: {name} must be a schedule, a function of the count; got {value!r}."
        )
    return Partial(value) if jax.tree_util.all_leaves([value]) else value


def _takes_a_count(function: Callable) -> bool:
    try:
        inspect.signature(function).bind(0)
    except TypeError:
        return False
    except ValueError:  # it does not tell
        return True
    return True
