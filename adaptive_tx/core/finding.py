"""Finding a state inside whatever holds it: a chain's state, a TrainState, a flax.nnx optimizer."""

from typing import Any

import jax


def states_of(kind: type | tuple[type, ...], state: Any) -> list[tuple[str, Any]]:
    """Every state of a class, or of several, in `state`, those inside others too, each with its path."""
    found = []
    for path, leaf in jax.tree.leaves_with_path(state, is_leaf=lambda x: isinstance(x, kind)):
        if isinstance(leaf, kind):
            here = jax.tree_util.keystr(path, simple=True, separator="/")
            found.append((here, leaf))
            inner = states_of(kind, leaf.inner_state)
            found += [
                ("/".join(filter(None, (here, "inner_state", below))), s) for below, s in inner
            ]
    return found


def unboxed(fields: Any) -> Any:
    """A dict or a tuple of arrays of which a framework has put each into a box: the arrays alone.

    A box, such as flax.nnx's, is any pytree of one leaf.
    """
    return jax.tree.map(
        lambda box: jax.tree.leaves(box)[0], fields, is_leaf=lambda x: x is not fields
    )
