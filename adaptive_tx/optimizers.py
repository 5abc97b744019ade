"""The named optimizers: each is the chain it returns.

    direction (scale_by_...)  ->  decoupled decay  ->  scale_by_learning_rate

The mathematics is in the rule's file; what each argument means, in the docstring of its rule. The
learning rate comes first, has no default, and may be a schedule, as every other number may. Decay,
where offered, is decoupled and multiplied by the rate; `mask` and `only` choose the leaves (`decay`).
"""

from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import flag
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.decay import add_decayed_weights
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.adabelief import scale_by_adabelief
from adaptive_tx.scale_by.adadelta import scale_by_adadelta
from adaptive_tx.scale_by.adagrad import scale_by_adagrad
from adaptive_tx.scale_by.adam import scale_by_adam
from adaptive_tx.scale_by.adamax import scale_by_adamax
from adaptive_tx.scale_by.amsgrad import scale_by_amsgrad
from adaptive_tx.scale_by.centered_rms import scale_by_centered_rms
from adaptive_tx.scale_by.lion import scale_by_lion
from adaptive_tx.scale_by.nadam import scale_by_nadam
from adaptive_tx.scale_by.novograd import scale_by_novograd
from adaptive_tx.scale_by.radam import scale_by_radam
from adaptive_tx.scale_by.rms import scale_by_rms
from adaptive_tx.scale_by.signum import scale_by_signum
from adaptive_tx.scale_by.trace import trace
from adaptive_tx.scale_by.trace_nesterov import trace_nesterov
from adaptive_tx.scale_by.yogi import scale_by_yogi


def sgd(learning_rate) -> Transformation:
    """Gradient descent: minus the rate times the gradient."""
    return chain(scale_by_learning_rate(learning_rate))


def momentum(learning_rate, decay=0.9) -> Transformation:
    """Gradient descent with heavy-ball momentum (`trace`)."""
    return chain(trace(decay), scale_by_learning_rate(learning_rate))


def nesterov(learning_rate, decay=0.9) -> Transformation:
    """Gradient descent with Nesterov momentum (`trace_nesterov`)."""
    return chain(trace_nesterov(decay), scale_by_learning_rate(learning_rate))


def adagrad(
    learning_rate, eps=1e-10, initial_accumulator_value=0.0, eps_in_root: bool = False
) -> Transformation:
    """AdaGrad: over the root of the sum of all squares (`scale_by_adagrad`)."""
    return chain(
        scale_by_adagrad(eps, initial_accumulator_value, eps_in_root),
        scale_by_learning_rate(learning_rate),
    )


def rmsprop(
    learning_rate,
    b2=0.9,
    eps=1e-8,
    initial_accumulator_value=0.0,
    centered: bool = False,
    eps_in_root: bool = False,
) -> Transformation:
    """RMSProp: over the root mean square (`scale_by_rms`; centered: `scale_by_centered_rms`)."""
    rule = scale_by_centered_rms if flag("rmsprop", "centered", centered) else scale_by_rms
    return chain(
        rule(b2, eps, initial_accumulator_value, eps_in_root), scale_by_learning_rate(learning_rate)
    )


def adadelta(learning_rate, b2=0.95, eps=1e-6) -> Transformation:
    """AdaDelta (`scale_by_adadelta`). The paper's rate is 1."""
    return chain(scale_by_adadelta(b2, eps), scale_by_learning_rate(learning_rate))


def adam(learning_rate, b1=0.9, b2=0.999, eps=1e-8) -> Transformation:
    """Adam: the mean over the root mean square (`scale_by_adam`).

    >>> adam(1e-3)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08), scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(scale_by_adam(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamw(
    learning_rate, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.01, mask=None, only=None
) -> Transformation:
    """Adam with decoupled weight decay, as torch and optax have it (`add_decayed_weights`)."""
    return chain(
        scale_by_adam(b1, b2, eps),
        add_decayed_weights(weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


def amsgrad(learning_rate, b1=0.9, b2=0.999, eps=1e-8) -> Transformation:
    """AMSGrad: Adam whose denominator never shrinks (`scale_by_amsgrad`)."""
    return chain(scale_by_amsgrad(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamax(learning_rate, b1=0.9, b2=0.999, eps=1e-8) -> Transformation:
    """AdaMax: Adam with a decaying maximum in the denominator (`scale_by_adamax`)."""
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


def nadam(learning_rate, b1=0.9, b2=0.999, eps=1e-8) -> Transformation:
    """NAdam: Adam with Nesterov momentum, b1 constant (`scale_by_nadam`)."""
    return chain(scale_by_nadam(b1, b2, eps), scale_by_learning_rate(learning_rate))


def nadamw(
    learning_rate, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.01, mask=None, only=None
) -> Transformation:
    """NAdam with decoupled weight decay (`scale_by_nadam`, `add_decayed_weights`)."""
    return chain(
        scale_by_nadam(b1, b2, eps),
        add_decayed_weights(weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


def radam(
    learning_rate,
    b1=0.9,
    b2=0.999,
    eps=1e-8,
    threshold=5.0,
    below="momentum",
    weight_decay=None,
    mask=None,
    only=None,
) -> Transformation:
    """RAdam (`scale_by_radam`), with decoupled weight decay if one is given."""
    return chain(
        scale_by_radam(b1, b2, eps, threshold, below),
        *_decay("radam", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


def adabelief(
    learning_rate, b1=0.9, b2=0.999, eps=1e-16, weight_decay=None, mask=None, only=None
) -> Transformation:
    """AdaBelief (`scale_by_adabelief`), with decoupled weight decay if one is given."""
    return chain(
        scale_by_adabelief(b1, b2, eps),
        *_decay("adabelief", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


def yogi(
    learning_rate, b1=0.9, b2=0.999, eps=1e-3, initial_accumulator_value=1e-6
) -> Transformation:
    """Yogi: Adam whose mean square moves additively (`scale_by_yogi`)."""
    return chain(
        scale_by_yogi(b1, b2, eps, initial_accumulator_value), scale_by_learning_rate(learning_rate)
    )


def lion(learning_rate, b1=0.9, b2=0.99, weight_decay=None, mask=None, only=None) -> Transformation:
    """Lion (`scale_by_lion`), with decoupled weight decay if one is given."""
    return chain(
        scale_by_lion(b1, b2),
        *_decay("lion", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


def novograd(learning_rate, b1=0.95, b2=0.98, eps=1e-8, weight_decay=0.0) -> Transformation:
    """NovoGrad: one second moment a leaf (`scale_by_novograd`), with decay inside the momentum."""
    return chain(
        scale_by_novograd(b1, b2, eps, weight_decay), scale_by_learning_rate(learning_rate)
    )


def signum(learning_rate, b1=0.9) -> Transformation:
    """Sign descent with momentum (`scale_by_signum`)."""
    return chain(scale_by_signum(b1), scale_by_learning_rate(learning_rate))


def _decay(who: str, weight_decay, mask, only) -> tuple[Transformation, ...]:
    """The decay, if one was asked for."""
    if weight_decay is not None:
        return (add_decayed_weights(weight_decay, mask, only),)
    if mask is not None or only is not None:
        raise TypeError(f"{who}: mask and only choose what weight_decay decays; there is none.")
    return ()
