"""A chain as torch would see it: its parts, their arrays and numbers under torch's names."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax

from adaptive_tx.compat.torch.names import GROUPS, PARTS, SCALARS, Names, switches
from adaptive_tx.core.arguments import Arguments, arguments_of
from adaptive_tx.core.transformation import Transformation


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a chain: where it stands, how it was made, and torch's names for what it has."""

    where: tuple[int, ...]
    made: Arguments
    numbers: dict[str, Any]

    @property
    def names(self) -> Names:
        return PARTS.get(self.made.who, Names())

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


def kind_of(parts: list[Part]) -> str:
    """The part that makes the optimizer what it is; "" for SGD."""
    return next((part.made.who for part in parts if GROUPS.get(part.made.who)), "")


def group_of(parts: list[Part]) -> dict[str, Any]:
    found = switches({part.made.who: dict(part.made.settings) for part in parts})
    return {
        key: found.get(key, absent) if absent is None else absent
        for key, absent in GROUPS[kind_of(parts)].items()
    }


def at(state, where: tuple[int, ...]):
    for i in where:
        state = state[i]
    return state


def put(state, where: tuple[int, ...], new):
    if not where:
        return new
    i, *rest = where
    return (*state[:i], put(state[i], tuple(rest), new), *state[i + 1 :])


def columns_of(part: Part, state, params) -> dict[str, list]:
    """torch's name -> one slot per leaf of params, or None where the leaf has none."""
    own, structure = at(state, part.where), jax.tree.structure(params)
    return {
        theirs: structure.flatten_up_to(getattr(own, field))
        for field, theirs in part.names.entries.items()
        if theirs not in SCALARS
    }
