"""Named axes of devices: which leaves are split over them, and what holds for all devices together.

Inside `shard_map` a device sees its shard of a split leaf, and all of a replicated one. A sum over the tree
must add the devices' parts of the first, and count the second once:

    total = sum over the leaves of psum(a leaf's own sum, the axes over which it is split)

Where `shard_map` checks types (`check_vma=True`, its default), a leaf's type tells over which axes it is
split. `shard_map(check_vma=False)`, `pmap`, which is the same, and `vmap` keep no such types: there the
user says it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks, masks
from adaptive_tx.core.arguments import Arguments

Split = tuple[str, ...]  # the named axes over which a leaf is split


def settings(who: str, axis_name: Any, sharded: Any = None) -> dict[str, Any]:
    """The two arguments that a constructor offers, checked, as its settings."""
    checks.axis_names(who, "axis_name", axis_name)
    if axis_name is None:
        if sharded is not None:
            raise ValueError(f"{who}: sharded says what is split over axis_name; give that, too.")
        return {}
    if sharded is None:
        return {"axis_name": axis_name}
    return {"axis_name": axis_name, "sharded": masks.frozen(who, "sharded", sharded)}


@dataclasses.dataclass(frozen=True)
class Axes:
    """The axes that were named, in one update. Made by `of`."""

    who: str
    names: Split
    sharded: masks.FrozenTree | None
    typed: bool  # whether types tell over which of them a leaf is split

    @classmethod
    def of(cls, arguments: Arguments) -> "Axes":
        """Those of a constructor call.

        Raises:
          NameError: if there is no such axis here.
        """
        who, name = arguments.who, arguments.setting("axis_name")
        names = (name,) if isinstance(name, str) else name or ()
        try:
            typed = {*names} <= (varying(lax.axis_index(names)) if names else {*names})
        except NameError as error:
            raise NameError(f"{who}: axis_name is {name!r}, but no such axis is here.") from error
        return cls(who, names, arguments.setting("sharded"), typed)

    def splits(self, *trees: Any) -> list[Split]:
        """For each leaf of these trees, which are alike, the axes over which it is split.

        Raises:
          ValueError: if that is not known.
        """
        leaves = [jax.tree.leaves(tree) for tree in trees]
        if not self.names:
            return [()] * len(leaves[0])
        if self.typed:
            over = [frozenset().union(*map(varying, column)) for column in zip(*leaves)]
            return [tuple(name for name in self.names if name in split) for split in over]
        if self.sharded is None:
            raise ValueError(
                f"{self.who}: pmap, vmap and shard_map(check_vma=False) do not tell which leaves are "
                f"split over {', '.join(self.names)}. Use shard_map with check_vma=True, or say it: "
                "sharded=True for all leaves, False for none, or a tree of bools like the gradients."
            )
        chosen = masks.broadcast(self.who, "sharded", self.sharded.thaw(), trees[0])
        return [self.names if split else () for split in chosen]

    def largest(self, x: jax.Array) -> jax.Array:
        """The largest on any device; of flags, whether one is set anywhere."""
        return largest(x, [n for n in self.names if not self.typed or n in varying(x)])


def varying(x: Any) -> frozenset[str]:
    """The axes of a `shard_map` over which the type of `x` varies; a Python number does nowhere."""
    return jax.typeof(x).manual_axis_type.varying if isinstance(x, jax.Array) else frozenset()


def largest(x: jax.Array, names: Sequence[str]) -> jax.Array:
    """The largest on the devices of these axes, NaN if one is; of flags, whether one is set."""
    if not names:
        return x
    if x.dtype == bool:
        return lax.pmax(x.astype(jnp.int32), tuple(names)) > 0
    return jnp.where(largest(jnp.isnan(x), names), jnp.nan, lax.pmax(x, tuple(names)))


def union(splits: Sequence[Split]) -> list[str]:
    """The axes over which some leaf is split."""
    return sorted({name for split in splits for name in split})


def summed(parts: Sequence[jax.Array], splits: Sequence[Split], dtype) -> jax.Array:
    """The sum over all leaves and devices of one number for each leaf."""
    by_split: dict[Split, jax.Array] = {}
    for part, split in zip(parts, splits, strict=True):
        by_split[split] = by_split[split] + part if split in by_split else part
    over_devices = (lax.psum(part, split) if split else part for split, part in by_split.items())
    return sum(over_devices, jnp.zeros((), dtype))


def size(leaf: Any, split: Split) -> int:
    """The number of a leaf's entries on all devices."""
    return leaf.size * lax.axis_size(split)


def check_agreement(who: str, leaf_of: str, tree: Any, what: str, x: jax.Array, mend: str) -> None:
    """What meets every leaf must not vary where a leaf does not: its replicas would part.

    Args:
      who: the constructor that complains.
      leaf_of: the name of `tree`.
      tree: the leaves.
      what: what `x` is.
      x: what meets every leaf.
      mend: what to do about it; "{axis}" stands for the axis.

    Raises:
      ValueError: if it varies where a leaf does not.
    """
    over = varying(x)
    for path, leaf in jax.tree.leaves_with_path(tree) if over else ():
        if alone := over - varying(leaf):
            axis = repr(min(alone))
            raise ValueError(
                f"{who}: {checks.keystr(leaf_of, path)} is the same on all devices of the axis {axis}, "
                f"but {what} is not; {mend.format(axis=axis)}."
            )


def check_value(who: str, updates: Any, value: Any) -> None:
    """The value that an `update` was given must be the same wherever one of the updates is."""
    mend = "give all the same, such as jax.lax.pmean(value, {axis})"
    check_agreement(who, "updates", updates, "value", value, mend)
