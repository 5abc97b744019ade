"""Values where others keep them: in checkpoints of Orbax and flax, and as arguments of exported functions.

Orbax takes a node without children for a leaf; JAX's Partial, which has the dict of its keywords below it,
cannot be rebuilt then. `jax.export` and flax must be told of every class of nodes. For the first the
structure of a value is pickled, so a lambda or a part of optax in it is refused, and, as with every pickle,
only what is trusted should be deserialized. The second keeps the numbers alone.
"""

import pickle
import sys
from typing import Any, TypeVar

import jax
import jax.export

Node = TypeVar("Node")
NODES: list[type] = []
FLAX = "flax.serialization"


def _pickled(structure: Any) -> bytes:
    try:
        return pickle.dumps(structure)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            "an optimizer with a lambda, a function defined inside another, or a part of optax in it "
            f"cannot be serialized ({error}); use functions of a module, or close over the optimizer."
        ) from error


def keepable(node: type[Node]) -> type[Node]:
    """Registers a class of nodes of a value, which JAX knows already as a pytree."""
    jax.export.register_pytree_node_serialization(
        node,
        serialized_name=f"{node.__module__}.{node.__name__}",
        serialize_auxdata=_pickled,
        deserialize_auxdata=pickle.loads,
    )
    NODES.append(node)
    return node


@keepable
@jax.tree_util.register_pytree_with_keys_class
class Partial(jax.tree_util.Partial):
    """JAX's, of positional arguments, which are its children."""

    def tree_flatten_with_keys(self):
        named = [(jax.tree_util.SequenceKey(i), arg) for i, arg in enumerate(self.args)]
        return named, self.func

    def tree_flatten(self):
        return self.args, self.func

    @classmethod
    def tree_unflatten(cls, func, args):
        return cls(func, *args)


def tell_flax() -> None:
    """Registers all classes for `flax.serialization`, if somebody has imported that.

    It is called whenever an optimizer is made, as flax may be imported before this library or after it.
    """
    serialization: Any = sys.modules.get(FLAX)
    while serialization is not None and NODES:
        serialization.register_serialization_state(NODES.pop(), _state_dict, _restored)


def _state_dict(value) -> dict[str, Any]:
    flax: Any = sys.modules[FLAX]
    return {name: flax.to_state_dict(child) for name, child in _children(value).items()}


def _restored(value, state: dict[str, Any]):
    """The same with other numbers.

    Raises:
      ValueError: for the state of another value.
    """
    flax: Any = sys.modules[FLAX]
    children = _children(value)
    if not isinstance(state, dict) or state.keys() != children.keys():
        theirs = ", ".join(state) if isinstance(state, dict) else type(state).__name__
        raise ValueError(
            f"{_who(value)} cannot be restored: it holds {', '.join(children) or 'nothing'}, and what was "
            f"saved {theirs or 'nothing'}; give the same optimizer as it was saved."
        )
    structure = jax.tree.structure(value, is_leaf=lambda x: x is not value)
    return structure.unflatten(
        [flax.from_state_dict(child, state[name], name) for name, child in children.items()]
    )


def _who(value) -> str:
    last = value.args[-1] if isinstance(value, Partial) and value.args else value
    return getattr(last, "who", repr(value))


def _children(value) -> dict[str, Any]:
    flat, _ = jax.tree.flatten_with_path(value, is_leaf=lambda x: x is not value)
    return {jax.tree_util.keystr(path, simple=True): child for path, child in flat}
