"""What a member became: its runs, one for each seed, as far as they were kept."""

from typing import Any, NamedTuple

import jax

from adaptive_tx.tune.sweeps.of_loss import Carry


class Run(NamedTuple):
    """One run after its last step."""

    carry: Any  # all that a step changed: (params, opt_state, state) of a loss, else the user's own
    params: Any  # to evaluate and to ship, an average where the optimizer keeps one; None of a step
    state: Any  # of the model; () if it has none; None of a step


class Runs:
    """The runs of one member, by seed."""

    def __init__(self, carries: Any):
        """`carries` has a leading axis [seed]."""
        self._carries = carries

    def __len__(self) -> int:
        return len(jax.tree.leaves(self._carries)[0])

    def __getitem__(self, seed: int) -> Run:
        carry = jax.tree.map(lambda x: x[seed], self._carries)
        if not isinstance(carry, Carry):
            return Run(carry, None, None)
        return Run(carry, carry.weights, carry.state)

    def __repr__(self) -> str:
        return f"<{len(self)} runs>"
