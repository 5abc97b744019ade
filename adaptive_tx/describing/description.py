"""What an optimizer will do to each parameter: rules, rates, decay, clipping, bytes; and likely mistakes.

    print(describe(tx, params))

Everything is read from the value and from the shapes of its state; nothing is computed or allocated.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.assigning import CHOSEN
from adaptive_tx.core.belonging import owners
from adaptive_tx.core.grouping import GroupedState, branches, is_grouped
from adaptive_tx.core.leafwise import rule_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.naming import below, parts_of
from adaptive_tx.core.paths import path_of
from adaptive_tx.core.transformation import transformation_of
from adaptive_tx.core.typing import PyTree
from adaptive_tx.core.values import written
from adaptive_tx.describing.leaf import Leaf, Part, bytes_of, size_text
from adaptive_tx.describing.warnings import warnings_of

COLUMNS = ("path", "shape", "group", "rule", "rate", "decay", "clip", "state")


@dataclasses.dataclass(frozen=True, repr=False)
class Description:
    """What `describe` found; it prints as a table."""

    leaves: tuple[Leaf, ...]
    shared: tuple[jax.ShapeDtypeStruct, ...]  # of the state, what belongs to no parameter: counts
    warnings: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Of the whole state."""
        return sum(leaf.bytes for leaf in self.leaves) + sum(map(bytes_of, self.shared))

    def __repr__(self) -> str:
        rows = [COLUMNS, *(leaf.cells for leaf in self.leaves)]
        columns = [i for i in range(len(COLUMNS)) if any(row[i] != "-" for row in rows[1:])]
        widths = {i: max(len(row[i]) for row in rows) for i in columns}
        lines = ["  ".join(row[i].ljust(widths[i]) for i in columns).rstrip() for row in rows]
        entries = sum(math.prod(leaf.shape) for leaf in self.leaves)
        params = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in self.leaves)
        lines.append(
            f"{len(self.leaves)} parameters with {entries:,} entries, {size_text(params)}; state "
            f"{size_text(self.bytes)}, {self.bytes / max(entries, 1):.1f} bytes an entry"
        )
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])


@explained
def describe(tx: optax.GradientTransformation, params: PyTree) -> Description:
    """What an optimizer will do to each parameter, and what in it is probably a mistake.

    Args:
      tx: the optimizer.
      params: the parameters, or their shapes and dtypes as `jax.ShapeDtypeStruct`s.

    It prints as a table with, for each parameter, its path, shape and group, the rules with a state, the
    rate with its multipliers (a schedule by its name), the decay and the clipping that reach it, and what
    is kept of it with dtypes and bytes; then the totals, and a warning for what is nearly always a mistake:
    decay after the rate, two rates or none, clipping after the rule, decay of norm scales and biases, an
    embedding under a rule for matrices. As data: `leaves`, `shared`, `warnings`, `bytes`.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> params = {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}
    >>> describe(atx.adamw(1e-3, only="kernel"), params)
    path    shape  rule           rate   decay  state
    bias    (3,)   scale_by_adam  0.001  -      2 float32: 24 B
    kernel  (2,3)  scale_by_adam  0.001  0.01   2 float32: 48 B
    2 parameters with 9 entries, 36 B; state 84 B, 9.3 bytes an entry

    Raises:
      TypeError: for what is no transformation.
    """
    tx = transformation_of("describe", "tx", tx)
    params = jax.eval_shape(lambda p: p, params)
    state = jax.eval_shape(tx.init, params)
    flat, kept = jax.tree.leaves_with_path(params), jax.tree.leaves_with_path(state)
    acting: list[list[Part]] = [[] for _ in flat]
    groups = [""] * len(flat)
    for part, group, places in _parts(tx, params, range(len(flat))):
        for place in places:
            groups[place] = group or groups[place]
            if part is not None:
                acting[place].append(part)
    mine: dict[Any, list[Any]] = {path: [] for path, _ in flat}
    shared = []
    for (_, leaf), likely in zip(kept, owners([p for p, _ in kept], [p for p, _ in flat])):
        (mine[likely[0]] if likely and (likely[0] or _is_slot(leaf)) else shared).append(leaf)
    leaves = tuple(
        Leaf(path_of(path), p.shape, p.dtype, group, tuple(parts), tuple(mine[path]))
        for (path, p), group, parts in zip(flat, groups, acting)
    )
    return Description(leaves, tuple(shared), tuple(warnings_of(leaves)))


def _is_slot(leaf) -> bool:
    """Whether a leaf of a state may belong to a parameter that is all of the tree: a count does not."""
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def _parts(
    sides: Sequence[Any], params, places: Sequence[int], name: str = "", group: str = ""
) -> Iterator[tuple[Part | None, str, Sequence[int]]]:
    """Each innermost part in order, its group, and which of the leaves it acts on; None: of no part.

    `sides` are its `init` and `update`.
    """
    init, update = sides
    arguments, at_init = map(arguments_of, (update, init))
    if is_grouped(update):
        empty = GroupedState({key or CHOSEN: None for key in arguments.part_names})
        for i, branch in enumerate(branches(update, params, empty, params)):
            own, inside = arguments.part_names[i], [places[k] for k in branch.leaves]
            yield None, own or group, inside
            deeper = below(name, own) if own else name
            pair = at_init.parts[i], branch.update
            yield from _parts(pair, branch.params, inside, deeper, own or group)
        return
    inner = zip(parts_of(at_init), parts_of(arguments)) if arguments else []
    pairs = [(own, (first, later)) for (_, first), (own, later) in inner]
    for own, pair in pairs:
        yield from _parts(pair, params, places, below(name, own), group)
    if not pairs or arguments.names:
        rule = rule_of(update)
        chosen = [True] * len(places)
        if rule is not None and rule.otherwise is None:
            chosen = rule.mask.leaves(arguments.who, params, params)
        here = [place for place, applies in zip(places, chosen) if applies]
        yield _part(name.rstrip("."), update, at_init), group, here


def _part(name: str, update: Any, at_init: Any) -> Part:
    arguments, rule = arguments_of(update), rule_of(update)
    if arguments is None:
        return Part(name, written(update).strip("<>"), {})
    numbers = {n: v for a in (at_init, arguments) for n, v in zip(a.names, a.values)}
    keeps = rule is not None and bool(rule.of_leaves)
    return Part(name, arguments.who, numbers, rule is not None, keeps, arguments.clips)
