"""The nearest orthogonal matrix by products alone: Newton and Schulz's iteration, with better polynomials.

    A = X X^T,   X <- a X + (b A + c A A) X

moves each singular value s of X to a s + b s^3 + c s^5. Lists of polynomials by name, one for each
iteration; where they end is told in `scale_by/orthogonalize.py`.
"""

import math
from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.numerics import arithmetic_dtype

Polynomial = tuple[float, float, float]
ListName = Literal["jordan", "polar_express", "deepseek", "converged"]

JORDAN = (3.4445, -4.775, 2.0315)
CONVERGED = (2.0, -1.5, 0.5)
OF_INTERVALS = (  # Polar Express, from the least singular value 1e-3, before their safety
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
)
LISTS = {
    "jordan": (JORDAN,) * 5,
    "polar_express": tuple((a / 1.01, b / 1.01**3, c / 1.01**5) for a, b, c in OF_INTERVALS),
    "deepseek": (JORDAN,) * 8 + (CONVERGED,) * 2,
    "converged": (CONVERGED,) * 12,
}


def newton_schulz(x, polynomials: Sequence):
    """The iteration, rounded to the dtype of `x`, whose singular values are at most about 1.

    Coefficients are numbers of float32 at least.
    """
    tall = all(isinstance(n, int) for n in x.shape) and x.shape[0] > x.shape[1]
    dtype, wide, x = x.dtype, arithmetic_dtype(x.dtype), x.T if tall else x
    for a, b, c in polynomials:
        gram = _multiply(x, x.conj().T).astype(dtype)
        inner = (b * gram.astype(wide) + c * _multiply(gram, gram)).astype(dtype)
        x = (a * x.astype(wide) + _multiply(inner, x)).astype(dtype)
    return x.T if tall else x


def _multiply(x, y):
    """x @ y, summed in float32 at least, and not rounded."""
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST, preferred_element_type=dtype)


def polynomials_of(who: str, coefficients) -> tuple[Polynomial, ...]:
    """The argument `coefficients`, checked."""
    if isinstance(coefficients, str):
        return LISTS[checks.choice(who, "coefficients", coefficients, tuple(LISTS))]
    try:
        rows = [tuple(map(float, row)) for row in coefficients]
    except TypeError:
        rows = []
    if not rows or not all(len(row) == 3 and all(map(math.isfinite, row)) for row in rows):
        words = ", ".join(map(repr, LISTS))
        raise ValueError(
            f"{who}: coefficients must be one of {words}, or three numbers (a, b, c) for each iteration; "
            f"got {coefficients!r}."
        )
    return tuple((a, b, c) for a, b, c in rows)
