"""Which parameter a leaf of a state belongs to, and which of its axes it keeps.

The first is told by its path, the second by its shape: nothing else ties a slot to its parameter in a state
that may be of any library.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax

Shape = tuple[int, ...]
Path = tuple[Any, ...]  # the keys of a leaf, as `jax.tree.leaves_with_path` gives them
Axes = tuple[
    int | None, ...
]  # for each axis of a slot, that of the parameter; None: it is the slot's own


def owners(paths: Sequence[Path], parameters: Sequence[Path]) -> list[list[Path]]:
    """For each leaf of a state the parameters that it may belong to, the likeliest first.

    What follows a prefix of its path begins with theirs, and so it does for every leaf with this prefix:
    there the state holds a tree like the parameters. With ['enc']['w'] and ['w'] among the parameters,
    `mu['enc']['w']` belongs to the first.
    """
    known = {*parameters}

    def owner(rest: Path) -> Path | None:
        return next((rest[:k] for k in range(len(rest) + 1) if rest[:k] in known), None)

    rows = [[owner(path[k:]) for k in range(len(path) + 1)] for path in paths]
    others = {p[:k] for p, row in zip(paths, rows) for k, found in enumerate(row) if found is None}
    return [
        [found for k, found in enumerate(row) if found is not None and path[:k] not in others]
        for path, row in zip(paths, rows)
    ]


def kept(shape: Shape, whole: Shape) -> list[Axes]:
    """Which axes of a parameter of shape `whole` a slot of this shape may have kept; [] if it is not its.

    The same axes, some of them reduced to length 1 or gone, or others in front of all. Of a square for each
    matrix, its rows (or its columns) by themselves, the axis in its place is theirs, the other its own.
    """
    every, more = tuple(range(len(whole))), len(shape) - len(whole)
    if more > 0:
        return [(*(None,) * more, *every)] if shape[more:] == whole else []
    if more == 0:
        if all(n in (1, m) for n, m in zip(shape, whole)) or _squared(shape, whole):
            return [tuple(i if shape[i] == whole[i] else None for i in every)]
        return _of_pairs(shape, whole)
    subsets = itertools.combinations(every, len(shape))
    return [a for a in subsets if tuple(whole[i] for i in a) == shape] or _of_pairs(shape, whole)


def _squared(shape: Shape, whole: Shape) -> bool:
    """Whether it is the parameter's but for one axis, which is as long as another that stays."""
    others = [i for i, (n, m) in enumerate(zip(shape, whole)) if n != m]
    return len(others) == 1 and shape.count(shape[others[0]]) > 1


def _of_pairs(shape: Shape, whole: Shape) -> list[Axes]:
    """The same where rows or columns are several axes in one: the first of them; others are in front."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return []
    found: list[Axes] = []
    for i, j in itertools.combinations(range(len(whole) + 1), 2):
        if math.prod(whole[i:j]) == shape[-1]:
            others = [k for k in range(len(whole)) if not i <= k < j]
            for front in itertools.combinations(others, len(shape) - 2):
                if tuple(whole[k] for k in front) == shape[:-2]:
                    found.append((*front, i, None))
    return found


def told_apart(shape: Shape) -> Shape:
    """Longer axes in the same order, no two of them alike: of (8, 8), (16, 17)."""
    return tuple(len(shape) * n + shape[:i].count(n) for i, n in enumerate(shape))


def probed(init: Any, shapes: Any, structure: Any) -> list[Shape | None]:
    """The shapes of a state where each axis of a parameter can be told by its length; None if unknown.

    A row and a column of a square matrix are equally long, and their places in a state do not say which
    is which: so `init` is asked for the state of longer parameters, by shapes alone.
    """
    longer = jax.tree.map(lambda x: jax.ShapeDtypeStruct(told_apart(x.shape), x.dtype), shapes)
    unknown = [None] * structure.num_leaves
    try:
        state = jax.eval_shape(init, longer)
    except Exception:  # somebody's init may refuse, in its own way, shapes that are not the model's
        return unknown
    same = jax.tree.structure(state) == structure
    return [leaf.shape for leaf in jax.tree.leaves(state)] if same else unknown
