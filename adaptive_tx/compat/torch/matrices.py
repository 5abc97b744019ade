"""torch.optim 2.13's optimizers that see whole arrays: Adafactor and Muon.

The conventions are those of `optimizers`: torch's names, order and defaults; every number may be a
schedule and stays a hyperparameter; `update` needs the parameters.
"""

from adaptive_tx.clipping import clip_by_rms
from adaptive_tx.compat.arguments import check, several
from adaptive_tx.compat.torch.arguments import ascent
from adaptive_tx.compat.torch.factored_rms import scale_by_torch_factored_rms
from adaptive_tx.compat.torch.orthogonalize import FACTORS, torch_orthogonalize
from adaptive_tx.compat.torch.relative_rate import scale_by_torch_relative_rate
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import choice, flag, whole
from adaptive_tx.core.ranges import (
    at_least_one,
    decay_rate,
    finite,
    non_negative,
    not_positive,
    positive,
)
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.decay import add_decayed_weights
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.ema import ema
from adaptive_tx.scale_by.ema_nesterov import ema_nesterov
from adaptive_tx.scale_by.param_rms import scale_by_param_rms


def adafactor(
    lr=1e-2,
    beta2_decay=-0.8,
    eps=(None, 1e-3),
    d=1.0,
    weight_decay=0.0,
    *,
    maximize: bool = False,
) -> Transformation:
    """torch.optim.Adafactor: steps of at most min(lr, 1/sqrt(t)) times the size of the parameter.

    eps is the pair of the least root mean square of a gradient (None: the machine epsilon of the
    parameter's dtype; torch takes that of the first parameter for all) and the least size of a
    parameter.
    """
    who = "adafactor"
    check(who, lr=non_negative(lr), beta2_decay=not_positive(beta2_decay), d=at_least_one(d))
    check(who, weight_decay=non_negative(weight_decay))
    default = isinstance(eps, (tuple, list)) and len(eps) == 2 and eps[0] is None
    several(who, "eps", (1.0, eps[1]) if default else eps, positive, non_negative)
    return chain(
        *ascent(who, maximize),
        scale_by_torch_factored_rms(beta2_decay, eps[0]),
        clip_by_rms(d),
        scale_by_param_rms(eps[1]),
        scale_by_torch_relative_rate(lr, weight_decay),
    )


def muon(
    lr=1e-3,
    weight_decay=0.1,
    momentum=0.95,
    nesterov: bool = True,
    ns_coefficients=(3.4445, -4.775, 2.0315),
    eps=1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
    *,
    full_precision: bool = False,
) -> Transformation:
    """torch.optim.Muon: orthogonal steps for matrices, with decoupled decay. Matrices only.

    `full_precision`, which torch has not, iterates in the precision of the gradient: torch's takes
    bfloat16 for all, and so is the default here.
    """
    who = "muon"
    check(who, lr=non_negative(lr), weight_decay=non_negative(weight_decay), eps=positive(eps))
    check(who, momentum=decay_rate(momentum))
    factor = "original" if adjust_lr_fn is None else adjust_lr_fn
    choice(who, "adjust_lr_fn", factor, tuple(FACTORS))
    a, b, c = several(who, "ns_coefficients", ns_coefficients, finite, finite, finite)
    if whole(who, "ns_steps", ns_steps, 1) > 99:
        raise ValueError(f"{who}: ns_steps must be less than 100, got {ns_steps}.")
    looks_ahead = flag(who, "nesterov", nesterov)
    return chain(
        ema_nesterov(momentum) if looks_ahead else ema(momentum, debias=False),
        torch_orthogonalize(a, b, c, eps, ns_steps, factor, full_precision),
        add_decayed_weights(weight_decay),
        scale_by_learning_rate(lr),
    )
