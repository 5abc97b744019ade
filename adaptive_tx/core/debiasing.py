"""The sums of the weights in averages that start at zero, by which a rule divides them.

    c = 1 - b^t                      of a decay rate that is a number: known from the count
    c <- b c + (1 - b)               of one that is a schedule: 1 - b_1 b_2 ... b_t, kept in the state

A rule names the decay rates whose averages it corrects, and its step gets c1 for b1, c2 for b2. With
numbers its state is what it would be anyway; one more scalar for each schedule makes it another class.
optax and torch take 1 - b_t^t of the last b_t for all of them: under a constant gradient Adam's step is
then 0.3 where b2 has just risen from 0.9 to 0.999, and 1 is right.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.checks import state_type
from adaptive_tx.core.numerics import ema, one_minus_power
from adaptive_tx.core.states import exportable


@exportable
class ScheduledDecayState(NamedTuple):
    """The state of a rule that corrects averages whose decay rates are schedules."""

    rule_state: Any  # what it is with numbers
    weights: dict[str, jax.Array]  # float[] each: for a decay rate, the sum of the weights so far

    @property
    def count(self) -> jax.Array:
        return self.rule_state.count


def correction(name: str) -> str:
    """What a step calls the sum of the weights: c1 for b1."""
    return "c" + name.removeprefix("b")


def started(arguments: Arguments, rule_state: Any) -> Any:
    """The state at the start, from the `arguments` of `init`."""
    scheduled = [name for name, is_schedule in arguments.scheduled if is_schedule]
    return with_weights(rule_state, {name: jnp.zeros(()) for name in scheduled})


def with_weights(rule_state: Any, weights: dict[str, jax.Array]) -> Any:
    """The state of a rule, with the sums that it keeps, if any."""
    return ScheduledDecayState(rule_state, weights) if weights else rule_state


def rule_state_of(state: Any) -> Any:
    """What a rule's state is with numbers."""
    return state.rule_state if isinstance(state, ScheduledDecayState) else state


def weights_after(arguments: Arguments, rule: Any, state: Any) -> dict[str, jax.Array]:
    """The sums that the state of a `leafwise.Rule` keeps, after one more update.

    Raises:
      ValueError: for a state that was made for other schedules, or for another rule.
    """
    state_type(arguments.who, rule.state, rule_state_of(state))
    scheduled = [name for name in rule.kept if arguments.is_schedule(name)]
    kept = [*state.weights] if isinstance(state, ScheduledDecayState) else []
    if sorted(scheduled) != sorted(kept):
        name = min({*scheduled} ^ {*kept})
        now, then = ("schedule", "number") if name in scheduled else ("number", "schedule")
        raise ValueError(
            f"{arguments.who}: {name} is a {now}, but the state was made for a {then}: it is a "
            f"{type(state).__name__}, with sums of weights for {', '.join(kept) or 'no schedule'}. Make a "
            "new state with init, or move this one with migrate."
        )
    if not scheduled:
        return {}
    numbers = arguments.for_step(state.count)

    def after(name: str, old: jax.Array) -> jax.Array:
        new = ema(jnp.ones_like(old), old, in_dtype(numbers[name], old.dtype))
        return jnp.where(state.count > 0, new, old) if name in rule.late else new

    return {name: after(name, old) for name, old in state.weights.items()}


def corrections(
    t: jax.Array, rule: Any, numbers: dict[str, Any], weights: dict[str, jax.Array]
) -> dict[str, jax.Array]:
    """c1, c2 and so on, in the dtype of `t`; 1 at the first step for what begins with the second."""

    def sum_of(name: str) -> jax.Array:
        late = name in rule.late
        if name not in weights:
            return one_minus_power(numbers[name], jnp.maximum(t - 1, 1) if late else t)
        weight = weights[name].astype(t.dtype)
        return jnp.where(t > 1, weight, 1) if late else weight

    return {correction(name): sum_of(name) for name in rule.debiased}
