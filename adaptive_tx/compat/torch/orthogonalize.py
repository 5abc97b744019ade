"""Muon's second half as torch computes it: momentum made orthogonal, times a factor of its shape.

    u = factor X          X by `newton_schulz` from what comes in; no unit, singular values about 1
        factor = sqrt(max(1, rows / columns))        "original", Jordan
               = 0.2 sqrt(max(rows, columns))        "match_rms_adamw", Moonshot

torch iterates in bfloat16 whatever the parameters are, and so does this by default: every product
is summed in float32 and rounded to bfloat16. rows and columns are those of the array as it stands.
torch's weights are (out, in); a Flax kernel is (in, out), and "original" then sees the inverse
ratio.

Jordan et al., kellerjordan.github.io/posts/muon, 2024; Liu et al., Muon is Scalable for LLM
Training, 2025, arXiv:2502.16982; torch.optim.Muon, version 2.13.
"""

import functools

import jax
import jax.numpy as jnp

from adaptive_tx.compat.torch.newton_schulz import newton_schulz
from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.checks import finite, positive
from adaptive_tx.core.one_pass import on_leaves
from adaptive_tx.core.states import CountState, incremented
from adaptive_tx.core.transformation import Transformation, bind

FACTORS = {
    "original": lambda rows, columns: max(1, rows / max(columns, 1)) ** 0.5,
    "match_rms_adamw": lambda rows, columns: 0.2 * max(rows, columns) ** 0.5,
}


@functools.cache
def _step(steps: int, factor: str, full_precision: bool):
    """The step on one matrix; cached, so that equal settings share one trace."""

    def step(g, t, *, a, b, c, eps):
        if full_precision:
            return FACTORS[factor](*g.shape) * newton_schulz(g, a, b, c, eps, steps)
        numbers = in_dtype({"a": a, "b": b, "c": c, "eps": eps}, jnp.float32)
        x = newton_schulz(g.astype(jnp.bfloat16), **numbers, steps=steps)
        return FACTORS[factor](*g.shape) * x.astype(g.dtype)

    return step


def _matrices(who: str, what: str, tree) -> None:
    """Every leaf must be a real matrix."""
    checks.floating(who, what, tree)
    for path, leaf in jax.tree.leaves_with_path(tree):
        if jnp.ndim(leaf) != 2 or jnp.iscomplexobj(leaf):
            raise ValueError(
                f"{who}: takes real matrices only; {checks.keystr(what, path)} is of dtype "
                f"{jnp.result_type(leaf)} and shape {jnp.shape(leaf)}. Choose the matrices with "
                "optax.partition, and give the rest another optimizer."
            )


def _init(arguments: Arguments, params) -> CountState:
    _matrices(arguments.who, "params", params)
    return CountState(jnp.zeros((), jnp.int32))


def _update(arguments: Arguments, grads, state, params=None, **extra):
    checks.state_type(arguments.who, CountState, state)
    _matrices(arguments.who, "grads", grads)
    count = incremented(state.count)
    step = _step(*(value for _, value in arguments.settings))
    direction = on_leaves(arguments.who, step, grads, count, **arguments.at(state.count))
    return direction, CountState(count)


def orthogonalize(
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
    who = "orthogonalize"
    settings = {
        "steps": checks.whole(who, "steps", steps, 1),
        "factor": checks.choice(who, "factor", factor, tuple(FACTORS)),
        "full_precision": checks.flag(who, "full_precision", full_precision),
    }
    return bind(
        who,
        _init,
        _update,
        settings=settings,
        a=finite(a),
        b=finite(b),
        c=finite(c),
        eps=positive(eps),
    )
