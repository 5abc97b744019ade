"""Adam in the order of the paper's section 2: both corrections in one scalar, eps on the raw root.

    mu, nu as in Adam
    u = sqrt(c2) / c1 mu / (sqrt(nu) + eps)        c1 = 1 - b1^t, c2 = 1 - b2^t

One division an element less than Adam. This eps is the paper's "epsilon hat": Adam's eps would be
eps / sqrt(1 - b2^t), 31 times larger at t = 1 with b2 = 0.999. TensorFlow and Keras compute this form.

Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, end of section 2.
"""

from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, over_root, root, squared, times
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    return times(over_root(mu, nu, eps), root(c2) / c1), mu, nu


@explained
def scale_by_adam_eps_hat(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-8
) -> Transformation:
    """Adam with the cheaper order of operations, as in TensorFlow and Keras.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0; the paper's epsilon hat, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_adam_eps_hat",
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
