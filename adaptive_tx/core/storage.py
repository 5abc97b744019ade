"""How the slots of a rule are kept: each in how few bits, and its way there and back.

A step sees float32 alone. How a slot may be kept follows from what it is declared to be (`slots`):

    a mean of gradients with a mean of their squares     8 bits each, as a pair
    a mean of squares, a sum of squares                  8
    any other mean or sum, a maximum                     16
    what a step returns, a difference of two slots       32

A slot that is smaller than its parameter (a row, a column, a number) stays in float32.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks, formats
from adaptive_tx.core.numerics import narrow, real_dtype
from adaptive_tx.core.slots import Slot

WIDTHS = (32, 16, 8)
EXACT, SIXTEEN, SQUARE, SUM = "exact", "16", "square in 8", "sum in 8"
MEAN_OF_PAIR, SQUARE_OF_PAIR = "mean of a pair", "square of a pair"
ALONE = {SQUARE: formats.SQUARE, SUM: formats.SUM}
# Gradients whose squares are within reach of what keeps them, a million of them in a sum.
LARGEST_GRADIENT = {SQUARE: 2.0**16, SQUARE_OF_PAIR: 2.0**16, SUM: 2.0**21}
REASONS = {  # why a slot cannot be kept in fewer bits
    "mean": "8 are for a mean beside that of the squares of the same gradients, which bounds it",
    "sum": "8 are for sums of squares; with a sum of gradients in 8 training is worse",
    "maximum": "a maximum would keep the largest of the rounding errors",
    "exact": "its rule needs it as it is",
}
DIFFERENCE = "what the rule needs is a small difference of two slots"

Declared = tuple[tuple[str, Slot], ...]


@functools.cache
def formats_of(who: str, slots: Declared, bits: int) -> tuple[str, ...]:
    """How each slot is kept that holds something for each leaf.

    Raises:
      ValueError: for fewer bits than one of them can be kept in.
    """
    declared = {name: slot for name, slot in slots if not slot.of_tree}
    together = _pair(declared) if bits == 8 else {}
    alone = [name for name in declared if name not in together]
    alone.sort(key=lambda name: -_least_bits(declared[name]))  # what needs most refuses first
    kinds = together | {name: _format(who, name, declared[name], bits) for name in alone}
    return tuple(kinds[name] for name in declared)


def _pair(declared: dict[str, Slot]) -> dict[str, str]:
    """The mean of gradients and the mean of their squares, where a rule keeps one of each."""
    whole = {n: s for n, s in declared.items() if s.shape is None and s.least_bits in (None, 8)}
    means = [n for n, s in whole.items() if (s.kind, s.of) == ("mean", "gradient")]
    squares = [n for n, s in whole.items() if s.of == "square" and _least_bits(s) == 8 and s.decay]
    if len(means) != 1 or len(squares) != 1:
        return {}
    return {means[0]: MEAN_OF_PAIR, squares[0]: SQUARE_OF_PAIR}


def _format(who: str, name: str, slot: Slot, bits: int) -> str:
    if bits == 32 or slot.shape is not None:
        return EXACT
    if bits < (least := _least_bits(slot)):
        reason = DIFFERENCE if least == 32 and slot.kind != "exact" else REASONS[slot.kind]
        raise ValueError(
            f"stored: {who} keeps {name} in {least} bits at least, not {bits}: {reason}. Give bits="
            f"{least}, or store the other parts alone."
        )
    if bits == 16:
        return SIXTEEN
    return SUM if slot.kind == "sum" else SQUARE


def _least_bits(slot: Slot) -> int:
    if slot.least_bits is not None:
        return slot.least_bits
    if slot.kind in ("mean", "sum") and slot.holds_squares:
        return 8
    return 32 if slot.kind == "exact" else 16


def largest_gradient(kinds: Sequence[str]) -> float | None:
    """The bound on gradients whose squares are kept in 8 bits; None: float32's."""
    return min((LARGEST_GRADIENT[kind] for kind in kinds if kind in LARGEST_GRADIENT), default=None)


def real(dtype: Any) -> Any:
    """The dtype of a part of a number of this dtype; codes are as they are."""
    return real_dtype(dtype) if jnp.issubdtype(dtype, jnp.inexact) else dtype


