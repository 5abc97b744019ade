"""A rule, as the engine knows it: a step on one array, what it keeps, and what all leaves share."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.keeping import keepable
from adaptive_tx.core.masks import ALL, Mask
from adaptive_tx.core.matrices import Layout, Matrices
from adaptive_tx.core.on_matrices import OnMatrices, OnStack
from adaptive_tx.core.slots import Slot, kept


@keepable
@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, repr=False)
class Rule:
    """All of a rule but its numbers, known at trace time. Made by `leafwise`."""

    step: Callable
    state: type
    slots: tuple[tuple[str, Slot], ...] = ()  # in the order of the state's fields
    shared: Callable | None = None
    metrics: tuple[str, ...] = ()
    decays: tuple[str, ...] = ()  # the numbers that are decay rates
    mask: Mask = ALL
    otherwise: Callable | None = None  # the step on the leaves that the mask spares
    refuses: Callable[[jax.Array], str] | None = None  # why it cannot step on a leaf; "" if it can
    matrices: Matrices | None = None  # what it steps on, if not on whole leaves
    by_power: bool = False  # torch: the last b of a schedule counts as if it had always been

    @functools.cached_property
    def debiased(self) -> tuple[str, ...]:
        """The decay rates whose means are divided by the sum of their weights."""
        return tuple(dict.fromkeys(slot.decay for _, slot in self.slots if slot.debiased))

    @functools.cached_property
    def late(self) -> tuple[str, ...]:
        """Those among them whose means begin with the second gradient."""
        return tuple(
            dict.fromkeys(slot.decay for _, slot in self.slots if slot.debiased and slot.late)
        )

    @property
    def kept(self) -> tuple[str, ...]:
        """The decay rates that, where they are schedules, have the sum of their weights in the state."""
        return () if self.by_power else self.debiased

    @functools.cached_property
    def of_leaves(self) -> dict[str, Slot]:
        """The slots that hold something for each leaf: these a step gets."""
        return {name: slot for name, slot in self.slots if not slot.of_tree}

    @functools.cached_property
    def of_tree(self) -> dict[str, Slot]:
        """The slots that hold one number for the whole tree: these `shared` gets."""
        return {name: slot for name, slot in self.slots if slot.of_tree}

    @functools.cached_property
    def bounds_gradients(self) -> bool:
        """Whether a gradient too large to be squared and summed is brought into range for it."""
        return any(slot.holds_squares for _, slot in self.slots)

    @functools.cached_property
    def revealed_by(self) -> int | None:
        """The slot that shows where a bounded gradient was not finite; None: the direction shows it."""
        slots = [*self.of_leaves.values()]
        of_gradients = [i for i, slot in enumerate(slots) if slot.of == "gradient"]
        of_squares = [i for i, slot in enumerate(slots) if slot.holds_squares and not slot.shape]
        return next(iter(of_gradients + of_squares), None)

    @property
    def sees_tree(self) -> bool:
        """Whether what all leaves share follows from all of them."""
        return self.shared is not None and "tree" in keywords_of(self.shared)

    @functools.cached_property
    def stacks(self) -> bool:
        """Whether matrices of equal size, of all leaves, are stepped on together: they keep nothing."""
        return self.matrices is not None and not self.slots and "p" not in keywords_of(self.step)

    def layouts(self, who: str, what: str, tree) -> list[Any]:
        """How each leaf is made of matrices, a Layout; None for a rule that steps on whole leaves."""
        if self.matrices is None:
            return [None] * len(jax.tree.leaves(tree))
        return [
            self.matrices.layout(who, what, path, leaf)
            for path, leaf in jax.tree.leaves_with_path(tree)
        ]

    def step_on(self, layout: Layout | None) -> Callable:
        """The step on a leaf of this layout."""
        if layout is None or self.stacks:
            return self.step
        like = tuple(slot.shape is None for slot in self.of_leaves.values())
        return OnMatrices(
            self.step, layout, like, self.matrices is not None and self.matrices.whole
        )

    def step_on_stack(self) -> Callable:
        """The step on a stack of matrices."""
        return OnStack(self.step, self.matrices and self.matrices.stack_sharding)

    def check_leaves(self, who: str, what: str, tree, chosen: Sequence[bool]) -> None:
        """Raises for a leaf that it applies to, and cannot step on."""
        if self.refuses is None:
            return
        for (path, leaf), applies in zip(jax.tree.leaves_with_path(tree), chosen, strict=True):
            if applies and (why := self.refuses(leaf)):
                raise ValueError(
                    f"{who}: {checks.keystr(what, path)} is of dtype {jnp.result_type(leaf)} and "
                    f"shape {jnp.shape(leaf)}; {why}"
                )

    def __repr__(self) -> str:
        name = getattr(self.step, "__qualname__", type(self.step).__name__)
        return f"Rule({self.step.__module__}.{name})"


def slots_of(who: str, state: type, declared: dict[str, Slot]) -> tuple[tuple[str, Slot], ...]:
    """The slots of a state, in its order; those that are not declared are kept as they are.

    Raises:
      TypeError: for a state that does not begin with `count`, and for a slot that it has not.
    """
    first, *fields = getattr(state, "_fields", ("",))
    if first != "count":
        raise TypeError(f"{who}: the state must be a NamedTuple whose first field is count.")
    if unknown := declared.keys() - {*fields}:
        raise TypeError(
            f"{who}: {state.__name__} has no slot {min(unknown)}; it has {', '.join(fields) or 'none'}."
        )
    return tuple((name, declared.get(name, kept())) for name in fields)


def shape_of(slot: Slot, shape: tuple[int, ...], layout: Layout | None) -> tuple[int, ...] | None:
    """The shape of a slot for a leaf; None where there is nothing to keep."""
    if slot.shape is None:
        return shape
    return slot.shape(shape) if layout is None else layout.slot_shape(shape, slot.shape)


@functools.cache
def keywords_of(function: Callable) -> tuple[str, ...]:
    """The keyword-only parameters, which a step or `shared` is given by name."""
    parameters: Any = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
