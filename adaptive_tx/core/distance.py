"""How far the parameters have to go, estimated while they go: Prodigy's d, and what follows from it.

The formulas are in scale_by/prodigy.py. Both sums are over the whole tree, on all devices.
"""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.numerics import Decay, modulus, root, times
from adaptive_tx.core.ranges import SMALLEST
from adaptive_tx.core.saturation import squarable
from adaptive_tx.core.tree import Tree

UNLIMITED = 1e30  # a growth of infinity, times a slope of 0, would be NaN


def next_sum(g, grad_sum, fading, weight):
    """The next sum of the gradients."""
    return times(grad_sum, fading) + times(squarable(g), weight)


def size_of_sum(g, *, grad_sum, fading, weight):
    return jnp.sum(modulus(next_sum(g, grad_sum, fading, weight)))


def towards_start(g, *, p, params0):
    """<g, p0 - p>: positive where the steps so far went downhill."""
    return jnp.sum(jnp.real(jnp.conj(squarable(g)) * (params0 - p)))


@dataclasses.dataclass(frozen=True)
class Distance:
    """What all leaves share: `shared` of a rule, with what is known at trace time."""

    by_b2: bool  # whether b3 is the root of b2
    use_bias_correction: bool
    safeguard_warmup: bool

    @classmethod
    def of(cls, who: str, by_b2: bool, **flags: bool) -> "Distance":
        """Checked, for this constructor."""
        return cls(by_b2, **{name: checks.flag(who, name, value) for name, value in flags.items()})

    @property
    def __signature__(self) -> inspect.Signature:
        named = inspect.signature(self.__call__).parameters
        none = "b3" if self.by_b2 else "b2"
        return inspect.Signature([p for name, p in named.items() if name != none])

    def __call__(
        self,
        t,
        *,
        tree: Tree,
        learning_rate,
        eps,
        d0,
        d_coef,
        growth_rate,
        d,
        d_max,
        numerator,
        c1,
        c2,
        b2: Decay | None = None,
        b3: Decay | None = None,
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """What the step gets, and the next numbers of the whole tree."""
        d = jnp.where(t == 1, d0, d)
        rate = d * learning_rate
        if self.use_bias_correction:
            rate = rate * (root(c2) / c1)
        b = b2 or b3
        assert b is not None
        fading = root(1 - b.weight) if self.by_b2 else 1 - b.weight
        weight = d / d0 * (d if self.safeguard_warmup else rate)
        gained = tree.sum(towards_start)
        size = tree.sum(size_of_sum, fading=fading, weight=weight)
        gained, size = (lax.convert_element_type(x, t.dtype) for x in (gained, size))
        numerator = fading * numerator + d / d0 * rate * gained
        moves = size != 0  # NaN moves, for all to see
        found = jnp.where(moves, d_coef * numerator / jnp.where(moves, size, 1), 0)
        d_max = jnp.maximum(jnp.maximum(d_max, d), found)
        first = jnp.where(d <= d0, jnp.maximum(d, found), d)  # it may grow at once, from d0
        grown = jnp.minimum(d_max, first * jnp.minimum(growth_rate, UNLIMITED))
        rate = jnp.where(moves, rate, 0)
        known = {"d_before": d, "d": grown, "rate": rate, "fading": fading, "weight": weight}
        known |= {"least": jnp.maximum(grown * eps, SMALLEST)}  # of the denominator
        return known, {"d": grown, "d_max": d_max, "numerator": numerator}
