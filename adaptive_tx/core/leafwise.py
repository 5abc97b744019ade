"""The one lift from a step on an array to a transformation of a tree.

A rule is a function on one array, written from the paper:

    def step(g, mu, nu, t, *, b1, b2, eps):
        ...
        return direction, mu, nu

Its positional arguments are the gradient, the slots (the fields of the state after `count`) and `t`,
the number of this update, from 1. Its keywords are the hyperparameters, and `p`, the parameter, if
it asks for it. Everything else about a transformation is the same for every rule: counting, schedules and
the sums of their weights here; walking the tree, dtypes, layout checks and compilation in `stepping`.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.tree_util import Partial

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.debiasing import rule_state_of, started, weights_after, with_weights
from adaptive_tx.core.masks import ALL, Mask
from adaptive_tx.core.numerics import Decay, arithmetic_dtype, real_dtype
from adaptive_tx.core.states import CountState, incremented
from adaptive_tx.core.stepping import all_numbers, keywords_of, on_leaves, real_meets_complex
from adaptive_tx.core.transformation import Transformation, bind


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Rule:
    """What a rule is at trace time: all of it but its numbers."""

    step: Callable
    state: type
    start: tuple[tuple[str, str], ...] = ()  # (slot, hyperparameter that it starts at)
    mask: Mask = ALL
    once: Callable | None = None
    debiased: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()
    of_leaf: tuple[str, ...] = ()
    decays: tuple[str, ...] = ()  # the numbers that are decay rates
    by_power: bool = False  # torch: the last b of a schedule counts as if it had always been

    @property
    def kept(self) -> tuple[str, ...]:
        """The decay rates that, where they are schedules, have the sum of their weights in the state."""
        return () if self.by_power else self.debiased

    @property
    def engine(self) -> dict[str, Any]:
        """What `on_leaves` must know of it."""
        slots = self.state._fields[1:]
        return {"mask": self.mask, "once": self.once, "debiased": self.debiased,
                "squares": bool(self.squares),
                "of_leaf": tuple(map(slots.index, self.of_leaf))}  # fmt: skip


def leafwise(
    who: str,
    step: Callable,
    state: type = CountState,
    *,
    start: dict[str, str] | None = None,
    mask: Mask = ALL,
    once: Callable | None = None,
    debiased: Sequence[str] = (),
    squares: Sequence[str] = (),
    of_leaf: Sequence[str] = (),
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
      once: `once(t, **numbers)`, more keywords for the step, computed once an update for all leaves: a
        rectification. A step takes what it names.
      debiased: the decay rates whose averages the step divides by the sum of their weights: it gets c1
        for b1, c2 for b2, and so does `once` (`debiasing`).
      squares: the slots that hold squares of gradients. A gradient too large to be squared and summed is
        brought into range before the step sees it (`numerics.squarable`).
      of_leaf: the slots that hold one number for each leaf; the others are shaped like the parameters.
      settings: arguments of the constructor that are known at trace time, for `repr`.
      clips: whether the rule clips (see `bind`).
      **numbers: the hyperparameters, each marked with its range.
    """
    start = start or {}
    at_init = {name: numbers.pop(name) for name in start.values()}
    decays = tuple(name for name, number in numbers.items() if number.range == checks.decay_rate)
    rule = Rule(
        step, state, tuple(start.items()), mask, once, tuple(debiased), tuple(squares), tuple(of_leaf),
        decays,
    )  # fmt: skip
    if mask:
        settings = {**(settings or {}), **mask.settings()}
    return bind(
        who,
        _init,
        _update,
        rule,
        at_init=at_init,
        settings=settings,
        clips=clips,
        shaping=rule.debiased,
        **numbers,
    )


def _init(rule: Rule, arguments: Arguments, params) -> Any:
    numbers = arguments.at_start()
    start = {slot: numbers[name] for slot, name in rule.start}
    slots = new_slots(
        arguments.who, rule.step, rule.state._fields[1:], params, start, rule.decays, rule.of_leaf
    )
    return started(arguments, rule.state(jnp.zeros((), jnp.int32), *slots))


def new_slots(
    who: str, step: Callable, names: tuple[str, ...], params,
    start=None, decays: tuple[str, ...] = (), of_leaf: tuple[str, ...] = (),
) -> list:  # fmt: skip
    """For each slot of a step a tree like `params`, at zero or at the number that `start` gives.

    Of a complex slot, both parts start there. `decays` are the step's keywords that are decay rates,
    `of_leaf` the slots that hold one number for each leaf.
    """
    checks.floating(who, "params", params)
    start = start or {}

    def slot(name: str, p):
        dtype = _slot_dtypes(step, names, decays, jnp.result_type(p))[name]
        part = jnp.full_like(p, start.get(name, 0), real_dtype(dtype))
        if name in of_leaf:
            return jnp.max(
                part, initial=start.get(name, 0)
            )  # of devices too, it is where the leaf is
        return part if part.dtype == dtype else lax.complex(part, part)

    return [jax.tree.map(functools.partial(slot, name), params) for name in names]


@functools.cache
def _slot_dtypes(
    step: Callable, names: tuple[str, ...], decays: tuple[str, ...], dtype
) -> dict[str, Any]:
    """The dtype of each slot: the arithmetic's, or its real part where a complex step makes it real."""
    dtype = arithmetic_dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.complexfloating):
        return dict.fromkeys(names, dtype)
    real = jax.ShapeDtypeStruct((), real_dtype(dtype))
    keywords = {name: Decay(real) if name in decays else real for name in keywords_of(step)}
    g = jax.ShapeDtypeStruct((), dtype)
    slots = (real for _ in names)
    _, *slots = jax.eval_shape(real_meets_complex(step), g, *slots, real, **keywords)
    return {name: slot.dtype for name, slot in zip(names, slots, strict=True)}


def _update(rule: Rule, arguments: Arguments, grads, state, params=None, **extra):
    del extra
    weights = weights_after(arguments, rule, state)
    count = incremented(state.count)
    direction, slots = on_leaves(
        arguments.who, rule.step, grads, rule_state_of(state)[1:], params,
        t=count, numbers=arguments.for_step(state.count), weights=weights, **rule.engine,
    )  # fmt: skip
    return direction, with_weights(rule.state(count, *slots), weights)


def rule_of(update: Partial) -> Rule | None:
    """The rule of a part that `leafwise` made; None for another."""
    return update.args[0] if update.func is _update else None


def known_to(update: Partial, state) -> dict[str, Any]:
    """What the steps of a part that `leafwise` made are given, in the update that starts from `state`.

    In float32: the numbers in force, and what all leaves share: bias corrections, a rectification.
    """
    rule, arguments = update.args
    t, numbers = incremented(state.count), arguments.for_step(state.count)
    weights = weights_after(arguments, rule, state)
    return all_numbers(rule.once, rule.debiased, t, numbers, weights, jnp.float32)[1]
