"""The whole tree, as what all leaves share may follow from it: on one device or on many."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from adaptive_tx.core import axes
from adaptive_tx.core.arguments import in_dtype
from adaptive_tx.core.norms import norm_of, sum_of_squares
from adaptive_tx.core.numerics import arithmetic_dtype, real_dtype, widen
from adaptive_tx.core.rule import keywords_of


def global_norm(grads, splits: Sequence[axes.Split] | None = None) -> jax.Array:
    """The norm of all leaves together, in their arithmetic's dtype; at least float32.

    `splits` says over which axes of devices each leaf is split (`axes.Axes.splits`).
    """
    leaves = [jnp.asarray(g) for g in jax.tree.leaves(grads)]
    splits = [()] * len(leaves) if splits is None else splits
    dtype = real_dtype(arithmetic_dtype(*(g.dtype for g in leaves)))
    total = axes.summed([sum_of_squares(widen(g, dtype)) for g in leaves], splits, dtype)
    return norm_of(total, sum(map(axes.size, leaves, splits)))


@dataclasses.dataclass(frozen=True)
class Tree:
    """All leaves of one update: what `shared` gets as `tree`. Sums are over all devices, too."""

    who: str
    grads: Any
    params: Any
    slots: dict[str, Any]  # by name, a tree like grads
    over: axes.Axes

    def norm(self) -> jax.Array:
        """The Euclidean norm of the gradients, in float32 at least. See `norms.norm_of`."""
        return global_norm(self.grads, self._splits())

    def sum(self, of_leaf: Callable[..., jax.Array], **numbers: Any) -> jax.Array:
        """The sum of `of_leaf(g, **named)` over all leaves: a real scalar for each.

        Of `p`, the parameter, and the slots `of_leaf` is given those that it names as keywords; and
        the `numbers`, which are the same for all leaves.
        """
        named = {"p": self.params, **self.slots}
        names = [name for name in keywords_of(of_leaf) if name not in numbers]
        trees = [named[name] for name in names]
        leaves = [jax.tree.leaves(tree) for tree in (self.grads, *trees)]
        dtype = real_dtype(arithmetic_dtype(*(jnp.result_type(x) for x in leaves[0])))
        parts = []
        for column in zip(*leaves, strict=True):
            g, *rest = (widen(jnp.asarray(x), dtype) for x in column)
            parts.append(of_leaf(g, **dict(zip(names, rest)), **in_dtype(numbers, dtype)))
        return axes.summed(parts, self._splits(), dtype)

    def largest(self, of_leaf: Callable[[jax.Array], jax.Array]) -> jax.Array:
        """The largest of `of_leaf(g)`, a real scalar for each leaf that is 0 or more."""
        leaves = [jnp.asarray(g) for g in jax.tree.leaves(self.grads)]
        dtype = real_dtype(arithmetic_dtype(*(g.dtype for g in leaves)))
        parts = (of_leaf(widen(g, dtype)) for g in leaves)
        return self.over.largest(functools.reduce(jnp.maximum, parts, jnp.zeros((), dtype)))

    def agree(self, known: dict[str, jax.Array]) -> None:
        """What meets every leaf must be the same on all devices where a leaf is."""
        what, mend = "the norm of all leaves", "name it: axis_name={axis}"
        for value in jax.tree.leaves(known):
            axes.check_agreement(self.who, "grads", self.grads, what, value, mend)

    def _splits(self) -> list[axes.Split]:
        return self.over.splits(self.grads)
