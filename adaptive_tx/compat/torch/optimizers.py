"""torch.optim 2.13's plain ones: SGD, ASGD, Adagrad, RMSprop, Adadelta, Rprop.

Each function takes the arguments of torch's class under their names, in their order and with their
defaults, but for `params` and what concerns speed only (foreach, fused, capturable,
differentiable), and returns the chain that gives the same numbers. Every number may be a schedule
(`lr_scheduler` has torch's). Each stays a hyperparameter, weight_decay = 0 too, so `update` needs
the parameters; only a momentum or a dampening of 0 is absent, as torch keeps no buffer for it. eps
must be at least 1e-38.
"""

from adaptive_tx.compat.arguments import absent, check, several
from adaptive_tx.compat.torch.arguments import ascent
from adaptive_tx.compat.torch.as_torch import as_torch
from adaptive_tx.compat.torch.averaged_sgd import scale_by_asgd
from adaptive_tx.compat.torch.decayed_rate import scale_by_decayed_learning_rate
from adaptive_tx.compat.torch.trace_dampened import trace_dampened
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import flag
from adaptive_tx.core.ranges import decay_rate, finite, non_negative, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.decay import add_l2
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.adadelta import scale_by_adadelta
from adaptive_tx.scale_by.adagrad import scale_by_adagrad
from adaptive_tx.scale_by.centered_rms import scale_by_centered_rms
from adaptive_tx.scale_by.rms import scale_by_rms
from adaptive_tx.scale_by.rprop import growing, scale_by_rprop, shrinking
from adaptive_tx.scale_by.trace import trace
from adaptive_tx.scale_by.trace_nesterov import trace_nesterov


def sgd(
    lr=1e-3,
    momentum=0,
    dampening=0,
    weight_decay=0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
) -> Transformation:
    """torch.optim.SGD: gradient descent, with L2 decay and momentum (heavy ball or Nesterov).

    >>> sgd(0.1, momentum=0.9)
    chain(add_l2(weight_decay=0.0), trace(decay=0.9), scale_by_learning_rate(learning_rate=0.1))
    """
    check("sgd", lr=non_negative(lr), weight_decay=non_negative(weight_decay))
    check("sgd", momentum=decay_rate(momentum), dampening=finite(dampening))
    if flag("sgd", "nesterov", nesterov) and (absent(momentum) or not absent(dampening)):
        raise ValueError(
            "sgd: nesterov=True needs a momentum and no dampening, "
            f"got momentum={momentum!r} and dampening={dampening!r}."
        )
    if absent(momentum):
        rule = ()
    elif nesterov:
        rule = (trace_nesterov(momentum),)
    else:
        rule = (trace(momentum) if absent(dampening) else trace_dampened(momentum, dampening),)
    return chain(*ascent("sgd", maximize), add_l2(weight_decay), *rule, scale_by_learning_rate(lr))


def asgd(
    lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, *, maximize: bool = False
) -> Transformation:
    """torch.optim.ASGD: the mean of the parameters is `optax.tree.get(state, "ax")`.

    >>> import jax.numpy as jnp, optax
    >>> params, tx = {"w": jnp.ones(2)}, asgd(lr=0.5, t0=0, lambd=0.0)
    >>> state = tx.init(params)
    >>> for _ in range(3):
    ...     updates, state = tx.update({"w": jnp.ones(2)}, state, params)
    ...     params = optax.apply_updates(params, updates)
    >>> print(params["w"], optax.tree.get(state, "ax")["w"])
    [-0.5 -0.5] [-0.25 -0.25]
    """
    who = "asgd"
    check(who, lr=non_negative(lr), lambd=non_negative(lambd), alpha=finite(alpha), t0=finite(t0))
    check(who, weight_decay=non_negative(weight_decay))
    return chain(*ascent(who, maximize), add_l2(weight_decay), scale_by_asgd(lr, lambd, alpha, t0))


def adagrad(
    lr=1e-2,
    lr_decay=0,
    weight_decay=0,
    initial_accumulator_value=0,
    eps=1e-10,
    *,
    maximize: bool = False,
) -> Transformation:
    """torch.optim.Adagrad: eps outside the root, the sum starts at 0, the rate falls by lr_decay."""
    who, start = "adagrad", initial_accumulator_value
    check(who, lr=non_negative(lr), lr_decay=non_negative(lr_decay), eps=positive(eps))
    check(who, weight_decay=non_negative(weight_decay))
    check(who, initial_accumulator_value=non_negative(start))
    return chain(
        *ascent(who, maximize),
        add_l2(weight_decay),
        as_torch(scale_by_adagrad(eps=eps, initial_accumulator_value=start)),
        scale_by_decayed_learning_rate(lr, lr_decay),
    )


def rmsprop(
    lr=1e-2,
    alpha=0.99,
    eps=1e-8,
    weight_decay=0,
    momentum=0,
    centered: bool = False,
    *,
    maximize: bool = False,
) -> Transformation:
    """torch.optim.RMSprop: eps outside the root, momentum after the division, the rate outside it."""
    who = "rmsprop"
    check(who, lr=non_negative(lr), alpha=decay_rate(alpha), eps=positive(eps))
    check(who, weight_decay=non_negative(weight_decay), momentum=decay_rate(momentum))
    rule = scale_by_centered_rms if flag(who, "centered", centered) else scale_by_rms
    return chain(
        *ascent(who, maximize),
        add_l2(weight_decay),
        as_torch(rule(b2=alpha, eps=eps)),
        *(() if absent(momentum) else (trace(momentum),)),
        scale_by_learning_rate(lr),
    )


def adadelta(
    lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, *, maximize: bool = False
) -> Transformation:
    """torch.optim.Adadelta."""
    who = "adadelta"
    check(who, lr=non_negative(lr), rho=decay_rate(rho), eps=positive(eps))
    check(who, weight_decay=non_negative(weight_decay))
    return chain(
        *ascent(who, maximize),
        add_l2(weight_decay),
        as_torch(scale_by_adadelta(b2=rho, eps=eps)),
        scale_by_learning_rate(lr),
    )


def rprop(
    lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, maximize: bool = False
) -> Transformation:
    """torch.optim.Rprop: lr is the first size of every step, and is not read again."""
    who = "rprop"
    check(who, lr=non_negative(lr))
    eta_minus, eta_plus = several(who, "etas", etas, shrinking, growing)
    least, most = several(who, "step_sizes", step_sizes, non_negative, non_negative)
    return chain(
        *ascent(who, maximize),
        scale_by_rprop(lr, eta_minus=eta_minus, eta_plus=eta_plus, min_step=least, max_step=most),
    )
