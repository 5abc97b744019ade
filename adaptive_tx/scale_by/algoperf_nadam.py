"""AlgoPerf's NAdam: Adam whose mean takes the newest gradient twice.

    mu, nu as in Adam
    u = ((b1 mu + (1 - b1) g) / c1) / (sqrt(nu / c2) + eps)            no unit; c1, c2 as in Adam

The look ahead has the weights of one more average, and is divided by those of mu: at t = 1, u is 1 + b1
where Adam's is 1, and the excess is gone after 1 / (1 - b1) steps. `scale_by_nadam` (Dozat's, and optax
0.2.8's `nadam`) divides each of the two terms by its own sum of weights, and has 1 throughout; that of
torch and Keras has a growing b1 (`scale_by_nadam_scheduled`).

This is the rule of the NAdamW baselines of the AlgoPerf benchmark, those for qualifying for its prizes
among them, forked from init2winit. Their decay is AdamW's; their rate rises in a line over 2 to 10 % of the
steps, and then falls as a cosine, `schedules.with_warmup(schedules.cosine(...), ...)`.

Choi et al., On Empirical Comparisons of Optimizers for Deep Learning, 2019, arXiv:1910.05446, table 1;
Dahl et al., Benchmarking Neural Network Training Algorithms, 2023, arXiv:2306.07179.
"""

from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(ScaleByAdamState)


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    return over_root(debiased(ema(g, mu, b1), c1), nu / c2, eps), mu, nu


@explained
def scale_by_algoperf_nadam(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-8
) -> Transformation:
    """Adam with Nesterov momentum, as AlgoPerf's baselines have it: larger at first.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.

    The state holds two arrays like each parameter, `mu` and `nu`, in float32 at least.
    """
    return leafwise(
        "scale_by_algoperf_nadam",
        step,
        ScaleByAdamState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
