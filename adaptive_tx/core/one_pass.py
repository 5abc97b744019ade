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

from adaptive_tx.core import checks, noise, storage
from adaptive_tx.core.arguments import in_dtype
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, real_dtype, widen
from adaptive_tx.core.on_matrices import stacks_of, unstacked
from adaptive_tx.core.paths import with_paths
from adaptive_tx.core.rule import keywords_of
from adaptive_tx.core.rule_update import Link, RuleUpdate
from adaptive_tx.core.saturation import revealing, squarable


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
      links: the rules, in order. Only the first may see the whole tree (`Rule.sees_tree`); one that
        steps on stacks (`Rule.stacks`) is alone.
      grads: what the first one steps on.
      params: needed by a step that takes `p`.
      narrowed: whether directions end in the dtype of `grads`, or in that of the arithmetic.
      watched: whether to return what lay between the rules.
    """
    checks.floating(links[0].arguments.who, "grads", grads)
    runs = [RuleUpdate(link, grads, params) for link in links]
    if links[0].rule.stacks:
        direction, passed = _on_stacks(runs[0], grads, narrowed)
        return direction, [passed]
    leaves, structure = jax.tree.flatten(grads)
    reads_params = any("p" in keywords_of(link.rule.step) for link in links)
    ps = jax.tree.leaves(params) if reads_params else [None] * len(leaves)
    columns = list(zip(*(run.rows for run in runs), strict=True))
    plans: dict[Any, _Plan] = {}
    stored = any(run.key is not None for run in runs)
    salts = (
        [noise.salt_of(path) for path, _ in with_paths(grads)] if stored else [None] * len(leaves)
    )

    directions, slots, between = [], [], []
    for i, (g, p, rows) in enumerate(zip(leaves, ps, columns, strict=True)):
        g = jnp.asarray(g)
        dtypes = (None if row is None else (*map(_dtype, row),) for row in rows)
        key = (g.dtype, *zip((run.steps[i] for run in runs), dtypes))
        if (plan := plans.get(key)) is None:
            for run, (_, held) in zip(runs, key[1:]):
                run.check_stored(held, grads, i)
            plan = plans[key] = _plan(runs, *key)
        if not plan.steps:
            directions.append(g)
            slots.append(rows)
            between.append([g] * (len(links) + 1))
            continue
        given = tuple(row for row in rows if row is not None)
        dtype = g.dtype if narrowed else None
        try:
            direction, new, seen = _on_leaf(
                plan.steps, dtype, watched, g, given, p, plan.shared, salts[i]
            )
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


def _on_stacks(run: RuleUpdate, grads, narrowed: bool) -> tuple[Any, Passed]:
    """The same of one rule whose steps are on matrices, and keep nothing: on all of one size together."""
    structure, leaves = jax.tree.structure(grads), [*map(jnp.asarray, jax.tree.leaves(grads))]
    step, directions = run.rule.step_on_stack(), [*leaves]
    for stack in stacks_of(leaves, run.layouts):
        g = stack.matrices
        plan = _plan([run], g.dtype, (step, ()))
        out = g.dtype if narrowed else None
        u, _, _ = _on_leaf(plan.steps, out, False, g, ((),), None, plan.shared)
        for i, direction in unstacked(stack._replace(matrices=u), leaves, run.layouts):
            directions[i] = direction
    before = structure.unflatten([widen(g, arithmetic_dtype(g.dtype)) for g in leaves])
    after = structure.unflatten(directions)
    return after, Passed(run.next_state(structure, []), run.shared(FLOAT32)[1], before, after)


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


class _Step(NamedTuple):
    """A rule's step on a leaf, and whether it squares its gradients, which are then bounded for it."""

    function: Callable
    bounds: bool = False
    revealed_by: int | None = None  # where what is not finite shows: see Rule
    kinds: tuple[str, ...] = ()  # how its slots are stored


class _Plan(NamedTuple):
    """How leaves of one dtype, with slots of the same dtypes, go through a pass."""

    steps: tuple[_Step, ...]
    # What each step gets: the clock, keywords, and the key of its random bits.
    shared: tuple[tuple[jax.Array, dict[str, Any], jax.Array | None], ...]


def _plan(runs: Sequence[RuleUpdate], dtype, *links: tuple[Any, tuple | None]) -> _Plan:
    steps, shared = [], []
    for run, (step, dtypes) in zip(runs, links):
        if dtypes is not None:
            dtype = arithmetic_dtype(dtype, *storage.arithmetic(run.kinds, dtypes))
            steps.append(_Step(step, run.rule.bounds_gradients, run.rule.revealed_by, run.kinds))
            shared.append((*run.for_step(real_dtype(dtype)), run.key))
    return _Plan(tuple(steps), tuple(shared))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _on_leaf(
    steps: tuple[_Step, ...], out, watched: bool, g, slots: tuple, p, shared: tuple, salt=None
):
    """All steps on one leaf. Returns the direction, the new slots of each step, and what lay between."""
    u, new, seen = g, [], [widen(g, arithmetic_dtype(g.dtype))]
    for step, kept, (t, keywords, key) in zip(steps, slots, shared, strict=True):
        olds = storage.decoded(step.kinds, kept)
        dtype = arithmetic_dtype(u.dtype, *(old.dtype for old in olds if old is not None))
        names = keywords_of(step.function)
        if "p" in names:
            keywords = {**keywords, "p": widen(p, dtype)}
        if "p_eps" in names:  # the machine epsilon of the parameter as it is
            keywords = {**keywords, "p_eps": float(jnp.finfo(jnp.result_type(p)).eps)}
        u, wide = widen(u, dtype), [x if x is None else widen(x, dtype) for x in olds]
        u, fresh = _called(step, u, wide, t, keywords)
        fresh = [
            old if old is None else narrow(x, old.dtype) for x, old in zip(fresh, olds, strict=True)
        ]
        word = key if key is None else functools.partial(noise.word, key, salt, u)
        new.append(tuple(storage.encoded(step.kinds, fresh, word)))
        seen.append(u)
    return u if out is None else narrow(u, out), tuple(new), tuple(seen) if watched else ()


def _called(step: _Step, g, slots: list, t, keywords: dict[str, Any]) -> tuple[jax.Array, list]:
    """The direction and the new slots. A bounded gradient hides nothing that was not finite."""
    limit = storage.largest_gradient(step.kinds)
    bounded, where = squarable(g, limit) if step.bounds else g, step.revealed_by
    if step.bounds and where is not None:
        slots[where] = revealing(slots[where], g)
    result = real_meets_complex(step.function)(bounded, *slots, t, **keywords)
    u, *fresh = result if isinstance(result, tuple) else (result,)
    return revealing(u, g) if step.bounds and where is None else u, fresh


def on_leaves(who: str, step: Callable, grads, t: jax.Array, **numbers: jax.Array):
    """A step without slots on every leaf: for what steps on the whole tree's numbers by itself."""
    checks.floating(who, "grads", grads)

    def on_leaf(g):
        g = jnp.asarray(g)
        dtype = real_dtype(arithmetic_dtype(g.dtype))
        shared = lax.convert_element_type(t, dtype), in_dtype(numbers, dtype)
        return _on_leaf((_Step(step),), g.dtype, False, g, ((),), None, ((*shared, None),))[0]

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
