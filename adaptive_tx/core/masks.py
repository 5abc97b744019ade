"""Which leaves a rule applies to, known at trace time: a mask is frozen, hashed and compared."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from adaptive_tx.core import checks
from adaptive_tx.core.paths import path_of


@dataclasses.dataclass(frozen=True)
class Mask:
    """All leaves, unless one of the two is given. Made by `mask_of`.

    `tree` is a frozen tree of bools, or a function from the parameters to such a tree. `only` is a
    predicate on a leaf's path and array.
    """

    tree: Any = None
    only: Callable[[str, jax.Array], bool] | None = None

    def __bool__(self) -> bool:
        return self.tree is not None or self.only is not None

    def settings(self) -> dict[str, Any]:
        """The arguments that made it."""
        pairs = {"mask": self.tree, "only": self.only}
        return {name: value for name, value in pairs.items() if value is not None}

    def leaves(self, who: str, updates, params) -> list[bool]:
        """One bool per leaf of `updates`; `params` is what functions and predicates look at."""
        if not self:
            return [True] * len(jax.tree.leaves(updates))
        if self.only is not None:
            flat = jax.tree.leaves_with_path(params)
            chosen = [_answer(who, path, self.only(path_of(path), leaf)) for path, leaf in flat]
            return chosen
        tree = self.tree(params) if callable(self.tree) else self.tree.thaw()
        return broadcast(who, "mask", tree, updates)


ALL = Mask()


@dataclasses.dataclass(frozen=True)
class FrozenTree:
    """A tree of bools as a hashable value."""

    structure: Any  # a PyTreeDef
    bools: tuple[bool, ...]

    def thaw(self):
        return self.structure.unflatten(self.bools)

    def __repr__(self) -> str:
        return repr(self.thaw())


@dataclasses.dataclass(frozen=True)
class Matching:
    """The predicate of a regular expression, found anywhere in a leaf's path."""

    pattern: str

    def __call__(self, path: str, leaf: jax.Array) -> bool:
        return re.search(self.pattern, path) is not None

    def __repr__(self) -> str:
        return repr(self.pattern)


def mask_of(who: str, mask: Any, only: str | Callable[[str, jax.Array], bool] | None) -> Mask:
    """A mask from the two arguments that a constructor offers, of which one may be given."""
    if mask is not None and only is not None:
        raise TypeError(f"{who}: give mask or only, not both.")
    if isinstance(only, str):
        try:
            re.compile(only)
        except re.error as error:
            raise ValueError(f"{who}: only={only!r} is no regular expression: {error}.") from error
        only = Matching(only)
    if only is not None and not callable(only):
        raise TypeError(
            f"{who}: only must be a function of a path and an array, or a regular expression; got {only!r}."
        )
    if mask is None or callable(mask):
        return Mask(mask, only)
    return Mask(frozen(who, "mask", mask))


def frozen(who: str, what: str, tree) -> FrozenTree:
    """A tree of bools; `what` is the argument that it was given as."""
    flat, structure = jax.tree.flatten_with_path(tree)
    return FrozenTree(structure, tuple(_of_tree(who, what, flat)))


def broadcast(who: str, what: str, tree, updates) -> list[bool]:
    """A mask may stop above the leaves: its bool then stands for the whole subtree, as in optax."""
    flat, structure = jax.tree.flatten_with_path(tree)
    try:
        subtrees = structure.flatten_up_to(updates)
    except ValueError as error:
        raise ValueError(f"{who}: the {what} does not fit the tree: {error}") from error
    pairs = zip(_of_tree(who, what, flat), subtrees)
    return [b for b, subtree in pairs for _ in jax.tree.leaves(subtree)]


def _of_tree(who: str, what: str, flat) -> list[bool]:
    return [_bool(who, checks.keystr(what, path), leaf) for path, leaf in flat]


def _answer(who: str, path, value) -> bool:
    """What a predicate says of a leaf; `re.search` says it by a match or None."""
    if value is None or isinstance(value, re.Match):
        return value is not None
    return _bool(who, f"only, at {checks.keystr('params', path)},", value)


def _bool(who: str, what: str, value) -> bool:
    """A bool of Python, NumPy or JAX, as Python's."""
    if isinstance(value, Tracer):
        raise TypeError(
            f"{who}: {what} must be known when tracing, got the traced {jax.typeof(value).str_short()}. "
            "Let it follow from paths, shapes and dtypes; what depends on numbers is a jnp.where."
        )
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (np.ndarray, jax.Array)) and value.shape == () and value.dtype == bool:
        return bool(value)
    raise TypeError(f"{who}: {what} must be True or False, got {value!r}.")
