"""Momentum with the learning rate inside the buffer: Keras' SGD and RMSprop.

    trace <- momentum trace - learning_rate u              unit of the parameters
    update = trace - learning_rate weight_decay p
    or, Nesterov: momentum trace - learning_rate u - learning_rate weight_decay p

After a drop of the rate the old steps still count at the old rate; with `trace`, as in torch, at the new
one. Under a constant rate both are the same. The decay does not enter the buffer.

keras.optimizers.SGD and RMSprop, version 3.15 (RMSprop keeps -trace); optax.rmsprop likewise.
"""

from adaptive_tx.compat.keras.excluded import AllBut, Undecayed
from adaptive_tx.core.checks import flag
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import Mask
from adaptive_tx.core.numerics import decayed
from adaptive_tx.core.ranges import decay_rate, non_negative
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.trace import TraceState


def step(u, trace, t, *, learning_rate, momentum):
    trace = decayed(trace, momentum) - learning_rate * u
    return trace, trace


def step_nesterov(u, trace, t, *, learning_rate, momentum):
    trace = decayed(trace, momentum) - learning_rate * u
    return decayed(trace, momentum) - learning_rate * u, trace


def step_decayed(u, trace, t, *, p, learning_rate, momentum, weight_decay):
    update, trace = step(u, trace, t, learning_rate=learning_rate, momentum=momentum)
    return update - learning_rate * weight_decay * p, trace


def step_nesterov_decayed(u, trace, t, *, p, learning_rate, momentum, weight_decay):
    update, trace = step_nesterov(u, trace, t, learning_rate=learning_rate, momentum=momentum)
    return update - learning_rate * weight_decay * p, trace


def velocity(
    learning_rate,
    momentum=0.9,
    weight_decay=None,
    nesterov: bool = False,
    mask: AllBut | None = None,
) -> Transformation:
    """Turns directions into updates that remember the updates before them.

    Args:
      learning_rate: >= 0, or a schedule.
      momentum: how much of the last update is kept, in [0, 1).
      weight_decay: >= 0; p loses learning_rate weight_decay of itself a step. None: no decay.
      nesterov: whether to look one step ahead; a Python bool.
      mask: the leaves that do; the others keep all of themselves (`excluded`).
    """
    settings = {"nesterov": flag("velocity", "nesterov", nesterov)}
    rate, kept = non_negative(learning_rate), decay_rate(momentum)
    if weight_decay is None:
        chosen = step_nesterov if nesterov else step
        return leafwise(
            "velocity", chosen, TraceState, settings=settings, learning_rate=rate, momentum=kept
        )
    chosen = step_nesterov_decayed if nesterov else step_decayed
    return leafwise(
        "velocity",
        chosen,
        TraceState,
        mask=Mask(mask),
        otherwise=Undecayed(chosen),
        settings=settings,
        learning_rate=rate,
        momentum=kept,
        weight_decay=non_negative(weight_decay),
    )