def dtype_of(kind: str, dtype: Any) -> Any:
    """Of a slot whose arithmetic has this dtype."""
    if kind == EXACT:
        return dtype
    return jnp.dtype(jnp.bfloat16 if kind == SIXTEEN else jnp.uint8)


def encoded(
    kinds: Sequence[str], slots: Sequence[Any], word: Callable[[int], jax.Array] | None = None
) -> list[Any]:
    """The slots of a leaf, as they are kept.

    Args:
      kinds: how, of each.
      slots: in float32 or wider; None where there is nothing to keep.
      word: random bits, by number; None: each is rounded to the nearest.
    """
    kept = list(slots)
    for i, kind in enumerate(kinds):
        if kind in (EXACT, SQUARE_OF_PAIR):
            continue
        x = narrow(slots[i], jnp.float32)
        if kind == SIXTEEN:  # two slots share the words
            kept[i] = formats.sixteen(x, word and word(i // 2), high=i % 2 > 0)
        elif kind in ALONE:
            kept[i] = formats.square_code(x, word and word(i), ALONE[kind])
        elif kind == MEAN_OF_PAIR:
            other = kinds.index(SQUARE_OF_PAIR)
            nu = narrow(slots[other], jnp.float32)
            kept[i], kept[other] = formats.pair_codes(x, nu, word and word(i))
    return kept


def started(kinds: Sequence[str], starts: Sequence[Any]) -> Sequence[Any]:
    """Where slots start, as they are kept."""
    if {*kinds} <= {EXACT}:
        return starts
    return encoded(kinds, [jnp.asarray(start, jnp.float32) for start in starts])


def decoded(kinds: Sequence[str], slots: Sequence[Any]) -> list[Any]:
    """The slots of a leaf in float32; those that are kept exactly as they are."""
    wide = list(slots)
    for i, kind in enumerate(kinds):
        if kind == SIXTEEN:
            wide[i] = lax.convert_element_type(slots[i], jnp.float32)
        elif kind in ALONE:
            wide[i] = formats.square_of(slots[i], ALONE[kind])
        elif kind == MEAN_OF_PAIR:
            other = kinds.index(SQUARE_OF_PAIR)
            wide[i], wide[other] = formats.pair_of(slots[i], slots[other])
    return wide


def arithmetic(kinds: Sequence[str], dtypes: Sequence[Any]) -> list[Any]:
    """The dtypes of a leaf's slots as a step sees them."""
    pairs = zip(kinds, dtypes, strict=True)
    return [d if kind == EXACT else jnp.dtype(jnp.float32) for kind, d in pairs if d is not None]


def is_kept_so(kind: str, dtype: Any) -> bool:
    """Whether a slot of this dtype in a state is kept as it should be."""
    if kind == EXACT:
        return jnp.issubdtype(dtype, jnp.inexact) and jnp.finfo(dtype).bits >= 32
    return dtype == dtype_of(kind, dtype)


def named(who: str, bits: int) -> str:
    """A rule, by how it is stored."""
    return who if bits >= 32 else f"stored({who}, {bits})"


def refuse_complex(who: str, bits: int, params: Any) -> None:
    """Complex numbers are kept in 32 bits each part."""
    for path, leaf in jax.tree.leaves_with_path(params):
        if jnp.iscomplexobj(leaf):
            raise TypeError(
                f"{named(who, bits)}: {checks.keystr('params', path)} is {leaf.dtype}, which has no format "
                f"in {bits} bits; give such leaves a group that is not stored (grouped)."
            )


def converted(convert: Callable, kinds: Sequence[str], fields: dict[str, Any]) -> dict[str, Any]:
    """The slots of a state (a tree each, by name) the other way: `convert` is `encoded` or `decoded`."""
    pairs = [(name, kind) for name, kind in zip(fields, kinds, strict=True) if kind != EXACT]
    if not pairs:
        return fields
    names, own = zip(*pairs)
    structure = jax.tree.structure(fields[names[0]])
    rows = [convert(own, row) for row in zip(*(jax.tree.leaves(fields[name]) for name in names))]
    columns = zip(*rows) if rows else [()] * len(names)
    return fields | {n: structure.unflatten(leaves) for n, leaves in zip(names, columns)}
