"""Cautious: only those entries of a direction move that go down the gradient at hand.

    m = 1 where Re(u conj g) > 0, else 0             u: the direction, g: the gradient that it was made from
    u <- u m / max(mean(m), 0.001)                   the mean over the leaf

A direction with momentum may point up the gradient at hand, where that has turned: those entries wait, and
the others are longer, so that on the whole the step is as long. Of real numbers it is u g > 0.

The first version of the paper, and the authors' C-Lion, scale by n / (sum(m) + 1), n the entries of a leaf.

Liang, Chen, Liu and Liu, Cautious Optimizers: Improving Training with One Line of Code, 2024,
arXiv:2411.16085, algorithm 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import narrow, real_dtype, sign, times
from adaptive_tx.core.on_leaf import real_meets_complex
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.wrappers import sequences

LEAST = 1e-3  # of the entries that move, so that few are not made huge


@exportable
class CautiousState(NamedTuple):
    inner_state: Any


@explained
def cautious(direction: optax.GradientTransformation) -> Transformation:
    """Sets to zero what of a direction points up the gradient, and lengthens the rest.

    Args:
      direction: what makes a direction of a gradient, without a learning rate, such as `scale_by_adam()` or
        `scale_by_lion()`. Its hyperparameters keep their names.

    Decay and rate come after it: C-AdamW is `chain(cautious(scale_by_adam()), add_decayed_weights(0.01),
    scale_by_learning_rate(1e-3))`. Inside, decay would be masked too. It keeps nothing of its own.

    Raises:
      ValueError: if `direction` has a learning rate: its updates point down the gradient by their sign.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx, w = cautious(atx.trace(0.5)), jnp.zeros(4)
    >>> _, state = tx.update(jnp.array([1.0, 1.0, 1.0, 4.0]), tx.init(w), w)
    >>> print(tx.update(jnp.array([1.0, 1.0, 1.0, -1.0]), state, w)[0])  # of the trace 1.5, 1.5, 1.5, 1
    [2. 2. 2. 0.]
    """
    return wrap("cautious", _init, _update, sequences.direction_of("cautious", direction))


def _init(arguments: Arguments, params) -> CautiousState:
    checks.floating(arguments.who, "params", params)
    return CautiousState(arguments.inner(sequences.in_float32(params)))


def _update(arguments: Arguments, grads, state, params=None, **extra):
    checks.state_type(arguments.who, CautiousState, state)
    checks.floating(arguments.who, "grads", grads)
    wide, params = sequences.in_float32((grads, params))
    direction, inner_state = arguments.inner(wide, state.inner_state, params, **extra)
    updates = jax.tree.map(_masked, direction, wide, grads)
    return updates, CautiousState(inner_state)


@real_meets_complex
def _masked(u, g, like):
    u = jnp.asarray(u)
    real = real_dtype(u.dtype)
    along = (sign(u) * jnp.conj(sign(g))).real  # of signs, as products of tiny numbers are 0
    downhill = lax.convert_element_type(along > 0, real)
    mean = jnp.sum(downhill) / jnp.asarray(max(u.size, 1), real)
    kept = u * lax.convert_element_type(downhill, u.dtype)
    return narrow(times(kept, 1 / jnp.maximum(mean, LEAST)), jnp.result_type(like))
