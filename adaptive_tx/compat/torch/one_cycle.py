"""OneCycleLR of torch.optim.lr_scheduler 2.13: up to a peak, and down to almost nothing.

torch cycles the momentum too, unless told cycle_momentum=False. Here each number has its own schedule:
`adam(one_cycle_lr(0.1, 1000), betas=(one_cycle_momentum(1000), 0.999))` is what torch does by default.

Smith and Topin, Super-Convergence, 2018, arXiv:1708.07120.
"""

import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.ranges import at_least_one, decay_rate, fraction, non_negative, positive
from adaptive_tx.core.schedule import Schedule, bind_schedule, real


def one_cycle_lr(
    max_lr,
    total_steps=None,
    epochs=None,
    steps_per_epoch=None,
    pct_start=0.3,
    anneal_strategy: str = "cos",
    div_factor=25.0,
    final_div_factor=1e4,
    three_phase: bool = False,
) -> Schedule:
    """From max_lr / div_factor up to max_lr, and down to the first value / final_div_factor.

    Args:
      max_lr: largest value.
      total_steps: length, >= 1; or give epochs and steps_per_epoch. At its end the value stays.
      epochs: see above.
      steps_per_epoch: see above.
      pct_start: fraction of the steps that go up, in [0, 1].
      anneal_strategy: "cos" or "linear".
      div_factor: max_lr over the first value, > 0.
      final_div_factor: the first value over the last, > 0.
      three_phase: whether to go down as fast as up, and then from the first value to the last.
    """
    total = _total("one_cycle_lr", total_steps, epochs, steps_per_epoch)
    return bind_schedule(
        "one_cycle_lr",
        _one_cycle_lr,
        _phases("one_cycle_lr", anneal_strategy, three_phase),
        max_lr=non_negative(max_lr),
        total_steps=at_least_one(total),
        pct_start=fraction(pct_start),
        div_factor=positive(div_factor),
        final_div_factor=positive(final_div_factor),
    )


def one_cycle_momentum(
    total_steps=None,
    epochs=None,
    steps_per_epoch=None,
    pct_start=0.3,
    anneal_strategy: str = "cos",
    base_momentum=0.85,
    max_momentum=0.95,
    three_phase: bool = False,
) -> Schedule:
    """The momentum of OneCycleLR: from max_momentum down to base_momentum, and up again."""
    who, total = (
        "one_cycle_momentum",
        _total("one_cycle_momentum", total_steps, epochs, steps_per_epoch),
    )
    return bind_schedule(
        who,
        _one_cycle_momentum,
        _phases(who, anneal_strategy, three_phase),
        total_steps=at_least_one(total),
        pct_start=fraction(pct_start),
        base_momentum=decay_rate(base_momentum),
        max_momentum=decay_rate(max_momentum),
    )


def _total(who: str, total_steps, epochs, steps_per_epoch):
    if total_steps is not None:
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError(f"{who}: give total_steps, or epochs and steps_per_epoch.")
    return epochs * steps_per_epoch


def _phases(who: str, anneal_strategy: str, three_phase: bool) -> dict:
    return {
        "anneal_strategy": checks.choice(
            who, "anneal_strategy", anneal_strategy, ("cos", "linear")
        ),
        "three_phase": checks.flag(who, "three_phase", three_phase),
    }


def _one_cycle_lr(count, max_lr, total_steps, pct_start, div_factor, final_div_factor, **phases):
    first = max_lr / div_factor
    return _one_cycle(
        count, first, max_lr, first / final_div_factor, total_steps, pct_start, **phases
    )


def _one_cycle_momentum(count, total_steps, pct_start, base_momentum, max_momentum, **phases):
    high, low = 1 - max_momentum.weight, 1 - base_momentum.weight
    return _one_cycle(count, high, low, high, total_steps, pct_start, **phases)


def _one_cycle(count, first, top, last, total, pct_start, anneal_strategy, three_phase):
    """first -> top -> last, or first -> top -> first -> last."""
    count = real(count)

    def phase(start, end, begin, until):
        done = jnp.clip((count - begin) / jnp.maximum(until - begin, 1e-6), 0, 1)
        if anneal_strategy == "linear":
            return start + (end - start) * done
        return end + (start - end) / 2 * (1 + jnp.cos(jnp.pi * done))

    up, end = pct_start * total - 1, total - 1
    rising = phase(first, top, 0, up)
    if not three_phase:
        return jnp.where(count <= up, rising, phase(top, last, up, end))
    down = 2 * pct_start * total - 2
    falling = jnp.where(count <= down, phase(top, first, up, down), phase(first, last, down, end))
    return jnp.where(count <= up, rising, falling)
