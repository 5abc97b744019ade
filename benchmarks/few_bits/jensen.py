"""Why 8 bits train as if the rate were a little higher: `python benchmarks/few_bits/jensen.py`.

Rounded at random, nu is right in the mean, but walks between its levels. These are h nu apart; so a step
of (1 - b2) (g^2 - nu) adds a variance of its size times h nu, which the average forgets at 2 (1 - b2) a
step. Once that is settled, whatever b2 is,

    Var(nu') / nu^2 = h q / 2,   q = E|g^2 / nu - 1|,   E[nu'^(-1/2)] nu^(1/2) = 1 + 3 h q / 16

since 1 / sqrt is convex. q is 0.97 for Gaussian gradients, 0 for ones of a constant size, nearly 2 for
rare ones: no constant corrects it. Rounding that is right in the mean of nu^a instead raises the mean of nu
by the part (1 - a) h q / 2, and lowers 1 / sqrt(nu) by half of that: at a = 1/4 the two cancel, for every q
and h. Sums of squares are alike.

Printed, for several distributions of gradients, are the mean of nu', the mean of 1 / sqrt(nu'), what that
is predicted to be, and the part of mu' / sqrt(nu') along mu / sqrt(nu), by which the rate seems higher:
with nu right in the mean, and as the library rounds. Without rounding all are 1.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from storages import formats_of

from adaptive_tx.core import formats

ENTRIES, B1 = 4096, 0.9
SPACING = 0.25 * 0.5 / np.log(2)  # relative, of four levels an octave, in the mean over an octave


def gaussian(key, entries):
    return jax.random.normal(key, entries)


def with_signal(key, entries):
    return 1 + jax.random.normal(key, entries)


def rare(key, entries):
    """Not zero one time in ten."""
    which, size = jax.random.split(key)
    return jax.random.normal(size, entries) * jax.random.bernoulli(which, 0.1, entries)


def laplace(key, entries):
    return jax.random.laplace(key, entries)


def signs(key, entries):
    return jax.random.rademacher(key, entries, jnp.float32)


def constant(key, entries):
    return jnp.ones(entries)


GRADIENTS = (gaussian, with_signal, laplace, rare, signs, constant)


@functools.partial(jax.jit, static_argnames=("gradients", "b2", "storage"))
def simulate(gradients, b2: float, storage: str):
    """Entries of different sizes, until they have settled, and the means over as many steps again."""
    start, sizes = jax.random.split(jax.random.key(0))
    unit = 2.0 ** jax.random.uniform(sizes, (ENTRIES,), minval=-20, maxval=-16)
    square = jnp.mean(jnp.square(gradients(start, (100_000,))))
    steps = max(int(3 / (1 - b2)), 300)

    def step(run, t):
        (mu, nu), codes, sums = run
        draw, word = jax.random.split(jax.random.fold_in(start, t))
        g = unit * gradients(draw, (ENTRIES,))
        kept_mu, kept_nu = formats.pair_of(*codes)
        mu, kept_mu = B1 * mu + (1 - B1) * g, B1 * kept_mu + (1 - B1) * g
        nu, kept_nu = b2 * nu + (1 - b2) * g**2, b2 * kept_nu + (1 - b2) * g**2
        codes = formats.pair_codes(kept_mu, kept_nu, jax.random.bits(word, (ENTRIES,)))
        u, v = mu / jnp.sqrt(nu), kept_mu / jnp.sqrt(kept_nu)
        q = jnp.abs(g**2 / nu - 1)
        now = [kept_nu / nu, jnp.sqrt(nu / kept_nu), q, u * v, u * u]
        sums = sums + jnp.where(t < steps, 0, jnp.stack([x.mean() for x in now]))
        return ((mu, nu), codes, sums), None

    nu = square * unit**2
    codes = formats.pair_codes(0 * nu, nu, jax.random.bits(start, (ENTRIES,)))
    run = ((0 * nu, nu), codes, jnp.zeros(5))
    return lax.scan(step, run, jnp.arange(2 * steps))[0][2] / steps


def main() -> None:
    head = ("mean nu", "1/sqrt", "predicted", "direction") + ("mean nu", "1/sqrt", "direction")
    print(f"{'':20}{'nu right in the mean':^44}{'as the library rounds':^33}")
    print(("{:12}{:>8}" + 7 * "{:>11}").format("gradients", "b2", *head))
    for gradients in GRADIENTS:
        for b2 in (0.95, 0.999, 0.9999):
            row = []
            for storage in ("mean right", "stored 8"):
                with formats_of(storage):
                    mean, inverse, q, uv, uu = np.asarray(simulate(gradients, b2, storage))
                predicted = [1 + 3 / 16 * SPACING * q] if storage == "mean right" else []
                row += [mean, inverse, *predicted, uv / uu]
            print(
                f"{gradients.__name__:12}{b2:>8g}" + "".join(f"{x:11.4f}" for x in row), flush=True
            )


if __name__ == "__main__":
    main()
