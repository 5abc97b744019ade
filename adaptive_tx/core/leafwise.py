"""The one lift from a step on an array to a transformation of a tree.

A rule is a function on one array, written from the paper:

    def step(g, mu, nu, t, *, b1, b2, eps):
        ...
        return direction, mu, nu

Its positional arguments are the gradient, the slots (the fields of the state after `count`) and `t`,
the number of this update, from 1. Its keywords are the hyperparameters, what `shared` returns, and `p`, the
parameter: each if it asks for it by name. Everything else about a transformation is the same for every
rule: counting, schedules, dtypes, layout checks and compilation are settled in `one_pass`.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks, ranges, storage
from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.debiasing import rule_state_of, started, with_weights
from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.masks import ALL, Mask
from adaptive_tx.core.matrices import Layout, Matrices
from adaptive_tx.core.numerics import Decay, arithmetic_dtype, real_dtype
from adaptive_tx.core.on_leaf import real_meets_complex
from adaptive_tx.core.one_pass import one_pass
from adaptive_tx.core.placing import laid_out
from adaptive_tx.core.rule import Rule, keywords_of, shape_of, slots_of
from adaptive_tx.core.rule_update import Link
from adaptive_tx.core.slots import PARAMETERS, Slot
from adaptive_tx.core.states import CountState
from adaptive_tx.core.transformation import Transformation, bind


def leafwise(
    who: str,
    step: Callable[..., Any],
    state: type[Any] = CountState,
    *,
    slots: dict[str, Slot] | None = None,
    shared: Callable[..., Any] | None = None,
    metrics: tuple[str, ...] = (),
    mask: Mask = ALL,
    otherwise: Callable[..., Any] | None = None,
    refuses: Callable[[jax.Array], str] | None = None,
    matrices: Matrices | None = None,
    settings: dict[str, Any] | None = None,
    clips: bool = False,
    **numbers: ranges.Number,
) -> Transformation:
    """The transformation that applies `step` to every leaf.

    Args:
      who: name of the public constructor; errors and `repr` use it.
      step: the rule, on one array: `step(g, *slots, t, *, ...)`, which returns the direction and the next
        slots; t is the number of this update, from 1. Its keywords are hyperparameters, what `shared`
        returns, and p, the parameter: each if it asks for it by name. A module-level function, so that
        equal ones are one.
      state: NamedTuple of `count` and one field per slot.
      slots: what each slot is (`slots`): a mean of gradients, a sum of squares. One that is not declared
        is kept as the step returns it, like the parameter. From the declaration follow the metrics, what
        `init` makes, that the step gets c1, the sum of the weights of a debiased mean with decay rate b1,
        and that a gradient too large to be squared and summed is brought into range first.
      shared: `shared(t, *, ...)`, more keywords for the step, computed once an update for all leaves: a
        rectification. It may name hyperparameters, c1, `tree` (the whole tree, `tree.Tree`), and the slots
        that are one number of the whole tree; if there are such, it returns their next values in a second
        dict.
      metrics: which of these keywords `measured` shows.
      mask: the leaves that the rule applies to; the others pass untouched.
      otherwise: the step on those, with the same keywords; None: they pass untouched.
      refuses: says why the rule cannot step on a leaf, as the end of an error; "" if it can.
      matrices: the step is on one matrix, see `matrixwise`.
      settings: arguments of the constructor that are known at trace time, for `repr`.
      clips: whether the rule clips: `measured` then counts the entries that it changes.
      **numbers: the hyperparameters, each marked with its range.

    Raises:
      TypeError: for slots that the state has not.
    """
    declared = slots_of(who, state, slots or {})
    named = [slot.start for _, slot in declared if isinstance(slot.start, str)]
    starts = dict.fromkeys(name for name in named if name != PARAMETERS)
    at_init = {name: numbers.pop(name) for name in starts}
    decays = tuple(name for name, number in numbers.items() if number.range.is_of_decay_rates)
    rule = Rule(step, state, declared, shared, metrics, decays, mask, otherwise, refuses, matrices)
    return bind(
        who,
        _init,
        _update,
        rule,
        at_init=at_init,
        settings={**(settings or {}), **mask.settings()} if mask else settings,
        clips=clips,
        shaping=rule.debiased,
        **numbers,
    )


def _init(rule: Rule, arguments: Arguments, params) -> Any:
    checks.floating(arguments.who, "params", params)
    if rule.refuses is not None:
        chosen = rule.mask.leaves(arguments.who, params, params)
        rule.check_leaves(arguments.who, "params", params, chosen)
    numbers = arguments.at_start()

    def start(slot: Slot):
        return numbers.get(slot.start, slot.start) if isinstance(slot.start, str) else slot.start

    fields: dict[str, Any] = {}
    for name, slot in rule.of_tree.items():
        fields[name] = jnp.asarray(start(slot), float)
    kinds = storage.formats_of(arguments.who, rule.slots, arguments.bits)
    starts = storage.started(kinds, [start(slot) for slot in rule.of_leaves.values()])
    if arguments.bits < 32:
        storage.refuse_complex(arguments.who, arguments.bits, params)
    leaves, structure = jax.tree.flatten(params)
    layouts = rule.layouts(arguments.who, "params", params)
    for (name, slot), kind, first in zip(rule.of_leaves.items(), kinds, starts):
        make = functools.partial(_new, rule, name, slot, kind, first)
        fields[name] = structure.unflatten(map(make, layouts, leaves))
    return started(arguments, rule.state(count=jnp.zeros((), jnp.int32), **fields))


def _new(
    rule: Rule, name: str, slot: Slot, kind: str, start, layout: Layout | None, p
) -> jax.Array | None:
    """A slot for one leaf; of a complex one, both parts start where it does."""
    if slot.start == PARAMETERS:  # a buffer of its own, so that both can be donated
        return laid_out(jnp.array(p, arithmetic_dtype(jnp.result_type(p))), p)
    dtype = storage.dtype_of(kind, _dtypes(rule, jnp.result_type(p))[name])
    part = laid_out(jnp.full_like(p, start, storage.real(dtype)), p)
    if slot.shape is not None:
        if (shape := shape_of(slot, jnp.shape(p), layout)) is None:
            return None
        # Where the leaf is, on all devices, and split as it is: made of the leaf.
        part = jnp.max(part, _reduced(p, shape), keepdims=len(shape) > 0, initial=start)
        if part.shape != shape:  # of an axis that it keeps twice the first is split
            wide = part.ndim == len(shape) and all(n in (1, m) for n, m in zip(part.shape, shape))
            part = jnp.broadcast_to(part if wide else jnp.max(part), shape)
    return part if part.dtype == dtype else lax.complex(part, part)


def _reduced(p, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes of a leaf over which a slot has one number; None for all."""
    if len(shape) != jnp.ndim(p):
        return None
    return tuple(i for i, (n, m) in enumerate(zip(jnp.shape(p), shape)) if n != m)


