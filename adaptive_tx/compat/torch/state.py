"""The state of an optimizer as torch's state_dict() would give it; `load_state` is the way back.

    {"state": {0: {"step": ..., "exp_avg": ...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}]}

Arrays may be NumPy's or tensors. torch numbers its parameters; `names` says which leaf of ours each
of them is, in torch's order, as paths like "encoder/kernel". Shapes must agree: transposing is the
caller's.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.torch import parts as chains
from adaptive_tx.compat.torch.names import SCALARS, UNCOUNTED
from adaptive_tx.compat.torch.parts import Part
from adaptive_tx.transformation import Transformation


def state_dict(
    tx: Transformation, state, params, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """What torch's state_dict() would say after the same steps; arrays are NumPy's.

    Args:
      tx: an optimizer of `compat.torch`, or a chain with one in it.
      state: its state.
      params: the parameters that the state is for.
      names: our leaves in the order of torch's parameters; None: as they are flattened.

    torch's load_state_dict wants tensors: map torch.as_tensor over "state".
    """
    order, parts = chains.order_of("state_dict", params, names), list(chains.parts_of(tx))
    entries: dict[int, dict] = {i: {} for i in range(len(order))}
    counted = chains.kind_of(parts) not in UNCOUNTED
    for part in (part for part in parts if part.names.entries):
        own = chains.at(state, part.where)
        once = {t: getattr(own, f) for f, t in part.names.entries.items() if t in SCALARS}
        once |= {"step": own.count.astype(jnp.float32)} if counted else {}
        columns = chains.columns_of(part, state, params)
        for i, (_, leaf) in enumerate(order):
            here = {theirs: column[leaf] for theirs, column in columns.items()}
            kept = {theirs: x for theirs, x in {**once, **here}.items() if x is not None}
            entries[i] |= {theirs: np.array(x) for theirs, x in kept.items()}
    group = {**_group(tx, parts, state), "params": list(range(len(order)))}
    return {"state": {i: entry for i, entry in entries.items() if entry}, "param_groups": [group]}


def _group(tx: Transformation, parts: list[Part], state) -> dict[str, Any]:
    """The numbers in force and the switches, under torch's names."""
    group, tuples = chains.group_of(parts), {}
    in_force = tx.hyperparameters(state)
    for part in parts:
        for name, (theirs, i) in part.names.numbers.items():
            value = float(in_force[part.path(name)]) if name in part.numbers else None
            if i is None:
                group[theirs] = value
            else:
                tuples.setdefault(theirs, {})[i] = value
    return group | {name: tuple(x for _, x in sorted(t.items())) for name, t in tuples.items()}
