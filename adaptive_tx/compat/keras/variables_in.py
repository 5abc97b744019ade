"""The variables of a Keras optimizer, made our state; `variables` is the way back.

They are taken in Keras' order; each path must end with the name of what stands there, and
those of one parameter must begin alike. Shapes must agree: transposing is the caller's.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.keras.variables_out import COUNT, PRODUCT, RATE, Entry, entries
from adaptive_tx.compat.parts import Part, at, counted, parts_of, put
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.migrating.widths import encoded
from adaptive_tx.storing import stored

WHO = "load_variables"


def load_variables(
    tx: Transformation,
    params,
    variables: Sequence[tuple[str, Any]],
    names: Sequence[str] | None = None,
) -> Any:
    """The state to continue a Keras run with.

    Args:
      tx: the optimizer of `compat.keras` that Keras' is, or a chain with it in it.
      params: the parameters to go on with.
      variables: [(v.path, v.numpy()) for v in optimizer.variables], in that order.
      names: our leaves in the order of Keras' variables, as paths; None: as they are flattened.

    Raises:
      ValueError: for a missing or an extra variable, a wrong shape, or another learning rate.
    """
    wide = stored(tx, 32)
    parts: list[Part] = list(parts_of(WHO, wide))
    state: Any = wide.init(params)
    expected = list(entries(WHO, wide, parts, state, params, names))
    given = [(str(path), np.asarray(array)) for path, array in variables]
    _same_list(expected, given)
    arrays = [array for _, array in given]
    for part in parts:
        mine = [(e, x) for e, x in zip(expected, arrays) if e.part is part and e.slot != RATE]
        if mine:
            own: Any = at(state, part.where)
            state = put(state, part.where, own._replace(**_slots(own, mine, params)))
    return encoded(tx, counted(state, int(arrays[0])))


def _same_list(expected: list[Entry], given: list[tuple[str, np.ndarray]]) -> None:
    """Every variable must be the one that is expected in its place."""
    labels: dict[int, str] = {}
    for entry, variable in itertools.zip_longest(expected, given):
        if variable is None:
            raise ValueError(f"{WHO}: {_said(entry)} is missing: the list ends before it.")
        path, array = variable
        if entry is None:
            raise ValueError(f"{WHO}: there is {path!r}, which the optimizer lacks.")
        label = _label(path, entry.slot)
        if label is None or (entry.name and labels.setdefault(entry.leaf, label) != label):
            raise ValueError(f"{WHO}: where {_said(entry)} should be, there is {path!r}.")
        if array.shape != np.shape(entry.value):
            raise ValueError(
                f"{WHO}: {path!r} has shape {array.shape}, but {_said(entry)} has "
                f"{np.shape(entry.value)}."
            )
        if entry.slot == RATE:
            _same_rate(entry.value, array)


def _said(entry: Entry) -> str:
    slot = entry.slot or {"row_var": "row average", "col_var": "column average"}[entry.field]
    return f"the {slot} of {entry.name}" if entry.name else f"the {slot}"


def _label(path: str, slot: str) -> str | None:
    """What stands before the name of the slot in the last part of the path; None if it is not there.

    Keras numbers a name that it has used before: "variable_1".
    """
    last = path.split("/")[-1]
    if slot == PRODUCT:
        return "" if last.startswith(slot) else None
    if slot in (COUNT, RATE):
        return "" if last == slot else None
    if not slot:
        return last
    return last.removesuffix(f"_{slot}") if last.endswith(f"_{slot}") else None


def _same_rate(ours, theirs: np.ndarray) -> None:
    """Keras keeps its rate, in float32 mostly, and a callback may have changed it."""
    if isinstance(ours, jax.Array):
        return
    if not np.isclose(ours, float(theirs), rtol=1e-6, atol=0):
        raise ValueError(
            f"{WHO}: learning_rate is {float(theirs):.6g} in Keras, but the optimizer was made with "
            f"{ours:.6g}; give it the same, and change it afterwards with replace."
        )


def _slots(own, mine: list[tuple[Entry, np.ndarray]], params) -> dict[str, Any]:
    """Field -> the tree or the number that Keras' arrays make."""
    structure, new = jax.tree.structure(params), {}
    for entry, array in mine:
        if entry.slot == PRODUCT:
            new["b1_product"] = jnp.asarray(array).astype(own.b1_product.dtype)
            continue
        old = structure.flatten_up_to(getattr(own, entry.field))
        column = new.setdefault(entry.field, [None] * len(old))
        if old[entry.leaf] is not None:
            array = entry.sign * jnp.asarray(array).astype(old[entry.leaf].dtype)
            column[entry.leaf] = array.reshape(old[entry.leaf].shape)
    return {k: structure.unflatten(x) if isinstance(x, list) else x for k, x in new.items()}
