"""What a state_dict() of torch says, checked: its group, and the entries of each leaf of ours.

Param groups of equal numbers are joined; of others one is taken. A parameter without an entry has taken
no step: it is frozen, or its gradient was None.
"""

from typing import Any, NamedTuple

import numpy as np

from adaptive_tx.compat.order import Names, order_of

MEMBERS = ("params", "param_names")  # what says whose a group is, and not how it is updated


class Given(NamedTuple):
    """One group: its numbers, and our leaves in torch's order with the entries of each."""

    group: dict[str, Any]
    order: list[tuple[str, int]]  # (path, position among our leaves)
    entries: list[dict[str, np.ndarray]]  # empty for a leaf that has taken no step


def given_by(
    who: str, params, state_dict: dict[str, Any], names: Names, group: int | None
) -> Given:
    """The group, and what torch keeps of each leaf of `params`; what is None counts as absent."""
    _has(who, "the state_dict", state_dict, "state", "param_groups")
    groups, state = state_dict["param_groups"], state_dict["state"]
    if not groups:
        raise ValueError(f"{who}: there are no param_groups.")
    for i, each in enumerate(groups):
        _has(who, f"param_groups[{i}]", each, "params")
    known = [i for each in groups for i in each["params"]]
    if extra := [i for i in state if i not in known]:
        raise ValueError(f"{who}: there is a state for parameter {extra[0]}, which no group names.")
    one = _joined(who, groups) if group is None else _one_of(who, groups, group)
    entries = [
        {name: array(x) for name, x in state.get(i, {}).items() if x is not None}
        for i in one["params"]
    ]
    theirs = _names_in(one)
    order = order_of(who, params, names, theirs, matters=any(entries))
    pairs = _paired(who, theirs or one["params"], order, entries)
    return Given(one, [pair for pair, _ in pairs], [entry for _, entry in pairs])


def array(value) -> np.ndarray:
    """A NumPy array from whatever it is; a tensor may need gradients or live on a device."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _names_in(group: dict[str, Any]) -> list[str] | None:
    """torch's names of its parameters; torch.distributed.checkpoint has them in place of numbers."""
    named = all(isinstance(i, str) for i in group["params"])
    return group["params"] if named else group.get("param_names")


def _has(who: str, what: str, given, *keys: str) -> None:
    for key in keys:
        if key not in given:
            raise ValueError(
                f"{who}: {what} has no {key!r}; is it what optimizer.state_dict() gives?"
            )


def _joined(who: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """All groups as one; they must be updated alike."""
    first, *others = groups
    for i, other in enumerate(others, start=1):
        for key in [key for key in {**first, **other} if key not in MEMBERS]:
            a, b = first.get(key), other.get(key)
            if not np.array_equal(array(a), array(b)):
                raise ValueError(
                    f"{who}: {key} is {a} in param_groups[0], but {b} in param_groups[{i}]; take one at "
                    "a time, group=0, with the leaves of each under its own optimizer (grouped)."
                )
    members = {key: [x for each in groups for x in each[key]] for key in MEMBERS if key in first}
    return {**first, **members}


def _one_of(who: str, groups: list[dict[str, Any]], group: int) -> dict[str, Any]:
    if group not in range(len(groups)):
        raise ValueError(f"{who}: group is {group}, but there are {len(groups)} param_groups.")
    return groups[group]


def _paired(who: str, theirs: list, order, entries):
    """Our leaves and their entries; a parameter without a leaf must have none."""
    if len(entries) != len(order):
        leaves = [pair[0] for pair in order if pair]
        raise ValueError(
            f"{who}: torch has {len(entries)} parameters, but {len(order)} are named: "
            f"{', '.join(leaves)}; None names one without a leaf."
        )
    for name, pair, entry in zip(theirs, order, entries):
        if entry and not pair:
            raise ValueError(
                f"{who}: parameter {name!r} of torch has a state, but no leaf is named for it."
            )
    return [(pair, entry) for pair, entry in zip(order, entries) if pair]
