"""Muon's second half: each matrix replaced by the nearest orthogonal one, about, by products alone.

    X  = g / ||g||                      transposed if it has more rows than columns
    steps times:  A = X X^T,   X <- a X + (b A + c A A) X
    u  = X                              no unit; singular values about 1

This is Newton and Schulz's iteration with another polynomial: with (a, b, c) = (3.4445, -4.775, 2.0315)
and five steps the singular values of X end between 0.7 and 1.2, from 0.01 or so upwards; (1.5, -0.5, 0)
ends at 1, but later. In Muon what comes in is a momentum, and a factor of the shape follows, which is not
part of this: `chain(trace_nesterov(0.95), orthogonalize(), ...)`. Of a complex matrix X^T is the conjugate.

Jordan and torch iterate in bfloat16, this does so in the precision of the arithmetic; torch multiplies by a
factor of the shape (`compat.torch.muon`).

Jordan et al., Muon: An optimizer for hidden layers in neural networks, kellerjordan.github.io/posts/muon,
2024; Bernstein and Newhouse, Old Optimizer, New Norm, 2024, arXiv:2409.20325.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import sum_of_squares
from adaptive_tx.core.numerics import arithmetic_dtype, root
from adaptive_tx.core.ranges import positive
from adaptive_tx.core.saturation import revealing, squarable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

JORDAN = (3.4445, -4.775, 2.0315)


def _multiply(x, y):
    """x @ y, summed in float32 at least, and not rounded."""
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST, preferred_element_type=dtype)


def newton_schulz(g, a, b, c, eps, steps: int):
    """The iteration, rounded to the dtype of `g`; a, b, c and eps are numbers of float32 at least.

    A norm below eps counts as eps.
    """
    dtype, wide = g.dtype, arithmetic_dtype(g.dtype)
    tall = all(isinstance(n, int) for n in g.shape) and g.shape[0] > g.shape[1]
    lies = jax.typeof(g).sharding  # over axes that are explicit
    if split := any(axis is not None for axis in lies.spec):
        g = jax.sharding.reshard(g, jax.NamedSharding(lies.mesh, jax.P(None, None)))
    x = squarable((g.T if tall else g).astype(wide))
    size = root(sum_of_squares(x))
    size = size.astype(jnp.finfo(dtype).dtype).astype(size.dtype)  # bfloat16 rounds the norm too
    x = (x / jnp.maximum(size, eps)).astype(dtype)
    for _ in range(steps):
        gram = _multiply(x, x.conj().T).astype(dtype)
        inner = (b * gram.astype(wide) + c * _multiply(gram, gram)).astype(dtype)
        x = (a * x.astype(wide) + _multiply(inner, x)).astype(dtype)
    x = revealing(x.T if tall else x, g)
    return jax.sharding.reshard(x, lies) if split else x


@dataclasses.dataclass(frozen=True)
class Step:
    """The step on one leaf: so many iterations of this polynomial."""

    steps: int
    coefficients: tuple[float, float, float]

    def __call__(self, g, t, *, eps):
        if g.ndim != 2:
            return g
        a, b, c = self.coefficients
        return newton_schulz(g, a, b, c, eps, self.steps)


def refuses(leaf) -> str:
    """Why a leaf cannot be made orthogonal."""
    if jnp.ndim(leaf) == 2:
        return ""
    return (
        "only matrices can be made orthogonal. Choose them with grouped, and give the rest "
        'another optimizer; or let it pass, others="pass".'
    )


@explained
def orthogonalize(
    *,
    steps: int = 5,
    coefficients: Sequence[float] = JORDAN,
    eps: ScalarOrSchedule = 1e-7,
    others: Literal["refuse", "pass"] = "refuse",
) -> Transformation:
    """Replaces each matrix by its nearest orthogonal one, about: all directions get the same size.

    Args:
      steps: how many iterations, a Python int >= 1; more bring the singular values nearer to 1.
      coefficients: a, b and c of the polynomial, three Python numbers.
      eps: least norm to divide by, > 0, in the unit of g: what is smaller becomes small.
      others: what becomes of leaves that are no matrices: "refuse" (an error names one) or "pass".

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix.
    """
    who = "orthogonalize"
    settings = {
        "steps": checks.whole(who, "steps", steps, 1),
        "coefficients": _three(who, coefficients),
        "others": checks.choice(who, "others", others, ("refuse", "pass")),
    }
    return leafwise(
        who,
        Step(settings["steps"], settings["coefficients"]),
        settings=settings,
        refuses=refuses if others == "refuse" else None,
        eps=positive(eps),
    )


def _three(who: str, values) -> tuple[float, ...]:
    numbers = [x for x in values if isinstance(x, int | float) and math.isfinite(x)]
    if isinstance(values, str) or len(numbers) != 3 or len(numbers) != len(values):
        raise ValueError(f"{who}: coefficients must be three numbers, got {values!r}.")
    return tuple(map(float, numbers))
