"""What a training learns from: arrays of examples, or a function that draws batches, checked."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.tune.sweeps.problem import Problem
from adaptive_tx.tune.training.engine import draw_batch
from adaptive_tx.tune.training.fingerprint import Fingerprint

NUMBERS = (bool, int, float, complex)


def arrays(who: str, data: Any, batch_size: Any) -> tuple[Any, Any, int]:
    """Data as a tree of arrays with a common first axis, the shapes of a batch, the number of rows."""
    leaves = jax.tree.leaves_with_path(data, is_leaf=lambda x: isinstance(x, Iterator))
    if not leaves:
        what = "is None" if data is None else "has no arrays"
        raise ValueError(
            f"{who}: data {what}. Give all examples as arrays, or a function of a key that draws a batch."
        )
    if isinstance(data, list) and _are_batches(data):
        raise TypeError(
            f"{who}: data is a list of {len(data)} batches, which jax takes for one tree. Give "
            "all examples as arrays, or for a stream a class whose __iter__ yields the batches."
        )
    stack = " Stack a list of examples into arrays." if isinstance(data, list) else ""
    for path, leaf in leaves:
        _is_array(who, path, leaf, stack)
    rows = {len(leaf) for _, leaf in leaves}
    if len(rows) > 1:
        lengths = ", ".join(f"{checks.keystr('data', path)} {len(leaf)}" for path, leaf in leaves)
        raise ValueError(f"{who}: the arrays of data must be equally long, got {lengths}.")
    n = size = rows.pop()
    if batch_size is not None:
        size = checks.whole(who, "batch_size", batch_size, 1)
        if size > n:
            raise ValueError(
                f"{who}: batch_size {size} is more than the {n} examples of data.{stack}"
            )
    data = jax.tree.map(jnp.asarray, data)
    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype), data)
    return data, batch, n


def _are_batches(data: list) -> bool:
    """Whether these are trees of one structure, each of several arrays, and not the parts of one batch."""
    if not all(np.ndim(leaf) and hasattr(leaf, "shape") for leaf in jax.tree.leaves(data)):
        return False
    kinds = {jax.tree.structure(one) for one in data}
    return len(data) > 1 and len(kinds) == 1 and kinds.pop().num_leaves > 1


def _is_array(who: str, path: tuple, leaf: Any, stack: str) -> None:
    """A leaf of data must have numbers, and an axis of examples.

    Raises:
      TypeError, ValueError: which says what it is instead.
    """
    name = checks.keystr("data", path)
    if isinstance(leaf, NUMBERS) and path and isinstance(path[-1], jax.tree_util.SequenceKey):
        while path and isinstance(path[-1], jax.tree_util.SequenceKey):
            path = path[:-1]
        name = checks.keystr("data", path)
        raise TypeError(f"{who}: {name} holds lists of Python numbers; make them np.array(...).")
    if not hasattr(leaf, "shape") and not isinstance(leaf, NUMBERS):
        raise TypeError(
            f"{who}: {name} is a {type(leaf).__name__}, which a compiled program cannot read. Give "
            "all examples as arrays, a function of a key that draws a batch, or an iterable of batches."
        )
    if np.ndim(leaf) == 0:
        raise ValueError(f"{who}: {name} has no axis of examples.{stack}")
    if not isinstance(leaf, jax.Array) and (kind := np.asarray(leaf).dtype).kind in "OSUMm":
        raise TypeError(f"{who}: {name} is an array of {kind}, which are no numbers.")


def varied(who: str, problem: Problem, keys: Any) -> None:
    """Batches of two keys must differ. Compiled, as the training calls it: traced once.

    Raises:
      ValueError: if they are equal.
    """
    one, two = (draw_batch(problem, key) for key in keys)
    if jax.tree.leaves(one) and _alike(one, two):
        raise ValueError(
            f"{who}: data gives equal batches for two keys, so every step would see this one batch. "
            "Draw the rows from its key, as by jax.random.randint(key, (32,), 0, len(x)); random "
            "numbers of NumPy or Python are draw_batch only once, when jax traces it. To train on all "
            "examples in every step, give the arrays and batch_size=None."
        )


def _alike(one: Any, two: Any) -> bool:
    return Fingerprint(*jax.tree.leaves(one)).digest == Fingerprint(*jax.tree.leaves(two)).digest
