"""An exponential average of the weights, kept in the state: to be evaluated in place of the last ones.

    average <- decay average + (1 - decay) w        w: the weights after each update; it starts at the first

The training is what it is without it. `eval_params(state, params)` reads the average.

Polyak and Juditsky, 1992; as torch's AveragedModel and Keras' use_ema, which start there, too.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import Decay, ema, narrow, real_dtype, widen
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.wrappers import sequences


@exportable
class AveragedState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], finished updates
    average: optax.Params  # like params, in float32 at least


@explained
def averaged(
    tx: optax.GradientTransformation, *, decay: ScalarOrSchedule = 0.999
) -> Transformation:
    """The same updates, and in the state an exponential average of the weights that they make.

    Args:
      tx: the whole optimizer, rate included: nothing may come after `averaged` in a chain. Its
        hyperparameters keep their names.
      decay: of the average, in [0, 1): it reaches back over about 1 / (1 - decay) updates. A schedule may
        let it grow from 0, `lambda count: jnp.minimum(0.9999, (1 + count) / (10 + count))`.

    The state holds one more array like each parameter, in float32 at least. With `accumulated`, put
    `averaged` inside: `accumulated(averaged(tx), every=4)` averages over updates, not batches. With
    `rounded` too, `rounded(averaged(tx))` averages the parameters with their extra bits; evaluate
    `eval_params(state, full_precision(params, state))`.

    Raises:
      ValueError: if `update` gets no parameters; if `tx` is `rounded`, or keeps an average
        already, or holds what does.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx = averaged(atx.sgd(1.0), decay=0.5)
    >>> params, state = jnp.zeros(()), tx.init(jnp.zeros(()))
    >>> for _ in range(2):
    ...     update, state = tx.update(jnp.ones(()), state, params)
    ...     params = params + update
    >>> print(params, atx.eval_params(state, params))
    -2.0 -1.5
    """
    tx = sequences.whole_optimizer("averaged", tx)
    return wrap("averaged", _init, _update, tx, ends=True, decay=decay_rate(decay))


def _init(arguments: Arguments, params) -> AveragedState:
    checks.floating(arguments.who, "params", params)
    count = jnp.zeros((), jnp.int32)
    return AveragedState(arguments.inner(params), count, sequences.copies(params))


def _update(arguments: Arguments, grads, state, params=None, **extra):
    who = arguments.who
    checks.state_type(who, AveragedState, state)
    checks.params_given(who, params)
    checks.same_layout(who, "params", params, "the state was made for", state.average)
    updates, inner_state = arguments.inner(grads, state.inner_state, params, **extra)
    numbers = arguments.for_step(state.count)

    def mean(old, p, u):
        p, u = jnp.asarray(p), jnp.asarray(u)
        moved = lax.add(widen(p, old.dtype), widen(u, old.dtype))
        new = widen(narrow(moved, p.dtype), old.dtype)  # as the parameters will be, rounded
        decay: Decay = in_dtype(numbers, real_dtype(old.dtype))["decay"]
        return jnp.where(state.count == 0, new, ema(new, old, decay))

    average = jax.tree.map(mean, state.average, params, updates)
    return updates, AveragedState(inner_state, incremented(state.count), average)
