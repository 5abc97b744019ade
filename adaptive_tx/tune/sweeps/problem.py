"""What is trained: the functions of a user, brought to one form.

A problem begins runs, steps in them and judges them. Its two forms are a loss (`of_loss.py`) and a step of
the user's own (`of_step.py`); nobody else knows which one it is. A run is one member with one seed, and its
carry is all that a step changes.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.tune.sweeps.sweep import Setting

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
Scalars = dict[str, jax.Array]


class Problem(Protocol):
    """The functions of a training, known at trace time: equal ones share compiled programs."""

    @property
    def draw(self) -> Callable | None:
        """(key) -> batch; None: batches are rows of arrays, or come in a stream."""
        ...

    @property
    def has_key(self) -> bool:
        """Whether a step takes a key."""
        ...

    @property
    def begin(self) -> Callable:
        """(setting, what a seed begins with) -> carry."""
        ...

    def step(self, setting: Setting, carry: Any, batch: Any, key: Any) -> tuple[Any, Scalars]:
        """One step of one run, and what is recorded of it."""
        ...

    def parts(self, carry: Any, to_evaluate: bool) -> Any:
        """What `judged` needs of a carry, or of many. Without `to_evaluate` of the same shapes only."""
        ...

    def judged(self, parts: Any) -> tuple[Scalars, jax.Array]:
        """What `evaluate` gives, and whether all parameters are finite."""
        ...


class Init(NamedTuple):
    """What makes the parameters, and its fingerprint."""

    make: Callable  # key -> parameters
    content: str


def is_scalar(x: Any) -> bool:
    """Whether this is a number, or an array of one."""
    return isinstance(x, (jax.Array, np.ndarray, np.generic, int, float)) and jnp.shape(x) == ()


def shown(names: Iterable[str], by: str) -> str:
    """The scalar of a step that tells how a run goes: its loss, or what ranks, or the first."""
    names = tuple(names)
    return next((name for name in ("loss", by) if name in names), names[0])


def as_metrics(evaluated: Any) -> Scalars:
    """What `evaluate` returned, by name; a single number is a loss."""
    metrics = evaluated if isinstance(evaluated, dict) else {"loss": evaluated}
    return jax.tree.map(lambda x: jnp.asarray(x, float), metrics)


def positional(function: Callable) -> tuple[list[str], list[str]]:
    """The names of the arguments that can be given by position, and of those that must be."""
    taken = [p for p in inspect.signature(function).parameters.values() if p.kind in POSITIONAL]
    return [p.name for p in taken], [p.name for p in taken if p.default is p.empty]


def takes_axes(who: str, what: str, function: Callable, axes: Iterable[str]) -> None:
    """A loss or a step must take the axes that are for it, by name, and need no others.

    Raises:
      TypeError: which names them.
    """
    by_name = inspect.signature(function).parameters.values()
    own = {p.name: p for p in by_name if p.kind is p.KEYWORD_ONLY}
    anything = any(p.kind is p.VAR_KEYWORD for p in by_name)
    for name in axes:
        if name not in own and not anything:
            if name in positional(function)[0]:
                raise TypeError(
                    f"{who}: {name} is an axis for {what}, which must take it by name alone: write * "
                    f"before it, {what}(..., *, {name})."
                )
            raise TypeError(
                f"{who}: {name} is an axis for {what}, which does not take it; write "
                f"{what}(..., *, {name})."
            )
    for name, p in own.items():
        if p.default is p.empty and name not in axes:
            raise TypeError(
                f"{who}: {what} needs {name}, which is no axis; give it a default, or write "
                f'sweep(..., {name}=[...], of_loss=["{name}"]).'
            )
