"""What a param_group of torch says, against the chain that it should be: its switches and its numbers.

`what` is how an error begins: "load_state_dict: param_groups[0]".
"""

from typing import Any

from adaptive_tx.compat.parts import Part
from adaptive_tx.compat.torch import parts as chains
from adaptive_tx.compat.torch.given import array


def same_kind(what: str, parts: list[Part], group: dict[str, Any]) -> None:
    """The switches of the group must be those of the chain."""
    for name, ours in chains.group_of(parts).items():
        theirs = group.get(name, ours)
        theirs = "original" if (name, theirs) == ("adjust_lr_fn", None) else theirs
        taken = any((name, None) in chains.names_of(part).numbers.values() for part in parts)
        if theirs != ours and not taken:
            raise ValueError(
                f"{what}[{name!r}] is {theirs!r}, but the optimizer was made with {ours!r}."
            )


def numbers_in(what: str, parts: list[Part], group: dict[str, Any]) -> dict[str, float]:
    """The numbers of the group under our names; schedules stay as they are."""
    changes = {}
    for part in parts:
        for name, (theirs, i) in chains.names_of(part).numbers.items():
            if theirs not in group:
                raise ValueError(f"{what} has no {theirs!r}.")
            value = group[theirs] if i is None else group[theirs][i]
            if (value is None) != (name not in part.numbers):
                raise ValueError(
                    f"{what}[{theirs!r}] is {group[theirs]!r}, but the optimizer was made "
                    f"with{'out' if value is not None else ''} such a number."
                )
            if value is not None and not callable(part.numbers[name]):
                changes[part.path(name)] = float(array(value))
    return changes
