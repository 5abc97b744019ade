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
from jax.tree_util import GetAttrKey

from adaptive_tx.core import checks, probing
from adaptive_tx.core.in_force import decay_at, number_at
from adaptive_tx.core.keeping import Partial, keepable
from adaptive_tx.core.numerics import Decay
from adaptive_tx.core.ranges import Number, Range

EMPTY: Mapping[str, Any] = {}


@keepable
@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True)
class Arguments:
    """The arguments of one constructor call: numbers, settings, and what it was given to hold.

    `who` is the constructor's name. Of its numbers, which may be schedules, `names`, `values` and `ranges`
    are kept side by side. `parts` are the functions that it combines, by `part_names` (one side, `init` or
    `update`, of a chain's transformations; the schedules in a schedule), and `inner` is that of the one
    transformation that a wrapper holds. `settings` are (name, value) pairs known at trace time.

    `scheduled` tells `init` which of the numbers that shape the state are schedules. `within` names the
    function that what the constructor made was given to, for `repr`. `clips` declares that the entries
    which this changes were clipped, `keyed` that its parts are groups in a dict, `ends` that updates are
    what is added to the parameters. With `bits` below 32 a rule's slots are stored (`storage`), and one of
    the numbers is the seed of their rounding.
    """

    who: str
    names: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    ranges: tuple[Range, ...] = ()
    part_names: tuple[str, ...] = ()
    parts: tuple[Any, ...] = ()
    inner: Any = None
    settings: tuple[tuple[str, Any], ...] = ()
    scheduled: tuple[tuple[str, bool], ...] = ()
    within: str = ""
    clips: bool = False
    keyed: bool = False
    ends: bool = False
    bits: int = 32

    @classmethod
    def of(
        cls,
        who: str,
        numbers: Mapping[str, Number] = EMPTY,
        settings: Mapping[str, Any] = EMPTY,
        parts: Mapping[str, Callable] = EMPTY,
        inner: Callable | None = None,
        fixed: bool = False,
    ) -> "Arguments":
        """Check what a constructor was given, and keep it; `fixed` numbers cannot be schedules."""
        check = checks.number if fixed else _hyperparameter
        return cls(
            who,
            names=tuple(numbers),
            values=tuple(check(who, name, number) for name, number in numbers.items()),
            ranges=tuple(number.range for number in numbers.values()),
            part_names=tuple(parts),
            parts=tuple(parts.values()),
            inner=inner,
            settings=tuple(settings.items()),
        )

    def at(self, count: jax.Array) -> dict[str, Any]:
        """Each number by name, with schedules evaluated at `count` finished updates."""
        return {
            name: number_at(self.who, name, value, allowed, count)
            for name, value, allowed in zip(self.names, self.values, self.ranges)
        }

    def for_step(self, count: jax.Array) -> dict[str, Any]:
        """The numbers at `count`, as a step takes them: each decay rate as a `Decay`."""
        return {
            name: (decay_at if allowed.is_of_decay_rates else number_at)(
                self.who, name, value, allowed, count
            )
            for name, value, allowed in zip(self.names, self.values, self.ranges)
        }

    def is_schedule(self, name: str) -> bool:
        return callable(self.values[self.names.index(name)])

    def at_start(self) -> dict[str, Any]:
        """Each number by name, as `init` sees it."""
        return self.at(jnp.zeros((), jnp.int32))

    def setting(self, name: str) -> Any:
        """An argument that is known at trace time; None if it was not given."""
        return dict(self.settings).get(name)

    def put(self, name: str, value: Any) -> "Arguments":
        """The same call with another value for one number, checked like the first."""
        if name in (shaping := dict(self.scheduled)):
            pairs = {**shaping, name: callable(value)}
            return dataclasses.replace(self, scheduled=tuple(pairs.items()))
        i = self.names.index(name)
        value = _hyperparameter(self.who, name, self.ranges[i](value))
        return dataclasses.replace(self, values=self.values[:i] + (value,) + self.values[i + 1 :])

    def stored(self, bits: int, seed: Number | None) -> "Arguments":
        """The same call, with slots of so many bits each; `seed` is one more number, or none."""
        known = dict(zip(self.names, zip(self.values, self.ranges)))
        known.pop("seed" if self.bits < 32 else "", None)
        known |= {} if seed is None else {"seed": (seed.value, seed.range)}
        columns = zip(*known.values()) if known else ((), ())
        fields = dict(zip(("names", "values", "ranges"), (tuple(known), *columns)))
        return dataclasses.replace(self, bits=bits, **fields)

    def with_parts(self, put: Callable[[str, Any], Any]) -> "Arguments":
        """The same call with `put(name, part)` for each part; the name of what is wrapped is ""."""
        parts = tuple(put(name, part) for name, part in zip(self.part_names, self.parts))
        inner = None if self.inner is None else put("", self.inner)
        return dataclasses.replace(self, parts=parts, inner=inner)

    def __repr__(self) -> str:
        return f"Arguments({self.who})"

    def tree_flatten_with_keys(self):
        named = [*zip(self.part_names, self.parts), ("inner", self.inner)]
        named += zip(self.names, self.values)
        return tuple((GetAttrKey(n), v) for n, v in named), tuple(
            getattr(self, name) for name in STRUCTURE
        )

    @classmethod
    def tree_unflatten(cls, structure, children):
        fields = dict(zip(STRUCTURE, structure))
        n = len(fields["part_names"])
        return cls(
            parts=tuple(children[:n]), inner=children[n], values=tuple(children[n + 1 :]), **fields
        )


CHILDREN = ("values", "parts", "inner")
STRUCTURE = tuple(f.name for f in dataclasses.fields(Arguments) if f.name not in CHILDREN)


@keepable
@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Static:
    """A pytree node without leaves around something hashable."""

    value: Any


def arguments_of(function: Any) -> Any:
    """What a constructor bound; None for a function that none of ours made."""
    args = function.args if isinstance(function, jax.tree_util.Partial) else ()
    return args[-1] if args and isinstance(args[-1], Arguments) else None


def _hyperparameter(who: str, name: str, number: Number) -> Any:
    """A number, checked, or a schedule."""
    if callable(number.value):
        schedule = as_schedule(who, name, number.value)
        probing.check(who, name, schedule, number.range)
        return schedule
    return checks.number(who, name, number)


def in_dtype(numbers: Any, dtype) -> Any:
    """Hyperparameters as arrays of one dtype, Python floats too: what is computed is then the same."""

    def convert(value):
        if isinstance(value, Decay):
            return value.astype(dtype)
        return lax.convert_element_type(value, dtype)

    return jax.tree.map(convert, numbers, is_leaf=lambda value: isinstance(value, Decay))


def as_schedule(who: str, name: str, value) -> Callable:
    """A function of the count as a pytree; one that is no pytree becomes one without leaves."""
    if not callable(value):
        raise TypeError(
            f"{who}: {name} must be a schedule, a function of the count; got {value!r}."
        )
    if not _takes_a_count(value):
        raise TypeError(
            f"{who}: {name} must be a schedule, a function of the count alone; was {value!r} meant to be "
            "called?"
        )
    return Partial(value) if jax.tree_util.all_leaves([value]) else value


def _takes_a_count(function: Callable) -> bool:
    try:
        inspect.signature(function).bind(0)
    except (TypeError, ValueError) as error:
        return isinstance(error, ValueError)  # it does not tell
    return True
