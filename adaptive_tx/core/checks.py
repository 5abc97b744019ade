"""Every error of the library: ranges, dtypes, layouts. A message names who complains and which leaf.

Ranges are checked when a transformation is made, dtypes and layouts when it is traced: before a
number is computed, so nothing is lost. chex compares the trees.
"""

import math
from collections.abc import Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from adaptive_tx.core.ranges import LARGEST, Number, Range

WHOLE_MODEL = "is this a whole model? Give its arrays alone, of an Equinox model"


def number(who: str, name: str, marked: Number) -> Any:
    """A concrete scalar as a Python float in its range; a traced scalar as it is."""
    value, allowed = marked
    if isinstance(value, (bool, np.bool_)) or getattr(value, "dtype", None) == np.bool_:
        raise TypeError(f"{who}: {name} must be a number, got the bool {value}.")
    if not isinstance(value, (int, float, np.ndarray, np.generic, jax.Array)):
        raise TypeError(f"{who}: {name} must be a number, got {value!r}.")
    if np.shape(value) != ():
        raise ValueError(
            f"{who}: {name} must be a scalar, got an array of shape {np.shape(value)}. "
            f"For one optimizer per entry, map the constructor: jax.vmap({who})(...)."
        )
    if not isinstance(value, (int, float)) and not jnp.issubdtype(value.dtype, jnp.number):
        raise TypeError(f"{who}: {name} must be a number, got dtype {value.dtype}.")
    if jnp.iscomplexobj(value):
        raise TypeError(f"{who}: {name} must be real, got {value}.")
    if isinstance(value, Tracer):
        return value
    value = shortest(value)
    if value not in allowed:
        raise ValueError(
            f"{who}: {name} must lie in {allowed}, got {value}{_rounded(value, allowed)}."
        )
    return value


def _rounded(value: float, allowed: Range) -> str:
    """What float32 makes of a number that is refused for that alone."""
    if LARGEST < abs(value) < math.inf:
        return f", which is infinite in float32; the largest is {LARGEST:.3g}"
    if not allowed.at_open_end(value):
        return ""
    end = np.float32(value)
    inside = np.nextafter(end, np.float32((allowed.low + allowed.high) / 2))
    return f", which is {end} in float32; the nearest that works is {inside}"


def shortest(value) -> float:
    """The Python float that prints as `value` does: float32(0.1) is 0.1, not 0.10000000149011612."""
    value = np.asarray(value) if isinstance(value, jax.Array) else value
    if isinstance(value, (np.ndarray, np.generic)):
        return float(str(np.asarray(value)[()]))
    return float(value)


