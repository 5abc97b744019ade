"""States of optax's optimizers and ours, moved either way by the names of their fields.

    tx = adaptive_tx.adam(1e-3)                            in place of optax.adam(1e-3)
    state = from_optax(tx, params, optax_state)            to go on here
    optax_state = to_optax(state, optax.adam(1e-3).init(params))       and back

The rules must be the same: the table in docs/equality.md says which are. For optax.adam, adamw, sgd,
rmsprop, adagrad, lion, radam, adabelief, yogi, adadelta, and chains of them. Wrappers are seen through:

    masked, partition      each leaf is found in the group that has it
    inject_hyperparams     the numbers stay with the optimizer: ours has its own
    MultiSteps             at a whole step, as we have no sum of half a step; around ours as it is
    apply_if_finite        what it has counted stays behind; so does what our guards and `measured` have

What must be the same at both ends is not checked where no array tells it. `migrate` moves a state where the
optimizer is another.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.compat.wrapped import WRAPPERS, parts_in
from adaptive_tx.core import naming
from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import PyTree
from adaptive_tx.migrating.records import Path, flat, written
from adaptive_tx.migrating.widths import encoded
from adaptive_tx.storing import stored


@explained
def from_optax(
    tx: Transformation, params: PyTree, optax_state: PyTree, *, count: int | None = None
) -> Any:
    """The state to continue a run of optax with.

    Args:
      tx: ours; the same rules in the same order.
      params: the parameters to go on with.
      optax_state: the state of optax's optimizer.
      count: the number of finished updates, where optax does not count them and tx has a schedule.

    Raises:
      ValueError: for a missing or an extra field, a wrong layout, or an unknown count.
    """
    who = "from_optax"
    move = _Move(who, optax_state, stored(tx, 32).init(params), "optax's", "the optimizer")
    found = move.count(count)
    if found is None and _has_schedule(getattr(tx, "update", None)):
        raise ValueError(
            f"{who}: optax has not counted the steps of this optimizer, and a schedule needs them; give "
            "count=."
        )
    return encoded(tx, move.done(found or 0))


@explained
def to_optax(state: PyTree, optax_state: PyTree) -> Any:
    """optax's state with our arrays and our count.

    Args:
      state: ours; of one that is stored in few bits, give `decoded(tx, state)`.
      optax_state: any state of the optax optimizer to go on with: `optax.adam(1e-3).init(params)`.

    Raises:
      ValueError: for a missing or an extra field, or a wrong layout.
    """
    move = _Move("to_optax", state, optax_state, "our", "optax's optimizer")
    return move.done(move.count(None))


class _Move:
    """From one state to another: every array of the one goes to the first place that has its name."""

    def __init__(self, who: str, source, target, from_: str, to: str):
        self.who, self.from_, self.to = who, from_, to
        self.source, self.target = (list(parts_in(who, state)) for state in (source, target))
        self.given, self.into = flat(source), target

    def count(self, given: int | None) -> int | None:
        """The number of finished updates; None where nothing has counted them."""
        parts = [part for part in self.source if part.counter in part.state._fields]
        inside = [part for part in parts if part.kind not in WRAPPERS]
        counts = [int(getattr(part.state, part.counter)) for part in inside or parts]
        if len({*counts}) > 1:
            raise ValueError(
                f"{self.who}: {self.from_} counts differ: {', '.join(map(str, counts))}."
            )
        if counts and given is not None and given != counts[0]:
            raise ValueError(f"{self.who}: count is {given}, but optax has counted {counts[0]}.")
        return counts[0] if counts else given

    def done(self, count: int | None) -> Any:
        """The target with all that the source has."""
        arrays = self._arrays()
        new = {**self._wrappers(), **self._slots(arrays)}
        if left := [name for name, leaves in arrays if leaves]:
            raise ValueError(
                f"{self.who}: {self.from_} state has {left[0]!r}, which {self.to} lacks."
            )
        if count is not None:
            new |= {
                (*part.where, f".{part.counter}"): count for part in self.target if part.counter
            }
        paths, structure = jax.tree.flatten_with_path(self.into)
        return structure.unflatten([_as(x, new.get(written(path), x)) for path, x in paths])

    def _arrays(self) -> list[tuple[str, dict[Path, Any]]]:
        """The fields of the source's rules, in order, each with its leaves."""
        parts = [part for part in self.source if part.kind not in WRAPPERS]
        return [(name, flat(tree)) for part in parts for name, _, tree in part.fields()]

    def _slots(self, arrays) -> dict[Path, Any]:
        """For each leaf of the target's rules, the array that it becomes; taken from `arrays`."""
        new = {}
        for part in self.target:
            for name, where, tree in part.fields() if part.kind not in WRAPPERS else ():
                same = [leaves for other, leaves in arrays if other == name]
                if not same:
                    names = ", ".join(dict.fromkeys(other for other, _ in arrays)) or "none"
                    raise ValueError(
                        f"{self.who}: {self.from_} state has no {name!r}; it has {names}."
                    )
                for path, like in flat(tree).items():
                    there = next((leaves for leaves in same if path in leaves), None)
                    text = f"{self.who}: {self.from_} {name}{''.join(path)}"
                    if there is None:
                        raise ValueError(f"{text} is missing or masked, but {self.to} has one.")
                    value = there.pop(path)
                    if jnp.issubdtype(jnp.result_type(value), jnp.integer) and _is_float(like):
                        raise ValueError(
                            f"{text} is in {value.dtype}, stored in few bits; give decoded(tx, state)."
                        )
                    if jnp.shape(value) != jnp.shape(like):
                        raise ValueError(
                            f"{text} has shape {jnp.shape(value)}, but that of {self.to} has "
                            f"{jnp.shape(like)}."
                        )
                    new[(*where, *path)] = value
        return new

    def _wrappers(self) -> dict[Path, Any]:
        """What a wrapper keeps goes on in the same wrapper; only half a step may not be left behind."""
        new, theirs = {}, [part for part in self.target if part.kind in WRAPPERS]
        for part in self.source:
            if part.kind not in WRAPPERS:
                continue
            twin = next((other for other in theirs if other.kind == part.kind), None)
            if twin is not None:
                theirs.remove(twin)
                for name, where, tree in twin.fields():
                    olds = {
                        path: self.given.get((*part.where, f".{name}", *path))
                        for path in flat(tree)
                    }
                    new |= {(*where, *path): x for path, x in olds.items() if x is not None}
            elif step := int(getattr(part.state, "mini_step", 0)):
                raise ValueError(
                    f"{self.who}: MultiSteps is in the middle of a step, {step} gradients into it, and "
                    "their sum has no place here; move when mini_step is 0, or put ours into "
                    "optax.MultiSteps."
                )
        return new


def _is_float(x) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.inexact)


def _as(old, array) -> jax.Array:
    if array is old:
        return old
    return jnp.asarray(np.asarray(array)).astype(jnp.result_type(old))


def _has_schedule(update: Any) -> bool:
    if (made := arguments_of(update)) is None:
        return False
    return any(map(callable, made.values)) or any(
        _has_schedule(part) for _, part in naming.parts_of(made)
    )
