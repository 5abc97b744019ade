"""The state of a torch optimizer, as its state_dict() gives it, made ours; `state_dict` is the way back.

torch numbers its parameters, so somebody must say which leaf of ours each of them is (`order`): torch, if
the optimizer was made from named_parameters(), or `names`. Shapes must agree: transposing is the caller's.
Arrays may be NumPy's or tensors.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.order import Names
from adaptive_tx.compat.parts import Part, at, counted, parts_of, put
from adaptive_tx.compat.torch import parts as chains
from adaptive_tx.compat.torch.given import given_by
from adaptive_tx.compat.torch.group import numbers_in, same_kind
from adaptive_tx.compat.torch.names import SCALARS, UNCOUNTED
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.migrating.widths import encoded
from adaptive_tx.storing import stored

WHO = "load_state_dict"


def load_state_dict(
    tx: Transformation,
    params,
    state_dict: dict[str, Any],
    names: Names = None,
    step: int | None = None,
    group: int | None = None,
) -> tuple[Transformation, Any]:
    """An optimizer with the numbers of a torch run, and the state to continue it.

    Args:
      tx: the optimizer of `compat.torch` that torch's is, or a chain with it in it; its numbers are
        replaced by those of the run, its schedules stay.
      params: the parameters to go on with.
      state_dict: what torch's optimizer.state_dict() gave.
      names: our leaves, as paths like "encoder/kernel", in the order of torch's parameters, None for a
        frozen one that is not in params; or a mapping from torch's names to them, in that order if torch
        wrote no names. None: torch's own names, "encoder.weight" being encoder/weight; else, for a list
        of leaves or for leaves of different shapes, as they are flattened.
      step: the number of finished updates, for SGD and Muon, where torch does not count them.
      group: which of several param_groups, if their numbers differ; params has its leaves alone, the
        others being None or optax.MaskedNode().

    A leaf that torch has not stepped (frozen, or without a gradient) keeps its slots as `init` makes them.
    Here all leaves share one count: if it is trained later, its bias correction is that of the others.

    Raises:
      ValueError: for a missing or an extra entry, a wrong shape, another kind of optimizer, or leaves
        of equal shape that nothing tells apart.
    """
    given = given_by(WHO, params, state_dict, names, group)
    wide = stored(tx, 32)
    parts = list(parts_of(WHO, wide))
    what = f"{WHO}: param_groups[{group or 0}]"
    same_kind(what, parts, given.group)
    tx = tx.replace(numbers_in(what, parts, given.group))
    stepped = [(name, leaf, e) for (name, leaf), e in zip(given.order, given.entries) if e]
    state = _slots(parts, wide.init(params), params, stepped)
    return tx, encoded(tx, counted(state, _steps(parts, stepped, step)))


def _slots(parts: list[Part], state, params, stepped):
    """The state with torch's arrays in the slots of the leaves that it has stepped."""
    known: list[set[str]] = [{"step"} for _ in stepped]
    for part in parts:
        own: Any = at(state, part.where)
        new: dict[str, Any] = {}
        for field, theirs in chains.names_of(part).entries.items():
            if theirs in SCALARS:
                old = getattr(own, field)
                new[field] = jnp.asarray(_once(theirs, stepped, old), old.dtype)
                has = [True] * len(stepped)
            else:
                old = chains.columns_of(part, state, params)[theirs]
                new[field] = jax.tree.unflatten(
                    jax.tree.structure(params), _column(theirs, stepped, old)
                )
                has = [old[leaf] is not None for _, leaf, _ in stepped]
            for names, there in zip(known, has):
                names |= {theirs} if there else set()
        if new:
            state = put(state, part.where, own._replace(**new))
    for (name, _, entries), names in zip(stepped, known):
        if kind := sorted(set(entries) - names):
            raise ValueError(f"{WHO}: {name} has the entry {kind[0]!r}, which the optimizer lacks.")
    return state


def _entry(theirs: str, name: str, entries: dict) -> np.ndarray:
    if theirs not in entries:
        raise ValueError(
            f"{WHO}: {name} has no entry {theirs!r}; it has {', '.join(entries) or 'none'}."
        )
    return entries[theirs]


def _column(theirs: str, stepped, old: list) -> list:
    """One slot for every leaf, in our order."""
    new = list(old)
    for name, leaf, entries in stepped:
        if old[leaf] is None:
            continue
        value = _entry(theirs, name, entries)
        if value.shape != old[leaf].shape:
            raise ValueError(
                f"{WHO}: {theirs} of {name} has shape {value.shape}, but the leaf needs {old[leaf].shape}."
            )
        new[leaf] = jnp.asarray(value).astype(old[leaf].dtype)
    return new


def _once(theirs: str, stepped, otherwise):
    """A number that torch keeps for each parameter, all alike; `otherwise` if it has stepped none."""
    values = {name: float(_entry(theirs, name, entries)) for name, _, entries in stepped}
    if not values:
        return otherwise
    (first, value), *_ = values.items()
    for name, other in values.items():
        if other != value:
            raise ValueError(f"{WHO}: {theirs} is {value} for {first}, but {other} for {name}.")
    return value


def _steps(parts: list[Part], stepped, step: int | None) -> int:
    """The number of finished updates."""
    if chains.kind_of(parts) not in UNCOUNTED:
        return int(_once("step", stepped, 0))
    if step is None and any(callable(n) for part in parts for n in part.numbers.values()):
        raise ValueError(
            f"{WHO}: torch does not count the steps of this optimizer, and a schedule needs "
            "them; give step=."
        )
    return step if step is not None else int(bool(stepped))
