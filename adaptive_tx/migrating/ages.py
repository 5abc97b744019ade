"""What the count of a rule means: a clock, which its schedules read, or the age of what it keeps, too.

A rule whose mean is divided by 1 - b^t, or that begins otherwise at t = 1, takes its count for the number
of gradients that it has seen. Where all it reads at a count is a schedule, the count is the run's.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters.partial_eval import dce_jaxpr
from jax.tree_util import Partial

from adaptive_tx.core.debiasing import rule_state_of, with_weights
from adaptive_tx.core.numerics import Decay, one_minus_power
from adaptive_tx.migrating.records import COUNT, Path, Record, written


def is_age(record: Record, params) -> bool:
    """Whether the rule of a record would do otherwise at another count, were all its schedules constant.

    Found by tracing one update, with nothing computed.
    """
    rule, made = record.rule, record.arguments
    if rule is None or made is None or not rule.slots:
        return False
    still = tuple(Partial(_constant, 0.5) if callable(v) else v for v in made.values)
    arguments = dataclasses.replace(made, values=still)
    state = rule_state_of(record.state)
    sums = {name: jnp.ones(()) for name in record.weights}

    def step(count, state, params):
        grads, state = params, with_weights(state._replace(count=count), sums)
        direction, new = record.update.func(rule, arguments, grads, state, params)
        return rule_state_of(new).count, rule_state_of(new)._replace(count=()), direction

    shapes = jax.eval_shape(lambda: (state.count, state, _of_record(record, params)))
    traced = jax.make_jaxpr(step)(*shapes).jaxpr
    _, used = dce_jaxpr(traced, [False] + [True] * (len(traced.outvars) - 1))
    return used[0]


def _of_record(record: Record, params) -> Any:
    """The parameters that the rule steps on: in a group, None in place of the others."""
    below = (record.below(path) for path in record.leaves)
    places = {path[1:] for path in below if path[0] != COUNT and len(path) > 1}
    if not places:
        return params
    return jax.tree.map_with_path(lambda p, x: x if written(p) in places else None, params)


def is_clock(record: Record, params) -> bool:
    """Whether a count that is new is the run's. Of what is not ours, where nothing else is kept."""
    return len(record.leaves) == 1 if record.arguments is None else not is_age(record, params)


def _constant(value: float, count: jax.Array) -> float:
    return value


def weights_in(record: Record, decay: str, leaves: dict[Path, Any]) -> Any:
    """The sum of the weights in a mean that has started at zero; None where it cannot be known."""
    if decay in record.weights:
        return leaves[record.weights[decay]]
    made = record.arguments
    if made is None or decay not in made.names or made.is_schedule(decay):
        return None
    count, b = jnp.asarray(leaves[record.count]), made.values[made.names.index(decay)]
    count = count - (1 if record.rule and decay in record.rule.late else 0)
    t = jnp.maximum(count, 1).astype(float)
    return jnp.where(count > 0, one_minus_power(Decay.of(b), t), 0)


def same_decay(old: Record, b: str, new: Record, other: str) -> bool:
    """Whether a mean goes on with the decay rate that it had, or keeps the sum of its weights."""
    if b in old.weights and other in new.weights:
        return True
    rates = [_number(record, name) for record, name in ((old, b), (new, other))]
    return None not in rates and bool(rates[0] == rates[1])


def _number(record: Record, name: str) -> Any:
    made = record.arguments
    if made is None or name not in made.names or made.is_schedule(name):
        return None
    return made.values[made.names.index(name)]
