"""The problem of a step of the user's own: GANs, reinforcement learning, several optimizers in turn."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from adaptive_tx.tune.sweeps.problem import Scalars, as_metrics, is_scalar, positional, takes_axes
from adaptive_tx.tune.sweeps.sweep import Setting


@dataclasses.dataclass(frozen=True)
class OfStep:
    """The functions of a training. What a carry holds is the user's alone."""

    own: Callable
    has_key: bool
    draw: Callable | None
    init: Callable
    evaluate: Callable | None
    content: str = ""

    @property
    def begin(self) -> Callable:
        """(setting, key) -> carry."""
        return self._begin

    def _begin(self, setting: Setting, key) -> Any:
        return self.init(setting.tx, key)

    def step(self, setting: Setting, carry, batch, key) -> tuple[Any, Scalars]:
        """Theirs."""
        key_in = (key,) if self.has_key else ()
        out = self.own(setting.tx, carry, batch, *key_in, **setting.of_loss)
        if not isinstance(out, tuple) or len(out) != 2 or not isinstance(out[1], dict):
            raise TypeError("step must return (carry, logged), logged a dict of scalars.")
        for name, x in out[1].items():
            if not is_scalar(x):
                raise TypeError(f"step must log scalars; {name} is {x}.")
        return out[0], {name: jnp.asarray(x, float) for name, x in out[1].items()}

    def first_step(self, setting: Setting, batch, key) -> tuple[Any, Scalars]:
        """The first one of a run."""
        return self.step(setting, self.begin(setting, key), batch, key)

    def parts(self, carry, to_evaluate: bool) -> Any:
        """All of it."""
        return carry

    def judged(self, parts) -> tuple[Scalars, jax.Array]:
        """What `evaluate` gives. Of a carry nobody knows what must be finite: what is logged tells."""
        return self.metrics(parts), jnp.array(True)

    def metrics(self, carry) -> Scalars:
        """What `evaluate` gives, by name."""
        return {} if self.evaluate is None else as_metrics(self.evaluate(carry))


def of_step(
    who: str, step: Any, init: Any, evaluate: Any, draw: Any, axes: Iterable[str]
) -> OfStep:
    """The problem from what the user gave.

    Raises:
      TypeError: for functions with other arguments.
    """
    for name, function, takes in (
        ("step", step, "(tx, carry, batch, key)"),
        ("init", init, "(tx, key)"),
        ("evaluate", evaluate, "(carry)"),
    ):
        if name == "evaluate" and function is None:
            continue
        if not callable(function):
            raise TypeError(f"{who}: {name} must be a function {name}{takes}, got {function!r}.")
        taken, needed = positional(function)
        most = takes.count(",") + 1
        least = 3 if name == "step" else most
        if len(taken) < least or len(needed) > most:
            raise TypeError(f"{who}: {name} must take {takes}, got ({', '.join(taken)}).")
    takes_axes(who, "step", step, axes)
    return OfStep(step, len(positional(step)[0]) > 3, draw, init, evaluate)
