"""SOAP: Adam in the basis in which Shampoo's preconditioner is diagonal.

    g'  = QL^T g QR                                  the gradient in the bases, unit of g
    mu <- b1 mu + (1 - b1) g'                        mean of it
    nu <- b2 nu + (1 - b2) |g'|^2                    mean of its square, unit of g squared
    u   = QL (mu_hat sqrt(1 - b2^s) / (sqrt(nu) + eps)) QR^T                  no unit
    L  <- b3 L + (1 - b3) g g^T,   R <- b3 R + (1 - b3) g^T g                 unit of g squared

g is one matrix; its rows are inputs, its columns outputs. At t = 1 there is no step: the bases QL and QR
become the eigenvectors of L and R, and the first gradient is part of no mean. s = t - 1 counts the others;
after every `every` of them new bases follow from L and R (`core/eigenbases.py`). eps is Adam's "epsilon
hat". Bases are constants to derivatives. Of a complex matrix ^T is the conjugate.

Where the rank of L is less than its size, as in the first steps of a matrix with two more rows than
columns, the basis of the rest is whatever rounding makes it, and other programs and devices step otherwise.
If the first gradient comes twice (full batches: step 1 does not move), g' is diagonal but for rounding,
which Adam brings to the size of the rest: take a warm-up, or a larger eps.

The authors' code decomposes in float32, also in float64; does not decay in its first step, and then decays
the parameters that have moved: lr weight_decay lr u more than `soap`; has vectors too, as in Adam with the
first step left out: give them a group of their own; and for leaves of more axes a basis for each. SOAP_JAX
keeps nu one step in `every`.

Vyas et al., SOAP: Improving and Stabilizing Shampoo using Adam, 2024, arXiv:2409.11321, algorithm 3, and
the authors' code.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core.checks import whole
from adaptive_tx.core.eigenbases import followed
from adaptive_tx.core.linear_algebra import grams, into, out_of
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.matrixwise import matrixwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, root, squared, times
from adaptive_tx.core.ranges import at_least_one, decay_rate, positive
from adaptive_tx.core.saturation import squarable
from adaptive_tx.core.slots import Slot, UpTo, kept, of_pairs_of_columns, of_pairs_of_rows
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleBySoapState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params, in the bases
    nu: optax.Updates  # like params, real, in the bases
    left: optax.Updates  # (r, r) of a matrix (r, c): L; None where r > max_size
    right: optax.Updates  # (c, c): R
    left_basis: optax.Updates  # (r, r): QL, orthonormal columns; zeros before the first step
    right_basis: optax.Updates  # (c, c): QR


def step(g, mu, nu, left, right, left_basis, right_basis, t, *, b1, b2, b3, eps, every, c1, c2):
    bases = [lax.stop_gradient(_like(q, g)) for q in (left_basis, right_basis)]
    turned = squarable(into(bases, g))
    begun = t > 1
    mu = jnp.where(begun, ema(turned, mu, b1), _like(mu, g))
    nu = jnp.where(begun, ema(squared(turned), nu, b2), nu)
    u = out_of(bases, over_root(times(debiased(mu, c1), root(c2)), nu, eps))
    sides = [
        None if old is None else ema(new, old, b3) for new, old in zip(grams(g), (left, right))
    ]
    bases, mu, nu = followed(bases, lax.stop_gradient(sides), mu, nu, t, every)
    return u, mu, nu, *sides, *bases


def _like(x, g) -> Any:
    """To begin with, what belongs to a complex matrix is real."""
    return None if x is None else lax.convert_element_type(x, g.dtype)


@explained
def scale_by_soap(
    *,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.95,
    b3: ScalarOrSchedule = 0.95,
    eps: ScalarOrSchedule = 1e-8,
    every: ScalarOrSchedule = 10.0,
    max_size: int = 10_000,
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """Adam's step for each matrix, taken in the eigenbases of its gradients' second moments.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      b3: decay of the second moments L and R, in [0, 1).
      eps: is added to the root, > 0, in the unit of the gradients.
      every: after how many steps new bases are computed, >= 1; in between a step is only products.
      max_size: rows or columns beyond so many have no basis.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), as in `orthogonalize`.

    The state holds two arrays like each matrix, and two squares for its rows and two for its columns. The
    first direction is 0. Mapped over optimizers (a sweep), all of them compute new bases at every step. On
    Explicit axes of a mesh each device steps on whole matrices, which are gathered for it.

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix.
    """
    who = "scale_by_soap"
    largest = whole(who, "max_size", max_size, at_least=0)
    rows, columns = (UpTo(largest, shape) for shape in (of_pairs_of_rows, of_pairs_of_columns))
    return matrixwise(
        who,
        step,
        ScaleBySoapState,
        axes=axes,
        whole=True,
        slots={
            "mu": Slot("mean", "", "b1", debiased=True, late=True),
            "nu": Slot("mean", "step", "b2", debiased=True, late=True),
            "left": Slot("mean", "step", "b3", shape=rows),
            "right": Slot("mean", "step", "b3", shape=columns),
            "left_basis": kept(shape=rows),
            "right_basis": kept(shape=columns),
        },
        settings={"max_size": max_size},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        b3=decay_rate(b3),
        eps=positive(eps),
        every=at_least_one(every),
    )
