"""The one lift from a step on an array to a transformation of a tree.

A rule is a function on one array, written from the paper:

    def step(g, mu, nu, t, *, b1, b2, eps):
        ...
        return direction, mu, nu

Its positional arguments are the gradient, the slots (the fields of the state after `count`) and `t`,
the number of this update, from 1. Its keywords are the hyperparameters, and `p`, the parameter, if
it asks for it. Everything else about a transformation is here, and the same for every rule: walking
the tree, counting, dtypes, schedules, layout checks, what all leaves share, and compiling a step
once for all leaves of equal shape.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.export
import jax.numpy as jnp
import optax
from jax import lax
from jax.tree_util import Partial

from adaptive_tx import checks
from adaptive_tx.arguments import Arguments, in_dtype
from adaptive_tx.masks import ALL, Mask
from adaptive_tx.numerics import arithmetic_dtype, narrow, real_dtype, widen
from adaptive_tx.transformation import Transformation, bind


def incremented(count: Any) -> jax.Array:
    """One more, and the largest int32 forever after it."""
    return jnp.asarray(optax.safe_increment(count))


def exportable(state: type) -> type:
    """Registers a class of states for `jax.export`; where somebody has done so, theirs stands."""
    try:
        jax.export.register_namedtuple_serialization(
            state, serialized_name=f"{state.__module__}.{state.__name__}"
        )
    except ValueError:
        pass
    return state


@exportable
class CountState(NamedTuple):
    """The state of a rule that only counts, for its schedules."""

    count: jax.Array  # int32[], the number of finished updates


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Rule:
    """What a rule is at trace time: all of it but its numbers."""

    step: Callable
    state: type
    start: tuple[tuple[str, str], ...]  # (slot, hyperparameter that it starts at)
    mask: Mask
    once: Callable | None


def leafwise(
    who: str,
    step: Callable,
    state: type = CountState,
    *,
    start: dict[str, str] | None = None,
    mask: Mask = ALL,
    once: Callable | None = None,
    settings: dict[str, Any] | None = None,
    clips: bool = False,
    **numbers: checks.Number,
) -> Transformation:
    """The transformation that applies `step` to every leaf.

    Args:
      who: name of the public constructor.
      step: the rule, on one array (see above).
      state: NamedTuple of `count` and one field per slot. Slots are shaped like the parameters.
      start: slot -> name of the hyperparameter that it starts at, in place of zero.
      mask: the leaves that the rule applies to; the others pass untouched.
      once: `once(t, **numbers)`, more keywords for the step, computed once an update for all leaves:
        bias corrections (`numerics.corrections`), a rectification. A step then takes what it names.
      settings: arguments of the constructor that are known at trace time, for `repr`.
      clips: whether the rule clips (see `bind`).
      **numbers: the hyperparameters, each marked with its range.
    """
    start = start or {}
    at_init = {name: numbers.pop(name) for name in start.values()}
    rule = Rule(step, state, tuple(start.items()), mask, once)
    if mask:
        settings = {**(settings or {}), **mask.settings()}
    return bind(
        who, _init, _update, rule, at_init=at_init, settings=settings, clips=clips, **numbers
    )


def _init(rule: Rule, arguments: Arguments, params) -> Any:
    numbers = arguments.at_start()
    start = {slot: numbers[name] for slot, name in rule.start}
    slots = new_slots(arguments.who, rule.step, rule.state._fields[1:], params, start)
    return rule.state(jnp.zeros((), jnp.int32), *slots)


def new_slots(who: str, step: Callable, names: tuple[str, ...], params, start=None) -> list:
    """For each slot of a step a tree like `params`, at zero or at the number that `start` gives."""
    checks.floating(who, "params", params)
    start = start or {}

    def slot(name: str, p):
        return jnp.full_like(
            p, start.get(name, 0), _slot_dtypes(step, names, jnp.result_type(p))[name]
        )

    return [jax.tree.map(functools.partial(slot, name), params) for name in names]


@functools.cache
def _slot_dtypes(step: Callable, names: tuple[str, ...], dtype) -> dict[str, Any]:
    """The dtype of each slot: the arithmetic's, or its real part where a complex step makes it real."""
    dtype = arithmetic_dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.complexfloating):
        return dict.fromkeys(names, dtype)
    real = jax.ShapeDtypeStruct((), real_dtype(dtype))
    keywords = dict.fromkeys(keywords_of(step), real)
    g = jax.ShapeDtypeStruct((), dtype)
    slots = (real for _ in names)
    _, *slots = jax.eval_shape(_real_meets_complex(step), g, *slots, real, **keywords)
    return {name: slot.dtype for name, slot in zip(names, slots, strict=True)}


