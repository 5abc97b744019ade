"""Runs on the host: trees of NumPy arrays, in which the keys of jax are arrays of words."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Words:
    """A `jax.random.key` array, or its shape, as words with one more axis."""

    words: Any  # uint32[..., word]
    kind: str = dataclasses.field(metadata={"static": True})  # the generator's name


def to_host(tree: Any) -> Any:
    """The arrays of a tree, or the shapes of one, as they are kept."""
    return jax.tree.map(_kept, tree)


def from_host(tree: Any) -> Any:
    """The tree that `to_host` took."""
    return jax.tree.map(_given, tree, is_leaf=lambda x: isinstance(x, Words))


def join(portions: tuple) -> Any:
    """Runs in several portions as one, on the host."""
    return jax.tree.map(lambda *xs: np.concatenate(xs, 1), *map(to_host, portions))


def select(runs: Any, columns: np.ndarray) -> Any:
    """Some columns of runs, all on the host."""
    return jax.tree.map(lambda x: x[:, columns], runs)


def _kept(x: Any) -> Any:
    is_shape = isinstance(x, jax.ShapeDtypeStruct)
    if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return x if is_shape else np.asarray(x)
    kinds: list[str] = []

    def words(key):
        kinds.append(str(jax.random.key_impl(key)))
        return jax.random.key_data(key)

    shape = jax.eval_shape(words, x)
    return Words(shape if is_shape else np.asarray(jax.random.key_data(x)), kinds[0])


def _given(x: Any) -> Any:
    if isinstance(x, Words):
        return jax.random.wrap_key_data(x.words, impl=x.kind)
    return x
