"""What the leaves of a tree are called: `encoder/dense/kernel`, alike for every framework."""

from typing import Any

import jax
from jax.tree_util import GetAttrKey


def path_of(keys: tuple[Any, ...]) -> str:
    """A leaf's path. flax.nnx puts each parameter into a box, and its `.value` is no part of the path."""
    boxed = keys[-1:] == (GetAttrKey("value"),)
    return jax.tree_util.keystr(keys[:-1] if boxed else keys, simple=True, separator="/")


def with_paths(tree) -> list[tuple[str, Any]]:
    """The leaves in their order, each with its path."""
    return [(path_of(keys), leaf) for keys, leaf in jax.tree.leaves_with_path(tree)]