@functools.cache
def _dtypes(rule: Rule, dtype) -> dict[str, Any]:
    """The dtype of each slot: the arithmetic's, or its real part where a complex step makes it real."""
    names, dtype = (*rule.of_leaves,), arithmetic_dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.complexfloating):
        return dict.fromkeys(names, dtype)
    real = jax.ShapeDtypeStruct((), real_dtype(dtype))
    keywords = {n: Decay(real) if n in rule.decays else real for n in keywords_of(rule.step)}
    g, olds = jax.ShapeDtypeStruct((), dtype), [real for _ in names]
    if rule.matrices is not None:
        g = jax.ShapeDtypeStruct((2, 2), dtype)
        shapes = [
            (2, 2) if slot.shape is None else slot.shape(2, 2) for slot in rule.of_leaves.values()
        ]
        olds = [None if s is None else jax.ShapeDtypeStruct(s, real.dtype) for s in shapes]
    _, *slots = jax.eval_shape(real_meets_complex(rule.step), g, *olds, real, **keywords)
    pairs = zip(names, slots, strict=True)
    return {name: dtype if slot is None else slot.dtype for name, slot in pairs}


def _update(rule: Rule, arguments: Arguments, grads, state, params=None, **extra):
    del extra
    direction, (passed,) = one_pass([Link(rule, arguments, state)], grads, params)
    return direction, passed.state


def is_side_of_rule(side: Any) -> bool:
    """Whether it is the `init` or the `update` that `leafwise` made."""
    return isinstance(side, Partial) and side.func in (_init, _update)


def with_storage(side: Partial, bits: int, seed: ranges.Number) -> Partial:
    """A side of what `leafwise` made, with slots in so many bits each, and a seed where it steps.

    Raises:
      ValueError: for fewer bits than one of the slots can be kept in.
    """
    rule, arguments = side.args
    if {*storage.formats_of(arguments.who, rule.slots, bits)} <= {storage.EXACT}:
        bits = 32
    seeded = bits < 32 and side.func is _update
    return Partial(side.func, rule, arguments.stored(bits, seed if seeded else None))


def as_stepped(update: Partial, state: Any) -> Any:
    """The state of a part that `leafwise` made, with slots as its step sees them."""
    rule, arguments = update.args
    if arguments.bits == 32:
        return state
    kinds = storage.formats_of(arguments.who, rule.slots, arguments.bits)
    own = rule_state_of(state)
    fields = {name: getattr(own, name) for name in rule.of_leaves}
    own = own._replace(**storage.converted(storage.decoded, kinds, fields))
    return with_weights(own, getattr(state, "weights", {}))


def link_of(update: Partial, state: Any) -> Link:
    """A part that `leafwise` made, as a link of a pass."""
    rule, arguments = update.args
    return Link(rule, arguments, state)


def rule_of(update: Partial) -> Rule | None:
    """The rule of a part that `leafwise` made; None for another."""
    return update.args[0] if update.func is _update else None
