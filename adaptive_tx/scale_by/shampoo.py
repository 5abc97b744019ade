"""Shampoo: gradients over roots of the second moments of rows and columns, at the length of Adam's step.

    mu <- b1 mu + (1 - b1) g                                  mean of the gradient, unit of g
    nu <- b2 nu + (1 - b2) |g|^2                              mean of its square, unit of g squared
    L  <- b3 L + (1 - b3) g g^T,   R <- b3 R + (1 - b3) g^T g unit of g squared
    PL  = (L_hat + damping)^(-1/4),  PR alike                 after every `every` steps
    a   = mu_hat / (sqrt(nu_hat) + eps)                       Adam's direction, no unit
    w   = PL mu_hat PR                                        no unit
    u   = w norm(a) / (norm(w) + 1e-16)                       no unit; a until there are roots

g is one matrix; its rows are inputs, its columns outputs. The damping is added to the eigenvalues, of which
none is taken for negative. Where L has less than full rank, a damping below 1e-7 of its largest eigenvalue
makes noise, in float32, of the directions that no gradient had. Roots are constants to derivatives. Of a
complex matrix ^T is the conjugate.

Meta's code can also graft the length of RMSprop, Adagrad or SGD; with its default betas, (.9, 1), L and R
are sums; it computes roots in float32; makes one axis of small ones (`target_parameter_dimensionality=1`: a
4 x 5 matrix is a vector of 20), and blocks of 1024 of large ones.

Gupta et al., Shampoo: Preconditioned Stochastic Tensor Optimization, 2018, arXiv:1802.09568; Shi et al., A
Distributed Data-Parallel PyTorch Implementation of the Distributed Shampoo Optimizer, arXiv:2309.06497.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core import slots
from adaptive_tx.core.checks import whole
from adaptive_tx.core.linear_algebra import between, grams, power
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.matrixwise import matrixwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import norm
from adaptive_tx.core.numerics import debiased, ema, over_root, squared, times
from adaptive_tx.core.ranges import at_least_one, decay_rate, positive
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByShampooState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real
    left: optax.Updates  # (r, r) of a matrix (r, c): L; None where r > max_size
    right: optax.Updates  # (c, c): R
    left_root: optax.Updates  # (r, r): PL; zeros before there are roots
    right_root: optax.Updates  # (c, c): PR


def step(
    g, mu, nu, left, right, left_root, right_root, t,
    *, b1, b2, b3, eps, damping, every, c1, c2, c3,
):  # fmt: skip
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    mean = debiased(mu, c1)
    adam = over_root(mean, debiased(nu, c2), eps)
    pairs = zip(grams(g), (left, right))
    sides = [None if old is None else ema(new, old, b3) for new, old in pairs]
    olds = [None if x is None else x.astype(g.dtype) for x in (left_root, right_root)]

    def rooted(sides, weights, damping):
        hats = [None if x is None else debiased(x, weights) for x in sides]
        return [None if x is None else power(x, -0.25, damping) for x in hats]

    due = t % jnp.floor(every) == 0
    roots = lax.cond(due, rooted, lambda *_: olds, *lax.stop_gradient((sides, c3, damping)))
    roots = lax.stop_gradient(roots)
    u = between(roots[0], mean, roots[1])
    length = norm(u)
    grafted = times(u, norm(adam) / (length + 1e-16))
    return jnp.where(length > 0, grafted, adam), mu, nu, *sides, *roots


@explained
def scale_by_shampoo(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    b3: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    damping: ScalarOrSchedule = 1e-12,
    every: ScalarOrSchedule = 10.0,
    max_size: int = 10_000,
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """Multiplies the mean of each matrix by inverse roots of second moments, to the length of Adam's step.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      b3: decay of the second moments L and R, in [0, 1).
      eps: is added to Adam's root, > 0, in the unit of the gradients.
      damping: is added to eigenvalues of L and R, > 0, in the unit of their squares.
      every: after how many steps new roots are computed, >= 1; Adam's steps come before the first.
      max_size: rows or columns beyond so many have no root.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), as in `orthogonalize`.

    State, sweeps and meshes are as for `scale_by_soap`, with roots in place of bases.

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix.
    """
    who = "scale_by_shampoo"
    largest = whole(who, "max_size", max_size, at_least=0)
    rows = slots.UpTo(largest, slots.of_pairs_of_rows)
    columns = slots.UpTo(largest, slots.of_pairs_of_columns)
    return matrixwise(
        who,
        step,
        ScaleByShampooState,
        axes=axes,
        whole=True,
        slots={
            "mu": slots.mean_of_gradients("b1", debiased=True),
            "nu": slots.mean_of_squares("b2", debiased=True),
            "left": slots.Slot("mean", "step", "b3", debiased=True, shape=rows),
            "right": slots.Slot("mean", "step", "b3", debiased=True, shape=columns),
            "left_root": slots.kept(shape=rows),
            "right_root": slots.kept(shape=columns),
        },
        settings={"max_size": max_size},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        b3=decay_rate(b3),
        eps=positive(eps),
        damping=positive(damping),
        every=at_least_one(every),
    )
