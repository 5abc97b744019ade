"""Scion's direction: the matrix within a radius of 0, in the norm of the layer, that goes down most.

    "spectral"    sqrt(out / in) X           hidden layers: X the nearest orthogonal matrix, about
    "sign"        sign(g) / in               heads: the largest entry of an output, of inputs' largest
    "inputs"      g / rms over outputs       embeddings: what an input becomes has rms 1 (paper: ColNorm)
    "outputs"     g / (sqrt(in) norm over inputs)      each output has norm 1 / sqrt(in) (paper: RowNorm)
    "rms"         g / rms(g)                 vectors, and any leaf as one: biases, scales of norms

times the radius: the unit of the parameters. Linear minimization oracles, so "lmo"; their sign is that of
the gradient, and the rate turns them around. Of a matrix rows are inputs, columns outputs.

The authors' code orthogonalizes in bfloat16; it divides by the root mean square or the norm plus 1e-8, as
this does. For a convolution it has sqrt(out / in) / k^2.

Pethick et al., Training Deep Learning Models with Norm-Constrained LMOs, 2025, arXiv:2502.07529, algorithm
1 and table 2.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.matrixwise import matrixwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.newton_schulz import ListName, Polynomial, polynomials_of
from adaptive_tx.core.norms import mean, rms
from adaptive_tx.core.numerics import root, sign, squared
from adaptive_tx.core.ranges import positive
from adaptive_tx.core.saturation import revealing, squarable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by import orthogonalize

NormName = Literal["spectral", "sign", "inputs", "outputs", "rms"]
NORMS = ("spectral", "sign", "inputs", "outputs", "rms")


@dataclasses.dataclass(frozen=True)
class Spectral:
    """The step in the spectral norm, on one matrix."""

    step: orthogonalize.Step

    def __call__(self, g, t, *, radius, eps):
        return radius * self.step(g, t, eps=eps, slack=jnp.ones((), eps.dtype))


def of_signs(g, t, *, radius, eps):
    return radius / max(g.shape[0], 1) * sign(g)


def of_inputs(g, t, *, radius, eps):
    x = squarable(g)
    return revealing(radius * x / (root(mean(squared(x), 1)) + eps), g)


def of_outputs(g, t, *, radius, eps):
    x = squarable(g)
    n = jnp.maximum(
        jnp.asarray(g.shape[0], eps.dtype), 1
    )  # sqrt(in) twice: in the norm, and beside it
    return revealing(radius * x / (n * root(mean(squared(x), 0)) + eps), g)


def of_leaves(g, t, *, radius, eps):
    x = squarable(g)
    return revealing(radius * x / (rms(x) + eps), g)


@explained
def scale_by_lmo(
    *,
    norm: NormName = "spectral",
    radius: ScalarOrSchedule = 1.0,
    eps: ScalarOrSchedule | None = None,
    coefficients: ListName | Sequence[Polynomial] = "jordan",
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """Replaces each gradient by the direction of a given size that goes along it most, in a norm.

    Args:
      norm: "spectral", "sign", "inputs", "outputs", or "rms".
      radius: the size, > 0, in the unit of the parameters.
      eps: keeps quotients finite, > 0, in the unit of g; None: 1e-7 for "spectral", 1e-8 for the others.
      coefficients: of "spectral", as in `orthogonalize`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), as in `orthogonalize`; all but
        "rms" need matrices.

    Nothing is kept but the count.

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix.
    """
    who = "scale_by_lmo"
    checks.choice(who, "norm", norm, NORMS)
    if eps is None:
        eps = 1e-7 if norm == "spectral" else 1e-8
    settings: dict[str, object] = {"norm": norm}
    if norm == "rms":
        return leafwise(
            who, of_leaves, settings=settings, radius=positive(radius), eps=positive(eps)
        )
    steps: dict[str, Callable] = {"sign": of_signs, "inputs": of_inputs, "outputs": of_outputs}
    if norm == "spectral":
        polynomials = polynomials_of(who, coefficients)
        settings["coefficients"] = coefficients if isinstance(coefficients, str) else polynomials
        steps["spectral"] = Spectral(orthogonalize.Step(polynomials, "spectral", "highest"))
    return matrixwise(
        who, steps[norm], axes=axes, settings=settings, radius=positive(radius), eps=positive(eps)
    )
