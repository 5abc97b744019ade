"""Which record of an old state goes on as which of a new one: by what its slots are, not by its class."""

import difflib
from collections.abc import Sequence

from adaptive_tx.migrating.records import Record

Meaning = tuple[str, str]  # the kind of a slot, and of what

# The names of optax, whose states do not say what they hold.
OPTAX = {
    "mu": ("mean", "gradient"),
    "nu": ("mean", "square"),
    "ema": ("mean", "gradient"),
    "trace": ("sum", "gradient"),
    "sum_of_squares": ("sum", "square"),
}
OPTAX_OTHERWISE = {
    "ScaleByBeliefState": {"nu": ("mean", "spread")},
    "ScaleByAmsgradState": {"nu_max": ("maximum", "corrected square")},
}


def paired(old: Sequence[Record], new: Sequence[Record]) -> list[Record | None]:
    """For each new record the old one that it goes on from.

    First the longest runs of equal parts, so that of two equal ones each finds its own; then in order.
    """
    keys = [[(r.who, r.kind, *r.slots) for r in records] for records in (old, new)]
    found: dict[int, int] = {}
    for block in difflib.SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
        found |= {block.b + i: block.a + i for i in range(block.size)}
    left = [i for i in range(len(old)) if i not in found.values()]
    for j, record in enumerate(new):
        if (
            j not in found
            and (i := next((i for i in left if fits(old[i], record)), None)) is not None
        ):
            found[j] = i
            left.remove(i)
    return [old[found[j]] if j in found else None for j in range(len(new))]


def fits(old: Record, new: Record) -> bool:
    """Whether all that the new rule keeps is in the old state, as the same thing."""
    if new.slots:
        return all(has(old, new, name) or mean_of(new, name) for name in new.slots)
    if new.rule is not None and old.who:
        return old.who == new.who
    return old.kind == new.kind


def has(old: Record, new: Record, name: str) -> bool:
    """Whether the old record has this slot of the new one."""
    if old.slots:
        slot, other = new.slots[name], old.slots.get(name)
        if other is None or (other.kind, other.of) != (slot.kind, slot.of):
            return False
        return slot.of != "" or [*old.slots] == [*new.slots]
    if name not in getattr(old.state, "_fields", ()):
        return False
    known = {**OPTAX, **OPTAX_OTHERWISE.get(old.kind, {})}.get(name)
    if known is None or old.kind == new.kind and old.kind not in OPTAX_OTHERWISE:
        return old.kind == new.kind
    return known == (new.slots[name].kind, new.slots[name].of)


def mean_of(record: Record, name: str) -> str:
    """Of a maximum of what the same rule has a mean of, the name of that mean: it can start there.

    So AMSGrad's nu_max at Adam's nu: no denominator is then smaller than the last one. Where the old state
    has no such mean either, the rule does not fit anyway.
    """
    slot = record.slots[name]
    if slot.kind != "maximum":
        return ""
    means = [n for n, s in record.slots.items() if s.kind == "mean" and s.of == slot.of]
    return means[0] if means else ""
