"""Muon's second half as torch computes it: in bfloat16, times a factor of the shape.

    u = factor X          X as in `orthogonalize`; no unit
        factor = sqrt(max(1, rows / columns))        "original", Jordan
               = 0.2 sqrt(max(rows, columns))        "match_rms_adamw", Moonshot

torch iterates in bfloat16 whatever the parameters are, and so does this by default: every product is
summed in float32 and rounded to bfloat16. rows and columns are those of the array as it stands. torch's
weights are (out, in); a Flax kernel is (in, out), and "original" then sees the inverse ratio.

Jordan et al., kellerjordan.github.io/posts/muon, 2024; Liu et al., Muon is Scalable for LLM
Training, 2025, arXiv:2502.16982; torch.optim.Muon, version 2.13.
"""

import dataclasses

import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import in_dtype
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.newton_schulz import newton_schulz
from adaptive_tx.core.norms import sum_of_squares
from adaptive_tx.core.numerics import arithmetic_dtype, root
from adaptive_tx.core.placing import everywhere, lying_as
from adaptive_tx.core.ranges import finite, positive
from adaptive_tx.core.saturation import revealing, squarable
from adaptive_tx.core.transformation import Transformation

FACTORS = {
    "original": lambda rows, columns: max(1, rows / max(columns, 1)) ** 0.5,
    "match_rms_adamw": lambda rows, columns: 0.2 * max(rows, columns) ** 0.5,
}


@dataclasses.dataclass(frozen=True)
class Step:
    """The step on one matrix."""

    steps: int
    factor: str
    full_precision: bool

    def __call__(self, g, t, *, a, b, c, eps):
        factor = FACTORS[self.factor](*g.shape)
        if not self.full_precision:
            a, b, c, eps = in_dtype([a, b, c, eps], jnp.float32)
        whole = squarable(everywhere(g))
        x = whole if self.full_precision else whole.astype(jnp.bfloat16)
        wide = arithmetic_dtype(x.dtype)
        size = root(sum_of_squares(x.astype(wide))).astype(x.dtype)  # bfloat16 rounds the norm too
        x = (x.astype(wide) / jnp.maximum(size.astype(wide), eps)).astype(x.dtype)
        x = newton_schulz(x, [(a, b, c)] * self.steps).astype(g.dtype)
        return factor * revealing(lying_as(x, g), g)


def refuses(leaf) -> str:
    """torch takes real matrices, and nothing else."""
    if jnp.ndim(leaf) == 2 and not jnp.iscomplexobj(leaf):
        return ""
    return (
        "torch takes real matrices only. Choose them with grouped, and give the rest another "
        "optimizer."
    )


def torch_orthogonalize(
    a=3.4445,
    b=-4.775,
    c=2.0315,
    eps=1e-7,
    steps: int = 5,
    factor: str = "original",
    full_precision: bool = False,
) -> Transformation:
    """Replaces each matrix by its nearest orthogonal one, about, times a factor of its shape.

    Args:
      a: coefficient of X.
      b: coefficient of X X^T X.
      c: coefficient of the fifth power.
      eps: least norm to divide by, > 0, in the unit of what it gets.
      steps: how many iterations, a Python int >= 1.
      factor: "original" or "match_rms_adamw".
      full_precision: iterate in the precision of the gradient (float32 at least) and not in bfloat16.

    Raises:
      ValueError: for a leaf that is no real matrix, naming it.
    """
    who = "torch_orthogonalize"
    settings = {
        "steps": checks.whole(who, "steps", steps, 1),
        "factor": checks.choice(who, "factor", factor, tuple(FACTORS)),
        "full_precision": checks.flag(who, "full_precision", full_precision),
    }
    return leafwise(
        who,
        Step(**settings),
        settings=settings,
        refuses=refuses,
        a=finite(a),
        b=finite(b),
        c=finite(c),
        eps=positive(eps),
    )
