"""The state of a stored optimizer in float32, and back: to look at, to export, to move to another width."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax

from adaptive_tx.core import storage
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.transformation import transformation_of
from adaptive_tx.core.typing import PyTree
from adaptive_tx.migrating.records import Record, flat, records_of, written


@explained
def decoded(tx: optax.GradientTransformation, state: PyTree) -> PyTree:
    """The same state with every slot in float32: the one that `stored(tx, 32)` goes on from.

    Args:
      tx: the transformation whose state it is. If nothing in it is stored, the state is as it was.
      state: its state.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx = atx.stored(atx.scale_by_adam(), 8)
    >>> _, state = tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
    >>> print(state.mu.dtype, decoded(tx, state).mu.dtype)
    uint8 float32

    Raises:
      ValueError: for a state that is not one of `tx`.
    """
    return _converted("decoded", storage.decoded, tx, state)


@explained
def encoded(tx: optax.GradientTransformation, state: PyTree) -> PyTree:
    """The same state with every slot as `tx` keeps it, from one in float32; rounded to the nearest.

    Args:
      tx: the transformation to go on with.
      state: a state of `stored(tx, 32)`.

    Raises:
      ValueError: for a state that is not one of `stored(tx, 32)`.
    """
    return _converted("encoded", storage.encoded, tx, state)


def _converted(who: str, convert: Callable, tx: Any, state: PyTree) -> PyTree:
    tx = transformation_of(who, "tx", tx)
    try:
        return converted(convert, records_of(tx.update, state, (), "state"), state, "state")
    except ValueError as error:
        raise ValueError(f"{who}: {error}.") from error


def converted(convert: Callable, records: Sequence[Record], state: PyTree, what: str) -> PyTree:
    """The same state with the slots of its records the other way; `what` is how an error calls it.

    Raises:
      ValueError: if a slot is not kept as its record says; the text has no end, for others to give.
    """
    leaves = flat(state)
    for record in records:
        if record.rule is not None and record.arguments.bits < 32:
            leaves |= _of_record(convert, record, what)
    paths, structure = jax.tree.flatten_with_path(state)
    return structure.unflatten([leaves[written(path)] for path, _ in paths])


def _of_record(convert: Callable, record: Record, what: str) -> dict[Any, Any]:
    """The leaves of a rule's slots, by their paths in the state."""
    rule, arguments = record.rule, record.arguments
    assert rule is not None
    kinds = storage.formats_of(arguments.who, rule.slots, arguments.bits)
    held = kinds if convert is storage.decoded else [storage.EXACT] * len(kinds)
    fields = {name: getattr(record.state, name) for name in rule.of_leaves}
    for (name, tree), kind in zip(fields.items(), held):
        for path, leaf in flat(tree).items():
            if not storage.is_kept_so(kind, leaf.dtype):
                at = "".join((*record.where, f".{name}", *path))
                wanted = storage.named(arguments.who, arguments.bits if held is kinds else 32)
                raise ValueError(f"{what}{at} is in {leaf.dtype}, not as {wanted} keeps it")
    return {
        (*record.where, f".{name}", *path): leaf
        for name, tree in storage.converted(convert, kinds, fields).items()
        for path, leaf in flat(tree).items()
    }
