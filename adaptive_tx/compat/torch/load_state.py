"""The state of a torch optimizer, as its state_dict() gives it, made ours.

torch numbers its parameters; `names` says which leaf of ours each of them is, in torch's order, as paths
like "encoder/kernel". Shapes must agree: transposing is the caller's. Arrays may be NumPy's or tensors.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.torch import parts as chains
from adaptive_tx.compat.torch.names import SCALARS, UNCOUNTED
from adaptive_tx.compat.torch.parts import Part
from adaptive_tx.transformation import Transformation

WHO = "load_state_dict"


def load_state_dict(
    tx: Transformation, params, state_dict: dict[str, Any], names: Sequence[str] | None = None,
    step: int | None = None,
) -> tuple[Transformation, Any]:  # fmt: skip
    """An optimizer with the numbers of a torch run, and the state to continue it.

    Args:
      tx: the optimizer of `compat.torch` that torch's is, or a chain with it in it; its numbers are
        replaced by those of the run, its schedules stay.
      params: the parameters to go on with.
      state_dict: what torch's optimizer.state_dict() gave; one param_group.
      names: our leaves in the order of torch's parameters; None: as they are flattened.
      step: the number of finished updates, for SGD and Muon, where torch does not count them.

    Raises:
      ValueError: for a missing or an extra entry, a wrong shape, or another kind of optimizer.
    """
    _has("the state_dict", state_dict, "state", "param_groups")
    groups = state_dict["param_groups"]
    if len(groups) != 1:
        raise ValueError(
            f"{WHO}: there are {len(groups)} param_groups; take one at a time, with the leaves of each "
            "under its own optimizer (optax.partition)."
        )
    group, parts = groups[0], list(chains.parts_of(tx))
    _has("param_groups[0]", group, "params")
    order = chains.order_of(WHO, params, names)
    if len(group["params"]) != len(order):
        raise ValueError(
            f"{WHO}: torch has {len(group['params'])} parameters, params has {len(order)} leaves: "
            f"{', '.join(name for name, _ in order)}."
        )
    _same_kind(parts, group)
    tx = tx.replace(_replacements(parts, group))
    given = _by_leaf(state_dict["state"], group["params"], order)
    state = _slots(parts, tx.init(params), params, order, given)
    return tx, _counted(state, _steps(parts, order, given, step))


def _has(what: str, given, *keys: str) -> None:
    for key in keys:
        if key not in given:
            raise ValueError(
                f"{WHO}: {what} has no {key!r}; is it what optimizer.state_dict() gives?"
            )


def _array(value) -> np.ndarray:
    """A NumPy array from whatever it is; a tensor may need gradients or live on a device."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _same_kind(parts: list[Part], group: dict[str, Any]) -> None:
    """The switches of the group must be those of the chain."""
    for name, ours in chains.group_of(parts).items():
        theirs = group.get(name, ours)
        theirs = "original" if (name, theirs) == ("adjust_lr_fn", None) else theirs
        taken = any((name, None) in part.names.numbers.values() for part in parts)
        if theirs != ours and not taken:
            raise ValueError(
                f"{WHO}: param_groups[0][{name!r}] is {theirs!r}, but the optimizer was made with {ours!r}."
            )


def _replacements(parts: list[Part], group: dict[str, Any]) -> dict[str, float]:
    """The numbers of the group under our names; schedules stay as they are."""
    changes = {}
    for part in parts:
        for name, (theirs, i) in part.names.numbers.items():
            if theirs not in group:
                raise ValueError(f"{WHO}: param_groups[0] has no {theirs!r}.")
            value = group[theirs] if i is None else group[theirs][i]
            if (value is None) != (name not in part.numbers):
                raise ValueError(
                    f"{WHO}: param_groups[0][{theirs!r}] is {group[theirs]!r}, but the optimizer was made "
                    f"with{'out' if value is not None else ''} such a number."
                )
            if value is not None and not callable(part.numbers[name]):
                changes[part.path(name)] = float(_array(value))
    return changes


def _by_leaf(entries: dict, ids: list, order) -> list[dict[str, np.ndarray]]:
    """The entries of each leaf, in torch's order; what is None counts as absent."""
    if extra := [i for i in entries if i not in ids]:
        raise ValueError(f"{WHO}: there is a state for parameter {extra[0]}, which no group names.")
    return [
        {name: _array(x) for name, x in entries.get(i, {}).items() if x is not None}
        for i, _ in zip(ids, order)
    ]


def _slots(parts: list[Part], state, params, order, given):
    """The state with torch's arrays in its slots."""
    known: list[set[str]] = [{"step"} for _ in order]
    for part in parts:
        own: Any = chains.at(state, part.where)
        new: dict[str, Any] = {}
        for field, theirs in part.names.entries.items():
            if theirs in SCALARS:
                new[field] = _once(theirs, order, given, getattr(own, field))
                column = [new[field]] * len(order)
            else:
                column = chains.columns_of(part, state, params)[theirs]
                new[field] = _column(theirs, order, given, column, jax.tree.structure(params))
            for names, (_, leaf) in zip(known, order):
                names |= set() if column[leaf] is None else {theirs}
        if new:
            state = chains.put(state, part.where, own._replace(**new))
    for (name, _), entries, names in zip(order, given, known):
        if kind := sorted(set(entries) - names):
            raise ValueError(f"{WHO}: {name} has the entry {kind[0]!r}, which the optimizer lacks.")
    return state


def _entry(theirs: str, name: str, entries: dict) -> np.ndarray:
    if theirs not in entries:
        raise ValueError(
            f"{WHO}: {name} has no entry {theirs!r}; it has {', '.join(entries) or 'none'}."
        )
    return entries[theirs]


def _column(theirs: str, order, given, old: list, structure):
    """One slot for every leaf, in our order."""
    new = list(old)
    for (name, leaf), entries in zip(order, given):
        if old[leaf] is None:
            continue
        value = _entry(theirs, name, entries)
        if value.shape != old[leaf].shape:
            raise ValueError(
                f"{WHO}: {theirs} of {name} has shape {value.shape}, but the leaf needs {old[leaf].shape}."
            )
        new[leaf] = jnp.asarray(value).astype(old[leaf].dtype)
    return structure.unflatten(new)


def _once(theirs: str, order, given, old):
    """A number that torch keeps for each parameter, and that must be the same for all."""
    values = {name: float(_entry(theirs, name, e)) for (name, _), e in zip(order, given)}
    (first, value), *_ = values.items()
    for name, other in values.items():
        if other != value:
            raise ValueError(f"{WHO}: {theirs} is {value} for {first}, but {other} for {name}.")
    return value if old is None else jnp.asarray(value, old.dtype)


def _steps(parts: list[Part], order, given, step: int | None) -> int:
    """The number of finished updates."""
    if chains.kind_of(parts) not in UNCOUNTED:
        return int(_once("step", order, given, None))
    if step is None and any(callable(n) for part in parts for n in part.numbers.values()):
        raise ValueError(f"{WHO}: torch does not count the steps of this optimizer, and a schedule needs "
                         "them; give step=.")  # fmt: skip
    return step if step is not None else int(any(given))


def _counted(state: Any, count: int) -> Any:
    """The state with every count set."""
    if hasattr(state, "_fields"):
        return state._replace(count=jnp.asarray(count, state.count.dtype))
    return tuple(_counted(part, count) for part in state)
