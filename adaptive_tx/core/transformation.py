"""An optimizer is a value: a pytree whose leaves are its hyperparameters.

A `Transformation` is an optax transformation whose two functions are `Partial`s (`keeping`). The
last thing bound to each is the `Arguments` of the constructor call that made it (`arguments`); what
all values can do is in `values`, and how hyperparameters are named in `naming`. Here: making a
transformation from two functions, and wrapping one; combining several is in `chain`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import optax

from adaptive_tx.core import naming, opaque, ranges, values
from adaptive_tx.core.arguments import Arguments, Static
from adaptive_tx.core.keeping import Partial, tell_flax
from adaptive_tx.core.states import exportable


@exportable
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

    def __new__(cls, init: Callable, update: Callable):
        """Of two functions that are no Partials it makes an opaque part, equal only to itself.

        Nothing is checked here: JAX makes a value anew from whatever its leaves have become.
        """
        tell_flax()
        if opaque.is_plain(init) or opaque.is_plain(update):
            init, update = Partial(init), Partial(opaque.plain_update, Static(update))
        return super().__new__(cls, init, update)

    @classmethod
    def _make(cls, iterable):
        return cls(*iterable)

    def __setattr__(self, name: str, value: Any):
        raise AttributeError(
            f"{values.who_made(self)}: an optimizer is a value and cannot be changed; make another: "
            f"tx = tx.replace({name}=...)."
        )

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
        return dict(naming.numbers(self.update, self.init, state))

    def replace(self, changes: dict[str, Any] | None = None, /, **by_name: Any) -> "Transformation":
        """A new transformation with other hyperparameters, their ranges checked again.

        A keyword names a hyperparameter that exists once; a dict takes the full names that
        `hyperparameters` uses: `tx.replace({"0.b1": 0.95})`.

        Raises:
          TypeError: for a name that does not exist, or exists more than once.
          ValueError: for a value out of range.
        """
        known = dict.fromkeys([*naming.names(self.init), *naming.names(self.update)])
        given = {**(changes or {}), **by_name}
        full = {
            naming.full_name(values.who_made(self), name, list(known)): value
            for name, value in given.items()
        }
        return Transformation(naming.put(self.init, full), naming.put(self.update, full))


def bind(
    who: str,
    init: Callable,
    update: Callable,
    *static: Any,
    at_init: dict[str, ranges.Number] | None = None,
    settings: dict[str, Any] | None = None,
    clips: bool = False,
    shaping: Sequence[str] = (),
    **numbers: ranges.Number,
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
      clips: whether it clips: `measured` then counts the entries that it changes.
      shaping: the numbers of which `init` must know whether they are schedules (`arguments.scheduled`).
      **numbers: the other hyperparameters.
    """
    first, later = (Arguments.of(who, n, settings or {}) for n in (at_init or {}, numbers))
    scheduled = tuple((name, later.is_schedule(name)) for name in shaping)
    first = dataclasses.replace(first, scheduled=scheduled)
    later = dataclasses.replace(later, clips=clips)
    return Transformation(Partial(init, *static, first), Partial(update, *static, later))


def wrap(
    who: str,
    init: Callable,
    update: Callable,
    inner: optax.GradientTransformation,
    *static: Any,
    settings: dict[str, Any] | None = None,
    ends: bool = False,
    **numbers: ranges.Number,
) -> Transformation:
    """A transformation around another one, whose hyperparameters keep their names.

    The two functions are called as `bind` says; the inner one is `arguments.inner`. Their state has
    a field `inner_state`, and `count` if the wrapper has numbers of its own.

    Args:
      who: name of the public constructor.
      init: makes the state.
      update: one step.
      inner: what is wrapped.
      *static: pytrees without leaves that both functions need at trace time; not printed.
      settings: hashable arguments of the constructor that are known at trace time.
      ends: whether it relies on its updates being what is added to the parameters.
      **numbers: the wrapper's own hyperparameters.

    Raises:
      ValueError: if one of them has the name of a hyperparameter of `inner`.
    """
    inner = transformation_of(who, "tx", inner)
    if hidden := {*naming.names(inner.init), *naming.names(inner.update)} & {*numbers}:
        name = min(hidden)
        raise ValueError(
            f"{who}: tx has a {name} too, and one would hide the other; put tx in a chain of its own, "
            f"whose names have a prefix: {who}(chain(tx), ...)."
        )
    at_init = Arguments.of(who, settings=settings or {}, inner=inner.init)
    own = Arguments.of(who, numbers, settings or {}, inner=inner.update)
    own = dataclasses.replace(own, ends=ends)
    return Transformation(Partial(init, *static, at_init), Partial(update, *static, own))


def transformation_of(who: str, what: str, part) -> Transformation:
    """`part` as ours; optax's, and whatever has `init` and `update`, becomes one without leaves."""
    if isinstance(part, Transformation):
        return part
    if isinstance(part, optax.GradientTransformation):
        static = Static(part)
        return Transformation(
            Partial(opaque.optax_init, static), Partial(opaque.optax_update, static)
        )
    if opaque.is_like_one(part):
        init, update = Static(part.init), Static(part.update)
        return Transformation(
            Partial(opaque.plain_init, init), Partial(opaque.plain_update, update)
        )
    raise TypeError(
        f"{who}: {what} must be a gradient transformation, got {part!r}{opaque.hint(part)}"
    )
