"""A state of optax or ours as the parts that it is made of, with wrappers seen through."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from adaptive_tx.core.debiasing import ScheduledDecayState
from adaptive_tx.migrating.records import Path

CORRECTED = ("ScaleByRmsWithCountState", "ScaleByRStdDevWithCountState")
# Of each wrapper's state, the fields that hold what is inside, and the one that counts as its parts do.
WRAPPERS = {
    "MaskedState": (("inner_state",), ""),
    "PartitionState": (("inner_states",), ""),
    "InjectHyperparamsState": (("inner_state",), "count"),
    "InjectStatefulHyperparamsState": (("hyperparams_states", "inner_state"), "count"),
    "MultiStepsState": (("inner_opt_state",), "gradient_step"),
    "ApplyIfFiniteState": (("inner_state",), ""),
    "GuardedState": (("inner_state",), "count"),
    "MeasuredState": (("inner_state",), "count"),
}
INSIDE = {name for names, _ in WRAPPERS.values() for name in names}


@dataclasses.dataclass(frozen=True)
class Part:
    """A NamedTuple in a state: a rule's own, or a wrapper's with its own fields."""

    where: Path
    state: Any

    @property
    def kind(self) -> str:
        return type(self.state).__name__

    @property
    def counter(self) -> str:
        """The field that counts updates."""
        return WRAPPERS[self.kind][1] if self.kind in WRAPPERS else "count"

    def fields(self) -> Iterator[tuple[str, Path, Any]]:
        """What it keeps itself."""
        for name in self.state._fields:
            if name not in INSIDE and name != self.counter:
                yield name, (*self.where, f".{name}"), getattr(self.state, name)


def parts_in(who: str, state: Any, where: Path = ()) -> Iterator[Part]:
    """The NamedTuples of a state, wrappers before what they hold."""
    names: tuple[str, ...] | None = getattr(state, "_fields", None)
    if names is not None:
        part = Part(where, state)
        _refuse(who, part)
        yield part
        for name in names:
            if name in INSIDE and (tree := getattr(state, name)):
                yield from parts_in(who, tree, (*where, f".{name}"))
    elif isinstance(state, tuple) or (isinstance(state, Mapping) and state):
        children = state.items() if isinstance(state, Mapping) else enumerate(state)
        for key, child in children:
            yield from parts_in(who, child, (*where, f"[{key!r}]"))
    else:
        raise ValueError(
            f"{who}: expected the state of an optimizer, got a {type(state).__name__}."
        )


def _refuse(who: str, part: Part) -> None:
    """Raises for what has no counterpart."""
    if part.kind in CORRECTED:
        raise ValueError(f"{who}: RMSProp with bias correction has no counterpart here.")
    if isinstance(part.state, ScheduledDecayState):
        raise ValueError(
            f"{who}: with a schedule for {', '.join(part.state.weights)} our state keeps the sum of its "
            "weights, which optax's has not; move with a number in its place, and here by migrate."
        )
    held = [name for name, x in part.state._asdict().items() if name in INSIDE or _is_state(x)]
    if held and part.kind not in WRAPPERS:
        raise ValueError(
            f"{who}: {part.kind} is the state of a wrapper that has no counterpart; give its {held[0]}."
        )


def _is_state(tree) -> bool:
    """Whether it is the state of a rule, or of a chain."""
    parts = tree if type(tree) is tuple else (tree,)
    return bool(parts) and any(type(x).__name__.endswith("State") for x in parts)
