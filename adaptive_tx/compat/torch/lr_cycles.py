"""The schedules of torch.optim.lr_scheduler 2.13 that come again: warm restarts and cycles.

torch's CyclicLR cycles the momentum too, unless told cycle_momentum=False. Here each number has its own
schedule: `sgd(cyclic_lr(...), momentum=cyclic_momentum(...))`.
"""

import jax.numpy as jnp

from adaptive_tx import schedules
from adaptive_tx.core import checks
from adaptive_tx.core.ranges import at_least_one, decay_rate, non_negative, positive
from adaptive_tx.core.schedule import Schedule, bind_schedule, periods, real

MODES = ("triangular", "triangular2", "exp_range")


def cosine_annealing_warm_restarts(lr, T_0, T_mult: int = 1, eta_min=0.0) -> Schedule:
    """Half cosines from lr towards eta_min, the first T_0 (>= 1) long, each T_mult times the last.

    T_mult is a Python int >= 1, known at trace time.
    """
    growth = checks.whole("cosine_annealing_warm_restarts", "T_mult", T_mult, 1)
    return schedules.cosine_restarts(lr, T_0, growth=growth, floor=eta_min)


def cyclic_lr(
    base_lr, max_lr, step_size_up=2000, step_size_down=None, mode: str = "triangular", gamma=1.0
) -> Schedule:
    """From base_lr up to max_lr in step_size_up updates, down in step_size_down, and again.

    Args:
      base_lr: least value.
      max_lr: largest value.
      step_size_up: >= 1.
      step_size_down: >= 1; None: as step_size_up.
      mode: "triangular"; "triangular2": each cycle is half as high as the last; "exp_range": the height
        is multiplied by gamma at every update.
      gamma: > 0.
    """
    return bind_schedule(
        "cyclic_lr",
        _cyclic_lr,
        {"mode": checks.choice("cyclic_lr", "mode", mode, MODES)},
        base_lr=non_negative(base_lr),
        max_lr=non_negative(max_lr),
        gamma=positive(gamma),
        **_halves(step_size_up, step_size_down),
    )


def cyclic_momentum(
    step_size_up=2000,
    step_size_down=None,
    mode: str = "triangular",
    gamma=1.0,
    base_momentum=0.8,
    max_momentum=0.9,
) -> Schedule:
    """The momentum of CyclicLR: from max_momentum down to base_momentum while the rate rises."""
    who = "cyclic_momentum"
    return bind_schedule(
        who,
        _cyclic_momentum,
        {"mode": checks.choice(who, "mode", mode, MODES)},
        base_momentum=decay_rate(base_momentum),
        max_momentum=decay_rate(max_momentum),
        gamma=positive(gamma),
        **_halves(step_size_up, step_size_down),
    )


def _halves(up, down) -> dict:
    down = up if down is None else down
    return {"step_size_up": at_least_one(up), "step_size_down": at_least_one(down)}


def _cyclic_lr(count, base_lr, max_lr, **cycle):
    return base_lr + (max_lr - base_lr) * _height(count, **cycle)


def _cyclic_momentum(count, base_momentum, max_momentum, **cycle):
    high, low = 1 - max_momentum.weight, 1 - base_momentum.weight
    return high - (high - low) * _height(count, **cycle)


def _height(count, mode, gamma, step_size_up, step_size_down):
    """Where the wave is, from 0 to 1, times what its mode makes of it."""
    whole = step_size_up + step_size_down
    cycle, into = periods(count, whole)
    rising = into <= step_size_up
    height = jnp.where(rising, into / step_size_up, (whole - into) / step_size_down)
    if mode == "triangular":
        return height
    return height * (0.5**cycle if mode == "triangular2" else gamma ** real(count))
