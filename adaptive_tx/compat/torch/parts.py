"""The parts of a chain under torch's names: their arrays, their numbers, and what they make together."""

from typing import Any

import jax

from adaptive_tx.compat.parts import Part, at
from adaptive_tx.compat.torch.names import GROUPS, PARTS, SCALARS, Names, switches


def names_of(part: Part) -> Names:
    return PARTS.get(part.made.who, Names())


def kind_of(parts: list[Part]) -> str:
    """The part that makes the optimizer what it is; "" for SGD."""
    return next((part.made.who for part in parts if GROUPS.get(part.made.who)), "")


def group_of(parts: list[Part]) -> dict[str, Any]:
    found = switches({part.made.who: dict(part.made.settings) for part in parts})
    return {
        key: found.get(key, absent) if absent is None else absent
        for key, absent in GROUPS[kind_of(parts)].items()
    }


def columns_of(part: Part, state, params) -> dict[str, list]:
    """torch's name -> one slot per leaf of params, or None where the leaf has none."""
    own, structure = at(state, part.where), jax.tree.structure(params)
    return {
        theirs: structure.flatten_up_to(getattr(own, field))
        for field, theirs in names_of(part).entries.items()
        if theirs not in SCALARS
    }
