"""One step that may be skipped: what the guards of `guarded` share.

A step is taken if all of it is finite (gradients, the loss if `update` gets one, the updates) and the
history, where there is one, sees no spike. Otherwise the updates are zero and the inner state stays.
What a probe can tell is judged before the step is made: see `flags`.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, Static, in_dtype
from adaptive_tx.core.axes import Axes, check_agreement, varying
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.tree import global_norm
from adaptive_tx.wrappers import flags

ONE_DECISION = "name it, axis_name={axis}, and give a value that is the same on all"


@exportable
class NotFinite(NamedTuple):
    """Where the last step that was not finite was not. Without one, nowhere."""

    value: jax.Array  # bool[], the loss
    grads: jax.Array  # bool[leaves]
    updates: jax.Array  # bool[leaves], from finite gradients


@exportable
class GuardedState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], updates asked for
    skipped: jax.Array  # int32[]
    in_a_row: jax.Array  # int32[], the skips since the last step
    too_many: jax.Array  # bool[], whether these are max_in_a_row or more
    not_finite: NotFinite
    history: Any  # () or one of `histories`


def init(history: Static, arguments: Arguments, params) -> GuardedState:
    n = len(jax.tree.leaves(params))
    # Each field has a buffer of its own: one that serves two cannot be donated.
    count, skipped, in_a_row = (jnp.zeros((), jnp.int32) for _ in range(3))
    return GuardedState(
        arguments.inner(params),
        count,
        skipped,
        in_a_row,
        too_many=jnp.zeros((), bool),
        not_finite=NotFinite(*(jnp.zeros(shape, bool) for shape in ((), n, n))),
        history=() if history.value is None else history.value.empty(),
    )


class Verdict(NamedTuple):
    """Whether a step is taken, and what the guard will know of it."""

    taken: jax.Array  # bool[]
    finite: jax.Array  # bool[]
    not_finite: NotFinite
    history: Any  # if it is taken


def update(history: Static, arguments: Arguments, grads, state, params=None, **extra):
    who = arguments.who
    checks.state_type(who, GuardedState, state)
    checks.floating(who, "grads", grads)
    over = Axes.of(arguments)
    value, bad_value, extra = _value(arguments, over, extra)
    if (leaves := len(jax.tree.leaves(grads))) != state.not_finite.grads.size:
        raise ValueError(
            f"{who}: grads has {leaves} leaves, but the state was made for "
            f"{state.not_finite.grads.size}."
        )

    def judged(clean, bad_grads, bad_updates) -> Verdict:
        found = NotFinite(bad_value, over.largest(bad_grads), over.largest(bad_updates))
        finite = ~(bad_value | jnp.any(found.grads) | jnp.any(found.updates))
        spike, entered = _against(history.value, arguments, over, state, clean, value)
        taken = finite & ~spike
        check_agreement(who, "grads", grads, "whether to skip it", taken, ONE_DECISION)
        return Verdict(taken, finite, found, entered)

    given = grads, state.inner_state, params
    if not over.names and flags.may_repeat(arguments.inner, given):
        step = _judged_beforehand
    else:
        step = functools.partial(_judged_afterwards, over, bad_value)
    updates, inner_state, verdict = step(arguments.inner, *given, extra, judged)
    taken, finite = verdict.taken, verdict.finite
    in_a_row = jnp.where(taken, 0, incremented(state.in_a_row))
    return updates, GuardedState(
        inner_state,
        count=incremented(state.count),
        skipped=jnp.where(taken, state.skipped, incremented(state.skipped)),
        in_a_row=in_a_row,
        too_many=in_a_row >= arguments.setting("max_in_a_row"),
        not_finite=_where(finite, state.not_finite, verdict.not_finite),
        history=_where(taken, verdict.history, state.history),
    )


def _judged_beforehand(inner, grads, state, params, extra, judged: Callable):
    """A probe tells what the step would give; then it is made, in place, or not at all."""
    entries = jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, jnp.zeros_like(g)), grads)
    probe, *given = flags.constant((inner, entries, state, params, extra))
    would, _ = probe(*given[:3], **given[3])
    verdict = judged(entries, *flags.not_finite(flags.constant(grads), would))

    def taken(state):
        # Mapped over members, both branches run.
        clean = _where(verdict.taken, grads, jax.tree.map(jnp.zeros_like, grads))
        return inner(clean, state, params, **extra)

    def skipped(state):
        return jax.tree.map(jnp.zeros_like, would), state

    return *lax.cond(verdict.taken, taken, skipped, state), verdict


def _judged_afterwards(over: Axes, bad_value, inner, grads, state, params, extra, judged: Callable):
    """The step is made beside what is there, and one of them is chosen."""
    (bad_grads,) = flags.not_finite(grads)
    finite = ~(bad_value | jnp.any(over.largest(bad_grads)))
    # A rule never sees what is not finite: neither its numbers nor its derivatives become NaN.
    clean = _where(finite, grads, jax.tree.map(jnp.zeros_like, grads))
    updates, new = inner(clean, state, params, **extra)
    verdict = judged(clean, bad_grads, *flags.not_finite(updates))
    nothing = jax.tree.map(jnp.zeros_like, updates)
    return _where(verdict.taken, updates, nothing), _where(verdict.taken, new, state), verdict


def _where(condition: jax.Array, tree, other):
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), tree, other)


def _value(arguments: Arguments, over: Axes, extra: dict[str, Any]):
    """The loss made finite, 0 if there is none; whether it was not; and what the inner update gets."""
    who, value = arguments.who, extra.get("value")
    if value is None:
        if arguments.setting("of") == "loss":
            raise TypeError(
                f'{who}: of="loss" needs the loss; call update(grads, state, params, value=loss).'
            )
        return jnp.zeros(()), jnp.zeros((), bool), extra
    if jnp.shape(value) != ():
        raise ValueError(f"{who}: value must be a scalar, got shape {jnp.shape(value)}.")
    if apart := varying(value).intersection(over.names):
        raise ValueError(
            f"{who}: value differs between the devices of the axis {min(apart)!r}; give all the same, "
            f"such as jax.lax.pmean(value, {min(apart)!r})."
        )
    bad = over.largest(~jnp.isfinite(value))
    value = jnp.where(bad, 0, value)
    return value, bad, {**extra, "value": value}


def _against(history, arguments: Arguments, over: Axes, state: GuardedState, grads, value):
    """Whether this step is a spike, and what the history is if it is taken."""
    if history is None:
        return jnp.zeros((), bool), ()
    of_norm = history.of == "norm"
    x = global_norm(grads, over.splits(grads)) if of_norm else value
    numbers = in_dtype(arguments.at(state.count), jnp.float32)
    x, numbers = lax.stop_gradient((x.astype(jnp.float32), numbers))
    known = state.history.n >= arguments.setting("warmup")
    spike = known & ~state.too_many & history.is_spike(state.history, x, numbers)
    spike = over.largest(spike)  # the value, which no type holds together, may differ
    old = _where(state.too_many, history.empty(), state.history)
    entered = history.entered(old, x, numbers)
    return spike, _where(x > 0, entered, old) if of_norm else entered
