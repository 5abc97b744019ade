"""Adam: the mean of the gradients over the root of the mean of their squares.

    mu <- b1 mu + (1 - b1) g          mean of the gradient,   unit of g
    nu <- b2 nu + (1 - b2) |g|^2      mean of its square,     unit of g squared
    u   = debiased(mu, c1) / (sqrt(nu / c2) + eps)                     no unit
          with c1 = 1 - b1^t and c2 = 1 - b2^t, the sums of the weights of both means

Both means start at zero, and the divisions correct for it. Where gradients keep their size and
sign, |u| is 1; otherwise it is about the ratio of their mean to their spread. `eps` has the unit of g.

Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, algorithm 1.
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
    return over_root(debiased(mu, c1), nu / c2, eps), mu, nu


@explained
def scale_by_adam(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-8
) -> Transformation:
    """Turns gradients into directions of size about 1: their mean over their root mean square.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.

    The state holds two arrays like each parameter, `mu` and `nu`, in float32 at least.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adam()
    >>> params = {"w": jnp.array([1.0, 2.0])}
    >>> updates, state = tx.update({"w": jnp.array([0.1, -3.0])}, tx.init(params))
    >>> print(updates["w"].round(4))
    [ 1. -1.]
    """
    return leafwise(
        "scale_by_adam",
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
