"""The state of an optimizer as Keras' optimizer.variables would list it.

    [("adam/iteration", 20), ("adam/learning_rate", 0.001), ("adam/dense_kernel_momentum", ...), ...]

Keras takes it back by order, `optimizer.set_weights([array for _, array in variables(...)])`; the
paths are for reading. `load_variables` is the way back.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.keras.names import PARTS, PREFIXES
from adaptive_tx.compat.order import order_of
from adaptive_tx.compat.parts import Part, at, parts_of
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.migrating.widths import decoded
from adaptive_tx.scale_by.factored_rms import product
from adaptive_tx.storing import stored

FACTORED = "scale_by_factored_rms"
COUNT, RATE, PRODUCT = "iteration", "learning_rate", "variable"


class Entry(NamedTuple):
    """One variable: Keras' name for it, its value, and whose it is, if a leaf's."""

    slot: str
    value: Any
    part: Part | None = None
    field: str = ""
    leaf: int = 0  # the position among our leaves
    name: str = ""  # our name of the leaf
    sign: int = 1  # Keras keeps sign times ours


def variables(
    tx: Transformation, state, params, names: Sequence[str] | None = None
) -> list[tuple[str, np.ndarray]]:
    """What [(v.path, v.numpy()) for v in optimizer.variables] would say after the same steps.

    Args:
      tx: an optimizer of `compat.keras`, or a chain with one in it.
      state: its state.
      params: the parameters that the state is for.
      names: our leaves in the order of Keras' variables, as paths; None: as they are flattened.
    """
    tx, state = stored(tx, 32), decoded(tx, state)
    parts = list(parts_of("variables", tx))
    prefix = next((PREFIXES[p.made.who] for p in parts[::-1] if p.made.who in PREFIXES), "sgd")
    listed = entries("variables", tx, parts, state, params, names)
    return [(f"{prefix}/{_label(entry)}", np.array(entry.value)) for entry in listed]


def entries(who: str, tx, parts: list[Part], state, params, names) -> Iterator[Entry]:
    """All variables in Keras' order."""
    groups = [(group, part) for part in parts for group in PARTS.get(part.made.who, ())]
    order = [pair for pair in order_of(who, params, names, matters=bool(groups)) if pair]
    yield Entry(COUNT, _count_of(state))
    rates = [(p, p.numbers[RATE]) for p in parts if RATE in p.numbers]
    for part, rate in rates:
        if not callable(rate):  # Keras has no variable for a schedule
            yield Entry(RATE, tx.hyperparameters(state)[part.path(RATE)], part)
    is_rmsprop = any("rms" in part.made.who for part in parts)  # it subtracts its momentum
    for group, part in sorted(groups, key=lambda pair: pair[0].rank):
        own = at(state, part.where)
        columns = _columns(part, own, params)
        sign = -1 if is_rmsprop and part.made.who == "velocity" else 1
        for name, leaf in order:
            for slot, field in group.slots:
                yield Entry(slot, sign * columns[field][leaf], part, field, leaf, name, sign)
    for part in parts:
        if part.made.who == "scale_by_nadam_scheduled":
            yield Entry(PRODUCT, at(state, part.where).b1_product, part)


def _columns(part: Part, own, params) -> dict[str, Sequence]:
    """Field -> one array per leaf, as Keras has it."""
    structure = jax.tree.structure(params)
    fields = [field for group in PARTS[part.made.who] for _, field in group.slots]
    columns = [structure.flatten_up_to(getattr(own, field)) for field in fields]
    if part.made.who == FACTORED:
        columns = list(zip(*(_unfactored(*leaf) for leaf in zip(*columns))))
    return dict(zip(fields, columns))


def _unfactored(row_var, col_var, variance):
    """Keras keeps the product of rows and columns too, and a 0 where there are none."""
    if row_var is None:
        return jnp.zeros((), variance.dtype), jnp.zeros((), variance.dtype), variance
    return row_var[..., 0], col_var[..., 0, :], product(row_var, col_var)


def _count_of(state):
    """The number of finished updates: that of the first part that counts."""
    if isinstance(state, tuple) and not hasattr(state, "_fields"):
        found = [_count_of(part) for part in state]
        return next((count for count in found if count is not None), None)
    return getattr(state, "count", None)


def _label(entry: Entry) -> str:
    """dense/kernel and momentum -> dense_kernel_momentum."""
    return "_".join(filter(None, [entry.name.replace("/", "_"), entry.slot]))
