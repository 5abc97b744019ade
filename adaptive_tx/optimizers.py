"""The named optimizers: each is the chain it returns.

    direction (scale_by_...)  ->  decoupled decay  ->  scale_by_learning_rate

The mathematics is in the rule's file; what each argument means, in the docstring of its rule. The
learning rate comes first, has no default, and may be a schedule, as every other number may. Decay,
where offered, is decoupled and multiplied by the rate; `mask` and `only` choose the leaves (`decay`).
"""

from adaptive_tx.clip import clip_by_rms
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
from adaptive_tx.scale_by.factored_rms import scale_by_factored_rms
from adaptive_tx.scale_by.ftrl import scale_by_ftrl
from adaptive_tx.scale_by.lars import scale_by_lars
from adaptive_tx.scale_by.lion import scale_by_lion
from adaptive_tx.scale_by.nadam import scale_by_nadam
from adaptive_tx.scale_by.novograd import scale_by_novograd
from adaptive_tx.scale_by.param_rms import scale_by_param_rms
from adaptive_tx.scale_by.radam import scale_by_radam
from adaptive_tx.scale_by.relative_rate import scale_by_relative_rate
from adaptive_tx.scale_by.rms import scale_by_rms
from adaptive_tx.scale_by.rprop import scale_by_rprop
from adaptive_tx.scale_by.signum import scale_by_signum
from adaptive_tx.scale_by.trace import trace
from adaptive_tx.scale_by.trace_nesterov import trace_nesterov
from adaptive_tx.scale_by.trust_ratio import scale_by_trust_ratio
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


def rprop(
    learning_rate, eta_minus=0.5, eta_plus=1.2, min_step=1e-6, max_step=50.0
) -> Transformation:
    """Rprop: a step size for each entry, from signs alone (`scale_by_rprop`); for full batches.

    Args:
      learning_rate: first size of every step, >= 0, in the unit of the parameters; not read again.
      eta_minus: factor of the size after a change of sign, in (0, 1).
      eta_plus: factor of the size after a kept sign, > 1.
      min_step: least size, >= 0.
      max_step: largest size, >= 0.
    """
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step, max_step))


def adafactor(
    learning_rate,
    b2_decay=-0.8,
    eps=1e-30,
    threshold=1.0,
    min_scale=1e-3,
    weight_decay=None,
    mask=None,
    only=None,
) -> Transformation:
    """Adafactor: Adam's denominator in little memory, no momentum, steps relative to the parameters.

    Args:
      learning_rate: largest rate, as a fraction of the parameters, >= 0; from where it is less, the rate
        is 1 / sqrt(t). The paper's is 0.01.
      b2_decay: the weight of the t-th gradient in the mean squares is t^b2_decay; <= 0.
      eps: what is added to every square, > 0, in the unit of g squared.
      threshold: largest root mean square of a leaf's direction, > 0; the paper's d.
      min_scale: least size of a leaf's parameters that counts, so that zero weights can move; >= 0.
      weight_decay: >= 0; times the rate it is the fraction of p lost per step. None: no decay, as in the
        paper.
      mask: the leaves to decay, as in `add_decayed_weights`.
      only: the leaves to decay, as there.
    """
    return chain(
        scale_by_factored_rms(b2_decay, eps),
        clip_by_rms(threshold),
        scale_by_param_rms(min_scale),
        *_decay("adafactor", weight_decay, mask, only),
        scale_by_relative_rate(learning_rate),
    )


def ftrl(learning_rate, l1=0.0, l2=0.0, beta=1.0) -> Transformation:
    """FTRL-Proximal: sparse linear models online (`scale_by_ftrl`). Start the parameters at 0.

    Args:
      learning_rate: > 0, in the unit of the parameters; each entry's rate falls with its gradients.
      l1: strength of the penalty l1 |p|, >= 0: the larger, the more entries are exactly 0.
      l2: strength of the penalty l2/2 |p|^2, >= 0.
      beta: what is added to the root of the sum of squares, >= 0: it makes the first steps smaller.
    """
    return chain(scale_by_ftrl(learning_rate, l1, l2, beta))


def lamb(
    learning_rate,
    b1=0.9,
    b2=0.999,
    eps=1e-6,
    weight_decay=0.01,
    min_norm=0.0,
    mask=None,
    only=None,
) -> Transformation:
    """LAMB: AdamW whose steps are as long as the parameters of the leaf (`scale_by_trust_ratio`).

    Args:
      learning_rate: >= 0, the length of a step as a fraction of that of the leaf.
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps Adam's quotient finite, > 0, in the unit of the gradients.
      weight_decay: >= 0, what is added of p to Adam's direction before its length is taken.
      min_norm: least length of a leaf that counts, >= 0; with 0, one of length 0 takes Adam's step.
      mask: the leaves that decay and whose steps are as long as they are, as in `add_decayed_weights`; the
        others, biases for example, take Adam's steps.
      only: the same as a predicate on path and array, as there.
    """
    return chain(
        scale_by_adam(b1, b2, eps),
        add_decayed_weights(weight_decay, mask, only),
        scale_by_trust_ratio(min_norm, mask, only),
        scale_by_learning_rate(learning_rate),
    )


def lars(
    learning_rate,
    decay=0.9,
    weight_decay=5e-4,
    trust_coefficient=0.001,
    mask=None,
    only=None,
) -> Transformation:
    """LARS: momentum whose steps are in proportion to the parameters of the leaf (`scale_by_lars`).

    Args:
      learning_rate: >= 0, times trust_coefficient the length of a step as a fraction of that of the leaf;
        it enters the momentum, so old steps keep the rate that they were taken at.
      decay: weight of the momentum at each step, in [0, 1).
      weight_decay: >= 0, what is added of p to the gradient, and of its length to that of the gradient.
      trust_coefficient: > 0.
      mask: the leaves that are adapted and decay, as in `add_decayed_weights`; the others, biases for
        example, are those of `momentum`.
      only: the same as a predicate on path and array, as there.
    """
    return chain(
        scale_by_lars(trust_coefficient, weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
        trace(decay),
    )
