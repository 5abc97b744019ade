"""Which axes of an array are a matrix: rows are inputs, columns outputs, and all other axes count matrices.

    "matrices"    arrays of two dimensions, (in, out), and no others
    "last_two"    (..., in, out): layers that are scanned, experts
    "first_in"    (in, ...): attention's queries, keys and values, d x (heads, head_dim)
    "last_out"    (..., out): attention's output, (heads, head_dim) x d; a convolution (height, width, in)

A function of path and array may choose one of these for each leaf, or say the axes themselves: ((1,), (0,))
is a weight of torch, (out, in), and ((0,), (2,)) attention head by head. None is: this is no matrix.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.keeping import keepable
from adaptive_tx.core.paths import path_of
from adaptive_tx.core.typing import TypeAliasType

AxesName = Literal["matrices", "last_two", "first_in", "last_out"]
InputsAndOutputs = tuple[Sequence[int], Sequence[int]]
MatrixAxes = TypeAliasType(
    "MatrixAxes", AxesName | Callable[[str, jax.Array], AxesName | InputsAndOutputs | None]
)
NAMES = ("matrices", "last_two", "first_in", "last_out")
ADVICE = (
    'give it to another optimizer, grouped({"matrices": ...}, by=matrices(but=...), default=adamw(...)), '
    "or say with axes= which of its axes are rows and columns."
)


@dataclasses.dataclass(frozen=True)
class Layout:
    """How an array is made of matrices: the axes that count them, those of the rows, of the columns."""

    counting: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        return (*self.counting, *self.rows, *self.columns)

    def size(self, shape: Sequence[int]) -> tuple[int, int]:
        """How many rows and columns the matrices of an array have."""
        return product(shape, self.rows), product(shape, self.columns)

    def apart(self, x: jax.Array) -> jax.Array:
        """The matrix that an array is; or the stack of them, [matrix, row, column], if axes count them."""
        count = (product(x.shape, self.counting),) if self.counting else ()
        return reshaped(lax.transpose(x, self.order), (*count, *self.size(x.shape)))

    def together(self, x: jax.Array, shape: Sequence[int]) -> jax.Array:
        """The array of this shape that `apart` made this of."""
        back = tuple(self.order.index(i) for i in range(len(shape)))
        return lax.transpose(reshaped(x, [shape[i] for i in self.order]), back)

    def slot_apart(self, x: jax.Array) -> jax.Array:
        """The same of a slot of a shape of its own, in which the axes that count come first."""
        n = len(self.counting)
        return reshaped(x, (math.prod(x.shape[:n]), *x.shape[n:])) if n else x

    def slot_shape(self, shape: Sequence[int], of_matrix: Callable) -> tuple[int, ...] | None:
        """That of a slot with `of_matrix(rows, columns)` for each matrix of an array; None: it has none."""
        found = of_matrix(*self.size(shape))
        return None if found is None else (*(shape[i] for i in self.counting), *found)


def product(shape: Sequence[int], axes: Sequence[int]) -> int:
    return math.prod(shape[i] for i in axes)


def reshaped(x: jax.Array, shape: Sequence[int]) -> jax.Array:
    """On a mesh with Explicit axes no more is reshaped than must be."""
    return x if x.shape == (*shape,) else lax.reshape(x, (*shape,))


@keepable
@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Matrices:
    """What a rule steps on: the matrices of each leaf, and where stacks of them lie."""

    axes: Any  # MatrixAxes
    stack_sharding: Any = None
    whole: bool = False  # whether on Explicit axes a leaf, and what is kept of it, is gathered

    def of(self, path: str, leaf: Any) -> Any:
        """The axes of a leaf, rows and columns; None if it is no matrix."""
        chosen = self.axes if isinstance(self.axes, str) else self.axes(path, leaf)
        return _named(chosen, jnp.ndim(leaf)) if isinstance(chosen, str) else chosen

    def layout(self, who: str, what: str, path: tuple[Any, ...], leaf: Any) -> Layout:
        """That of a leaf.

        Raises:
          TypeError: for a function that returns something else than axes.
          ValueError: for a leaf that is no matrix.
        """
        name, shape = checks.keystr(what, path), jnp.shape(leaf)
        if (found := self.of(path_of(path), leaf)) is None:
            raise ValueError(f"{who}: {name}, of shape {shape}, is no matrix; {ADVICE}")
        return _checked(f"{who}: axes, at {name} of shape {shape},", found, len(shape))


def matrices_of(
    who: str, axes: Any, stack_sharding: Any = None, *, whole: bool = False
) -> Matrices:
    """The two arguments that a constructor offers, checked."""
    if not callable(axes):
        checks.choice(who, "axes", axes, NAMES)
    kinds = (jax.sharding.NamedSharding, jax.sharding.PartitionSpec)
    if stack_sharding is not None and not isinstance(stack_sharding, kinds):
        raise TypeError(
            f"{who}: stack_sharding must be a NamedSharding or a PartitionSpec for [matrix, row, column], "
            f"got {stack_sharding!r}."
        )
    return Matrices(axes, stack_sharding, whole)


def _named(name: str, ndim: int) -> Any:
    if name == "matrices" and ndim != 2 or ndim < 2:
        return None
    every = tuple(range(ndim))
    return {
        "matrices": ((0,), (1,)),
        "last_two": (every[-2:-1], every[-1:]),
        "first_in": (every[:1], every[1:]),
        "last_out": (every[:-1], every[-1:]),
    }.get(name, name)


def _checked(where: str, found: Any, ndim: int) -> Layout:
    try:
        groups = [tuple(int(i) + ndim * (int(i) < 0) for i in group) for group in found]
    except (TypeError, ValueError):
        groups = []
    if isinstance(found, str) or len(groups) != 2 or not all(groups):
        words = ", ".join(map(repr, NAMES))
        raise TypeError(
            f"{where} must be one of {words}, or the axes of rows and those of columns, as ((0,), (1, 2)); "
            f"got {found!r}."
        )
    used = [*groups[0], *groups[1]]
    if len({*used}) < len(used) or not {*used} <= {*range(ndim)}:
        raise ValueError(f"{where} are {found!r}, which are not {len(used)} axes of it.")
    return Layout(tuple(i for i in range(ndim) if i not in used), *groups)
