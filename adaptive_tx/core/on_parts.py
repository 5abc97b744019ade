"""A step that takes the real and the imaginary part of a complex number as two entries."""

import dataclasses
import inspect
from collections.abc import Callable

import jax.numpy as jnp
from jax import lax


@dataclasses.dataclass(frozen=True)
class OnParts:
    """The step on each part, with slots of its own; of real numbers it is the step itself."""

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
