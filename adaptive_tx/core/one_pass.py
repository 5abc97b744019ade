"""One pass over the leaves: rules that follow each other are one function of a leaf.

A leaf is widened to float32 at least when it enters, goes from rule to rule in that precision, and is
rounded once, to the dtype of the gradient, where it leaves. Each slot is widened for its rule, and rounded
to what it replaces. Leaves of equal shape and dtype share one trace and one compiled function, which gets
the hyperparameters, and whatever else all leaves share, as arguments.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.axes import Axes
from adaptive_tx.core.debiasing import corrections, rule_state_of, weights_after, with_weights
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, real_dtype, squarable, widen
from adaptive_tx.core.rule import Rule, keywords_of
from adaptive_tx.core.states import incremented
from adaptive_tx.core.tree import Tree

NONE: dict[str, Any] = {}


class Link(NamedTuple):
    """A rule in a pass, and its state before it."""

    rule: Rule
    arguments: Arguments
    state: Any


class Passed(NamedTuple):
    """What a rule did in a pass."""

    state: Any  # its new one
    shared: dict[str, Any]  # the numbers in force, and what all leaves shared, in float32
    before: Any  # the leaves that it was given; None unless they were asked for
    after: Any  # and what became of them


def one_pass(
    links: Sequence[Link], grads, params=None, *, narrowed: bool = True, watched: bool = False
) -> tuple[Any, list[Passed]]:
    """The directions, and what each rule did.

    Args:
      links: the rules, in order. Only the first may see the whole tree (`Rule.sees_tree`).
      grads: what the first one steps on.
      params: needed by a step that takes `p`.
      narrowed: whether directions end in the dtype of `grads`, or in that of the arithmetic.
      watched: whether to return what lay between the rules.
    """
    checks.floating(links[0].arguments.who, "grads", grads)
    runs = [_Run(link, grads, params) for link in links]
    leaves, structure = jax.tree.flatten(grads)
    reads_params = any("p" in keywords_of(link.rule.step) for link in links)
    ps = jax.tree.leaves(params) if reads_params else [None] * len(leaves)
    columns = list(zip(*(run.rows for run in runs), strict=True))
    plans: dict[Any, _Plan] = {}

    directions, slots, between = [], [], []
    for i, (g, p, rows) in enumerate(zip(leaves, ps, columns, strict=True)):
        g = jnp.asarray(g)
        dtypes = (None if row is None else (*map(_dtype, row),) for row in rows)
        key = (g.dtype, *zip((run.steps[i] for run in runs), dtypes))
        if (plan := plans.get(key)) is None:
            plan = plans[key] = _plan(runs, *key)
        if not plan.steps:
            directions.append(g)
            slots.append(rows)
            between.append([g] * (len(links) + 1))
            continue
        given = tuple(row for row in rows if row is not None)
        dtype = g.dtype if narrowed else None
        try:
            direction, new, seen = _on_leaf(plan.steps, dtype, watched, g, given, p, plan.shared)
        except TypeError as error:
            path, _ = jax.tree.leaves_with_path(grads)[i]
            who = links[0].arguments.who if len(links) == 1 else "chain"
            raise TypeError(f"{who}: {checks.keystr('grads', path)}: {error}.") from error
        directions.append(direction)
        fresh = iter(new)
        slots.append([None if row is None else next(fresh) for row in rows])
        between.append(_spread(seen, rows) if watched else ())

    passed = []
    for i, run in enumerate(runs):
        rows = [new[i] or old for new, old in zip(slots, run.rows_before)]
        state, shared, ends = run.next_state(structure, rows), {}, (None, None)
        if watched:
            shared = run.shared(FLOAT32)[1]
            ends = (structure.unflatten([leaf[k] for leaf in between]) for k in (i, i + 1))
        passed.append(Passed(state, shared, *ends))
    return structure.unflatten(directions), passed


FLOAT32 = jnp.dtype(jnp.float32)


def _dtype(x) -> Any:
    return None if x is None else x.dtype


def _spread(seen: Sequence[jax.Array], rows: Sequence[Any]) -> list[jax.Array]:
    """What lay before and between the rules, where a rule that spares the leaf changes nothing."""
    values, spread = iter(seen), []
    current = next(values)
    spread.append(current)
    for row in rows:
        current = current if row is None else next(values)
        spread.append(current)
    return spread


class _Plan(NamedTuple):
    """How leaves of one dtype, with slots of the same dtypes, go through a pass."""

    steps: tuple[tuple[Callable, bool], ...]  # and whether a step squares its gradients
    shared: tuple[tuple[jax.Array, dict[str, Any]], ...]  # what each step gets: the clock, keywords


def _plan(runs: Sequence["_Run"], dtype, *links: tuple[Any, tuple | None]) -> _Plan:
    steps, shared = [], []
    for run, (step, dtypes) in zip(runs, links):
        if dtypes is not None:
            dtype = arithmetic_dtype(dtype, *(d for d in dtypes if d is not None))
            steps.append((step, run.rule.bounds_gradients))
            shared.append(run.for_step(real_dtype(dtype)))
    return _Plan(tuple(steps), tuple(shared))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _on_leaf(
    steps: tuple[tuple[Callable, bool], ...], out, watched: bool, g, slots: tuple, p, shared: tuple
):
    """All steps on one leaf. Returns the direction, the new slots of each step, and what lay between."""
    u, new, seen = widen(g, arithmetic_dtype(g.dtype)), [], []
    seen.append(u)
    for (step, squares), olds, (t, keywords) in zip(steps, slots, shared, strict=True):
        dtype = arithmetic_dtype(u.dtype, *(old.dtype for old in olds if old is not None))
        if "p" in keywords_of(step):
            keywords = {**keywords, "p": widen(p, dtype)}
        if "p_eps" in keywords_of(step):  # the machine epsilon of the parameter as it is
            keywords = {**keywords, "p_eps": float(jnp.finfo(jnp.result_type(p)).eps)}
        u, wide = widen(u, dtype), [x if x is None else widen(x, dtype) for x in olds]
        result = real_meets_complex(step)(squarable(u) if squares else u, *wide, t, **keywords)
        u, *fresh = result if isinstance(result, tuple) else (result,)
        new.append(
            tuple(
                old if old is None else narrow(x, old.dtype)
                for x, old in zip(fresh, olds, strict=True)
            )
        )
        seen.append(u)
    return u if out is None else narrow(u, out), tuple(new), tuple(seen) if watched else ()


class _Run:
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
        slots = {name: getattr(self.old, name) for name in self.rule.of_leaves}
        for name, slot in self.rule.of_leaves.items():
            like = grads if slot.shape is None else _shaped(slot.shape, grads)
            checks.same_layout(who, "grads", like, "the state was made for", slots[name])
        up_to = jax.tree.structure(grads).flatten_up_to
        flat = [up_to(tree) for tree in slots.values()]
        rows = list(zip(*flat)) if flat else [()] * len(jax.tree.leaves(grads))
        chosen = self.rule.mask.leaves(who, grads, params)
        self.rule.check_leaves(who, "grads", grads, chosen)
        both = self.rule.step, self.rule.otherwise
        self.steps = [both[0] if applies else both[1] for applies in chosen]
        self.rows = [row if step else None for row, step in zip(rows, self.steps, strict=True)]
        self.rows_before = rows
        self.tree = (
            Tree(who, grads, params, slots, Axes.of(self.arguments))
            if self.rule.sees_tree
            else None
        )
        self.shared = functools.cache(self._shared)
        self.for_step = functools.cache(self._for_step)

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


def _shaped(shape: Callable, grads):
    def like(g):
        found = shape(jnp.shape(g))
        return None if found is None else jax.ShapeDtypeStruct(found, jnp.float32)

    return jax.tree.map(like, grads)


@functools.partial(jax.jit, static_argnums=0)
def _compiled(rule: Rule, t, numbers: dict, weights: dict, of_tree: dict):
    return _follow(rule, t, numbers, weights, of_tree, None)


def _follow(rule: Rule, t, numbers: dict, weights: dict, of_tree: dict, tree: Tree | None):
    """What follows from the numbers for all leaves, and the next numbers of the whole tree."""
    sums = corrections(t, rule.debiased, numbers, weights)
    if rule.shared is None:
        return sums, {}
    given = {**numbers, **sums, **of_tree, "tree": tree}
    result = rule.shared(t, **{name: given[name] for name in keywords_of(rule.shared)})
    known, new = result if rule.of_tree else (result, {})
    return {**sums, **known}, new


def on_leaves(who: str, step: Callable, grads, t: jax.Array, **numbers: jax.Array):
    """A step without slots on every leaf: for what steps on the whole tree's numbers by itself."""
    checks.floating(who, "grads", grads)

    def on_leaf(g):
        g = jnp.asarray(g)
        dtype = real_dtype(arithmetic_dtype(g.dtype))
        shared = lax.convert_element_type(t, dtype), in_dtype(numbers, dtype)
        return _on_leaf(((step, False),), g.dtype, False, g, ((),), None, (shared,))[0]

    return jax.tree.map(on_leaf, grads)


def real_meets_complex(step: Callable) -> Callable:
    """The step, where real numbers (rates, moduli) may multiply complex ones of the same precision.

    Under strict dtype promotion even that would raise; nothing else is promoted, all being widened.
    """

    @functools.wraps(step)
    def call(*args, **kwargs):
        with jax.numpy_dtype_promotion("standard"):
            return step(*args, **kwargs)

    return call
