"""Several transformations side by side: each steps on the leaves of its group, and on no others.

A group's transformation is given the tree with None in place of what is not its own, in gradients,
parameters and state alike; so it keeps nothing for the others' leaves. The names of its hyperparameters
start with the group's: "heads.2.learning_rate".
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, Static
from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.masks import Mask, Matching
from adaptive_tx.core.paths import with_paths
from adaptive_tx.core.states import exportable

SHOWN = 5  # so many leaves are listed in an error
CHOSEN = "inner"  # the one group of `masked`


@exportable
class GroupedState(NamedTuple):
    states: dict[str, Any]  # of each group, by its name


class Patterns(tuple):
    """Regular expressions on paths by the names of their groups: a dict that can be hashed."""

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclasses.dataclass(frozen=True)
class ByName:
    """Groups by patterns or a function; what is in none belongs to `default`, if there is one."""

    by: Any  # Patterns, or a function of a path and an array
    groups: tuple[str, ...]  # without `default`
    default: str | None

    def names(self, who: str, updates, params) -> list[str]:
        """The name of each leaf's group.

        Raises:
          TypeError: for a function that returns something else than a name or None.
          ValueError: for leaves of two groups or of none, and for a pattern that matches none.
        """
        leaves = with_paths(updates if params is None else params)
        paths = [path for path, _ in leaves]
        found = self._by_pattern(who, paths)
        if found is None:
            found = [self._by_function(who, path, leaf) for path, leaf in leaves]
        if self.default is None and None in found:
            others = [path for path, name in zip(paths, found) if name is None]
            raise ValueError(
                f"{who}: in no group: {listed(others)}; give default=, the transformation for all others."
            )
        whole = not any(leaf is None for leaf in jax.tree.leaves(updates, is_leaf=_is_none))
        for group, pattern in self._required() if whole else ():
            if paths and group not in found:
                raise ValueError(
                    f"{who}: the group {group!r} is empty: {pattern} matches none of {listed(paths)}."
                )
        return [name or self.default or "" for name in found]

    def _required(self) -> list[tuple[str, str]]:
        """The groups that must have a leaf, where the tree is no group of another one; and why."""
        if isinstance(self.by, Patterns):
            return [(group, repr(pattern)) for group, pattern in self.by]
        return [(group, "by") for group in getattr(self.by, "required", ())]

    def _by_pattern(self, who: str, paths: Sequence[str]) -> list[str | None] | None:
        if not isinstance(self.by, Patterns):
            return None
        found = [[name for name, pattern in self.by if re.search(pattern, p)] for p in paths]
        if twice := [
            f"{p} ({', '.join(names)})" for p, names in zip(paths, found) if len(names) > 1
        ]:
            raise ValueError(f"{who}: in several groups: {listed(twice)}.")
        return [names[0] if names else None for names in found]

    def _by_function(self, who: str, path: str, leaf) -> str | None:
        name = self.by(path, leaf)
        if name is not None and name != self.default and name not in self.groups:
            groups = ", ".join(map(repr, self.groups))
            raise TypeError(
                f"{who}: by must return one of {groups}, or None; got {name!r} at {path}."
            )
        return name


@dataclasses.dataclass(frozen=True)
class ByMask:
    """One group, the leaves that a mask chooses; the others pass untouched."""

    mask: Mask

    def names(self, who: str, updates, params) -> list[str | None]:
        chosen = self.mask.leaves(who, updates, updates if params is None else params)
        whole = not any(leaf is None for leaf in jax.tree.leaves(updates, is_leaf=_is_none))
        if isinstance(self.mask.only, Matching) and whole and chosen and not any(chosen):
            paths = listed([path for path, _ in with_paths(updates)])
            raise ValueError(f"{who}: only={self.mask.only} matches no path of {paths}.")
        return [CHOSEN if leaf else None for leaf in chosen]


class Branch(NamedTuple):
    """What one group's transformation is given in an update."""

    key: str  # of its state
    update: Any
    leaves: tuple[int, ...]  # which of the whole tree's
    updates: Any
    state: Any
    params: Any


def patterns_of(who: str, by: Any) -> Any:
    """The argument `by`, checked: a function, or Patterns."""
    if callable(by):
        return by
    if not isinstance(by, Mapping):
        raise TypeError(
            f"{who}: by must be a dict of regular expressions by group, or a function of a path and an "
            f"array that returns the name of a group; got {by!r}."
        )
    for name, pattern in by.items():
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"{who}: by[{name!r}] must be a regular expression, got {pattern!r}: {error}."
            ) from error
    return Patterns(by.items())


def _is_none(leaf) -> bool:
    return leaf is None


def listed(paths: Sequence[str]) -> str:
    more = len(paths) - SHOWN
    return ", ".join(paths[:SHOWN]) + (f" and {more} more" if more > 0 else "")


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
    states = {}
    for key, init in zip(_keys(arguments), arguments.parts):
        own = [leaf if name == key else None for leaf, name in zip(leaves, names)]
        states[key] = init(structure.unflatten(own))
    return GroupedState(states)


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

    def own(values: Sequence[Any], key: str):
        return structure.unflatten([v if name == key else None for v, name in zip(values, names)])

    return [
        Branch(
            key,
            part,
            tuple(i for i, name in enumerate(names) if name == key),
            own(leaves, key),
            state.states[key],
            None if held is None else own(held, key),
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


def _keys(arguments: Arguments) -> list[str]:
    """What the groups' states are called."""
    return [name or CHOSEN for name in arguments.part_names]
