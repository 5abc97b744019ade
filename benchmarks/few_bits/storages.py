"""The optimizers, and ways to keep what they keep.

A way is a function of an optimizer and the `seed` of a member, which tells the members of a mapped training
apart: they round independently of each other.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import optax
import others

import adaptive_tx as atx
from adaptive_tx.core import formats
from adaptive_tx.core.levels import Levels

Optimizer = optax.GradientTransformation


FASTER = (1.01, 1.02, 1.03, 1.04)


SMALLEST = formats.SQUARE.start
TWO = Levels(digits=1, start=SMALLEST, largest=254)
FOUR = Levels(digits=2, start=2.0**-50, largest=254)
PAIR = Levels(digits=2, start=SMALLEST, largest=510)
VARIANTS = {  # formats that the library could have, by its names of them
    "mean right": {"SQUARE": TWO, "NU": PAIR},
    "four levels": {"SQUARE": Levels(2, start=2.0**-50, largest=254, for_roots=True)},
    "four levels, mean right": {"SQUARE": FOUR},
}

OPTIMIZERS: dict[str, Callable[[Any, float], Optimizer]] = {
    "adam": lambda rate, b2: atx.adam(rate, b2=b2),
    "adamw": lambda rate, b2: atx.adamw(rate, b2=b2),
    "rmsprop": lambda rate, b2: atx.rmsprop(rate, b2=b2),
    "adagrad": lambda rate, b2: atx.adagrad(rate),
}


def exact(tx: Optimizer, seed: Any) -> Optimizer:
    return tx


def stored(bits: int) -> Callable[[Optimizer, Any], Optimizer]:
    return lambda tx, seed: atx.stored(tx, bits, seed=seed)


def rounded_by(keep: Callable) -> Callable[[Optimizer, Any], Optimizer]:
    return lambda tx, seed: others.kept(tx, keep)


def rounded(bits: int) -> Callable[[Optimizer, Any], Optimizer]:
    return lambda tx, seed: atx.rounded(tx, extra_bits=bits, seed=seed)


def faster(factor: float) -> Callable[[Optimizer, Any], Optimizer]:
    """As at a rate that is a little higher."""
    return lambda tx, seed: optax.chain(tx, optax.scale(factor))


PARAMETERS: dict[str, Callable[[Optimizer, Any], Optimizer]] = {  # in bfloat16
    "master": exact,  # the optimizer's are float32, of which the model sees bfloat16
    "rounded 16": rounded(16),
    "rounded 8": rounded(8),
    "rounded 0": rounded(0),
    "plain": exact,
    "rounded 8, stored 8": lambda tx, seed: rounded(8)(stored(8)(tx, seed), seed),
}
STORAGES: dict[str, Callable[[Optimizer, Any], Optimizer]] = {
    "float32": exact,
    "perturbed": exact,  # where the initial parameters are
    "stored 16": stored(16),
    "stored 8": stored(8),
    "nearest": rounded_by(others.nearest),
    "bitsandbytes": rounded_by(others.bitsandbytes),
    "flashoptim": rounded_by(others.flashoptim),
    "bitsandbytes, both 0": rounded_by(others.both_zero(others.bitsandbytes)),
    "flashoptim, both 0": rounded_by(others.both_zero(others.flashoptim)),
    **{f"rate x {factor}": faster(factor) for factor in FASTER},
    **dict.fromkeys(VARIANTS, stored(8)),
    **PARAMETERS,
}


@contextlib.contextmanager
def formats_of(storage: str) -> Iterator[None]:
    """Has the library keep squares in another format of 8 bits, where one is asked for."""
    variant = VARIANTS.get(storage, {})
    before = {name: getattr(formats, name) for name in variant}
    for name, levels in variant.items():
        setattr(formats, name, levels)
        jax.clear_caches()  # of what was traced with the other
    try:
        yield
    finally:
        for name, levels in before.items():
            setattr(formats, name, levels)
            jax.clear_caches()
