"""The lift of a step on one matrix: rows are inputs, columns outputs, as in a kernel (in, out) of Flax.

    def step(g, mu, left, t, *, b1, eps):
        ...
        return direction, mu, left

It is `leafwise` otherwise. A slot is like the matrix, or has a `shape` of rows and columns: (r, r), (1, c).
In the state it is one array for each leaf, in which the axes that count the leaf's matrices come first.

Rules that keep nothing step on all matrices of one size, of all leaves, in one stack: one compiled body, on
CPUs for one matrix after the other, elsewhere for all at once.
Those that keep something go leaf by leaf, since a stack of what they keep would be copied in and out at
each step; leaves of equal shape share one trace.
"""

from collections.abc import Callable
from typing import Any

from jax.sharding import NamedSharding, PartitionSpec

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.matrices import MatrixAxes, matrices_of
from adaptive_tx.core.slots import Slot
from adaptive_tx.core.states import CountState
from adaptive_tx.core.transformation import Transformation


def matrixwise(
    who: str,
    step: Callable[..., Any],
    state: type[Any] = CountState,
    *,
    axes: MatrixAxes = "matrices",
    stack_sharding: NamedSharding | PartitionSpec | None = None,
    slots: dict[str, Slot] | None = None,
    shared: Callable[..., Any] | None = None,
    metrics: tuple[str, ...] = (),
    refuses: Callable[[Any], str] | None = None,
    whole: bool = False,
    settings: dict[str, Any] | None = None,
    **numbers: Any,
) -> Transformation:
    """The transformation that applies `step` to every matrix.

    Args:
      who: name of the public constructor; errors and `repr` use it.
      step: the rule, on one matrix; otherwise as for `leafwise`. It must not know how many there are.
      state: NamedTuple of `count` and one field per slot.
      axes: which axes of a leaf are rows and columns, `matrices.MatrixAxes`: by default a leaf of two
        axes is a matrix, and any other an error.
      stack_sharding: where stacks [matrix, row, column] lie on a mesh, for rules that keep nothing:
        P("data") gives each device whole matrices. None: as the compiler has it.
      slots: as for `leafwise`; a `shape` is a function of rows and columns.
      shared: as for `leafwise`.
      metrics: as for `leafwise`.
      refuses: as for `leafwise`.
      whole: whether the step needs whole matrices: on Explicit axes a leaf, and what is kept of it, is then
        gathered for it on each device; elsewhere the compiler does what is needed.
      settings: arguments of the constructor that are known at trace time, for `repr`, without these two.
      **numbers: the hyperparameters, each marked with its range (`ranges`).

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix.
    """
    given = {"axes": axes, "stack_sharding": stack_sharding}
    usual = {"axes": "matrices", "stack_sharding": None}
    own = {name: value for name, value in given.items() if value != usual[name]}
    return leafwise(
        who,
        step,
        state,
        slots=slots,
        shared=shared,
        metrics=metrics,
        refuses=refuses,
        matrices=matrices_of(who, axes, stack_sharding, whole=whole),
        settings={**(settings or {}), **own},
        **numbers,
    )
