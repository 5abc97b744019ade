"""Schedule-Free: no schedule that must know the end; what is evaluated is an average of what is stepped on.

    u   = the direction at the gradient of y, the parameters
    z  <- z - lr u                                   the base sequence
    x  <- (1 - c) x + c z                            the average: what to evaluate
    y   = momentum x + (1 - momentum) z              what is trained: p <- y
          c = w / (the sum of all w), w = t^r (the largest lr so far)^power

lr is this step's rate. x, y and z have the unit of the parameters, and start at them. With a constant rate
and r = 0, c is 1/t and x the mean of all z. The average forgets the first, bad z because a warm-up gives
them small weights; nothing need fall at the end. Decay belongs into the direction, where it is of y, as in
the authors' default.

The authors keep z and take x from y and z; so does optax, which then has 0 / 0 at momentum 0. Here x is
kept, 4 bytes more: in bfloat16 y is rounded, and an x taken from it was wrong by more than it moved. Their
warm-up over n steps is the rate lr t / n, `with_warmup(constant(lr), n - 1, start=1 / n)`; optax's begins
at 0, with a step that does nothing. The authors' code has u = g / (sqrt(nu_hat) + eps) by default.

Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky, The Road Less Scheduled, 2024, arXiv:2405.15682,
algorithm 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import real_dtype, times, widen
from adaptive_tx.core.ranges import fraction, non_negative
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.wrappers import sequences


@exportable
class ScheduleFreeState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], finished updates
    weight_sum: jax.Array  # float[], of all w
    max_rate: jax.Array  # float[], the largest lr so far
    z: optax.Params  # like params, in float32 at least
    average: optax.Params  # x, likewise


@explained
def schedule_free(
    direction: optax.GradientTransformation,
    learning_rate: ScalarOrSchedule,
    *,
    momentum: ScalarOrSchedule = 0.9,
    r: ScalarOrSchedule = 0.0,
    power: ScalarOrSchedule = 2.0,
) -> Transformation:
    """Steps along a direction, and keeps an average to evaluate that needs no falling rate.

    Args:
      direction: what makes a direction of a gradient, without a learning rate, such as
        `scale_by_adam(b1=0.0)`, or a chain of it and `add_decayed_weights`. Its hyperparameters keep their
        names.
      learning_rate: >= 0; a warm-up is a schedule, `with_warmup(constant(lr), n - 1, start=1 / n)`, and
        nothing after it. Often larger than with a schedule that falls.
      momentum: where between z (0) and the average (1) gradients are taken, in [0, 1], default 0.9; nearer
        to 1 for long runs.
      r: the weight of step t in the average grows as t^r, >= 0, default 0.
      power: and as the largest rate so far to this power, >= 0, default 2.

    The parameters are y; evaluate, and ship, `eval_params(state, params)`. What a model keeps beside them,
    such as BatchNorm's statistics, must be computed again at those. To go on, save params and state.

    The state holds two more arrays like each parameter, in float32 at least, beside what `direction` keeps.
    Nothing may follow it in a chain. Around it may be guards, `accumulated`, groups, `rounded`.

    Raises:
      ValueError: if `update` gets no parameters; if `direction` has a learning rate.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx = schedule_free(atx.identity(), 1.0, momentum=0.5)
    >>> params, state = jnp.zeros(()), tx.init(jnp.zeros(()))
    >>> for _ in range(2):
    ...     update, state = tx.update(jnp.ones(()), state, params)
    ...     params = params + update
    >>> print(params, atx.eval_params(state, params))  # z is -2, x the mean of -1 and -2
    -1.75 -1.5
    """
    return wrap(
        "schedule_free",
        _init,
        _update,
        sequences.direction_of("schedule_free", direction),
        ends=True,
        learning_rate=non_negative(learning_rate),
        momentum=fraction(momentum),
        r=non_negative(r),
        power=non_negative(power),
    )


def _init(arguments: Arguments, params) -> ScheduleFreeState:
    checks.floating(arguments.who, "params", params)
    inner_state = arguments.inner(sequences.in_float32(params))
    weight_sum, max_rate = (jnp.zeros((), float) for _ in range(2))
    z, average = (sequences.copies(params) for _ in range(2))
    count = jnp.zeros((), jnp.int32)
    return ScheduleFreeState(inner_state, count, weight_sum, max_rate, z, average)


def _update(arguments: Arguments, grads, state, params=None, **extra):
    checks.state_type(arguments.who, ScheduleFreeState, state)
    sequences.check(arguments.who, grads, params, state.average)
    given = sequences.in_float32((grads, params))
    direction, inner_state = arguments.inner(given[0], state.inner_state, given[1], **extra)
    numbers = in_dtype(arguments.at(state.count), state.weight_sum.dtype)
    t = incremented(state.count)
    max_rate = jnp.maximum(state.max_rate, numbers["learning_rate"])
    weight = _power(t.astype(max_rate.dtype), numbers["r"]) * _power(max_rate, numbers["power"])
    weight_sum = state.weight_sum + weight
    c = weight / jnp.where(weight_sum > 0, weight_sum, 1)  # 0 as long as all rates were

    def stepped(z, u):
        return z - times(widen(u, z.dtype), _like(numbers["learning_rate"], z))

    z = jax.tree.map(stepped, state.z, direction)
    x = jax.tree.map(lambda x, z: sequences.mixed(x, z, _like(1 - c, z)), state.average, z)
    momentum = numbers["momentum"]
    y = jax.tree.map(lambda x, z: sequences.mixed(x, z, _like(momentum, z)), x, z)
    new = ScheduleFreeState(inner_state, t, weight_sum, max_rate, z, x)
    return sequences.leading_to(y, params, grads), new


def _like(number: jax.Array, leaf: jax.Array) -> jax.Array:
    return lax.convert_element_type(number, real_dtype(leaf.dtype))


def _power(base: jax.Array, exponent: jax.Array) -> jax.Array:
    """base^exponent for base >= 0, with finite derivatives; 0^0 is 1."""
    safe = jnp.where(base > 0, base, 1)
    return jnp.where(base > 0, safe**exponent, (exponent == 0).astype(base.dtype))
