"""States of optax's optimizers and ours, moved either way by the names of their fields.

    tx = adaptive_tx.adam(1e-3)                        in place of optax.adam(1e-3)
    state = load_state(tx, params, optax_state)        to go on here
    optax_state = to_optax(state, optax.adam(1e-3).init(params))       and back

The rules must be the same: the table in docs/equality.md says which are. For optax.adam, adamw,
sgd, rmsprop, adagrad, lion, radam, adabelief, yogi, adadelta and chains of them with what has no
arrays, such as clipping; not inject_hyperparams, MultiSteps, masked or partition.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.parts import Part, counted, parts_of
from adaptive_tx.core import checks
from adaptive_tx.core.debiasing import ScheduledDecayState
from adaptive_tx.core.transformation import Transformation

WHO = "load_state"
COUNT = "count"
CORRECTED = ("ScaleByRmsWithCountState", "ScaleByRStdDevWithCountState")


def load_state(tx: Transformation, params, optax_state, count: int | None = None) -> Any:
    """The state to continue a run of optax with.

    Args:
      tx: ours; the same rules in the same order.
      params: the parameters to go on with.
      optax_state: the state of optax's optimizer.
      count: the number of finished updates, where optax does not count them and tx has a schedule.

    Raises:
      ValueError: for a missing or an extra field, a wrong layout, or an unknown count.
    """
    parts = list(parts_of(WHO, tx))
    found = list(_fields(WHO, optax_state))
    arrays = [(name, value) for name, value in found if name != COUNT]
    state = tx.init(params)
    wanted = [name for name, _ in _fields(WHO, state) if name != COUNT]
    for name in wanted:
        if name not in (there := [name for name, _ in arrays]):
            raise ValueError(f"{WHO}: optax's state has no {name!r}; it has {_listed(there)}.")
        checks.same_layout(
            WHO,
            f"optax's {name}",
            arrays[there.index(name)][1],
            "the optimizer's state has",
            next(value for ours, value in _fields(WHO, state) if ours == name),
        )
    state, left = _put(state, arrays)
    if left:
        raise ValueError(f"{WHO}: optax's state has {left[0][0]!r}, which the optimizer lacks.")
    return counted(
        state, _count(parts, [int(value) for name, value in found if name == COUNT], count)
    )


def to_optax(state, optax_state) -> Any:
    """optax's state with our arrays and our count.

    Args:
      state: ours.
      optax_state: any state of the optax optimizer to go on with: `optax.adam(1e-3).init(params)`.

    Raises:
      ValueError: for a missing or an extra field, or a wrong layout.
    """
    who = "to_optax"
    ours = [(name, value) for name, value in _fields(who, state) if name != COUNT]
    for name, value in _fields(who, optax_state):
        if name != COUNT:
            there = dict(ours[::-1])
            if name not in there:
                names = [name for name, _ in ours]
                raise ValueError(f"{who}: our state has no {name!r}; it has {_listed(names)}.")
            checks.same_layout(who, f"our {name}", there[name], "optax's state has", value)
    new, left = _put(optax_state, ours)
    if left:
        raise ValueError(f"{who}: our state has {left[0][0]!r}, which optax's lacks.")
    counts = [value for name, value in _fields(who, state) if name == COUNT]
    return counted(new, int(counts[0])) if counts else new


def _is_record(state: Any) -> bool:
    return isinstance(state, tuple) and hasattr(state, "_fields")


def _fields(who: str, state: Any) -> Iterator[tuple[str, Any]]:
    """The fields of all parts of a chain's state, in order; `who` is the function that was called."""
    if _is_record(state):
        if type(state).__name__ in CORRECTED:
            raise ValueError(f"{who}: RMSProp with bias correction has no counterpart here.")
        if "inner_state" in state._fields:
            raise ValueError(
                f"{who}: {type(state).__name__} is the state of a wrapper; give its inner_state."
            )
        if isinstance(state, ScheduledDecayState):
            raise ValueError(
                f"{who}: with a schedule for {', '.join(state.weights)} our state keeps the sum of its "
                "weights, which optax's has not."
            )
        yield from state._asdict().items()
        return
    if not isinstance(state, tuple):
        raise ValueError(
            f"{who}: expected the state of an optimizer, got a {type(state).__name__}."
        )
    for part in state:
        yield from _fields(who, part)


def _put(state: Any, arrays: list[tuple[str, Any]]) -> tuple[Any, list[tuple[str, Any]]]:
    """The state with the first array of each name taken, in its own dtypes; and the arrays left."""
    if not _is_record(state):
        parts = []
        for part in state:
            part, arrays = _put(part, arrays)
            parts.append(part)
        return tuple(parts), arrays
    arrays, new = list(arrays), {}
    for name in state._fields:
        if name != COUNT:
            i = [given for given, _ in arrays].index(name)
            new[name] = jax.tree.map(_as, getattr(state, name), arrays.pop(i)[1])
    return state._replace(**new), arrays


def _as(old, array) -> jax.Array:
    return jnp.asarray(np.asarray(array)).astype(jnp.result_type(old))


def _count(parts: list[Part], counts: list[int], given: int | None) -> int:
    """The number of finished updates."""
    if len(set(counts)) > 1:
        raise ValueError(f"{WHO}: optax's counts differ: {', '.join(map(str, counts))}.")
    if counts and given is not None and given != counts[0]:
        raise ValueError(f"{WHO}: count is {given}, but optax has counted {counts[0]}.")
    if counts or given is not None:
        return counts[0] if counts else int(given or 0)
    if any(callable(number) for part in parts for number in part.numbers.values()):
        raise ValueError(
            f"{WHO}: optax has not counted the steps of this optimizer, and a schedule needs them; "
            "give count=."
        )
    return 0


def _listed(names) -> str:
    return ", ".join(names) or "none"
