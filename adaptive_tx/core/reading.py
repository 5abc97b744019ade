"""What a state keeps of each parameter, by the parameter's path: for functions that users read it with."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from adaptive_tx.core.finding import states_of, unboxed
from adaptive_tx.core.paths import with_paths


def kept_by_path(
    call: str, kind: type | tuple[type, ...], field: str, state: Any, params: Any
) -> dict[str, Any]:
    """A field, a tree like the parameters, of all states of a class in `state`: each leaf by its path.

    Args:
      call: the function, as it is to be called, for errors: "eval_params(state, params)".
      kind: the class of the states, or several.
      field: the name of the field, for errors also what it holds.
      state: the state of an optimizer, or whatever holds it.
      params: the parameters.

    Raises:
      TypeError: if it is `params` that hold a state.
      ValueError: if something is kept twice of one parameter, or was made for other parameters.
    """
    who, found = call.partition("(")[0], {}
    if states_of(kind, params):
        raise TypeError(f"{who}: params holds a state; write {call}.")
    for _, one in states_of(kind, state):
        for path, leaf in with_paths(getattr(one, field)):
            if path in found:
                raise ValueError(f"{who}: the state holds the {field} of {path!r} twice.")
            found[path] = unboxed((leaf,))[0]
    known = dict(with_paths(params))
    for path, leaf in found.items():
        if path not in known or jnp.shape(leaf) != np.shape(known[path]):  # it may be a function
            raise ValueError(
                f"{who}: the state holds the {field} of {path!r}, of shape {jnp.shape(leaf)}, but params "
                "has no such leaf. Of a run stacked by vmap or scan, give both stacked alike."
            )
    return found
