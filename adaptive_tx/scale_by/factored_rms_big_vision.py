"""big_vision's Adafactor: a denominator that is factored for long axes only, with a cap on its memory.

    w   = max(t^b2_decay, 1 - b2_cap)             weight of the new gradient: b2 is b2_cap at most
    v, u  as in `scale_by_factored_rms`, where rows and columns are the two longest axes of a leaf

An axis is long from `min_dim_size_to_factor` entries on; a leaf without two such axes keeps v as it is. Of
equally long axes the later ones are taken. With the cap the memory stays at 1 / (1 - b2_cap) steps, however
long the run; the paper found that it converges better so.

big_vision then clips leaves by their RMS, if asked to, and averages: `adafactor_big_vision`. optax
0.2.8's `scale_by_factored_rms` is this with such a function of the count as `decay_rate_fn`; torch and
Keras have no such form. timm's `AdafactorBigVision` factors axes of 16 entries already.

Zhai, Kolesnikov, Houlsby and Beyer, Scaling Vision Transformers, 2021, arXiv:2106.04560, on
memory-efficient optimizers.
"""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import mean
from adaptive_tx.core.numerics import root, squared
from adaptive_tx.core.ranges import decay_rate, not_positive, positive
from adaptive_tx.core.slots import mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by.factored_rms import product


@exportable
class ScaleByFactoredRmsBigVisionState(NamedTuple):
    count: jax.Array  # int32[]
    row_var: optax.Updates  # like params, real, the longest axis of length 1; None if not factored
    col_var: (
        optax.Updates
    )  # like params, real, the second longest of length 1; None if not factored
    variance: optax.Updates  # like params, real; None for what is factored


def longest(shape: tuple[int, ...], least: int) -> tuple[int, int] | None:
    """The second longest axis and the longest, if both have so many entries; symbolic ones have."""
    if len(shape) < 2:
        return None
    sizes = [n if isinstance(n, int) else math.inf for n in shape]
    *_, second, first = sorted(range(len(sizes)), key=sizes.__getitem__)
    return (second, first) if sizes[second] >= least else None


@dataclasses.dataclass(frozen=True)
class Kept:
    """From the shape of a leaf to that of a slot: of length 1 in one of the two longest axes, or whole."""

    least: int
    without: int | None  # the second longest axis (0), the longest (1), or none, where none is long

    def __call__(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        axes = longest(shape, self.least)
        if axes is None or self.without is None:
            return shape if axes is self.without is None else None
        return tuple(1 if i == axes[self.without] else n for i, n in enumerate(shape))


def shared(t, *, b2_decay, b2_cap):
    """The weight of the new gradient."""
    return {"weight": jnp.maximum(t**b2_decay, b2_cap.weight)}


def step(g, row_var, col_var, variance, t, *, eps, weight):
    square = squared(g) + eps
    if g.ndim < 2 or row_var is None:
        v = variance = (1 - weight) * variance + weight * square
    else:
        rows, columns = (_shortened(x.shape, g.shape) for x in (col_var, row_var))
        row_var = (1 - weight) * row_var + weight * mean(square, columns)
        col_var = (1 - weight) * col_var + weight * mean(square, rows)
        v = product(row_var, col_var, rows)
    return g / root(jnp.maximum(v, jnp.finfo(v.dtype).tiny)), row_var, col_var, variance


def _shortened(shape: tuple[int, ...], of: tuple[int, ...]) -> int:
    """The axis in which a shape is shorter."""
    return next(i for i, (n, m) in enumerate(zip(shape, of)) if n != m)


@explained
def scale_by_factored_rms_big_vision(
    *,
    b2_decay: ScalarOrSchedule = -0.8,
    b2_cap: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-30,
    min_dim_size_to_factor: int = 32,
) -> Transformation:
    """Divides each gradient by its root mean square, remembered per row and column of long axes.

    Args:
      b2_decay: the weight of the t-th gradient is t^b2_decay at first; <= 0.
      b2_cap: largest decay of the mean squares, in [0, 1).
      eps: what is added to every square, > 0, in the unit of g squared.
      min_dim_size_to_factor: shortest axis that is a row or a column, >= 2; a Python int.

    The state holds a number for each row and each column of what is factored. Inside `shard_map` these are
    the rows and columns of a shard.
    """
    who = "scale_by_factored_rms_big_vision"
    least = checks.whole(who, "min_dim_size_to_factor", min_dim_size_to_factor, 2)
    return leafwise(
        who,
        step,
        ScaleByFactoredRmsBigVisionState,
        slots={
            "row_var": mean_of_squares("", shape=Kept(least, 1)),
            "col_var": mean_of_squares("", shape=Kept(least, 0)),
            "variance": mean_of_squares("", shape=Kept(least, None)),
        },
        shared=shared,
        settings={"min_dim_size_to_factor": least},
        b2_decay=not_positive(b2_decay),
        b2_cap=decay_rate(b2_cap),
        eps=positive(eps),
    )
