"""Who takes part: a line for each, from a rate and a weight decay to an optimizer.

No two rules mean the same by a rate: Adam's is a length for each entry, Muon's one for a matrix, SGD's a
factor of the gradient. So each is tuned around a rate of its own, `usual`, the default of its authors (of
old ones, of everybody). Everything decays but the scales of norms. Rules for matrices get those between
embedding and head, told by their paths; embedding, head and norms go to AdamW.
"""

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

from adaptive_tx import matrix_optimizers as matrix
from adaptive_tx import optimizers
from adaptive_tx.core.chain import chain
from adaptive_tx.core.schedule import Schedule
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.decay import add_l2
from adaptive_tx.factors import scale
from adaptive_tx.scale_by.adam import scale_by_adam
from adaptive_tx.scale_by.ema_nesterov import ema_nesterov
from adaptive_tx.scale_by.orthogonalize import orthogonalize
from adaptive_tx.schedules import constant, half_life, linear, warmup_stable_decay, with_warmup
from adaptive_tx.tune.race.characters.options import REFERENCE, WARMUP
from adaptive_tx.tune.tasks.transformer import HIDDEN, MATRICES
from adaptive_tx.wrappers.grouped import grouped
from adaptive_tx.wrappers.hyperball import hyperball


def decaying(peak: float, steps: int) -> Schedule:
    """A straight line up to the peak, and one down to zero at the last step."""
    up = max(1, round(WARMUP * steps))
    return warmup_stable_decay(peak, up, 0, max(1, steps - up))


Make = Callable[[Schedule, float, int], Transformation]  # (learning_rate, weight_decay, steps)


def warmed(peak: float, steps: int) -> Schedule:
    """A straight line up to the peak, and no way down."""
    up = max(2, round(WARMUP * steps))
    return with_warmup(constant(peak), up - 1, start=1 / up)


class Racer(NamedTuple):
    """Somebody who takes part."""

    name: str
    make: Make
    usual: float  # rate
    rate: Callable[[float, int], Schedule] = decaying  # (peak, steps)


def named(constructor: Callable[..., Transformation]) -> Make:
    """An optimizer of the library with its own defaults."""
    return lambda rate, decay, steps: constructor(rate, weight_decay=decay, only=MATRICES)


def sgd_momentum(rate: Schedule, decay: float, steps: int) -> Transformation:
    """As torch's SGD has it: the decay is added to the gradient."""
    return chain(add_l2(decay, only=MATRICES), optimizers.momentum(rate))


def ademamix(rate: Schedule, decay: float, steps: int) -> Transformation:
    """With its authors' warm-ups over the whole training; their b3 of 0.9999 is for much longer ones."""
    slow = {"b3": half_life(0.9, 0.999, steps), "alpha": linear(0.0, 5.0, steps)}
    return optimizers.ademamix(rate, weight_decay=decay, only=MATRICES, **slow)


def prodigy(rate: Schedule, decay: float, steps: int) -> Transformation:
    """The rate is a factor of the size that it finds, and decay is times both: here about 0.005."""
    decays = {"weight_decay": 100 * decay, "only": MATRICES}
    return optimizers.prodigy(rate, safeguard_warmup=True, **decays)


def for_matrices(constructor: Callable[..., Transformation], **settings: Any) -> Make:
    """A rule for the matrices between embedding and head, and AdamW with the same rate and decay."""

    def make(rate: Schedule, decay: float, steps: int) -> Transformation:
        return grouped(
            {"hidden": constructor(rate, weight_decay=decay, **settings)},
            by={"hidden": HIDDEN},
            default=optimizers.adamw(rate, weight_decay=decay, only=MATRICES),
        )

    return make


def on_spheres(direction: Transformation) -> Make:
    """The hidden matrices turned, without decay, and AdamW at the same multiple of its usual rate."""

    def make(rate: Schedule, decay: float, steps: int) -> Transformation:
        adamw = optimizers.adamw(rate, weight_decay=decay, only=MATRICES)
        return grouped(
            {"hidden": hyperball(direction, rate)},
            by={"hidden": HIDDEN},
            default=chain(adamw, scale(1e-3 / SPHERES)),
        )

    return make


SPHERES = 0.018  # the rate of Hyperball: an angle
AS_ADAMW = {"factor": "match_rms_adamw"}  # the unit in which AdamW's rates and decays serve Muon
RACERS = {
    racer.name: racer
    for racer in (
        Racer("sgd momentum", sgd_momentum, 0.1),
        Racer("adamw", named(optimizers.adamw), 1e-3),
        Racer("nadamw", named(optimizers.nadamw), 1e-3),
        Racer("radam", named(optimizers.radam), 1e-3),
        Racer("lion", named(optimizers.lion), 1e-4),
        Racer("adan", named(optimizers.adan), 1e-2),  # "5 to 10 times AdamW's"
        Racer("adopt", named(optimizers.adopt), 1e-3),
        Racer("laprop", named(optimizers.laprop), 4e-4),
        Racer("lamb", named(optimizers.lamb), 1e-3),
        Racer("adafactor", named(optimizers.adafactor), 1e-2),
        Racer("ademamix", ademamix, 1e-3),
        Racer("mars", named(optimizers.mars), 3e-3),
        Racer("stable_adamw", named(optimizers.stable_adamw), 1e-3),
        Racer("adam_atan2", named(optimizers.adam_atan2), 1e-3),
        Racer("schedule_free_adamw", named(optimizers.schedule_free_adamw), 2.5e-3, warmed),
        Racer("prodigy", prodigy, 0.1),  # 1 is in the middle
        Racer("muon", for_matrices(matrix.muon, **AS_ADAMW), 1e-3),
        Racer("normuon", for_matrices(matrix.normuon, **AS_ADAMW), 1e-3),
        Racer("scion", for_matrices(matrix.scion), 2**-10),
        Racer("soap", for_matrices(matrix.soap), 3e-3),
        Racer("hyperball_adam", on_spheres(scale_by_adam()), SPHERES),
        Racer("hyperball_muon", on_spheres(chain(ema_nesterov(0.95), orthogonalize())), SPHERES),
    )
}


def made(racer: Racer, learning_rate: float, weight_decay: float, steps: int) -> Transformation:
    """A racer's optimizer for a training of so many steps."""
    return racer.make(racer.rate(learning_rate, steps), weight_decay, steps)


def racer_names(text: str) -> tuple[str, ...]:
    """`muon,lion` as names, each once, and with them the one that all are held against."""
    names = dict.fromkeys((REFERENCE, *(name.strip() for name in text.split(","))))
    for name in names:
        if name not in RACERS:
            raise argparse.ArgumentTypeError(
                f"argument --optimizers: there is no {name!r}; choose from {', '.join(RACERS)}"
            )
    return tuple(names)
