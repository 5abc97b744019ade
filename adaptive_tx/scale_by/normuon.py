"""NorMuon's second half: the outputs of an orthogonal matrix brought to one size, each by its history.

    nu <- b2 nu + (1 - b2) mean over inputs of x^2       one number an output, unit of x squared
    y   = x / (sqrt(nu) + eps_rms)
    u   = factor y ||x|| / (||y|| + eps_rms)                 unit of x; the factor is `orthogonalize`'s

x is what `orthogonalize` makes of a momentum. Its rows are inputs and its columns outputs. The mean is not
debiased: its scale cancels. Of one column u is factor x, but for eps_rms.

The authors' weights are (out, in), so their mean is over the last axis; the speedrun's code has it over the
shorter axis.

Li et al., NorMuon: Making Muon more efficient and scalable, 2025, arXiv:2510.05491, algorithm 1.
"""

import dataclasses
from typing import NamedTuple

import jax
import optax

from adaptive_tx.core import checks
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.matrixwise import matrixwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import mean, norm
from adaptive_tx.core.numerics import ema, root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_squares, of_columns
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by.orthogonalize import FACTORS, FactorName, times_factor


@exportable
class ScaleByNorMuonState(NamedTuple):
    count: jax.Array  # int32[]
    nu: optax.Updates  # real, one number for each output of each matrix


@dataclasses.dataclass(frozen=True)
class Step:
    """The step on one matrix."""

    factor: str

    def __call__(self, x, nu, t, *, b2, eps_rms):
        nu = ema(mean(squared(x), 0), nu, b2)
        y = x / (root(nu) + eps_rms)
        return times_factor(y, self.factor) * (norm(x) / (norm(y) + eps_rms)), nu


@explained
def scale_by_normuon(
    *,
    b2: ScalarOrSchedule = 0.95,
    eps_rms: ScalarOrSchedule = 1e-10,
    factor: FactorName = "none",
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """Divides each output of a matrix by the root of its mean square; the norm of the matrix stays.

    Args:
      b2: decay of the mean squares, in [0, 1).
      eps_rms: keeps quotients finite, > 0, in the unit of the directions.
      factor: what the result is multiplied by, of rows and columns, as in `orthogonalize`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), as in `orthogonalize`.

    The state holds a number for each output.

    Raises:
      ValueError: from `init` and `update`, for a leaf that is no matrix.
    """
    who = "scale_by_normuon"
    return matrixwise(
        who,
        Step(checks.choice(who, "factor", factor, tuple(FACTORS))),
        ScaleByNorMuonState,
        axes=axes,
        slots={"nu": mean_of_squares("b2", of="step", shape=of_columns)},
        settings={"factor": factor},
        b2=decay_rate(b2),
        eps_rms=positive(eps_rms),
    )
