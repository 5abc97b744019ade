"""Newton-Schulz: the nearest orthogonal matrix, about, by products alone.

    X  = g / max(||g||, eps)            transposed if it has more rows than columns
    steps times:  A = X X^T,   X <- a X + (b A + c A A) X

With (a, b, c) = (3.4445, -4.775, 2.0315), five times, the singular values end between 0.7 and 1.2.

Jordan et al., kellerjordan.github.io/posts/muon, 2024.
"""

import jax.numpy as jnp
from jax import lax

from adaptive_tx.core.norms import sum_of_squares
from adaptive_tx.core.numerics import root, squarable


def _multiply(x, y):
    """x @ y, summed in float32 at least, and not rounded."""
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST, preferred_element_type=dtype)


def newton_schulz(g, a, b, c, eps, steps: int):
    """The iteration, in the dtype of `g`; a, b, c and eps are in float32 at least."""
    wide, dtype = a.dtype, g.dtype
    x = squarable((g.T if g.shape[0] > g.shape[1] else g).astype(wide))
    size = root(sum_of_squares(x)).astype(dtype).astype(wide)  # bfloat16 rounds the norm too
    x = (x / jnp.maximum(size, eps)).astype(dtype)
    for _ in range(steps):
        gram = _multiply(x, x.T).astype(dtype)
        inner = (b * gram.astype(wide) + c * _multiply(gram, gram)).astype(dtype)
        x = (a * x.astype(wide) + _multiply(inner, x)).astype(dtype)
    return x.T if g.shape[0] > g.shape[1] else x
