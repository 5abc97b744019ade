"""Which group each leaf is in: by regular expressions on its path, by a function, or by a mask."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from adaptive_tx.core.masks import Mask, Matching
from adaptive_tx.core.paths import with_paths

SHOWN = 5  # so many leaves are listed in an error
CHOSEN = "inner"  # the one group of `masked`


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
        for group, pattern in self._required() if _is_whole(updates) else ():
            if paths and group not in found:
                raise ValueError(
                    f"{who}: the group {group!r} is empty: {pattern} matches none of {listed(paths)}."
                )
        if paths and _is_whole(updates) and callable(check := getattr(self.by, "check", None)):
            check(paths)
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
        missed = bool(chosen) and not any(chosen)
        if isinstance(self.mask.only, Matching) and missed and _is_whole(updates):
            paths = listed([path for path, _ in with_paths(updates)])
            raise ValueError(f"{who}: only={self.mask.only} matches no path of {paths}.")
        return [CHOSEN if leaf else None for leaf in chosen]


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
        if not isinstance(pattern, str):
            raise TypeError(
                f"{who}: by[{name!r}] must be one regular expression for the paths of the group, got "
                f"{pattern!r}. Labels by leaf, as optax has them, are a function of path and array here."
            )
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"{who}: by[{name!r}] must be a regular expression, got {pattern!r}: {error}."
            ) from error
    return Patterns(by.items())


def _is_whole(tree) -> bool:
    """Whether no leaf is None, as in what another group, or the user, has left out."""
    return all(leaf is not None for leaf in jax.tree.leaves(tree, is_leaf=lambda x: x is None))


def listed(paths: Sequence[str]) -> str:
    more = len(paths) - SHOWN
    return ", ".join(paths[:SHOWN]) + (f" and {more} more" if more > 0 else "")
