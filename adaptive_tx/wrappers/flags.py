"""Which leaves are not finite, and whether a wrapper may compute a step twice to know it beforehand.

A CPU runs one reduction of several arrays in one pass, together with what makes them, and as fast as they
can be read; a reduction of a single one becomes two passes of windows, slower than a step of Adam.

A step that is judged before it is taken needs no copy of what it replaces: a probe reads gradients and
slots, and then the step writes in place. The other way round, what a step gave must lie beside what was
there until it is known which of them stays.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.axes import varying
from adaptive_tx.core.chain import innermost
from adaptive_tx.core.leafwise import rule_of


def not_finite(*trees: Any) -> tuple[jax.Array, ...]:
    """For each of these trees, which are alike, bool[leaves]: which have an entry that is not finite."""
    columns = list(zip(*(jax.tree.leaves(tree) for tree in trees), strict=True))
    if not columns:
        return tuple(jnp.zeros(0, bool) for _ in trees)
    rows = [_of_leaves([*leaves]) for leaves in columns]
    return tuple(jnp.stack(flags) > 0 for flags in zip(*rows))


def largest(sizes: jax.Array) -> jax.Array:
    """The largest of float32 numbers >= 0, NaN if one is, 0 of none. As integers they are in this order."""
    (found,) = _largest([lax.bitcast_convert_type(sizes, jnp.int32)])
    return lax.bitcast_convert_type(found, jnp.float32)


def _of_leaves(leaves: list[Any]) -> Sequence[jax.Array]:
    return _largest([(~jnp.isfinite(leaf)).astype(jnp.int32) for leaf in leaves])


def _largest(arrays: list[jax.Array]) -> Sequence[jax.Array]:
    """The largest entry of each of these int32 arrays of one shape, with entries >= 0; in one pass.

    The largest, for of flags it is whether one is set, and devices of a CPU cannot reduce by "or" together.
    """
    several = arrays if len(arrays) > 1 else 2 * arrays  # of a single one it would be two passes

    def together(some, others):
        return tuple(map(jnp.maximum, some, others))

    start = len(several) * (np.int32(0),)
    return lax.reduce(tuple(several), start, together, tuple(range(arrays[0].ndim)))[: len(arrays)]


def may_repeat(update: Any, *trees: Any) -> bool:
    """Whether a step may be computed twice, in a compiled program on which all devices agree.

    It may if its parts are rules on entries: some arithmetic beside what they read. Products and
    decompositions of matrices cost more, and what is not ours may print or count. Run eagerly, all would
    be computed at once; inside `shard_map`, devices may not agree.
    """
    parts = [part for _, part in innermost(update)]
    rules = [(rule_of(part), arguments_of(part)) for part in parts]
    if any(r is None or r.matrices is not None or a.setting("axis_name") for r, a in rules):
        return False
    return is_traced(*trees) and not any(varying(x) for x in jax.tree.leaves(trees))


def is_traced(*trees: Any) -> bool:
    """Whether they are of a program that is being compiled, so that a branch of it costs no time."""
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(trees))


def constant(values: Any) -> Any:
    """The same, without a derivative. Python numbers have none; as arrays they would be rounded."""
    return jax.tree.map(
        lambda x: x if isinstance(x, (float, int)) else lax.stop_gradient(x), values
    )
