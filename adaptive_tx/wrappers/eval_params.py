"""The weights to evaluate: of every wrapper whose parameters are not what is to be evaluated.

The state of each has a field `average`, like the parameters, and stands in AVERAGING.
"""

import jax
import jax.numpy as jnp

from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import narrow
from adaptive_tx.core.paths import path_of
from adaptive_tx.core.reading import kept_by_path
from adaptive_tx.core.typing import PyTree
from adaptive_tx.wrappers.averaged import AveragedState
from adaptive_tx.wrappers.lookahead import LookaheadState
from adaptive_tx.wrappers.primal_averaged import PrimalAveragedState
from adaptive_tx.wrappers.schedule_free import ScheduleFreeState

AVERAGING = (AveragedState, LookaheadState, PrimalAveragedState, ScheduleFreeState)


@explained
def eval_params(state: PyTree, params: PyTree) -> PyTree:
    """The weights to evaluate, and to ship: the average where there is one, else the parameters.

    Args:
      state: the state of an optimizer, or whatever holds it (a TrainState, an nnx.Optimizer).
      params: the parameters, after the last update.

    Of `averaged` it is the average of the parameters, of `schedule_free` and `primal_averaged` the sequence
    x, of `lookahead` the slow weights: a copy, in the dtypes of `params`. Of an optimizer without such a
    wrapper it returns `params` as they are, so that one evaluation serves all.

    Raises:
      ValueError: if a leaf is averaged twice, or the state was made for other parameters.
    """
    call = "eval_params(state, params)"
    found = kept_by_path(call, AVERAGING, "average", state, params)

    def chosen(keys, p):
        path = path_of(keys)
        if path not in found:
            return p
        # A copy: a donated step gives the state's own away.
        return jnp.array(narrow(found[path], jnp.result_type(p)))

    return jax.tree.map_with_path(chosen, params)
