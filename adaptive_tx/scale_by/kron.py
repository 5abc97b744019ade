"""PSGD-Kron: each matrix made white by triangular factors of rows and columns, taught by random probes.

    mu <- b1 mu + (1 - b1) g                     mean of the gradient, unit of g
    u   = QL^T QL mu_hat QR^T QR                 no unit; scaled down to a root mean square of `max_rms`

Before each `every`-th direction the factors learn from mu_hat + eps v, with normal numbers v that follow
from the step, the leaf's path and the seed (`core/whitening.py`): until the identity is the covariance of
u. That is what it is judged by, and not a trajectory, which depends on the probes. Factors are constants to
derivatives.

The authors' code has no eps (PSGD's newest has): under zero gradients its factors grow for ever. It has a
diagonal for a side longer than `max_size`, which here is left as it is; brings factors to one size with
probability 0.01, here always; and lets them learn at all of 500 steps, then at ever fewer: `every` may be
such a schedule.

Li, Preconditioned Stochastic Gradient Descent, 2018, arXiv:1512.04202; Walters' Kron for JAX and torch.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core import noise, slots
from adaptive_tx.core.checks import whole
from adaptive_tx.core.linear_algebra import between, transposed
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.matrixwise import matrixwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import rms, shrink
from adaptive_tx.core.numerics import debiased, ema
from adaptive_tx.core.ranges import at_least_one, decay_rate, fraction, positive
from adaptive_tx.core.saturation import revealing, squarable
from adaptive_tx.core.seeds import SEEDS
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.core.whitening import taught


@exportable
class ScaleByKronState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    left: (
        optax.Updates
    )  # (r, r) of a matrix (r, c): QL; zeros before the first step, None if r > max_size
    right: optax.Updates  # (c, c): QR


def why_not(leaf):
    return "the probes are real; give it to another rule." if jnp.iscomplexobj(leaf) else ""


def shared(t, *, probe_seed):
    return {"probe_key": noise.key_of(probe_seed, t)}


def step(g, mu, left, right, t, *, b1, factor_rate, eps, max_rms, every, probe_key, salt, c1):
    mu = ema(squarable(g), mu, b1)
    mean, v = debiased(mu, c1), noise.normal(probe_key, salt, g)
    factors = [
        None if q is None else jnp.where(t == 1, jnp.eye(*q.shape), q) for q in (left, right)
    ]
    given = lax.stop_gradient((factors, mean + eps * v, v, factor_rate))
    factors = lax.cond(t % jnp.floor(every) == 0, taught, lambda factors, *_: factors, *given)
    left, right = factors = lax.stop_gradient(factors)
    u = between(transposed(left), between(left, mean, transposed(right)), right)
    return shrink(u, rms(u), max_rms), revealing(mu, g), *factors


@explained
def scale_by_kron(
    *,
    b1: ScalarOrSchedule = 0.9,
    factor_rate: ScalarOrSchedule = 0.1,
    eps: ScalarOrSchedule = 1e-9,
    max_rms: ScalarOrSchedule = 1.1,
    every: ScalarOrSchedule = 1.0,
    probe_seed: ScalarOrSchedule = 0.0,
    max_size: int = 8192,
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """Multiplies the mean of each matrix by factors that make it white: uncorrelated entries of size 1.

    Args:
      b1: decay of the mean, in [0, 1).
      factor_rate: how fast the factors learn, in [0, 1]: about the part of themselves in a change.
      eps: how much noise they learn from, > 0, in the unit of the gradients; it bounds them.
      max_rms: largest root mean square of a direction, > 0, no unit.
      every: after how many steps the factors change, >= 1.
      probe_seed: of the random numbers, a whole number in [0, 2^24].
      max_size: rows or columns beyond so many have no factor.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), as in `orthogonalize`.

    The state holds one array like each matrix, a square for its rows and one for its columns. All matrices
    of one leaf get the same random numbers. Sweeps and meshes are as for `scale_by_soap`.

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix, or complex.
    """
    who = "scale_by_kron"
    largest = whole(who, "max_size", max_size, at_least=0)
    rows = slots.UpTo(largest, slots.of_pairs_of_rows)
    columns = slots.UpTo(largest, slots.of_pairs_of_columns)
    return matrixwise(
        who,
        step,
        ScaleByKronState,
        axes=axes,
        whole=True,
        shared=shared,
        refuses=why_not,
        slots={
            "mu": slots.mean_of_gradients("b1", debiased=True),
            "left": slots.kept(shape=rows),
            "right": slots.kept(shape=columns),
        },
        settings={"max_size": max_size},
        b1=decay_rate(b1),
        factor_rate=fraction(factor_rate),
        eps=positive(eps),
        max_rms=positive(max_rms),
        every=at_least_one(every),
        probe_seed=SEEDS(probe_seed),
    )
