"""Signal and noise in a rule's moments: how far the mean of the gradients stands out of their spread.

    ratio of an entry      |mu_hat| / sqrt(nu_hat)       1 where all gradients agree, near 0 for noise
    gradient noise scale   noise / signal                in batches

signal is |G|^2, the squared length of the mean gradient G, and noise is the trace of the covariance of
one batch's gradient. mu_hat averages the last gradients g_i with weights w_i; with the same weights,

    E |mu_hat|^2      = signal + S noise        S = sum w_i^2 = (1 - b1) / (1 + b1) (1 + b1^t) / (1 - b1^t)
    E sum w_i |g_i|^2 = signal + noise

and from the two left sides follow both. (nu, whose memory is longer, would say of gradients that shrink
that all is noise.) With batches so many times larger, mean and noise would be equally long: beyond that a
larger batch hardly helps. The estimate rests on 1/(1 - b1) gradients and may be negative: average
signal and noise over many steps before taking the quotient.

McCandlish et al., An Empirical Model of Large-Batch Training, 2018, arXiv:1812.06162, section 2.2 and
appendix A.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from adaptive_tx.core.axes import Split, summed
from adaptive_tx.core.norms import sum_of_squares
from adaptive_tx.core.numerics import Decay, clamp, modulus, narrow, root, widen
from adaptive_tx.wrappers.quantiles import quantiles, samplers

FRACTIONS = {"median": 0.5, "q10": 0.1, "q90": 0.9}
# A mean that is a smaller part of the gradients is lost in rounding and in its own scatter.
LARGEST = 1e4
LIMIT = 1e37  # of sums of squares


def ratios(
    mus: Sequence[jax.Array], nus: Sequence[jax.Array], c1, c2, splits: Sequence[Split]
) -> list[jax.Array]:
    """The quantiles (`FRACTIONS`) of |mu_hat| / sqrt(nu_hat) over the entries of these leaves.

    Of a sample of them, if there are many (`quantiles`). Zeros if there are none.
    """
    found = []
    for mu, nu, sample in zip(mus, nus, samplers(mus, splits)):
        mu, nu = sample(mu), sample(nu)
        there = nu > 0
        of_one = root(c2) / c1  # the ratio where mu = nu = 1
        ratio = modulus(mu) / root(jnp.where(there, nu, 1)) * of_one.astype(nu.dtype)
        found.append(narrow(jnp.where(there, ratio, 0), jnp.float32))
    return quantiles(found, splits, [round(10 * fraction) for fraction in FRACTIONS.values()])


def signal_and_noise(
    grads: Sequence[jax.Array],
    mus: Sequence[jax.Array],
    old_power: jax.Array,
    b1: Decay,
    c1,
    splits,
    every: int = 1,
) -> tuple[jax.Array, jax.Array]:
    """The estimates of |G|^2 and of the trace of the covariance, in the unit of the gradients squared.

    `old_power` is their sum `every` steps before. One gradient shows no noise: it is all signal.
    """
    new, newest = b1.weight, b1.weight / c1
    if every > 1:  # the gradients that are seen have the weights of an average with decay b1^every
        rest = 1 - new
        newest = (1 - rest**every) / (1 - (1 - c1) * rest ** (every - 1))
    power = old_power + newest * (_total(grads, splits) - old_power)
    weights = b1.weight / (2 - b1.weight) * (2 - c1) / c1
    seen = 1 - weights > 1e-3
    rest = jnp.where(seen, 1 - weights, 1)
    noise = jnp.where(seen, jnp.maximum(power - _total(mus, splits) / c1**2, 0) / rest, 0)
    return clamp(power - noise, LIMIT), clamp(noise, LIMIT)


def scale(signal: jax.Array, noise: jax.Array) -> jax.Array:
    """The gradient noise scale in batches; 1e4 where it is larger or not known."""
    known = (noise > 0) & (signal * LARGEST > noise)
    return jnp.where(known, noise / jnp.where(known, signal, 1), LARGEST)


def _total(leaves: Sequence[jax.Array], splits: Sequence[Split]) -> jax.Array:
    """The sum of all |x|^2; what is too large counts as LIMIT."""
    totals = [narrow(sum_of_squares(widen(x, jnp.float32)), jnp.float32) for x in leaves]
    return jnp.minimum(summed(totals, splits, jnp.float32), LIMIT)
