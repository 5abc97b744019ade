"""Weight decay, in five forms that differ in what they multiply.

    add_l2                    g + weight_decay p          before a rule: the rule rescales the decay too
    add_l1                    g + weight_decay sign(p)    before a rule, likewise
    add_decayed_weights       u + weight_decay p          after it, before the rate: p shrinks by
                                                          learning_rate weight_decay a step (torch, optax)
    add_cautious_decayed_weights
                              u + weight_decay p where Re(u conj p) >= 0, else u: an entry decays only
                              while the step takes it towards 0, too
    subtract_decayed_weights  update - weight_decay p     after the rate: p shrinks by weight_decay a step,
                                                          whatever the rate; a schedule of weight_decay is
                                                          the paper's eta_t lambda
    decay_new_weights         update - weight_decay (p + update)    after the rate: what the step has led to
                                                          shrinks by weight_decay (LaProp's and SOAP's code)

An adaptive rule divides what add_l2 adds by the size of the gradients; the decoupled forms are free of
that, and from the last two the decay need not be tuned anew with the rate. A proximal step, Adan's
(p + update) / (1 + x) with x = learning_rate weight_decay, is `decay_new_weights(x / (1 + x))`.

Each takes `mask` (a tree of bools, which may stop above the leaves, or a function from the parameters
to one) or `only` (a predicate on the path of a leaf, "encoder/dense/kernel", and its array).

AdamC's corrected decay, weight_decay lr(t) / (the largest lr), is `schedules.corrected` as weight_decay.

Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, arXiv:1711.05101, algorithm 2. Cautious:
Chen et al., Cautious Weight Decay, 2025, arXiv:2510.12402, algorithm 1 (others have > in place of >=, which
differs where the direction is 0).
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import mask_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import sign, times
from adaptive_tx.core.ranges import fraction, non_negative
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import LeafPredicate, MaskOrFunction, ScalarOrSchedule


def add_weights(g, t, *, p, weight_decay):
    return g + times(p, weight_decay)


def add_signs(g, t, *, p, weight_decay):
    return g + weight_decay * sign(p)


def add_weights_cautiously(u, t, *, p, weight_decay):
    inwards = (sign(u) * jnp.conj(sign(p))).real >= 0
    return jnp.where(inwards, u + times(p, weight_decay), u)


def subtract_weights(g, t, *, p, weight_decay):
    return g - weight_decay * p


def shrink_new_weights(g, t, *, p, weight_decay):
    return g - weight_decay * (p + g)


@explained
def add_l2(
    weight_decay: ScalarOrSchedule,
    *,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adds the gradient of weight_decay/2 |p|^2 to the gradient. Needs the parameters.

    Args:
      weight_decay: >= 0, in the unit of g over that of p.
      mask: the leaves to decay, as a tree of bools or a function of the parameters.
      only: the leaves to decay, as a predicate on path and array: `lambda path, p: p.ndim > 1`.
    """
    return _decay("add_l2", add_weights, weight_decay, mask, only)


@explained
def add_l1(
    weight_decay: ScalarOrSchedule,
    *,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adds the gradient of weight_decay |p| to the gradient. Needs the parameters.

    Args:
      weight_decay: >= 0, in the unit of g.
      mask: as for `add_l2`.
      only: as for `add_l2`.
    """
    return _decay("add_l1", add_signs, weight_decay, mask, only)


@explained
def add_decayed_weights(
    weight_decay: ScalarOrSchedule,
    *,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adds weight_decay p to the direction: AdamW's decay, multiplied by the rate. Needs the parameters.

    Args:
      weight_decay: >= 0; times the learning rate it is the fraction of p lost per step.
      mask: as for `add_l2`.
      only: as for `add_l2`.
    """
    return _decay("add_decayed_weights", add_weights, weight_decay, mask, only)


@explained
def add_cautious_decayed_weights(
    weight_decay: ScalarOrSchedule,
    *,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adds weight_decay p where the direction takes an entry towards 0. Needs the parameters.

    Where the direction takes an entry away from 0, it does not decay: so decay never works against the
    gradients, and does not move a minimum. Where the direction is 0 it decays.

    Args:
      weight_decay: >= 0; times the learning rate it is the fraction of p lost per step, where it is.
      mask: as for `add_l2`.
      only: as for `add_l2`.
    """
    who = "add_cautious_decayed_weights"
    return _decay(who, add_weights_cautiously, weight_decay, mask, only)


@explained
def subtract_decayed_weights(
    weight_decay: ScalarOrSchedule,
    *,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Subtracts weight_decay p from the update: decay independent of the rate. Needs the parameters.

    Args:
      weight_decay: >= 0, the fraction of p lost per step.
      mask: as for `add_l2`.
      only: as for `add_l2`.
    """
    return _decay("subtract_decayed_weights", subtract_weights, weight_decay, mask, only)


@explained
def decay_new_weights(
    weight_decay: ScalarOrSchedule,
    *,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Shrinks what the update leads to: p becomes (1 - weight_decay) (p + update). Needs the parameters.

    Args:
      weight_decay: in [0, 1], the fraction of the new p lost per step; where a paper multiplies it by the
        rate, so must you: a schedule if that is one.
      mask: as for `add_l2`.
      only: as for `add_l2`.
    """
    chosen = mask_of("decay_new_weights", mask, only)
    return leafwise(
        "decay_new_weights", shrink_new_weights, mask=chosen, weight_decay=fraction(weight_decay)
    )


def _decay(
    who: str,
    step: Callable[..., Any],
    weight_decay: ScalarOrSchedule,
    mask: MaskOrFunction | None,
    only: LeafPredicate | None,
) -> Transformation:
    chosen = mask_of(who, mask, only)
    return leafwise(who, step, mask=chosen, weight_decay=non_negative(weight_decay))


def decoupled(
    who: str,
    weight_decay: ScalarOrSchedule | None,
    mask: MaskOrFunction | None,
    only: LeafPredicate | None,
) -> tuple[Transformation, ...]:
    """For a named optimizer: the decay after its rule, if one was asked for."""
    if weight_decay is not None:
        return (add_decayed_weights(weight_decay, mask=mask, only=only),)
    if mask is not None or only is not None:
        raise TypeError(f"{who}: mask and only choose what weight_decay decays; there is none.")
    return ()
