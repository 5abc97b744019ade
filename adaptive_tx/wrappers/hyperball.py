"""Hyperball: every leaf keeps its norm, and the rate is the angle of a step.

    r  = norm(p)                                     over the leaf, in the unit of the parameters
    p' = p - lr r u / norm(u)                        u: the direction
    p <- r p' / norm(p')

A step turns a leaf by about lr, whatever the sizes of u and p are. There is no decay: before a norm, decay
only sets the size that steps are compared with, and here that is said at once, so that rates carry over
from width to width. The norm is that which the leaf was made with, to the last digits of its dtype: in
bfloat16 those drift, by 1 % in 2,000 steps, and `rounded(hyperball(...))` keeps it.

A leaf of zeros stays zeros: its sphere has no radius. That is no error, as a compiled `init` sees no
numbers; so start no residual projection at zero under this rule. A scalar can only change its sign. Biases,
gains, and what starts at zero go to another group:

    grouped({"rest": adamw(3e-4)}, by={"rest": "bias$|scale$"}, default=hyperball(scale_by_adam(), 0.018))

NVIDIA's code keeps the first r. Here, as in the authors' scripts, it is the present one: nothing is kept.

Hyperball, 2026, arXiv:2606.16899 (lr 0.018 for hidden matrices).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import norm
from adaptive_tx.core.numerics import narrow, real_dtype, times, widen
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.wrappers import sequences


@exportable
class HyperballState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], finished updates


@explained
def hyperball(
    direction: optax.GradientTransformation, learning_rate: ScalarOrSchedule
) -> Transformation:
    """Turns every leaf towards a direction, and keeps its norm. Needs the parameters.

    Args:
      direction: what makes a direction of a gradient, without a learning rate, such as `scale_by_adam()`,
        or a chain of `trace` and `orthogonalize`. Its hyperparameters keep their names; its size does not
        matter.
      learning_rate: how far a step goes, as a fraction of the norm of the leaf, >= 0: about the angle in
        radians; a number or a schedule, often 0.003 to 0.03.

    A leaf of zeros never moves, and a scalar only changes its sign: give such leaves another group. It
    keeps nothing of its own. Nothing may follow it in a chain.

    Raises:
      ValueError: if `update` gets no parameters; if `direction` has a learning rate.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx, w = hyperball(atx.identity(), 0.75), jnp.array([4.0, 0.0])
    >>> update, _ = tx.update(jnp.array([0.0, -9.0]), tx.init(w), w)  # 0.75 of 4 upwards, and back to 4
    >>> print((w + update).round(3))
    [3.2 2.4]
    """
    return wrap(
        "hyperball",
        _init,
        _update,
        sequences.direction_of("hyperball", direction),
        ends=True,
        learning_rate=non_negative(learning_rate),
    )


def _init(arguments: Arguments, params) -> HyperballState:
    checks.floating(arguments.who, "params", params)
    inner_state = arguments.inner(sequences.in_float32(params))
    return HyperballState(inner_state, jnp.zeros((), jnp.int32))


def _update(arguments: Arguments, grads, state, params=None, **extra):
    checks.state_type(arguments.who, HyperballState, state)
    checks.floating(arguments.who, "grads", grads)
    checks.params_given(arguments.who, params)
    checks.same_layout(arguments.who, "grads", grads, "params has", params)
    given = sequences.in_float32((grads, params))
    direction, inner_state = arguments.inner(given[0], state.inner_state, given[1], **extra)
    numbers = arguments.at(state.count)

    def turned(p, u, g):
        rate = in_dtype(numbers, real_dtype(p.dtype))["learning_rate"]
        update = _turned(p, widen(u, p.dtype), rate)
        return narrow(update, jnp.result_type(g))

    updates = jax.tree.map(turned, given[1], direction, grads)
    return updates, HyperballState(inner_state, incremented(state.count))


def _turned(p: jax.Array, u: jax.Array, rate: jax.Array) -> jax.Array:
    """The update on one leaf; 0 where p or u is 0."""
    radius, length = norm(p), norm(u)
    to = p - times(u, rate * radius / jnp.where(length > 0, length, 1))
    far = norm(to)
    back = jnp.where(far > 0, radius / jnp.where(far > 0, far, 1), 1)
    return times(to, back) - p
