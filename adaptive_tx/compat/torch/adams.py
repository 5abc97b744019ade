"""torch.optim 2.13's Adam and its family: Adam, AdamW, NAdam, RAdam, Adamax.

The conventions are those of `optimizers`: torch's names, order and defaults; every number may be a
schedule and stays a hyperparameter; `update` needs the parameters. Complex numbers and changing
betas count as in torch (`as_torch`).
"""

from adaptive_tx.compat.arguments import check
from adaptive_tx.compat.torch.arguments import ascent, betas
from adaptive_tx.compat.torch.as_torch import as_torch
from adaptive_tx.compat.torch.torch_radam import scale_by_torch_radam
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import flag
from adaptive_tx.core.ranges import non_negative, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.decay import add_decayed_weights, add_l2
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.adam import scale_by_adam
from adaptive_tx.scale_by.adamax import scale_by_adamax
from adaptive_tx.scale_by.amsgrad import scale_by_amsgrad
from adaptive_tx.scale_by.nadam_scheduled import scale_by_nadam_scheduled

BETAS = (0.9, 0.999)


def adam(
    lr=1e-3,
    betas=BETAS,
    eps=1e-8,
    weight_decay=0,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> Transformation:
    """torch.optim.Adam; its weight_decay is L2 unless decoupled_weight_decay.

    >>> adam(weight_decay=0.1)  # doctest: +NORMALIZE_WHITESPACE
    chain(add_l2(weight_decay=0.1), as_torch(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08)),
          scale_by_learning_rate(learning_rate=0.001))
    """
    rule = scale_by_amsgrad if flag("adam", "amsgrad", amsgrad) else scale_by_adam
    return _adam("adam", rule, lr, betas, eps, weight_decay, maximize, decoupled_weight_decay)


def adamw(
    lr=1e-3,
    betas=BETAS,
    eps=1e-8,
    weight_decay=1e-2,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
) -> Transformation:
    """torch.optim.AdamW: Adam with decoupled decay, times the rate."""
    rule = scale_by_amsgrad if flag("adamw", "amsgrad", amsgrad) else scale_by_adam
    return _adam("adamw", rule, lr, betas, eps, weight_decay, maximize, True)


def nadam(
    lr=2e-3,
    betas=BETAS,
    eps=1e-8,
    weight_decay=0,
    momentum_decay=4e-3,
    decoupled_weight_decay: bool = False,
    *,
    maximize: bool = False,
) -> Transformation:
    """torch.optim.NAdam: Nesterov momentum that grows from about b1/2 to b1 (momentum_decay)."""
    check("nadam", momentum_decay=non_negative(momentum_decay))

    def rule(b1, b2, eps):
        return scale_by_nadam_scheduled(b1=b1, b2=b2, eps=eps, momentum_decay=momentum_decay)

    return _adam("nadam", rule, lr, betas, eps, weight_decay, maximize, decoupled_weight_decay)


def radam(
    lr=1e-3,
    betas=BETAS,
    eps=1e-8,
    weight_decay=0,
    decoupled_weight_decay: bool = False,
    *,
    maximize: bool = False,
) -> Transformation:
    """torch.optim.RAdam: adapts where rho_t > 5, follows the mean before; eps as in torch."""
    rule = scale_by_torch_radam
    return _adam("radam", rule, lr, betas, eps, weight_decay, maximize, decoupled_weight_decay)


def adamax(
    lr=2e-3, betas=BETAS, eps=1e-8, weight_decay=0, *, maximize: bool = False
) -> Transformation:
    """torch.optim.Adamax; its weight_decay is L2."""
    return _adam("adamax", scale_by_adamax, lr, betas, eps, weight_decay, maximize, False)


def _adam(who, rule, lr, pair, eps, weight_decay, maximize, decoupled) -> Transformation:
    """The chain that all of them are: L2 before the rule, or decoupled decay after it."""
    check(who, lr=non_negative(lr), eps=positive(eps), weight_decay=non_negative(weight_decay))
    b1, b2 = betas(who, pair)
    direction = as_torch(rule(b1=b1, b2=b2, eps=eps))
    if flag(who, "decoupled_weight_decay", decoupled):
        parts = direction, add_decayed_weights(weight_decay)
    else:
        parts = add_l2(weight_decay), direction
    return chain(*ascent(who, maximize), *parts, scale_by_learning_rate(lr))
