"""Which leaf of ours is which parameter of theirs: torch and Keras list their parameters in an order.

    names=["q/kernel", "k/kernel", None]   our leaves in their order; None: a parameter without a leaf
    names={"q.weight": "q/kernel", ...}    by torch's names
    names=None                             torch's own names where they are our paths, "a.b" for a/b;
                                           else as the leaves are flattened, where that is no guess

It is none for a list of leaves, whose order is the caller's, and where shapes tell the leaves apart.
A dict is flattened in the order of its keys, which is not that of a module: the moments of q, k and v
would change places without an error. So it is refused.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from adaptive_tx.core.paths import with_paths

Names = Sequence[str | None] | Mapping[str, str | None] | None
Order = list[tuple[str, int] | None]


def order_of(
    who: str, params, names: Names, theirs: Sequence[str] | None = None, matters: bool = True
) -> Order:
    """(path, position among our leaves) of each parameter of theirs; None for one without a leaf.

    Args:
      who: the function that was called.
      params: our parameters.
      names: as above.
      theirs: their names of their parameters, in their order, if they wrote them.
      matters: whether there is anything to confuse.
    """
    ours = [path for path, _ in with_paths(params)]
    if isinstance(names, Mapping):
        names = _by_their_names(who, names, theirs)
    elif names is None:
        names = _same_names(ours, theirs) or _flattened(who, params, ours, theirs, matters)
    names = list(names)
    if missing := [name for name in ours if name not in names]:
        raise ValueError(f"{who}: names has no {missing[0]!r}, a leaf of params.")
    if unknown := [name for name in names if name is not None and name not in ours]:
        raise ValueError(f"{who}: names has {unknown[0]!r}, but params no such leaf.")
    if len(names) - names.count(None) != len(ours):
        raise ValueError(f"{who}: names has a leaf twice; params has {len(ours)} leaves.")
    return [None if name is None else (name, ours.index(name)) for name in names]


def _by_their_names(who: str, names: Mapping, theirs) -> list[str | None]:
    """Our paths in the order of their names; without these, in that of the mapping."""
    theirs = list(names) if theirs is None else theirs
    if unknown := [name for name in names if name not in theirs]:
        raise ValueError(
            f"{who}: names has {unknown[0]!r}, but torch's names are {', '.join(theirs)}."
        )
    return [names.get(name) for name in theirs]


def _same_names(ours: list[str], theirs: Sequence[str] | None) -> list[str | None] | None:
    """Their names as our paths, if each of our leaves is among them."""
    found = [name.replace(".", "/") for name in theirs or ()]
    return [name if name in ours else None for name in found] if set(ours) <= set(found) else None


def _flattened(who: str, params, ours: list[str], theirs, matters: bool) -> list[str]:
    """Our leaves as they are flattened, where they cannot be confused."""
    shapes: dict[tuple[int, ...], str] = {}
    for (keys, leaf), name in zip(jax.tree.leaves_with_path(params), ours):
        other = shapes.setdefault(jnp.shape(leaf), name)
        in_list = all(isinstance(key, jax.tree_util.SequenceKey) for key in keys)
        if matters and not in_list and other != name:
            raise ValueError(
                f"{who}: {other} and {name} both have the shape {jnp.shape(leaf)}, and nothing says "
                f"which is which{_said(theirs)}; give names=, the leaves in the order of the parameters."
            )
    return ours


def _said(theirs: Sequence[str] | None) -> str:
    if not theirs:
        return ""
    return (
        f" (torch's {', '.join(theirs[:3])}{', ...' if len(theirs) > 3 else ''} are not our paths)"
    )
