"""The state of an optimizer as torch's state_dict() would give it; `load_state` is the way back.

    {"state": {0: {"step": ..., "exp_avg": ...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}]}

torch goes on with it, given tensors and its own order of the parameters:

    names = {"q.weight": "q/kernel", "k.weight": "k/kernel"}     in the order of named_parameters()
    optimizer.load_state_dict(state_dict(tx, state, params, names, tensor=torch.as_tensor))

Which leaf is which parameter of torch's is said in `order`; those of other param_groups are None among the
names, and the "state"s are then joined. Shapes must agree: transposing is the caller's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.order import Names, order_of
from adaptive_tx.compat.parts import Part, at, parts_of
from adaptive_tx.compat.torch import parts as chains
from adaptive_tx.compat.torch.names import FILLED_AT_ONCE, SCALARS, UNCOUNTED
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.migrating.widths import decoded
from adaptive_tx.storing import stored

WHO = "state_dict"


def state_dict(
    tx: Transformation,
    state,
    params,
    names: Names = None,
    *,
    tensor: Callable[[np.ndarray], Any] | None = None,
) -> dict[str, Any]:
    """What torch's state_dict() would say after the same steps.

    Args:
      tx: an optimizer of `compat.torch`, or a chain with one in it.
      state: its state.
      params: the parameters that the state is for.
      names: our leaves, as paths, in the order of torch's parameters, None for one that has no leaf (it
        gets no entry); or a mapping from torch's names, in that order, which are then written as
        param_names. None: as they are flattened, for a list of leaves or for leaves of different shapes.
      tensor: what makes a tensor of an array: torch.as_tensor. torch loads no NumPy arrays. None: they
        stay NumPy's.

    Raises:
      ValueError: for names that do not fit, or leaves of equal shape that nothing tells apart.
    """
    tx, state = stored(tx, 32), decoded(tx, state)
    parts = list(parts_of(WHO, tx))
    kept = any(chains.names_of(part).entries for part in parts)
    order = order_of(WHO, params, names, matters=kept)
    entries: dict[int, dict] = {i: {} for i in range(len(order))}
    counted = chains.kind_of(parts) not in UNCOUNTED
    filled = chains.kind_of(parts) in FILLED_AT_ONCE
    for part in (part for part in parts if chains.names_of(part).entries):
        own = at(state, part.where)
        if not (own.count or filled):
            continue
        once = {
            t: getattr(own, f) for f, t in chains.names_of(part).entries.items() if t in SCALARS
        }
        once |= {"step": own.count.astype(jnp.float32)} if counted else {}
        columns = chains.columns_of(part, state, params)
        for i, leaf in [(i, pair[1]) for i, pair in enumerate(order) if pair]:
            here = {theirs: column[leaf] for theirs, column in columns.items()}
            found = {theirs: x for theirs, x in {**once, **here}.items() if x is not None}
            arrays = {theirs: np.array(x) for theirs, x in found.items()}
            entries[i] |= {theirs: tensor(x) if tensor else x for theirs, x in arrays.items()}
    group = {**_group(tx, parts, state), "params": list(range(len(order)))}
    if isinstance(names, Mapping):
        group["param_names"] = list(names)
    return {"state": {i: entry for i, entry in entries.items() if entry}, "param_groups": [group]}


def _group(tx: Transformation, parts: list[Part], state) -> dict[str, Any]:
    """The numbers in force and the switches, under torch's names."""
    group, tuples = chains.group_of(parts), {}
    in_force = tx.hyperparameters(state)
    for part in parts:
        for name, (theirs, i) in chains.names_of(part).numbers.items():
            value = float(in_force[part.path(name)]) if name in part.numbers else None
            if i is None:
                group[theirs] = value
            else:
                tuples.setdefault(theirs, {})[i] = value
    return group | {name: tuple(x for _, x in sorted(t.items())) for name, t in tuples.items()}
