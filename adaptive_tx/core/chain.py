"""A chain: transformations one after the other, rules that are neighbours as one pass over the leaves.

Between our own parts a leaf stays in the precision of the arithmetic, float32 at least, and is rounded
to the gradient's dtype once, at the end. A part of optax gets the gradient's dtype, and so does what must
come last (`averaged`, `rounded`): its updates are what is added to the parameters, and stay as they are.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks, naming
from adaptive_tx.core.arguments import Arguments, arguments_of
from adaptive_tx.core.grouping import branches, is_grouped, joined
from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.leafwise import as_stepped, link_of, rule_of
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, widen
from adaptive_tx.core.one_pass import one_pass
from adaptive_tx.core.transformation import Transformation, transformation_of


def chain(*parts: optax.GradientTransformation) -> Transformation:
    """Applies the parts in order: the output of one is the input of the next.

    Args:
      *parts: transformations, ours or optax's. An optax part is a closure: it has no leaves, and is
        equal only to itself.

    The state is the tuple of the states of the parts, as with `optax.chain`.

    Raises:
      TypeError: for a part that is not a transformation.
      ValueError: for one that must be the last and is not: `averaged`, `schedule_free`, `rounded`.
    """
    parts = tuple(transformation_of("chain", f"part {i}", part) for i, part in enumerate(parts))
    for i, part in enumerate(parts[:-1]):
        if who := what_ends(part.update):
            raise ValueError(
                f"chain: part {i} is {who}, or holds it, and its updates must be what is added to the "
                f"parameters; put it around the chain: {who}(chain(...))."
            )
    inits = {str(i): part.init for i, part in enumerate(parts)}
    updates = {str(i): part.update for i, part in enumerate(parts)}
    return Transformation(
        Partial(_init, Arguments.of("chain", parts=inits)),
        Partial(_update, Arguments.of("chain", parts=updates)),
    )


def what_ends(update: Any) -> str:
    """What in it relies on its updates being what is added to the parameters; "" if nothing does."""
    if (arguments := arguments_of(update)) is None:
        return ""
    if arguments.ends:
        return arguments.who
    return next(filter(None, (what_ends(part) for _, part in naming.parts_of(arguments))), "")


def _init(arguments: Arguments, params):
    return tuple(init(params) for init in arguments.parts)


def _update(arguments: Arguments, updates, state, params=None, **extra):
    update = Partial(_update, arguments)
    updates, state, _ = walked(update, updates, state, params, extra, watched=False)
    return updates, state


class Stage(NamedTuple):
    """What one innermost part of a chain did in one step, on the leaves of its group."""

    part: Partial  # its `update`
    before: Any  # what went in
    after: Any  # what came out
    new: Any  # its state after; of a rule, with slots as the step sees them
    shared: dict[str, Any]  # of a rule: its numbers, and what all leaves shared, in float32
    leaves: tuple[int, ...] | None = None  # which of the whole tree's it had; None: all

    def among(self, leaves: Sequence[int]) -> list[tuple[int, int]]:
        """Those of these leaves of the whole tree that it had: the place in `leaves`, and in its own."""
        if self.leaves is None:
            return list(enumerate(leaves))
        places = {leaf: place for place, leaf in enumerate(self.leaves)}
        return [(i, places[leaf]) for i, leaf in enumerate(leaves) if leaf in places]


def walked(
    update: Partial, updates, state, params, extra: dict[str, Any], watched: bool = True
) -> tuple[Any, Any, list[Stage]]:
    """One step of a transformation, and, if `watched`, what each innermost part of it did.

    Chains and groups are seen through, also chains in chains; wrappers and what is optax's are parts.
    """
    parts = list(_links(update))
    olds = list(_states(update, state))
    dtypes = [_dtype(g) for g in jax.tree.leaves(updates)]
    stages, news, i, ends = [], [], 0, False
    while i < len(parts):
        end = _end_of_pass(parts, i)
        ends = bool(what_ends(parts[i]))
        if arguments_of(parts[i]) is None or ends:
            updates = _narrowed(updates, dtypes)
        elif len(parts) > 1 and rule_of(parts[i]) is None:
            updates = _widened(updates)
        if is_grouped(parts[i]) and watched:
            after, new, inside = _walked_apart(parts[i], updates, olds[i], params, extra)
            stages += inside
            news.append(new)
            updates, i = after, i + 1
            continue
        if end == i:
            after, new = parts[i](updates, olds[i], params, **extra)
            stages.append(Stage(parts[i], updates, after, new, {}))
            news.append(new)
            updates, i = after, i + 1
            continue
        links = [link_of(part, old) for part, old in zip(parts[i:end], olds[i:end])]
        narrowed = end == len(parts) and _are(dtypes, updates)
        after, passed = one_pass(links, updates, params, narrowed=narrowed, watched=watched)
        if watched:
            stages += [
                Stage(part, p.before, p.after, as_stepped(part, p.state), p.shared)
                for part, p in zip(parts[i:end], passed)
            ]
        news += [p.state for p in passed]
        updates, i = after, end
    if not ends:
        updates = _narrowed(updates, dtypes)
    return updates, _put_together(update, iter(news)), stages


def _walked_apart(update: Partial, updates, state, params, extra: dict[str, Any]):
    """The same of groups, one after the other."""
    done, stages = [], []
    for branch in branches(update, updates, state, params):
        given = branch.updates, branch.state, branch.params
        after, new, inside = walked(branch.update, *given, extra)
        done.append((branch, after, new))
        for stage in inside:
            own = range(len(branch.leaves)) if stage.leaves is None else stage.leaves
            stages.append(stage._replace(leaves=tuple(branch.leaves[i] for i in own)))
    return *joined(updates, done), stages


def _links(update: Any) -> Iterator[Partial]:
    """The parts of a chain that are no chains."""
    if update.func is not _update:
        yield update
        return
    for part in update.args[-1].parts:
        yield from _links(part)


def innermost(update: Any, where: str = "") -> Iterator[tuple[str, Partial]]:
    """The parts that `walked` tells apart, in the same order, each with the prefix of its names."""
    if update.func is not _update and not is_grouped(update):
        yield where, update
        return
    arguments = update.args[-1]
    for name, part in zip(arguments.part_names, arguments.parts):
        yield from innermost(part, naming.below(where, name))


def _end_of_pass(parts: Sequence[Partial], start: int) -> int:
    """Where the pass ends that starts with a part; there itself, if the part is no rule."""
    end = start
    while end < len(parts) and (rule := rule_of(parts[end])):
        if (rule.sees_tree or rule.stacks) and end > start:
            break
        end += 1
        if rule.stacks:
            break
    return end


def _states(update: Any, state: Any) -> Iterator[Any]:
    """The states of the innermost parts."""
    if update.func is not _update:
        yield state
        return
    parts = update.args[-1].parts
    checks.chain_state(state, len(parts))
    for part, inner in zip(parts, state):
        yield from _states(part, inner)


def _put_together(update: Any, news: Iterator[Any]) -> Any:
    """The state of the whole from those of its innermost parts."""
    if update.func is not _update:
        return next(news)
    return tuple(_put_together(part, news) for part in update.args[-1].parts)


def _are(dtypes: Sequence[Any], updates) -> bool:
    return dtypes == [_dtype(u) for u in jax.tree.leaves(updates)]


def _dtype(leaf) -> Any:
    """None of what has none: the first part says so, and names the leaf."""
    numeric = hasattr(leaf, "dtype") or isinstance(leaf, (int, float, complex))
    return jnp.result_type(leaf) if numeric else None


def _widened(updates):
    """In the arithmetic's precision; what cannot be is left for the part to refuse."""

    def wide(u):
        u = jnp.asarray(u)
        return widen(u, arithmetic_dtype(u.dtype)) if jnp.issubdtype(u.dtype, jnp.inexact) else u

    return jax.tree.map(wide, updates)


def _narrowed(updates, dtypes: Sequence[Any]):
    """In the gradients' dtypes; what a part of optax has made into other leaves stays as it is."""
    leaves, structure = jax.tree.flatten(updates)
    if len(leaves) != len(dtypes) or _are(dtypes, updates):
        return updates
    return structure.unflatten([narrow(u, dtype) for u, dtype in zip(leaves, dtypes)])
