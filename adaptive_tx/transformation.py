"""An optimizer is a value: a pytree whose leaves are its hyperparameters.

A `Transformation` is an optax transformation whose two functions are `jax.tree_util.Partial`s. The
last thing bound to each is the `Arguments` of the constructor call that made it (`arguments`); what
all values can do is in `values`. Here: reading and replacing hyperparameters by name, making a
transformation from two functions, and chaining.
"""

from collections.abc import Callable, Iterator
from typing import Any

import optax
from jax.tree_util import Partial

from adaptive_tx import checks, values
from adaptive_tx.arguments import Arguments, Static, arguments_of


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
    __eq__ = values.equal
    __ne__ = values.unequal
    __hash__ = values.hashed
    concrete = values.concrete

    def __repr__(self) -> str:
        return values.written(self.init, self.update)

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
        full = {
            _full_name(values.who_made(self), name, list(known)): value
            for name, value in given.items()
        }
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
    return Transformation(
        Partial(init, *static, Arguments.of(who, at_init or {}, settings)),
        Partial(update, *static, Arguments.of(who, numbers, settings)),
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
    part = Static(part)
    return Transformation(Partial(_optax_init, part), Partial(_optax_update, part))


def _optax_init(part: Static, params):
    return part.value.init(params)


def _optax_update(part: Static, updates, state, params=None, **extra):
    update = optax.with_extra_args_support(part.value).update
    return update(updates, state, params, **extra)


def _chain_init(arguments: Arguments, params):
    return tuple(init(params) for init in arguments.values)


def _chain_update(arguments: Arguments, updates, state, params=None, **extra):
    checks.chain_state(state, len(arguments.values))
    new_state = []
    for update, old in zip(arguments.values, state):
        updates, new = update(updates, old, params, **extra)
        new_state.append(new)
    return updates, tuple(new_state)


def _names(function: Callable, prefix: str = "") -> Iterator[str]:
    if (arguments := arguments_of(function)) is None:
        return
    for name, value, allowed in zip(arguments.names, arguments.values, arguments.ranges):
        if allowed is None:
            yield from _names(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _numbers(
    update: Callable, init: Callable, state: Any, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    if (arguments := arguments_of(update)) is None:
        return
    for i, (name, allowed) in enumerate(zip(arguments.names, arguments.ranges)):
        if allowed is None:
            if not hasattr(state, "inner_state"):
                checks.chain_state(state, len(arguments.names))
            inner = state.inner_state if hasattr(state, "inner_state") else state[i]
            parts = arguments.values[i], arguments_of(init).values[i]
            yield from _numbers(*parts, inner, f"{prefix}{name}.")
    for name, value in arguments_of(init).at_start().items():
        yield prefix + name, value
    if any(arguments.ranges):
        checks.counted(arguments.who, state)
        for name, value in arguments.at(state.count).items():
            yield prefix + name, value


def _put(function: Any, changes: dict[str, Any], prefix: str = "") -> Any:
    if (arguments := arguments_of(function)) is None:
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
