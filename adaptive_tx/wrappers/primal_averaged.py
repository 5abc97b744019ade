"""Generalized primal averaging: gradients between a base sequence and an exponential average of it.

    u   = the direction at the gradient of y, the parameters
    z  <- z - lr u                                   the base sequence
    x  <- decay x + (1 - decay) z                    the average: what to evaluate
    y   = momentum x + (1 - momentum) z              what is trained: p <- y

x, y and z have the unit of the parameters, and start at them. How far the average reaches back and where
gradients are taken are two numbers here; in momentum they are one:

    heavy ball, rate a and decay b    momentum = 1, decay = b, lr = a / (1 - b); the parameters are x
    Nesterov's, likewise              momentum = b, decay = b, lr = a / (1 - b); they are y
    an average, taken of no matter    momentum = 0

With Adam's direction, decay 0.9967 and momentum 0.7 make smooth what DiLoCo does every 32 steps. Weight
decay belongs into the direction, where it is of y. In the authors' code it is of z, which leaves y as it
is, and so moves x, taken from y and z, away from 0.

Defazio et al., Smoothing DiLoCo with Primal Averaging for Faster Training of LLMs, 2025, arXiv:2512.17131.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, real_dtype, times, widen
from adaptive_tx.core.ranges import decay_rate, fraction, non_negative
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.wrappers import sequences


@exportable
class PrimalAveragedState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], finished updates
    z: optax.Params  # like params, in float32 at least
    average: optax.Params  # x, likewise


@explained
def primal_averaged(
    direction: optax.GradientTransformation,
    learning_rate: ScalarOrSchedule,
    *,
    decay: ScalarOrSchedule = 0.9967,
    momentum: ScalarOrSchedule = 0.7,
) -> Transformation:
    """Steps along a direction, and takes gradients between the base sequence and an average of it.

    Args:
      direction: what makes a direction of a gradient, without a learning rate: a rule such as
        `scale_by_adam()`, or a chain of it and `add_decayed_weights`. Its hyperparameters keep their names.
      learning_rate: of the base sequence, >= 0; a number or a schedule.
      decay: of the average, in [0, 1), default 0.9967: it reaches back over about 1 / (1 - decay) updates.
      momentum: where between z (0) and the average (1) gradients are taken, in [0, 1], default 0.7.

    The parameters are y; evaluate, and ship, `eval_params(state, params)`. Heavy ball and Nesterov's
    momentum are settings of it: see the module. With a `direction` that has a decay of its own, put it
    into a chain, whose names have a prefix: `primal_averaged(chain(trace(0.9)), ...)`.

    The state holds two more arrays like each parameter, in float32 at least, beside what `direction` keeps.
    Nothing may follow it in a chain.

    Raises:
      ValueError: if `update` gets no parameters; if `direction` has a learning rate.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx = primal_averaged(atx.identity(), 1.0, decay=0.5, momentum=1.0)  # heavy ball at rate 0.5
    >>> params, state = jnp.zeros(()), tx.init(jnp.zeros(()))
    >>> for _ in range(2):
    ...     update, state = tx.update(jnp.ones(()), state, params)
    ...     params = params + update
    >>> print(params, atx.eval_params(state, params))
    -1.25 -1.25
    """
    return wrap(
        "primal_averaged",
        _init,
        _update,
        sequences.direction_of("primal_averaged", direction),
        ends=True,
        learning_rate=non_negative(learning_rate),
        decay=decay_rate(decay),
        momentum=fraction(momentum),
    )


def _init(arguments: Arguments, params) -> PrimalAveragedState:
    checks.floating(arguments.who, "params", params)
    inner_state = arguments.inner(sequences.in_float32(params))
    z, average = (sequences.copies(params) for _ in range(2))
    return PrimalAveragedState(inner_state, jnp.zeros((), jnp.int32), z, average)


def _update(arguments: Arguments, grads, state, params=None, **extra):
    checks.state_type(arguments.who, PrimalAveragedState, state)
    sequences.check(arguments.who, grads, params, state.average)
    given = sequences.in_float32((grads, params))
    direction, inner_state = arguments.inner(given[0], state.inner_state, given[1], **extra)
    numbers = arguments.for_step(state.count)

    def number(name: str, leaf: jax.Array):
        return in_dtype(numbers[name], real_dtype(leaf.dtype))

    def stepped(z, u):
        return z - times(widen(u, z.dtype), number("learning_rate", z))

    z = jax.tree.map(stepped, state.z, direction)
    x = jax.tree.map(lambda x, z: ema(z, x, number("decay", z)), state.average, z)
    y = jax.tree.map(lambda x, z: sequences.mixed(x, z, number("momentum", z)), x, z)
    new = PrimalAveragedState(inner_state, incremented(state.count), z, x)
    return sequences.leading_to(y, params, grads), new
