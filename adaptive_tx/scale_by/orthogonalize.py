"""Muon's second half: each matrix replaced by the nearest orthogonal one, about, by products alone.

    X  = g / (slack ||g|| + eps)        transposed if it has more rows than columns
    for each (a, b, c):  A = X X^T,   X <- a X + (b A + c A A) X
    u  = factor X                       no unit; singular values of X about 1

This is Newton and Schulz's iteration with other polynomials. Where singular values end that began between
0.01 and 1 times the norm, or 0.001 and 1:

    "jordan"           0.68 to 1.13    0.47 to 1.20    5 times (3.4445, -4.775, 2.0315)
    "polar_express"    0.86 to 1.14    0.85 to 1.14    5 polynomials, each the best after those before it
    "deepseek"         1 to 1.001      1 to 1.001      8 of the first, 2 of (2, -1.5, 0.5)
    "converged"        1               1               12 of (2, -1.5, 0.5)

The factor of a matrix with `in` rows and `out` columns says what the rate means:

    "original"           sqrt(max(1, out / in))       Jordan: the spectral norm of a step, about
    "match_rms_adamw"    0.2 sqrt(max(in, out))       Moonshot: entries of 0.2, as AdamW's: its rates serve
    "spectral"           sqrt(out / in)               Bernstein: the largest change, inputs of rms 1
    "none"               1

In Muon what comes in is a momentum, of which `eps` has the unit. Of a complex matrix X^T is the conjugate.
Jordan adds eps, as this does; torch takes max(||g||, eps); optax adds 1e-8 and keeps the coefficients in
its state. The paper's Polar Express has slack=1.01; the speedrun's another list, slack=1.02 and eps=1e-6:
they end within 0.02 of each other. Jordan and torch iterate in bfloat16, which moves X by 2.5 % of its norm
(precision="bfloat16").

Jordan et al., Muon: An optimizer for hidden layers in neural networks, kellerjordan.github.io/posts/muon,
2024; Amsel et al., The Polar Express, 2025, arXiv:2505.16932; Liu et al., Muon is Scalable for LLM
Training, 2025, arXiv:2502.16982; Bernstein and Newhouse, Old Optimizer, New Norm, 2024, arXiv:2409.20325.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from adaptive_tx.core import checks
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.matrixwise import matrixwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.newton_schulz import ListName, Polynomial, newton_schulz, polynomials_of
from adaptive_tx.core.norms import sum_of_squares
from adaptive_tx.core.numerics import root
from adaptive_tx.core.ranges import at_least_one, positive
from adaptive_tx.core.saturation import revealing, squarable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

FactorName = Literal["original", "match_rms_adamw", "spectral", "none"]

FACTORS = {
    "original": lambda rows, columns, larger: larger(1.0, columns / larger(rows, 1)) ** 0.5,
    "match_rms_adamw": lambda rows, columns, larger: 0.2 * larger(rows, columns) ** 0.5,
    "spectral": lambda rows, columns, larger: (columns / larger(rows, 1)) ** 0.5,
    "none": lambda rows, columns, larger: 1.0,
}


def times_factor(x: jax.Array, name: str) -> jax.Array:
    """A matrix times the factor of its shape, which may be a symbol in an exported function."""
    if all(isinstance(n, int) for n in x.shape):
        return FACTORS[name](*x.shape, max) * x
    rows, columns = (jnp.asarray(n).astype(jnp.finfo(x.dtype).dtype) for n in x.shape)
    return x * jnp.asarray(FACTORS[name](rows, columns, jnp.maximum), rows.dtype)


@dataclasses.dataclass(frozen=True)
class Step:
    """The step on one matrix: these polynomials, one after the other."""

    polynomials: tuple[Polynomial, ...]
    factor: str
    precision: str

    def __call__(self, g, t, *, eps, slack):
        bounded = squarable(g)
        x = bounded / (slack * root(sum_of_squares(bounded)) + eps)
        if self.precision == "bfloat16" and not jnp.iscomplexobj(x):
            x = x.astype(jnp.bfloat16)
        x = newton_schulz(x, self.polynomials).astype(g.dtype)
        return revealing(times_factor(x, self.factor), g)


@explained
def orthogonalize(
    *,
    coefficients: ListName | Sequence[Polynomial] = "jordan",
    factor: FactorName = "none",
    eps: ScalarOrSchedule = 1e-7,
    slack: ScalarOrSchedule = 1.0,
    precision: Literal["highest", "bfloat16"] = "highest",
    axes: MatrixAxes = "matrices",
    stack_sharding: NamedSharding | PartitionSpec | None = None,
) -> Transformation:
    """Replaces each matrix by its nearest orthogonal one, about: all directions get the same size.

    Args:
      coefficients: the polynomials: the name of a list, or one (a, b, c) for each iteration.
      factor: what the result is multiplied by, of rows and columns.
      eps: is added to the norm, > 0, in the unit of g: what is smaller becomes small.
      slack: what the norm is multiplied by, >= 1: room for rounding, so that no singular value begins
        above 1.
      precision: of the products; "highest" is that of the arithmetic, float32 at least; "bfloat16" rounds
        every one to it, and is faster where there are units for it.
      axes: which axes of a leaf are rows (inputs) and columns (outputs): "matrices" (leaves of two axes,
        and no others), "last_two", "first_in", "last_out", or a function of path and array that says one
        of these, or the axes themselves: ((1,), (0,)) for weights (out, in), as
        Equinox and torch have them. None is no matrix.
      stack_sharding: where the stacks [matrix, row, column] of equal matrices lie: on a mesh, P("data")
        gives each device whole matrices. None: as the compiler has it.

    Matrices of equal size of all leaves are stacked and stepped on together. Nothing is kept but the count.

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix.
    """
    who = "orthogonalize"
    settings = {
        "coefficients": coefficients if isinstance(coefficients, str) else tuple(coefficients),
        "factor": checks.choice(who, "factor", factor, tuple(FACTORS)),
        "precision": checks.choice(who, "precision", precision, ("highest", "bfloat16")),
    }
    return matrixwise(
        who,
        Step(polynomials_of(who, coefficients), factor, precision),
        axes=axes,
        stack_sharding=stack_sharding,
        settings=settings,
        eps=positive(eps),
        slack=at_least_one(slack),
    )
