"""How to share 16 bits between the two moments of Adam: `python benchmarks/few_bits/shares.py`.

Each moment is rounded as the library rounds it, with so many levels, and kept in float32; or it is left as
it is (x). Levels of nu are 2, 4 or 8 an octave from 2^-94; those of mu, in 6 bits and its sign, eight an
octave from 1/32 to 1 and four from there to 48, in the unit 2^floor(log2(nu) / 2), in 7 bits twice as many:
not the library's, but so that 6 and 7 differ in nothing else. Printed are gaps to float32 as in the tables.
"""

import argparse
import pathlib
from typing import cast

import jax
import jax.numpy as jnp
import optax
from jax import lax
from results import Results
from storages import STORAGES
from tables import cell
from training import Setting

from adaptive_tx.core import noise
from adaptive_tx.core.formats import NU
from adaptive_tx.core.levels import Levels

CUT = 23


def rounded(x, start: float, digits: int, d):
    """A number >= start to one of two neighbours with so many digits, and below it to 0 or start."""
    bits = lax.bitcast_convert_type(x, jnp.uint32)
    d = d >> (32 - (CUT - digits))
    over = lax.bitcast_convert_type((bits + d) >> (CUT - digits) << (CUT - digits), jnp.float32)
    drawn = d.astype(jnp.float32) * (start / 2.0 ** (CUT - digits))
    return jnp.where(x < start, jnp.where(drawn < x, start, 0.0), over)


def mean(mu, nu, digits: int, word):
    """Mu in the unit that nu gives it."""
    exponent = lax.bitcast_convert_type(nu, jnp.int32) >> CUT
    unit = 2.0 ** ((jnp.where(nu > 0, exponent - 127, -94) >> 1).astype(jnp.float32))
    x = jnp.abs(mu) / unit
    low, high = (rounded(x, start, n, word) for start, n in ((2.0**-5, digits + 1), (1, digits)))
    kept = jnp.minimum(jnp.where(x < 1, low, high), 48 if digits == 2 else 56)
    return jnp.sign(mu) * kept * unit


def square(nu, octave: int, word):
    digits = {2: 1, 4: 2, 8: 3}[octave]
    levels = Levels(digits, float(NU.start), largest=0, for_roots=True)
    return levels.value(levels.code(nu, word))


def sharing(of_nu: str, of_mu: str):
    """Adam (a chain that begins with it) whose moments are so rounded after each step."""

    def storage(tx: optax.GradientTransformation, seed):
        def update(updates, state, params=None):
            updates, (adam, *rest) = cast(tuple, tx.update(updates, state, params))
            key = noise.key_of(seed, adam.count)
            means, structure = jax.tree.flatten(adam.mu)
            pairs = []
            for i, (mu, nu) in enumerate(zip(means, jax.tree.leaves(adam.nu), strict=True)):
                words = [noise.word(key, noise.salt_of(str(i)), mu, number) for number in (0, 1)]
                nu = nu if of_nu == "x" else square(nu, int(of_nu), words[0])
                mu = mu if of_mu == "x" else mean(mu, nu, int(of_mu) - 4, words[1])
                pairs.append((jnp.where(nu > 0, mu, 0), nu))
            mu, nu = (structure.unflatten(column) for column in zip(*pairs, strict=True))
            return updates, (adam._replace(mu=mu, nu=nu), *rest)

        return optax.GradientTransformation(tx.init, update)

    return storage


SHARES = (("4", "x"), ("2", "x"), ("x", "6"), ("2", "7"), ("8", "6"), ("4", "6"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=256)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("few_bits.json"))
    options = parser.parse_args()
    results = Results(options.out)
    STORAGES.update({f"nu {n}, mu {m}": sharing(n, m) for n, m in SHARES})
    print("| nu, levels an octave | mu, bits | b2 | training / validation |\n|---|---|---|---|")
    for b2 in (0.95, 0.9999):
        rate = results.best("autoencoder", "adam", b2)
        base = Setting("autoencoder", "adam", "float32", b2, rate, options.seeds, options.steps)
        for n, m in SHARES:
            losses = results.of(base._replace(storage=f"nu {n}, mu {m}"))
            print(f"| {n} | {m} | {b2:g} |", cell(losses, results.of(base)), "|", flush=True)


if __name__ == "__main__":
    main()