def flag(who: str, name: str, value) -> bool:
    """A setting that must be known when tracing: a Python bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be True or False, got {value!r}.")
    return value


def choice(who: str, name: str, value, allowed: Sequence[str]) -> str:
    """A setting that is one of a few words."""
    if value not in allowed:
        raise ValueError(f"{who}: {name} must be one of {', '.join(allowed)}; got {value!r}.")
    return value


def keystr(what: str, path) -> str:
    """How a user would write the leaf: grads['enc']['w']."""
    return what + jax.tree_util.keystr(path)


def floating(who: str, what: str, tree) -> None:
    """Every leaf must be an array (or a Python float) of real or complex floating dtype."""
    for leaf in jax.tree.leaves(tree):
        if not _is_floating(leaf):
            break
    else:
        return
    for path, leaf in jax.tree.leaves_with_path(tree):
        if callable(leaf):
            raise TypeError(
                f"{who}: {keystr(what, path)} is a function: {WHOLE_MODEL} "
                "tx.init(eqx.filter(model, eqx.is_array))."
            )
        if not _is_floating(leaf):
            kind = getattr(leaf, "dtype", None) or type(leaf).__name__
            raise TypeError(
                f"{who}: {keystr(what, path)} is of type {kind}; only floating-point leaves can be "
                "optimized. Put None in its place, or exclude it with masked."
            )


def _is_floating(leaf) -> bool:
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        return isinstance(leaf, (float, complex))
    return jnp.issubdtype(dtype, jnp.inexact)


def same_layout(who: str, what: str, tree, like_what: str, like) -> None:
    """`tree` must have the structure and the shapes of `like`: nothing is broadcast or dropped."""
    if jax.tree.structure(tree) == jax.tree.structure(like) and all(
        jnp.shape(a) == jnp.shape(b) for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(like))
    ):
        return
    try:
        chex.assert_trees_all_equal_shapes(tree, like)
    except (AssertionError, TypeError, ValueError) as error:
        raise ValueError(f"{who}: {_difference(what, tree, like_what, like)}") from error


def _difference(what: str, tree, like_what: str, like) -> str:
    """The first leaf in which two trees differ, said in one sentence."""
    ours = dict(jax.tree.leaves_with_path(tree))
    theirs = dict(jax.tree.leaves_with_path(like))
    for path, leaf in ours.items():
        if path not in theirs:
            return f"{keystr(what, path)} exists, but {like_what} no such leaf."
        if jnp.shape(leaf) != jnp.shape(theirs[path]):
            return (
                f"{keystr(what, path)} has shape {jnp.shape(leaf)}, "
                f"but {like_what} {jnp.shape(theirs[path])}."
            )
    for path in theirs:
        if path not in ours and callable(theirs[path]):
            return (
                f"{keystr(like_what.split()[0], path)} is a function: {WHOLE_MODEL} "
                "tx.update(grads, state, eqx.filter(model, eqx.is_array))."
            )
        if path not in ours:
            return f"{keystr(what, path)} is missing or None, but {like_what} such a leaf."
    return f"{what} is a {jax.tree.structure(tree)}, but {like_what} a {jax.tree.structure(like)}."


def state_type(who: str, expected: type, state) -> None:
    """The state must be the one that this transformation's `init` makes."""
    if not isinstance(state, expected):
        raise ValueError(
            f"{who}: expected the state that its own init makes, a {expected.__name__}, "
            f"got a {type(state).__name__}."
        )


def chain_state(state, parts: int) -> None:
    """The state of a chain: a tuple, one state per part."""
    if not isinstance(state, tuple) or len(state) != parts:
        raise ValueError(
            f"chain: expected the state of {parts} parts, as its own init makes it, "
            f"got a {type(state).__name__} of {len(jax.tree.leaves(state))} leaves."
        )


def has_field(who: str, state, field: str) -> None:
    """The state of a rule with hyperparameters has `count`, that of a wrapper `inner_state`."""
    known = isinstance(getattr(type(state), field, None), property)
    if not known and field not in getattr(state, "_fields", ()):
        raise ValueError(
            f"{who}: expected the state that its own init makes, got a {type(state).__name__}."
        )


def params_given(who: str, params) -> None:
    """Rules that read the parameters must get them."""
    if params is None:
        raise ValueError(f"{who}: needs the parameters; call update(grads, state, params).")


def axis_names(who: str, name: str, value) -> None:
    """A name of a mesh axis, or a tuple of names, or None."""
    names = value if isinstance(value, tuple) else (value,)
    if value is not None and not all(isinstance(part, str) for part in names):
        raise TypeError(f"{who}: {name} must be a string or a tuple of strings, got {value!r}.")


def whole(who: str, name: str, value, at_least: int) -> int:
    """A number that must be known at trace time: a Python int."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{who}: {name} must be a Python int, got {value!r}.")
    if value < at_least:
        raise ValueError(f"{who}: {name} must be at least {at_least}, got {value}.")
    return int(value)


def increasing(who: str, name: str, values: Sequence[int]) -> tuple[int, ...]:
    """Steps that must be known at trace time: Python ints, each larger than the one before."""
    steps = tuple(whole(who, name, value, 1) for value in values)
    if any(a >= b for a, b in zip(steps, steps[1:])):
        raise ValueError(f"{who}: {name} must increase, got {steps}.")
    return steps
