"""What torch does otherwise in every rule: complex numbers, and betas that change.

    of a complex number     the real and the imaginary part are two entries, each with moments of its own
    of a beta that changes  1 - b_t^t of its last value, as if it had always been so

Of the same rule without this the modulus is squared, and the weights that were given are summed
(`debiasing`). Real numbers and constant betas are not touched. torch looks at complex parameters by
torch.view_as_real; its moments are complex too.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.tree_util import Partial

from adaptive_tx.core.transformation import Transformation


@dataclasses.dataclass(frozen=True)
class OnParts:
    """A step that takes the real and the imaginary part of a complex number as two entries."""

    step: Callable

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.step)

    def __call__(self, g, *others, **keywords):
        """`others` are the slots, complex like `g`, and the clock; no keyword is complex."""
        if not jnp.iscomplexobj(g):
            return self.step(g, *others, **keywords)
        parts = [self.step(*map(part, (g, *others)), **keywords) for part in (_real, _imaginary)]
        return tuple(lax.complex(*pair) for pair in zip(*parts))


def _real(x):
    return x.real if jnp.iscomplexobj(x) else x


def _imaginary(x):
    return x.imag if jnp.iscomplexobj(x) else x


def as_torch(tx: Transformation) -> Transformation:
    """The same rule, as torch computes it for complex parameters and for betas that are schedules.

    Args:
      tx: a transformation of `adaptive_tx.scale_by_*`, not a chain.
    """
    init: Any = tx.init
    update: Any = tx.update
    rule, _ = update.args
    rule = dataclasses.replace(rule, step=OnParts(rule.step), by_power=True)

    def turned(side: Partial) -> Partial:
        made = dataclasses.replace(side.args[-1], within="as_torch", scheduled=())
        return Partial(side.func, rule, made)

    return Transformation(turned(init), turned(update))
