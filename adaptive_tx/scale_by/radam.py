"""RAdam: Adam that adapts only as far as its estimate of the variance can be trusted.

    mu, nu as in Adam
    rho_inf = 2 / (1 - b2) - 1
    rho_t   = rho_inf - 2 t b2^t / (1 - b2^t)      about the number of gradients that nu has seen
    if rho_t > threshold:
        r = sqrt((rho_t - 4) (rho_t - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho_t))
        u = r mu_hat / (sqrt(nu_hat) + eps)        no unit
    else:
        u = mu_hat                                 unit of g (or, below="none", u = 0)

The paper's text adapts above 4; its authors' code, torch and optax wait for 5. With b2 <= 0.6, rho_inf
is 4 at most and the rule never adapts. torch adds eps to the root before the bias correction.

rho_t as written cancels in float32 (optax adapts at the wrong steps for b2 = 0.9999). With
x = -log b2 and y = t x it is [coth(x/2) - 2/x] + (2/x) (1 - y / expm1(y)), each part by its series
where the argument is small.

Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020, arXiv:1908.03265,
algorithm 2.
"""

from typing import Literal

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.checks import choice
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, root, squared
from adaptive_tx.core.ranges import Range, decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

# r is not real at rho_t < 4, so there is nothing to choose below.
above_four = Range(4.0, float("inf"), "[)")


def effective_length(b2, t):
    """rho_inf and rho_t, to float32's last digits."""
    w = b2.weight
    x = -jnp.log1p(-jnp.minimum(w, 1 - jnp.finfo(w.dtype).epsneg))
    start = _where_small(x, _coth_series, lambda x: 1 / jnp.tanh(x / 2) - 2 / x)
    decayed = _where_small(t * x, _bernoulli_series, lambda y: 1 - y / jnp.expm1(y))
    return (2 - w) / w, start + 2 / x * decayed


def _where_small(x, series, formula):
    """The series below 1 in float32, 1/4 in float64: there both are right to the last digits."""
    edge = 0.25 if x.dtype == jnp.float64 else 1.0
    large = jnp.clip(x, edge, 80)  # at 80 both formulas have reached their limit
    return jnp.where(x < edge, series(jnp.minimum(x, edge)), formula(large))


def _coth_series(x):
    """coth(x/2) - 2/x."""
    s = x * x
    return x / 6 * (1 - s / 60 * (1 - s / 42 * (1 - s / 40 * (1 - s * (5 / 198)))))


def _bernoulli_series(y):
    """1 - y / (e^y - 1)."""
    s = y * y
    return y / 2 - s / 12 * (1 - s / 60 * (1 - s / 42 * (1 - s / 40 * (1 - s * (5 / 198)))))


def shared(t, *, b2, threshold):
    """rho_t, and r (0 where it does not adapt).

    rho_t stays below rho_inf. Where that is the threshold but for rounding (5 at b2 = 2/3) none adapts.
    """
    rho_inf, rho_t = effective_length(b2, t)
    least = threshold * (1 + 4 * jnp.finfo(t.dtype).eps)
    adapts = (rho_t > threshold) & (rho_inf > least)
    rho, rho_inf = jnp.where(adapts, rho_t, 6), jnp.where(adapts, rho_inf, 6)
    r = root((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    return {"rho": rho_t, "rectification": jnp.where(adapts, r, 0)}


def rectified(mu_hat, nu_hat, eps, rectification):
    """The direction: undivided where it does not adapt."""
    adapted = rectification * over_root(mu_hat, nu_hat, eps)
    return jnp.where(rectification > 0, adapted, mu_hat)


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2, rectification):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    return rectified(debiased(mu, c1), nu / c2, eps, rectification), mu, nu


def step_or_none(g, mu, nu, t, *, b1, b2, eps, c1, c2, rectification):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    return rectification * over_root(debiased(mu, c1), nu / c2, eps), mu, nu


@explained
def scale_by_radam(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    threshold: ScalarOrSchedule = 5.0,
    below: Literal["momentum", "none"] = "momentum",
) -> Transformation:
    """Adam, rectified for the few gradients its denominator has seen at first.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      threshold: adapt where rho_t is above it, >= 4; about the number of the last step that does not.
      below: what to do before: "momentum" (the mean of the gradients, not adapted: the paper), or
        "none" (no update: the default of the authors' code).
    """
    choice("scale_by_radam", "below", below, ("momentum", "none"))
    return leafwise(
        "scale_by_radam",
        step if below == "momentum" else step_or_none,
        ScaleByAdamState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
        },
        shared=shared,
        metrics=("rho", "rectification"),
        settings={"below": below},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
        threshold=above_four(threshold),
    )
