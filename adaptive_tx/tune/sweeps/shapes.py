"""Which members have rates of one shape over a training, and so can be compared before its end.

Of a rate only its height may differ if a loss at some step shall tell who is best at the end: a long
warm-up loses at first and may win. So where an axis changes the shape, halving drops nothing until the
last warm-up is over (95 % of the largest rate), and then compares each member with those of its shape: two
are of one shape if their rates over their largest differ by less than 0.05, averaged over the steps.

To compare losses at equal fractions of the rates' sums, so early ones of the fast starters, was worse than
not to care: benchmarks/halving.md.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core import naming
from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.plan import Plan
from adaptive_tx.tune.sweeps.sweep import Sweep

POINTS = 64  # at which rates are compared, over the steps
ALIKE, REACHED = 0.05, 0.95


class Shapes(NamedTuple):
    """The shape of each member, and the step at which the last warm-up is over."""

    of: np.ndarray  # int[member]
    late: int  # 0 if all members have one shape

    def survivors(self, alive: np.ndarray, losses: np.ndarray, plan: Plan, rung: int) -> np.ndarray:
        """Which of the members alive go on after a rung; `losses` are theirs, least is best."""
        if plan.rungs[rung] < self.late:
            return alive
        order = np.argsort(losses, kind="stable")
        shapes = self.of[alive]
        kept = [order[shapes[order] == one] for one in np.unique(shapes)]
        return np.sort(alive[np.concatenate([of[: plan.kept(len(of))] for of in kept])])

    def work(self, plan: Plan) -> int:
        """The steps of all members together, whoever survives."""
        alive, total, begin = np.arange(len(self.of)), 0, 0
        for rung, end in enumerate(plan.rungs):
            total += len(alive) * (end - begin)
            alive, begin = self.survivors(alive, np.zeros(len(alive)), plan, rung), end
        return total


def shapes(sweep: Sweep, plan: Plan) -> Shapes:
    """The shapes of the rates of a sweep's members, if a plan drops some of them."""
    if plan.keep is None:
        return Shapes(np.zeros(len(sweep), np.int64), 0)
    return shapes_over(sweep, plan.steps)


def shapes_over(sweep: Sweep, steps: int) -> Shapes:
    """The shapes of the rates of a sweep's members over so many steps."""
    counts = np.linspace(0, steps - 1, min(steps, POINTS)).round().astype(np.int32)
    rates = np.asarray(_each(sweep.tx, counts))  # [member, rate, point]
    heights = np.abs(rates).max(2, keepdims=True, initial=0.0)
    known = np.isfinite(heights) & (heights > 0)
    over = np.abs(np.where(known, rates, 1.0)) / np.where(known, heights, 1.0)
    leaders, of = [], np.zeros(len(rates), np.int64)
    for i, one in enumerate(over):
        near = [np.abs(one - over[j]).mean(1).max(initial=0.0) < ALIKE for j in leaders]
        leaders += [] if any(near) else [i]
        of[i] = near.index(True) if any(near) else len(leaders) - 1
    begun = counts[np.argmax(over >= REACHED, axis=2)]  # the first step of each at its height
    return Shapes(of, int(begun.max(initial=0)) if len(leaders) > 1 else 0)


@jax.jit
def _each(tx: Transformation, counts) -> jax.Array:
    """float[member, rate, point]; in one program, as single operations compile for seconds."""
    return jax.vmap(lambda tx: _rates(tx, counts))(tx)


def _rates(tx: Transformation, counts) -> jax.Array:
    """float[rate, point]: the scheduled rates of one optimizer."""
    found = []

    def walk(function) -> None:
        if (arguments := arguments_of(function)) is None:
            return
        for _, part in naming.parts_of(arguments):
            walk(part)
        for name, value in zip(arguments.names, arguments.values):
            if callable(value) and name.endswith("rate"):
                found.append(jax.vmap(value)(counts))

    walk(tx.update)
    return jnp.stack(found) if found else jnp.zeros((0, len(counts)))
