"""Factored mean squares as in torch's Adafactor: nothing is added to them, they have a least value.

    row_var, col_var, w as in `scale_by_factored_rms`, of |g|^2 alone
    v        = row_var col_var / max(mean of row_var over the rows, eps)
    v       <- (1 - w) v + w |g|^2                for scalars and vectors
    u        = g / sqrt(max(v, eps^2))            no unit

eps is the machine epsilon of the parameter's dtype if not given, so float32 and float64 runs differ by
design. Complex parameters are refused.

torch.optim.Adafactor, version 2.13.
"""

from typing import Any

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.norms import mean
from adaptive_tx.core.numerics import root, squared
from adaptive_tx.core.ranges import not_positive, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.factored_rms import SLOTS, ScaleByFactoredRmsState


def step(g, row_var, col_var, variance, t, *, p, eps, beta2_decay):
    w, square = t**beta2_decay, squared(g)
    if g.ndim < 2:
        v = variance = (1 - w) * variance + w * square
    else:
        row_var = (1 - w) * row_var + w * mean(square, -1)
        col_var = (1 - w) * col_var + w * mean(square, -2)
        v = row_var / jnp.maximum(mean(row_var, -2), eps) * col_var
    least = jnp.maximum(eps * eps, jnp.finfo(v.dtype).tiny)
    return g / root(jnp.maximum(v, least)), row_var, col_var, variance


def step_to_precision(g, row_var, col_var, variance, t, *, p, p_eps, beta2_decay):
    return step(g, row_var, col_var, variance, t, p=p, eps=p_eps, beta2_decay=beta2_decay)


def refuses(leaf) -> str:
    return "torch takes real numbers only." if jnp.iscomplexobj(leaf) else ""


def scale_by_torch_factored_rms(beta2_decay=-0.8, eps=None) -> Transformation:
    """Divides each gradient by its root mean square, remembered per row and per column.

    Args:
      beta2_decay: the weight of the t-th gradient is t^beta2_decay; <= 0.
      eps: least root mean square, > 0, in the unit of g; None: the machine epsilon of the parameter.
    """
    given: dict[str, Any] = {} if eps is None else {"eps": positive(eps)}
    return leafwise(
        "scale_by_torch_factored_rms",
        step if given else step_to_precision,
        ScaleByFactoredRmsState,
        slots=SLOTS,
        refuses=refuses,
        beta2_decay=not_positive(beta2_decay),
        **given,
    )
