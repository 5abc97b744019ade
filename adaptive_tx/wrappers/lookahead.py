"""Lookahead: an optimizer goes ahead, and every few steps slow weights follow, from where it starts anew.

    p <- p + the update of tx                        the fast weights
    after every k-th:
        slow <- slow + pull (p - slow)               what to evaluate
        p    <- slow

The slow weights start at the parameters. The state of `tx` goes on over it, as in the authors' code; its
moments are those of the fast weights.

The authors' k is 5, their alpha 0.8. optax's slow weights are among the parameters, as a second tree; timm
takes them from the first k-th step, and not from the start.

Zhang, Lucas, Hinton and Ba, Lookahead Optimizer: k steps forward, 1 step back, 2019, arXiv:1907.08610,
algorithm 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import narrow, real_dtype, widen
from adaptive_tx.core.ranges import at_least_one, fraction
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.wrappers import sequences


@exportable
class LookaheadState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], finished updates
    ahead: jax.Array  # int32[], those since the slow weights moved
    average: optax.Params  # the slow weights, like params, in float32 at least


@explained
def lookahead(
    tx: optax.GradientTransformation,
    *,
    every: ScalarOrSchedule = 5,
    pull: ScalarOrSchedule = 0.8,
) -> Transformation:
    """Lets an optimizer go ahead, and every few updates brings it back to slow weights that follow it.

    Args:
      tx: the whole optimizer, rate included: nothing may come after `lookahead` in a chain. Its
        hyperparameters keep their names.
      every: how many updates it goes ahead, >= 1, default 5; a schedule sees the number of finished ones.
      pull: which part of their way the slow weights follow, in [0, 1], default 0.8; 0.5 is steadier, 1 is
        `tx` alone.

    The parameters are the fast weights; evaluate, and ship, `eval_params(state, params)`, the slow ones.
    With `rounded`, put it inside, `rounded(lookahead(tx))`, and with `accumulated`, too. That has an
    `every` of its own: `accumulated(chain(lookahead(tx)), every=4)` counts updates, not batches.

    The state holds one more array like each parameter, in float32 at least.

    Raises:
      ValueError: if `update` gets no parameters; if `tx` is `rounded`, or keeps an average already.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx = lookahead(atx.sgd(1.0), every=2, pull=0.5)
    >>> params, state = jnp.zeros(()), tx.init(jnp.zeros(()))
    >>> for _ in range(3):
    ...     update, state = tx.update(jnp.ones(()), state, params)
    ...     params = params + update
    ...     print(params, atx.eval_params(state, params))
    -1.0 0.0
    -1.0 -1.0
    -2.0 -1.0
    """
    tx = sequences.whole_optimizer("lookahead", tx)
    return wrap(
        "lookahead",
        _init,
        _update,
        tx,
        ends=True,
        every=at_least_one(every),
        pull=fraction(pull),
    )


def _init(arguments: Arguments, params) -> LookaheadState:
    checks.floating(arguments.who, "params", params)
    count, ahead = (jnp.zeros((), jnp.int32) for _ in range(2))
    inner_state = arguments.inner(sequences.in_float32(params))
    return LookaheadState(inner_state, count, ahead, sequences.copies(params))


def _update(arguments: Arguments, grads, state, params=None, **extra):
    checks.state_type(arguments.who, LookaheadState, state)
    sequences.check(arguments.who, grads, params, state.average)
    given = sequences.in_float32((grads, params))
    updates, inner_state = arguments.inner(given[0], state.inner_state, given[1], **extra)
    numbers = arguments.at(state.count)
    ahead = incremented(state.ahead)
    due = ahead.astype(jnp.float32) >= in_dtype(numbers, jnp.float32)["every"]

    def followed(slow, p, u):
        fast = widen(p, slow.dtype) + widen(u, slow.dtype)
        pull = in_dtype(numbers, real_dtype(slow.dtype))["pull"]
        return jnp.where(due, sequences.mixed(fast, slow, pull), slow)

    def chosen(back, u):
        return jnp.where(due, back, narrow(u, back.dtype))

    slow = jax.tree.map(followed, state.average, given[1], updates)
    updates = jax.tree.map(chosen, sequences.leading_to(slow, params, grads), updates)
    ahead = jnp.where(due, 0, ahead)
    return updates, LookaheadState(inner_state, incremented(state.count), ahead, slow)
