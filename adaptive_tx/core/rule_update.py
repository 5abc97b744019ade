"""A rule in one update: checked, its clock advanced, and what it shares with all leaves computed once."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks, noise, storage
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.axes import Axes
from adaptive_tx.core.debiasing import corrections, rule_state_of, weights_after, with_weights
from adaptive_tx.core.rule import Rule, keywords_of, shape_of
from adaptive_tx.core.slots import Slot
from adaptive_tx.core.states import incremented
from adaptive_tx.core.tree import Tree


class Link(NamedTuple):
    """A rule in a pass, and its state before it."""

    rule: Rule
    arguments: Arguments
    state: Any


class RuleUpdate:
    """A rule in one update: what it shares with all leaves, and what it keeps of each."""

    def __init__(self, link: Link, grads, params):
        self.rule, self.arguments, state = link
        who = self.arguments.who
        self.weights = weights_after(self.arguments, self.rule, state)
        self.old = rule_state_of(state)
        self.t = incremented(self.old.count)
        self.numbers = self.arguments.for_step(self.old.count)
        if "p" in keywords_of(self.rule.step):
            checks.params_given(who, params)
        # A slot of another shape does not tell all of that of its leaf.
        shaped = any(slot.shape is not None for slot in self.rule.of_leaves.values())
        if "p" in keywords_of(self.rule.step) or (shaped and params is not None):
            checks.same_layout(who, "grads", grads, "params has", params)
        self.layouts = self.rule.layouts(who, "grads", grads)
        self.kinds = storage.formats_of(who, self.rule.slots, self.arguments.bits)
        self.key = noise.key_of(self.numbers["seed"], self.t) if self.arguments.bits < 32 else None
        slots = {name: getattr(self.old, name) for name in self.rule.of_leaves}
        for name, slot in self.rule.of_leaves.items():
            like = grads if slot.shape is None else self._shaped(slot, grads)
            checks.same_layout(who, "grads", like, "the state was made for", slots[name])
        up_to = jax.tree.structure(grads).flatten_up_to
        flat = [up_to(tree) for tree in slots.values()]
        rows = list(zip(*flat)) if flat else [()] * len(jax.tree.leaves(grads))
        chosen = self.rule.mask.leaves(who, grads, params)
        self.rule.check_leaves(who, "grads", grads, chosen)
        self.steps = [
            self.rule.step_on(layout) if applies else self.rule.otherwise
            for applies, layout in zip(chosen, self.layouts, strict=True)
        ]
        self.rows = [row if step else None for row, step in zip(rows, self.steps, strict=True)]
        self.rows_before = rows
        self.tree = (
            Tree(who, grads, params, slots, Axes.of(self.arguments))
            if self.rule.sees_tree
            else None
        )
        self.shared = functools.cache(self._shared)
        self.for_step = functools.cache(self._for_step)

    def _shaped(self, slot: Slot, grads):
        """A tree like the slot of a shape of its own."""
        shapes = map(
            functools.partial(shape_of, slot), map(jnp.shape, jax.tree.leaves(grads)), self.layouts
        )
        leaves = [None if s is None else jax.ShapeDtypeStruct(s, jnp.float32) for s in shapes]
        return jax.tree.structure(grads).unflatten(leaves)

    def check_stored(self, dtypes: Sequence[Any] | None, grads, i: int) -> None:
        """The slots of the i-th leaf must be kept as the rule keeps them.

        Raises:
          ValueError: if they are not, before one of them is taken for what it is not.
        """
        who, bits = self.arguments.who, self.arguments.bits
        for name, kind, held in zip(self.rule.of_leaves, self.kinds, dtypes or ()):
            if held is not None and not storage.is_kept_so(kind, held):
                path, _ = jax.tree.leaves_with_path(grads)[i]
                here, there = storage.named(who, bits), storage.named(who, 8 * held.itemsize)
                raise ValueError(
                    f"{who}: {checks.keystr(f'state.{name}', path)} is in {held}, as {there} keeps it, and "
                    f"this is {here}. encoded(tx, decoded(old_tx, state)) moves a state to another width."
                )

    def _for_step(self, dtype) -> tuple[jax.Array, dict[str, Any]]:
        """The clock and the step's keywords, as arrays of the arithmetic's dtype."""
        t, known, _ = self.shared(dtype)
        return t, {name: known[name] for name in keywords_of(self.rule.step) if name in known}

    def _shared(self, dtype) -> tuple[jax.Array, dict[str, Any], dict[str, jax.Array]]:
        """The clock, the numbers and what all leaves share, and the next numbers of the whole tree."""
        t, numbers = lax.convert_element_type(self.t, dtype), in_dtype(self.numbers, dtype)
        rule = self.rule
        if rule.shared is None and not rule.debiased:
            return t, numbers, {}
        of_tree = {name: in_dtype(getattr(self.old, name), dtype) for name in rule.of_tree}
        if self.tree is None:
            known, new = _compiled(rule, t, numbers, self.weights, of_tree)
        else:
            known, new = _follow(rule, t, numbers, self.weights, of_tree, self.tree)
            self.tree.agree(known)
        return t, {**numbers, **known}, new

    def next_state(self, structure, rows: list) -> Any:
        """The state after this update, from the new slots of each leaf."""
        slots = zip(*rows) if rows else ((),) * len(self.rule.of_leaves)
        fields = dict(zip(self.rule.of_leaves, map(structure.unflatten, slots)))
        for name in self.rule.of_tree:
            dtype = getattr(self.old, name).dtype
            fields[name] = self.shared(dtype)[2][name]
        return with_weights(self.rule.state(count=self.t, **fields), self.weights)


@functools.partial(jax.jit, static_argnums=0)
def _compiled(rule: Rule, t, numbers: dict, weights: dict, of_tree: dict):
    return _follow(rule, t, numbers, weights, of_tree, None)


def _follow(rule: Rule, t, numbers: dict, weights: dict, of_tree: dict, tree: Tree | None):
    """What follows from the numbers for all leaves, and the next numbers of the whole tree."""
    sums = corrections(t, rule, numbers, weights)
    if rule.shared is None:
        return sums, {}
    given = {**numbers, **sums, **of_tree, "tree": tree}
    result = rule.shared(t, **{name: given[name] for name in keywords_of(rule.shared)})
    known, new = result if rule.of_tree else (result, {})
    return {**sums, **known}, new
