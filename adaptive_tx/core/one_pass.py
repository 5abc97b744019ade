"""One pass over the leaves: rules that follow each other are one function of a leaf.

A leaf is widened to float32 at least when it enters, goes from rule to rule in that precision, and is
rounded once, to the dtype of the gradient, where it leaves. Each slot is widened for its rule, and rounded
to what it replaces. Leaves of equal shape and dtype share one trace and one compiled function, which gets
the hyperparameters, and whatever else all leaves share, as arguments.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adaptive_tx.core import checks, noise
from adaptive_tx.core.numerics import arithmetic_dtype, widen
from adaptive_tx.core.on_leaf import Plan, on_leaf, plan_of
from adaptive_tx.core.on_matrices import stacks_of, unstacked
from adaptive_tx.core.paths import with_paths
from adaptive_tx.core.rule import keywords_of
from adaptive_tx.core.rule_update import Link, RuleUpdate


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
    plans: dict[Any, Plan] = {}
    salted = any(run.key is not None or "salt" in keywords_of(run.rule.step) for run in runs)
    salts = (
        [noise.salt_of(path) for path, _ in with_paths(grads)] if salted else [None] * len(leaves)
    )

    directions, slots, between = [], [], []
    for i, (g, p, rows) in enumerate(zip(leaves, ps, columns, strict=True)):
        g = jnp.asarray(g)
        dtypes = (None if row is None else (*map(_dtype, row),) for row in rows)
        key = (g.dtype, *zip((run.steps[i] for run in runs), dtypes))
        if (plan := plans.get(key)) is None:
            for run, (_, held) in zip(runs, key[1:]):
                run.check_stored(held, grads, i)
            plan = plans[key] = plan_of(runs, *key)
        if not plan.steps:
            directions.append(g)
            slots.append(rows)
            between.append([g] * (len(links) + 1))
            continue
        given = tuple(row for row in rows if row is not None)
        dtype = g.dtype if narrowed else None
        try:
            direction, new, seen = on_leaf(
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
        plan = plan_of([run], g.dtype, (step, ()))
        out = g.dtype if narrowed else None
        u, _, _ = on_leaf(plan.steps, out, False, g, ((),), None, plan.shared)
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
