"""Several transformations side by side: each steps on the leaves of its group, and on no others.

A group's transformation is given the tree with None in place of what is not its own, in gradients,
parameters and state alike; so it keeps nothing for the others' leaves. The names of its hyperparameters
start with the group's: "heads.2.learning_rate".
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, Static
from adaptive_tx.core.assigning import CHOSEN, ByMask, ByName
from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.states import exportable


@exportable
class GroupedState(NamedTuple):
    states: dict[str, Any]  # of each group, by its name


class Branch(NamedTuple):
    """What one group's transformation is given in an update."""

    key: str  # of its state
    update: Any
    leaves: tuple[int, ...]  # which of the whole tree's
    updates: Any
    state: Any
    params: Any


def is_grouped(update: Any) -> bool:
    """Whether it is an `update` that steps by groups."""
    return isinstance(update, Partial) and update.func is _update


def grouping(
    kind: ByName | ByMask, arguments: tuple[Arguments, Arguments]
) -> tuple[Partial, Partial]:
    """The two functions, from the arguments of `init` and of `update`."""
    init, update = arguments
    return Partial(_init, Static(kind), init), Partial(_update, Static(kind), update)


def _init(kind: Static, arguments: Arguments, params) -> GroupedState:
    names = kind.value.names(arguments.who, params, params)
    leaves, structure = jax.tree.flatten(params)
    pairs = zip(_keys(arguments), arguments.parts)
    return GroupedState({key: init(_own(structure, leaves, names, key)) for key, init in pairs})


def _update(kind: Static, arguments: Arguments, updates, state, params=None, **extra):
    update = Partial(_update, kind, arguments)
    done = []
    for branch in branches(update, updates, state, params):
        after, new = branch.update(branch.updates, branch.state, branch.params, **extra)
        done.append((branch, after, new))
    return joined(updates, done)


def branches(update: Partial, updates, state, params) -> list[Branch]:
    """What each group's transformation is given, in the order of the groups."""
    kind, arguments = update.args
    who, keys = arguments.who, _keys(arguments)
    checks.state_type(who, GroupedState, state)
    if sorted(state.states) != sorted(keys):
        raise ValueError(
            f"{who}: the state has the groups {', '.join(state.states)}, not {', '.join(keys)}."
        )
    if params is not None and jax.tree.structure(params) != jax.tree.structure(updates):
        checks.same_layout(who, "grads", updates, "params has", params)
    names = kind.value.names(who, updates, params)
    leaves, structure = jax.tree.flatten(updates)
    held = None if params is None else jax.tree.leaves(params)

    return [
        Branch(
            key,
            part,
            tuple(i for i, name in enumerate(names) if name == key),
            _own(structure, leaves, names, key),
            state.states[key],
            None if held is None else _own(structure, held, names, key),
        )
        for key, part in zip(keys, arguments.parts)
    ]


def joined(updates, done: Sequence[tuple[Branch, Any, Any]]) -> tuple[Any, GroupedState]:
    """The whole tree, from what became of each group; the leaves of no group as they were."""
    leaves, structure = jax.tree.flatten(updates)
    for branch, after, _ in done:
        for i, leaf in zip(branch.leaves, jax.tree.leaves(after), strict=True):
            leaves[i] = leaf
    return structure.unflatten(leaves), GroupedState({b.key: new for b, _, new in done})


def _own(structure: Any, leaves: Sequence[Any], names: Sequence[str | None], key: str) -> Any:
    """The tree of a group, with None in place of what is not its own."""
    return structure.unflatten([x if name == key else None for x, name in zip(leaves, names)])


def _keys(arguments: Arguments) -> list[str]:
    """What the groups' states are called."""
    return [name or CHOSEN for name in arguments.part_names]
