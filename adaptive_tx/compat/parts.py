"""A chain as other libraries see an optimizer: a list of parts, each with its numbers and its state."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp

from adaptive_tx.core.arguments import Arguments, arguments_of
from adaptive_tx.core.transformation import Transformation


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a chain: where it stands, how it was made, and its numbers."""

    where: tuple[int, ...]
    made: Arguments
    numbers: dict[str, Any]

    def path(self, name: str) -> str:
        """The name that `hyperparameters` and `replace` use."""
        return ".".join([*map(str, self.where), name])


def parts_of(who: str, tx: Transformation, where=()) -> Iterator[Part]:
    """The parts of a chain in order, those of chains in it too; those of optax are left out.

    `who` is the function that was called.
    """
    made = arguments_of(tx.update)
    if made is None:
        return
    if made.parts:
        inits = arguments_of(tx.init).parts
        for i, (init, update) in enumerate(zip(inits, made.parts)):
            yield from parts_of(who, Transformation(init, update), (*where, i))
        return
    if made.inner is not None:
        raise TypeError(
            f"{who}: {made.who} is a wrapper, and other libraries have none; give the optimizer inside "
            "it, and its state, the wrapper's inner_state."
        )
    if moving := [name for name, is_schedule in arguments_of(tx.init).scheduled if is_schedule]:
        raise ValueError(
            f"{who}: {made.who} has a schedule for {moving[0]}, and keeps the sum of its weights: a state "
            "that no other library has. Only its own continues it."
        )
    numbers = {}
    for side in (arguments_of(tx.init), made):
        numbers |= dict(zip(side.names, side.values))
    yield Part(where, made, numbers)


def at(state, where: tuple[int, ...]):
    for i in where:
        state = state[i]
    return state


def put(state, where: tuple[int, ...], new):
    if not where:
        return new
    i, *rest = where
    return (*state[:i], put(state[i], tuple(rest), new), *state[i + 1 :])


def counted(state: Any, count: int) -> Any:
    """The state with every count set."""
    if not hasattr(state, "_fields"):
        return tuple(counted(part, count) for part in state)
    if "count" not in state._fields:
        return state
    return state._replace(count=jnp.asarray(count, state.count.dtype))
