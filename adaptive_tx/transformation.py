"""An optimizer is a value: a pytree whose leaves are its hyperparameters.

A `Transformation` is an optax transformation whose two functions are `jax.tree_util.Partial`s. The
last thing bound to each is the `Arguments` of the constructor call that made it: the numbers and the
inner transformations are its children, and so the leaves of the tree; names, ranges and settings are
its structure. Whatever else one wants of an optimizer (equality, hash, repr, reading and replacing a
hyperparameter) is a walk over these.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.tree_util import GetAttrKey, Partial

from adaptive_tx import checks


@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True)
class Arguments:
    """The arguments of one constructor call, in order.

    `who` is the constructor's name. `values` holds for each name a number, a schedule, or a Partial
    (the `init` or the `update` of an inner transformation); `ranges` the interval of each number, and
    None for a part. `settings` are (name, value) pairs known at trace time.
    """

    who: str
    names: tuple[str, ...]
    values: tuple[Any, ...]
    ranges: tuple[checks.Range | None, ...]
    settings: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, who: str, settings=(), **marked: checks.Number) -> "Arguments":
        """Check what a constructor was given, and keep it."""
        values = tuple(_hyperparameter(who, name, number) for name, number in marked.items())
        ranges = tuple(number.range for number in marked.values())
        return cls(who, tuple(marked), values, ranges, tuple(dict(settings).items()))

    @classmethod
    def of_parts(cls, who: str, parts: dict[str, Partial], settings=()) -> "Arguments":
        """Keep inner transformations: one side of them, `init` or `update`."""
        return cls(who, tuple(parts), tuple(parts.values()), (None,) * len(parts), tuple(settings))

    def at(self, count: jax.Array | None) -> dict[str, Any]:
        """Each number by name, with schedules evaluated at `count` finished updates."""
        return {
            name: _at(self.who, name, value, count)
            for name, value, allowed in zip(self.names, self.values, self.ranges)
            if allowed is not None
        }

    def setting(self, name: str) -> Any:
        """An argument that is known at trace time."""
        return dict(self.settings)[name]

    def put(self, name: str, value: Any) -> "Arguments":
        """The same call with another value for one name, checked like the first."""
        i = self.names.index(name)
        if (allowed := self.ranges[i]) is not None:
            value = _hyperparameter(self.who, name, allowed(value))
        return dataclasses.replace(self, values=self.values[:i] + (value,) + self.values[i + 1 :])

    def tree_flatten_with_keys(self):
        children = tuple((GetAttrKey(n), v) for n, v in zip(self.names, self.values))
        return children, (self.who, self.names, self.ranges, self.settings)

    @classmethod
    def tree_unflatten(cls, structure, children):
        who, names, ranges, settings = structure
        return cls(who, names, tuple(children), ranges, settings)


def _hyperparameter(who: str, name: str, number: checks.Number) -> Any:
    """A number, checked, or a schedule."""
    if callable(number.value):
        return as_schedule(who, name, number.value)
    return checks.number(who, name, number)


def _at(who: str, name: str, value: Any, count: jax.Array | None):
    """A number in force after `count` finished updates."""
    if not callable(value):
        return value
    value = value(count.astype(float))
    if jnp.shape(value) != ():
        raise ValueError(
            f"{who}: the schedule of {name} must return a scalar, "
            f"got an array of shape {jnp.shape(value)}."
        )
    return value


def in_dtype(numbers: dict[str, Any], dtype) -> dict[str, jax.Array]:
    """Hyperparameters as arrays of one dtype, Python floats too: `1 - b` is then the same for all."""
    return {k: lax.convert_element_type(value, dtype) for k, value in numbers.items()}


# What every value here can do: compare, hash and print itself. -----------------------------------


def _equal(self, other) -> bool:
    if type(self) is not type(other):
        return NotImplemented
    ours, structure = jax.tree.flatten(self)
    theirs, other_structure = jax.tree.flatten(other)
    return structure == other_structure and all(map(_same_leaf, ours, theirs))


def _same_leaf(a, b) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b
    return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b)


def _unequal(self, other) -> bool:
    return not self == other


def _hash(self) -> int:
    leaves, structure = jax.tree.flatten(self)
    if not all(isinstance(leaf, float) for leaf in leaves):
        raise TypeError(
            f"{_who(self)}: its hyperparameters are arrays, so it has no hash and cannot be static "
            "(as in a TrainState or a jit's static argument); tx.concrete() makes them numbers."
        )
    return hash((structure, *leaves))


def _concrete(self):
    """The same value with every array hyperparameter as a Python float, checked.

    Values made by `vmap`, `grad`, `device_put` or indexing hold arrays. A float32 becomes the number
    that it prints as, so the winner of a sweep equals the same optimizer written by hand.

    Raises:
      ValueError: if a hyperparameter is not a scalar (index the sweep first) or out of its range.
    """

    def is_call(node):
        return isinstance(node, Arguments)

    def walk(node):
        if not is_call(node):
            return checks.shortest(node)
        values = (
            jax.tree.map(walk, value, is_leaf=is_call)
            if allowed is None or callable(value)
            else checks.number(node.who, name, allowed(value))
            for name, value, allowed in zip(node.names, node.values, node.ranges)
        )
        return dataclasses.replace(node, values=tuple(values))

    return jax.tree.map(walk, self, is_leaf=is_call)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Static:
    """A pytree node without leaves around something hashable."""

    value: Any


class Schedule(NamedTuple):
    """A function of the number of finished updates, as a value: `step -> value`."""

    evaluate: Partial

    def __call__(self, count: chex.Numeric) -> jax.Array:
        return self.evaluate(count)

    __eq__ = _equal
    __ne__ = _unequal
    __hash__ = _hash
    concrete = _concrete

    def __repr__(self) -> str:
        return _written(self.evaluate)


def bind_schedule(
    who: str, function: Callable, settings: dict[str, Any] | None = None, **arguments: Any
) -> Schedule:
    """`function(count, **settings, **arguments)` as a schedule.

    Arguments that are marked numbers are checked, and become its leaves; the others are schedules,
    and their leaves become its leaves. `settings` are hashable and known at trace time.
    """
    inner = {k: as_schedule(who, k, v) for k, v in arguments.items() if not _is_number(v)}
    numbers = Arguments.of(
        who, settings or {}, **{k: v for k, v in arguments.items() if _is_number(v)}
    )
    bound = dataclasses.replace(
        numbers,
        names=(*inner, *numbers.names),
        values=(*inner.values(), *numbers.values),
        ranges=((None,) * len(inner) + numbers.ranges),
    )
    return Schedule(Partial(_evaluate, _Static(function), bound))


def _is_number(argument) -> bool:
    return isinstance(argument, checks.Number)


def as_schedule(who: str, name: str, value) -> Callable:
    """A function of the count as a pytree; one that is no pytree becomes one without leaves."""
    if not callable(value):
        raise TypeError(
            f"{who}: {name} must be a schedule, a function of the count; got {value!r}."
        )
    return Partial(value) if jax.tree_util.all_leaves([value]) else value


def _evaluate(function: _Static, arguments: Arguments, count):
    count = jnp.asarray(count, float)
    values = zip(arguments.names, arguments.values, arguments.ranges)
    inner = {name: value for name, value, allowed in values if allowed is None}
    numbers = in_dtype(arguments.at(None), count.dtype)
    return function.value(count, **dict(arguments.settings), **inner, **numbers)


class Transformation(optax.GradientTransformationExtraArgs):
    """A gradient transformation that is a pytree of its hyperparameters.

    It is an `optax.GradientTransformationExtraArgs`: `init(params)` makes the state, and
    `update(grads, state, params)` returns the updates and the next state.

    >>> import jax, adaptive_tx as atx
    >>> tx = atx.scale_by_adam(b1=0.9)
    >>> jax.tree.leaves(tx)
    [0.9, 0.999, 1e-08]
    >>> tx.replace(b2=0.95)
    scale_by_adam(b1=0.9, b2=0.95, eps=1e-08)
    """

    __slots__ = ()
    __eq__ = _equal
    __ne__ = _unequal
    __hash__ = _hash
    concrete = _concrete

    def __repr__(self) -> str:
        return _written(self.init, self.update)

    def hyperparameters(self, state: Any) -> dict[str, Any]:
        """The numbers in force, by name: schedules are evaluated at the count in `state`.

        In a chain, the name starts with the position of the part: `{"0.b1": 0.9, ...}`. What only
        `init` needs is listed too.
        """
        return dict(_numbers(self.update, self.init, state))

    def replace(self, changes: dict[str, Any] | None = None, /, **by_name: Any) -> "Transformation":
        """A new transformation with other hyperparameters, their ranges checked again.

        A keyword names a hyperparameter that exists once; a dict takes the full names that
        `hyperparameters` uses: `tx.replace({"0.b1": 0.95})`.

        Raises:
          TypeError: for a name that does not exist, or exists more than once.
          ValueError: for a value out of range.
        """
        known = dict.fromkeys([*_names(self.init), *_names(self.update)])
        given = {**(changes or {}), **by_name}
        full = {_full_name(_who(self), name, list(known)): value for name, value in given.items()}
        return Transformation(_put(self.init, full), _put(self.update, full))


def bind(
    who: str,
    init: Callable,
    update: Callable,
    *static: Any,
    at_init: dict[str, checks.Number] | None = None,
    settings: dict[str, Any] | None = None,
    **numbers: checks.Number,
) -> Transformation:
    """A transformation from two module-level functions.

    They are called as `init(*static, arguments, params)` and
    `update(*static, arguments, updates, state, params, **extra)`.

    Args:
      who: name of the public constructor; errors and `repr` use it.
      init: makes the state.
      update: one step.
      *static: pytrees without leaves that both functions need at trace time; not printed.
      at_init: the numbers that only `init` needs.
      settings: hashable arguments of the constructor that are known at trace time.
      **numbers: the other hyperparameters.
    """
    settings = settings or {}
    return Transformation(
        Partial(init, *static, Arguments.of(who, settings, **(at_init or {}))),
        Partial(update, *static, Arguments.of(who, settings, **numbers)),
    )


def chain(*parts: optax.GradientTransformation) -> Transformation:
    """Applies the parts in order: the output of one is the input of the next.

    Args:
      *parts: transformations, ours or optax's. An optax part is a closure: it has no leaves, and is
        equal only to itself.

    The state is the tuple of the states of the parts, as with `optax.chain`.

    Raises:
      TypeError: for a part that is not a transformation.
    """
    parts = tuple(_part(i, part) for i, part in enumerate(parts))
    inits = {str(i): part.init for i, part in enumerate(parts)}
    updates = {str(i): part.update for i, part in enumerate(parts)}
    return Transformation(
        Partial(_chain_init, Arguments.of_parts("chain", inits)),
        Partial(_chain_update, Arguments.of_parts("chain", updates)),
    )


def _part(i: int, part) -> Transformation:
    if isinstance(part, Transformation):
        return part
    if not isinstance(part, optax.GradientTransformation):
        hint = "; was it meant to be called?" if callable(part) else "."
        raise TypeError(f"chain: part {i} must be a gradient transformation, got {part!r}{hint}")
    part = _Static(part)
    return Transformation(Partial(_optax_init, part), Partial(_optax_update, part))


def _optax_init(part: _Static, params):
    return part.value.init(params)


def _optax_update(part: _Static, updates, state, params=None, **extra):
    update = optax.with_extra_args_support(part.value).update
    return update(updates, state, params, **extra)


def _chain_init(arguments: Arguments, params):
    return tuple(init(params) for init in arguments.values)


def _chain_update(arguments: Arguments, updates, state, params=None, **extra):
    if not isinstance(state, tuple) or len(state) != len(arguments.values):
        raise ValueError(
            f"chain: expected the state of {len(arguments.values)} parts, as its own init makes it, "
            f"got {type(state).__name__} of {len(jax.tree.leaves(state))} leaves."
        )
    new_state = []
    for update, old in zip(arguments.values, state):
        updates, new = update(updates, old, params, **extra)
        new_state.append(new)
    return updates, tuple(new_state)


# Walks over the Arguments of a transformation. ---------------------------------------------------


def _arguments(function: Partial) -> Arguments | None:
    """What a constructor bound; None for a function of optax."""
    return function.args[-1] if isinstance(function.args[-1], Arguments) else None


def _names(function: Partial, prefix: str = "") -> Iterator[str]:
    if (arguments := _arguments(function)) is None:
        return
    for name, value, allowed in zip(arguments.names, arguments.values, arguments.ranges):
        if allowed is None:
            yield from _names(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _numbers(update: Partial, init: Partial, state, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if (arguments := _arguments(update)) is None:
        return
    for i, (name, allowed) in enumerate(zip(arguments.names, arguments.ranges)):
        if allowed is None:
            inner = state[i] if type(state) is tuple else state.inner_state
            parts = arguments.values[i], _arguments(init).values[i]
            yield from _numbers(*parts, inner, f"{prefix}{name}.")
    for side in (init, update):
        for name, value in _arguments(side).at(getattr(state, "count", None)).items():
            yield prefix + name, value


def _put(function: Partial, changes: dict[str, Any], prefix: str = "") -> Partial:
    if (arguments := _arguments(function)) is None:
        return function
    for name, value, allowed in zip(arguments.names, arguments.values, arguments.ranges):
        if allowed is None:
            arguments = arguments.put(name, _put(value, changes, f"{prefix}{name}."))
        elif prefix + name in changes:
            arguments = arguments.put(name, changes[prefix + name])
    return Partial(function.func, *function.args[:-1], arguments)


def _full_name(who: str, name: str, known: list[str]) -> str:
    if name in known:
        return name
    found = [full for full in known if full.endswith(f".{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise TypeError(f"{who}: {name} is ambiguous; name one of {', '.join(found)}.")
    raise TypeError(f"{who}: no hyperparameter {name}; there are {', '.join(known) or 'none'}.")


def _who(value) -> str:
    arguments = _arguments(value[-1])
    return arguments.who if arguments else "optax"


def _written(*sides: Partial) -> str:
    """The call that made a value, as source: `sides` is (init, update), or a schedule's function."""
    if (arguments := _arguments(sides[-1])) is None:
        return f"<optax {sides[0].args[-1].value.update.__qualname__.split('.')[0]}>"
    words = []
    for i, (name, allowed) in enumerate(zip(arguments.names, arguments.ranges)):
        if allowed is None:
            inner = [_arguments(side).values[i] for side in sides]
            text = _written(*inner) if len(sides) == 2 else _number_text(inner[0])
            words.append(text if name.isdigit() else f"{name}={text}")
    for side in sides:
        bound = _arguments(side)
        for name, value, allowed in zip(bound.names, bound.values, bound.ranges):
            if allowed is not None:
                words.append(f"{name}={_number_text(value)}")
    words += [f"{name}={value!r}" for name, value in arguments.settings]
    return f"{arguments.who}({', '.join(words)})"


def _number_text(value) -> str:
    if isinstance(value, jax.Array) and (value.shape or isinstance(value, jax.core.Tracer)):
        return jax.typeof(value).str_short()
    return repr(value.func) if type(value) is Partial else repr(value)