@functools.cache
def keywords_of(step: Callable) -> tuple[str, ...]:
    parameters = inspect.signature(step).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _update(rule: Rule, arguments: Arguments, grads, state, params=None, **extra):
    del extra
    checks.state_type(arguments.who, rule.state, state)
    count = incremented(state.count)
    direction, slots = on_leaves(
        arguments.who, rule.step, grads, state[1:], params,
        t=count, numbers=arguments.at(state.count), mask=rule.mask, once=rule.once,
    )  # fmt: skip
    return direction, rule.state(count, *slots)


def on_leaves(
    who: str, step: Callable, grads, slots: tuple = (), params=None,
    *, t: jax.Array, numbers: dict[str, Any], mask: Mask = ALL,
    once: Callable | None = None,
):  # fmt: skip
    """One step on every leaf: checked, widened to at least float32, narrowed to what it replaces.

    The engine of `leafwise`, for rules that look at the whole tree before they step on its leaves.
    Returns the tree of directions and the tuple of trees of new slots.
    """
    checks.floating(who, "grads", grads)
    for slot in slots:
        checks.same_layout(who, "grads", grads, "the state was made for", slot)
    if reads_params := "p" in keywords_of(step):
        checks.params_given(who, params)
        checks.same_layout(who, "grads", grads, "params has", params)
    leaves, structure = jax.tree.flatten(grads)
    columns = [jax.tree.leaves(slot) for slot in slots]
    ps = jax.tree.leaves(params) if reads_params else [None] * len(leaves)
    chosen = mask.leaves(who, grads, params)
    clock = functools.cache(functools.partial(_clock, step, once, t, numbers))

    results = []
    for i, (g, p, applies, *slot) in enumerate(zip(leaves, ps, chosen, *columns, strict=True)):
        if not applies:
            results.append((g, *slot))
            continue
        g = jnp.asarray(g)
        dtype = real_dtype(arithmetic_dtype(g.dtype, *(s.dtype for s in slot)))
        try:
            results.append(_on_leaf(step, g, tuple(slot), p, *clock(dtype)))
        except TypeError as error:
            path, _ = jax.tree.leaves_with_path(grads)[i]
            raise TypeError(f"{who}: {checks.keystr('grads', path)}: {error}.") from error
    trees = (
        [structure.unflatten(column) for column in zip(*results)] if results else [grads, *slots]
    )
    return trees[0], tuple(trees[1:])


def _clock(step: Callable, once, t: jax.Array, numbers: dict[str, Any], dtype):
    """The clock and the step's keywords as arrays of the arithmetic's dtype."""
    t, known = _known(once, t, numbers, dtype)
    if once is not None:
        known = {name: known[name] for name in keywords_of(step) if name != "p"}
    return t, known


def _known(once, t: jax.Array, numbers: dict[str, Any], dtype):
    """The clock, the hyperparameters, and what `once` computes from them, in one dtype."""
    t, numbers = lax.convert_element_type(t, dtype), in_dtype(numbers, dtype)
    return t, numbers if once is None else {**numbers, **_shared(once, t, numbers)}


@functools.partial(jax.jit, static_argnums=0)
def _shared(once: Callable, t, numbers: dict) -> dict:
    """What all leaves share, in one compiled call."""
    return once(t, **numbers)


@functools.partial(jax.jit, static_argnums=0)
def _on_leaf(step: Callable, g, slots: tuple, p, t, numbers: dict):
    """The step on one leaf. Leaves of equal shape and dtype share one trace."""
    dtype = arithmetic_dtype(g.dtype, *(slot.dtype for slot in slots))
    if p is not None:
        numbers = {**numbers, "p": widen(p, dtype)}
    wide = (widen(x, dtype) for x in (g, *slots))
    result = _real_meets_complex(step)(*wide, t, **numbers)
    direction, *new = result if isinstance(result, tuple) else (result,)
    narrowed = (narrow(x, old.dtype) for x, old in zip((direction, *new), (g, *slots), strict=True))
    return tuple(narrowed)


def rule_of(update: Partial) -> Rule | None:
    """The rule of a part that `leafwise` made; None for another."""
    return update.args[0] if update.func is _update else None


def known_to(update: Partial, state) -> dict[str, jax.Array]:
    """The numbers of a part that `leafwise` made, in the update that starts from `state`, in float32.

    Those in force, and what `once` computes from them: bias corrections, a rectification.
    """
    rule, arguments = update.args
    numbers = arguments.at(state.count)
    return _known(rule.once, incremented(state.count), numbers, jnp.float32)[1]


def _real_meets_complex(step: Callable) -> Callable:
    """The step, where real numbers (rates, moduli) may multiply complex ones of the same precision.

    Under strict dtype promotion even that would raise; nothing else is promoted, all being widened.
    """

    @functools.wraps(step)
    def call(*args, **kwargs):
        with jax.numpy_dtype_promotion("standard"):
            return step(*args, **kwargs)

    return call
