"""The named optimizers: each is the chain it returns.

    direction (scale_by_...)  ->  decoupled decay  ->  scale_by_learning_rate

The mathematics is in the rule's file. The learning rate comes first and has no default; all else is given
by name. Every number may be a schedule. Decay, where offered, is decoupled and multiplied by the rate.
"""

from typing import Literal

from adaptive_tx.clipping import clip_by_rms
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import flag
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import (
    AxisName,
    LeafPredicate,
    MaskOrFunction,
    PyTree,
    ScalarOrSchedule,
)
from adaptive_tx.decay import add_decayed_weights, decoupled
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.adabelief import scale_by_adabelief
from adaptive_tx.scale_by.adabelief_amsgrad import scale_by_adabelief_amsgrad
from adaptive_tx.scale_by.adabelief_rectified import scale_by_adabelief_rectified
from adaptive_tx.scale_by.adadelta import scale_by_adadelta
from adaptive_tx.scale_by.adagrad import scale_by_adagrad
from adaptive_tx.scale_by.adam import scale_by_adam
from adaptive_tx.scale_by.adam_atan2 import scale_by_adam_atan2
from adaptive_tx.scale_by.adamax import scale_by_adamax
from adaptive_tx.scale_by.adan import scale_by_adan
from adaptive_tx.scale_by.ademamix import scale_by_ademamix
from adaptive_tx.scale_by.adopt import scale_by_adopt
from adaptive_tx.scale_by.algoperf_nadam import scale_by_algoperf_nadam
from adaptive_tx.scale_by.amsgrad import scale_by_amsgrad
from adaptive_tx.scale_by.centered_rms import scale_by_centered_rms
from adaptive_tx.scale_by.ema import ema
from adaptive_tx.scale_by.factored_rms import scale_by_factored_rms
from adaptive_tx.scale_by.factored_rms_big_vision import scale_by_factored_rms_big_vision
from adaptive_tx.scale_by.ftrl import scale_by_ftrl
from adaptive_tx.scale_by.laprop import scale_by_laprop
from adaptive_tx.scale_by.lars import scale_by_lars
from adaptive_tx.scale_by.lion import scale_by_lion
from adaptive_tx.scale_by.mars import scale_by_mars
from adaptive_tx.scale_by.nadam import scale_by_nadam
from adaptive_tx.scale_by.novograd import scale_by_novograd
from adaptive_tx.scale_by.param_rms import scale_by_param_rms
from adaptive_tx.scale_by.prodigy import scale_by_prodigy
from adaptive_tx.scale_by.radam import scale_by_radam
from adaptive_tx.scale_by.radam_amsgrad import scale_by_radam_amsgrad
from adaptive_tx.scale_by.relative_rate import scale_by_relative_rate
from adaptive_tx.scale_by.rms import scale_by_rms
from adaptive_tx.scale_by.rms_debiased import scale_by_rms_debiased
from adaptive_tx.scale_by.rprop import scale_by_rprop
from adaptive_tx.scale_by.signum import scale_by_signum
from adaptive_tx.scale_by.stable_adam import scale_by_stable_adam
from adaptive_tx.scale_by.trace import trace
from adaptive_tx.scale_by.trace_nesterov import trace_nesterov
from adaptive_tx.scale_by.trust_ratio import scale_by_trust_ratio
from adaptive_tx.scale_by.yogi import scale_by_yogi
from adaptive_tx.wrappers.schedule_free import schedule_free


@explained
def sgd(learning_rate: ScalarOrSchedule) -> Transformation:
    """Gradient descent: minus the rate times the gradient.

    Args:
      learning_rate: what the gradient is multiplied by, >= 0, in the unit of the parameters over that of
        the gradients; a number or a schedule. Too large and it diverges, too small and it crawls; often
        0.01 to 1.
    """
    return chain(scale_by_learning_rate(learning_rate))


@explained
def momentum(learning_rate: ScalarOrSchedule, *, decay: ScalarOrSchedule = 0.9) -> Transformation:
    """Gradient descent with heavy-ball momentum (`trace`).

    Args:
      learning_rate: what the sum of gradients is multiplied by, >= 0, in the unit of the parameters over
        that of the gradients; a number or a schedule. Steady gradients are summed up to 1 / (1 - decay)
        times their size, so take it as much smaller than for `sgd`; often 1e-3 to 0.1.
      decay: how much of the sum is kept at each step, in [0, 1), default 0.9; nearer to 1 runs faster
        along flat valleys, and overshoots more.
    """
    return chain(trace(decay), scale_by_learning_rate(learning_rate))


@explained
def nesterov(learning_rate: ScalarOrSchedule, *, decay: ScalarOrSchedule = 0.9) -> Transformation:
    """Gradient descent with Nesterov momentum (`trace_nesterov`).

    Args:
      learning_rate: as for `momentum`: >= 0, in the unit of the parameters over that of the gradients; a
        number or a schedule. Often 1e-3 to 0.1.
      decay: how much of the sum is kept at each step, in [0, 1), default 0.9; nearer to 1 runs faster
        along flat valleys. Looking a step ahead, it overshoots less than `momentum`.
    """
    return chain(trace_nesterov(decay), scale_by_learning_rate(learning_rate))


@explained
def adagrad(
    learning_rate: ScalarOrSchedule,
    *,
    eps: ScalarOrSchedule = 1e-10,
    initial_accumulator_value: ScalarOrSchedule = 0.0,
    eps_in_root: bool = False,
) -> Transformation:
    """AdaGrad: over the root of the sum of all squares (`scale_by_adagrad`).

    Args:
      learning_rate: how far each entry moves in the first step, >= 0, in the unit of the parameters; a
        number or a schedule. Later steps shrink, like 1 / sqrt(t) where gradients keep their size; often
        0.01 to 1.
      eps: keeps the quotient finite, > 0, default 1e-10, in the unit of the gradients (of their squares
        in the root); a larger one slows down entries with small gradients.
      initial_accumulator_value: what the sum of squares starts at, >= 0, default 0.0, in the unit of the
        squared gradients; more of it makes the first steps smaller (0.1 in Keras and optax).
      eps_in_root: default False, eps is added to the root (the paper, torch); True: under it (Keras,
        optax).
    """
    return chain(
        scale_by_adagrad(
            eps=eps, initial_accumulator_value=initial_accumulator_value, eps_in_root=eps_in_root
        ),
        scale_by_learning_rate(learning_rate),
    )


@explained
def rmsprop(
    learning_rate: ScalarOrSchedule,
    *,
    b2: ScalarOrSchedule = 0.9,
    eps: ScalarOrSchedule = 1e-8,
    initial_accumulator_value: ScalarOrSchedule = 0.0,
    centered: bool = False,
    eps_in_root: bool = False,
) -> Transformation:
    """RMSProp: over the root mean square (`scale_by_rms`; centered: `scale_by_centered_rms`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b2: decay of the mean square, in [0, 1), default 0.9 (torch: alpha = 0.99); nearer to 1 remembers
        longer and steps more evenly, but the first steps are 1 / sqrt(1 - b2) times as large as later
        ones.
      eps: keeps the quotient finite, > 0, default 1e-8, in the unit of the gradients (of their squares in
        the root); entries whose gradients are smaller than it move less than the rate.
      initial_accumulator_value: what the mean square starts at, >= 0, default 0.0, in the unit of the
        squared gradients; more of it makes the first steps smaller (1 in TensorFlow 1).
      centered: default False; True divides by the standard deviation in place of the root mean square,
        which takes larger steps where gradients agree.
      eps_in_root: default False, eps is added to the root (torch); True: under it (Keras, optax).
    """
    rule = scale_by_centered_rms if flag("rmsprop", "centered", centered) else scale_by_rms
    return chain(
        rule(
            b2=b2,
            eps=eps,
            initial_accumulator_value=initial_accumulator_value,
            eps_in_root=eps_in_root,
        ),
        scale_by_learning_rate(learning_rate),
    )


@explained
def adadelta(
    learning_rate: ScalarOrSchedule, *, b2: ScalarOrSchedule = 0.95, eps: ScalarOrSchedule = 1e-6
) -> Transformation:
    """AdaDelta (`scale_by_adadelta`). The paper's rate is 1.

    Args:
      learning_rate: a factor on the steps, >= 0, without a unit; a number or a schedule. The steps have a
        size of their own, so 1 is the paper's; smaller slows all of them down.
      b2: decay of both mean squares, in [0, 1), default 0.95; nearer to 1 remembers longer, and takes
        longer to find the size of the steps.
      eps: sets the size of the first steps, about sqrt(eps), > 0, default 1e-6, in the unit of the
        squared gradients; larger starts faster.
    """
    return chain(scale_by_adadelta(b2=b2, eps=eps), scale_by_learning_rate(learning_rate))


@explained
def adam(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
) -> Transformation:
    """Adam: the mean over the root mean square (`scale_by_adam`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly; 0.95 to 0.99 for large batches, or where the size of the gradients changes fast.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate, and a larger one (1e-3) makes it more like
        momentum.

    >>> adam(1e-3)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08), scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(scale_by_adam(b1=b1, b2=b2, eps=eps), scale_by_learning_rate(learning_rate))


@explained
def adamw(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.01,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adam with decoupled weight decay, as torch and optax have it (`add_decayed_weights`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly; 0.95 to 0.99 for large batches, or where the size of the gradients changes fast.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate, and a larger one (1e-3) makes it more like
        momentum.
      weight_decay: >= 0, default 0.01; times the rate it is the part of each parameter lost in a step:
        more of it keeps the weights small and the model from fitting noise; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adam(b1=b1, b2=b2, eps=eps),
        add_decayed_weights(weight_decay, mask=mask, only=only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def adam_atan2(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.99,
    a: ScalarOrSchedule = 1.27,
    b: ScalarOrSchedule = 1.0,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adam with an angle in place of its quotient, and no eps (`scale_by_adam_atan2`); decay if given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps: smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.99; nearer to 1 remembers longer and steps more
        evenly.
      a: factor of the angle, > 0, default 1.27, which makes it 1 where gradients keep their size and sign;
        only its product with the rate matters, beside the decay.
      b: factor of the root mean square, > 0, default 1.0; larger bounds less, and steps as Adam with a / b
        times the rate; the largest step is pi / 2 times a.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adam_atan2(b1=b1, b2=b2, a=a, b=b),
        *decoupled("adam_atan2", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def stable_adamw(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.99,
    eps: ScalarOrSchedule = 1e-6,
    weight_decay: ScalarOrSchedule = 0.01,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """AdamW that takes shorter steps where gradients outgrow their mean squares (`scale_by_stable_adam`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps: smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.99; nearer to 1 remembers longer, and so shortens
        more steps.
      eps: added to the denominator, > 0, default 1e-6, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      weight_decay: >= 0, default 0.01; times the rate it is the part of each parameter lost in a step, less
        in a step that is shortened: more of it keeps the weights small.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_stable_adam(
            b1=b1, b2=b2, eps=eps, weight_decay=weight_decay, mask=mask, only=only
        ),
        scale_by_learning_rate(learning_rate),
    )


@explained
def amsgrad(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
) -> Transformation:
    """AMSGrad: Adam whose denominator never shrinks (`scale_by_amsgrad`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square whose largest value divides, in [0, 1), default 0.999; nearer to 1 lets
        a single large gradient raise that value less.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate, and a larger one (1e-3) makes it more like
        momentum.
    """
    return chain(scale_by_amsgrad(b1=b1, b2=b2, eps=eps), scale_by_learning_rate(learning_rate))


@explained
def adamax(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
) -> Transformation:
    """AdaMax: Adam with a decaying maximum in the denominator (`scale_by_adamax`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the maximum, in [0, 1), default 0.999; nearer to 1 lets one large gradient slow its
        entry down for longer.
      eps: added to the size of each gradient, > 0, default 1e-8, in the unit of the gradients; entries
        whose gradients are smaller than it move less than the rate.
    """
    return chain(scale_by_adamax(b1=b1, b2=b2, eps=eps), scale_by_learning_rate(learning_rate))


@explained
def nadam(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
) -> Transformation:
    """NAdam: Adam with Nesterov momentum, b1 constant (`scale_by_nadam`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly; 0.95 to 0.99 for large batches, or where the size of the gradients changes fast.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate, and a larger one (1e-3) makes it more like
        momentum.
    """
    return chain(scale_by_nadam(b1=b1, b2=b2, eps=eps), scale_by_learning_rate(learning_rate))


@explained
def nadamw(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.01,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """NAdam with decoupled weight decay (`scale_by_nadam`, `add_decayed_weights`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly; 0.95 to 0.99 for large batches, or where the size of the gradients changes fast.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate, and a larger one (1e-3) makes it more like
        momentum.
      weight_decay: >= 0, default 0.01; times the rate it is the part of each parameter lost in a step:
        more of it keeps the weights small and the model from fitting noise; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_nadam(b1=b1, b2=b2, eps=eps),
        add_decayed_weights(weight_decay, mask=mask, only=only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def algoperf_nadamw(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.01,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """NAdamW as AlgoPerf's baselines have it (`scale_by_algoperf_nadam`); its first steps are longer.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9 (the baselines: 0.86 to 0.97); nearer
        to 1 averages over more steps: smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      weight_decay: >= 0, default 0.01; times the rate it is the part of each parameter lost in a step:
        more of it keeps the weights small; 0.01 to 0.2.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_algoperf_nadam(b1=b1, b2=b2, eps=eps),
        add_decayed_weights(weight_decay, mask=mask, only=only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def radam(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    threshold: ScalarOrSchedule = 5.0,
    below: Literal["momentum", "none"] = "momentum",
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """RAdam (`scale_by_radam`), with decoupled weight decay if one is given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer, and adapts
        later and more gently at first. With 0.6 and less it never adapts.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate, and a larger one (1e-3) makes it more like
        momentum.
      threshold: how many gradients the mean square must have seen, in effect, before it divides, >= 4,
        default 5.0; larger starts to adapt later.
      below: what happens until then: "momentum", the default, follows the mean of the gradients,
        undivided; "none" does not move.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_radam(b1=b1, b2=b2, eps=eps, threshold=threshold, below=below),
        *decoupled("radam", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def radam_amsgrad(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    threshold: ScalarOrSchedule = 5.0,
    below: Literal["momentum", "none"] = "momentum",
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """RAdam over the largest mean square so far (`scale_by_radam_amsgrad`), with decoupled decay if given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 adapts later and more
        gently at first. With 0.6 and less it never adapts; what was largest stays so.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate, and a larger one (1e-3) makes it more like
        momentum.
      threshold: how many gradients the mean square must have seen, in effect, before it divides, >= 4,
        default 5.0; larger starts to adapt later.
      below: what happens until then: "momentum", the default, follows the mean of the gradients,
        undivided; "none" does not move.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_radam_amsgrad(b1=b1, b2=b2, eps=eps, threshold=threshold, below=below),
        *decoupled("radam_amsgrad", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def adabelief(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-16,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """AdaBelief (`scale_by_adabelief`), with decoupled weight decay if one is given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square of what deviates from the mean, in [0, 1), default 0.999; nearer to 1
        remembers longer and steps more evenly.
      eps: added to the spread at every step, and to its root, > 0, default 1e-16, in the unit of the
        squared gradients; larger keeps steps small where gradients agree.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adabelief(b1=b1, b2=b2, eps=eps),
        *decoupled("adabelief", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def adabelief_amsgrad(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-16,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """AdaBelief over the largest spread so far (`scale_by_adabelief_amsgrad`), with decay if given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square of what deviates from the mean, in [0, 1), default 0.999; nearer to 1
        lets one large deviation raise the denominator, for good, by less.
      eps: added to the spread at every step, and to its root, > 0, default 1e-16, in the unit of the
        squared gradients; larger keeps steps small where gradients agree.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adabelief_amsgrad(b1=b1, b2=b2, eps=eps),
        *decoupled("adabelief_amsgrad", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def adabelief_rectified(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-16,
    threshold: ScalarOrSchedule = 5.0,
    below: Literal["momentum", "none"] = "momentum",
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """AdaBelief as its authors' code has it by default: rectified (`scale_by_adabelief_rectified`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: decay of the mean square of what deviates from the mean, in [0, 1), default 0.999; nearer to 1
        remembers longer, and adapts later and more gently at first.
      eps: added to the spread at every step, and to its root, > 0, default 1e-16, in the unit of the
        squared gradients; larger keeps steps small where gradients agree.
      threshold: how many gradients the spread must have seen, in effect, before it divides, >= 4,
        default 5.0; larger starts to adapt later.
      below: what happens until then: "momentum", the default, follows the mean of the gradients,
        undivided; "none" does not move.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adabelief_rectified(b1=b1, b2=b2, eps=eps, threshold=threshold, below=below),
        *decoupled("adabelief_rectified", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def yogi(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-3,
    initial_accumulator_value: ScalarOrSchedule = 1e-6,
) -> Transformation:
    """Yogi: Adam whose mean square moves additively (`scale_by_yogi`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 averages over more
        steps, about 1 / (1 - b1): smoother, and slower to turn.
      b2: 1 - b2 is how fast the mean square moves, in [0, 1), default 0.999; nearer to 1 remembers
        longer.
      eps: added to the denominator, > 0, default 1e-3, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      initial_accumulator_value: what the mean square starts at, >= 0, default 1e-6, in the unit of the
        squared gradients; more of it makes the first steps smaller.
    """
    return chain(
        scale_by_yogi(b1=b1, b2=b2, eps=eps, initial_accumulator_value=initial_accumulator_value),
        scale_by_learning_rate(learning_rate),
    )


@explained
def laprop(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-15,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """LaProp: Adam that divides before it averages (`scale_by_laprop`), with decoupled decay if given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2 (the paper: 4e-4).
      b1: decay of the mean of the divided gradients, in [0, 1), default 0.9; nearer to 1 averages over
        more steps, about 1 / (1 - b1): smoother, and slower to turn. Any b2 goes with it.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly; smaller follows the size of the gradients faster.
      eps: added to the denominator, > 0, default 1e-15, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1. The authors' code does
        not multiply it by the rate.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_laprop(b1=b1, b2=b2, eps=eps),
        *decoupled("laprop", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def adan(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.98,
    b2: ScalarOrSchedule = 0.92,
    b3: ScalarOrSchedule = 0.99,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adan: Adam with the mean change of the gradients (`scale_by_adan`), with decoupled decay if given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.98 (the paper writes 1 - b1 = 0.02);
        nearer to 1 averages over more steps: smoother, and slower to turn.
      b2: decay of the mean of their changes, in [0, 1), default 0.92; also how far ahead it looks: 0 does
        not.
      b3: decay of the mean square, in [0, 1), default 0.99; nearer to 1 remembers longer and steps more
        evenly.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adan(b1=b1, b2=b2, b3=b3, eps=eps),
        *decoupled("adan", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def ademamix(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    b3: ScalarOrSchedule = 0.9999,
    alpha: ScalarOrSchedule = 5.0,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """AdEMAMix: Adam with a second, slow mean (`scale_by_ademamix`), with decoupled decay if given.

    Args:
      learning_rate: about how far each entry moves in a step while the slow mean is small, >= 0, in the
        unit of the parameters; a number or a schedule. Take Adam's, or a little less.
      b1: decay of the fast mean, in [0, 1), default 0.9; nearer to 1 averages over more steps: smoother,
        and slower to turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly.
      b3: decay of the slow mean, in [0, 1), default 0.9999: a gradient weighs half after 7,000 steps; 0.999
        for short runs. The authors let it grow over the run, `schedules.half_life(0.9, 0.9999, steps)`.
      alpha: weight of the slow mean beside the fast one, >= 0, default 5.0; 4 to 10, less for short runs; 0
        is Adam. The authors let it grow over the run, `schedules.linear(0.0, 5.0, steps)`.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_ademamix(b1=b1, b2=b2, b3=b3, alpha=alpha, eps=eps),
        *decoupled("ademamix", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def adopt(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.9999,
    eps: ScalarOrSchedule = 1e-6,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """ADOPT: Adam that converges with any b2 (`scale_by_adopt`), with decoupled decay if given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the divided gradients, in [0, 1), default 0.9; nearer to 1 averages over
        more steps, about 1 / (1 - b1): smoother, and slower to turn and to start.
      b2: decay of the mean square, in [0, 1), default 0.9999; nearer to 1 remembers longer, the first
        gradient too, and steps more evenly.
      eps: least root mean square that divides, > 0, default 1e-6, in the unit of the gradients; entries
        whose gradients are smaller than it move less than the rate.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adopt(b1=b1, b2=b2, eps=eps),
        *decoupled("adopt", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def mars(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.99,
    gamma: ScalarOrSchedule = 0.025,
    max_norm: ScalarOrSchedule = 1.0,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """MARS: Adam on gradients corrected by their last change (`scale_by_mars`), with decay if given.

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. The authors' 3e-3 to 6e-3 is larger than what they give AdamW.
      b1: decay of the mean of the gradients, in [0, 1), default 0.95; nearer to 1 averages over more steps,
        and corrects more.
      b2: decay of the mean square, in [0, 1), default 0.99; nearer to 1 remembers longer and steps more
        evenly.
      gamma: how much of the change of the gradient is added to it, >= 0, default 0.025, times
        b1 / (1 - b1); more of it is quicker to turn, and noisier.
      max_norm: largest norm of a leaf's corrected gradient, > 0, default 1.0, in the unit of the gradients;
        larger lets jumps through.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; 0.01 to 0.1.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.

    The authors' optimizer does so with matrices alone, and all else is AdamW's:

    >>> from adaptive_tx import adamw, grouped
    >>> others = adamw(3e-3, b2=0.95, weight_decay=0.1)
    >>> tx = grouped(
    ...     {"matrices": mars(3e-3), "others": others},
    ...     by=lambda path, p: "matrices" if p.ndim == 2 else "others",
    ... )
    """
    return chain(
        scale_by_mars(b1=b1, b2=b2, gamma=gamma, max_norm=max_norm, eps=eps),
        *decoupled("mars", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def lion(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.99,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Lion (`scale_by_lion`), with decoupled weight decay if one is given.

    Args:
      learning_rate: how far every entry moves in every step, >= 0, in the unit of the parameters; a
        number or a schedule. Take a third to a tenth of Adam's.
      b1: how much of the mean is in what gives the sign, in [0, 1), default 0.9; nearer to 1 follows the
        newest gradient less.
      b2: decay of the mean that is kept, in [0, 1), default 0.99; nearer to 1 averages over more steps.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step: more of it keeps the weights small; take 3 to 10 times Adam's.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_lion(b1=b1, b2=b2),
        *decoupled("lion", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def novograd(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.98,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
) -> Transformation:
    """NovoGrad: one second moment a leaf (`scale_by_novograd`), with decay inside the momentum.

    Args:
      learning_rate: how long the step of a leaf is, >= 0, in the unit of the parameters; a number or a
        schedule. Steady gradients are summed up to 1 / (1 - b1) times as much; often 1e-3 to 0.01.
      b1: how much of the sum is kept at each step, in [0, 1), default 0.95; nearer to 1 runs faster along
        flat valleys, and overshoots more.
      b2: decay of the mean squared length of a leaf's gradient, in [0, 1), default 0.98; nearer to 1
        remembers longer and steps more evenly.
      eps: keeps the quotient finite, > 0, default 1e-8, in the unit of the gradients; leaves whose
        gradients are shorter than it move less than the rate.
      weight_decay: added to each direction as a part of the parameter, >= 0, default 0.0, in the unit of
        one over the parameters; more of it keeps the weights small.
    """
    return chain(
        scale_by_novograd(b1=b1, b2=b2, eps=eps, weight_decay=weight_decay),
        scale_by_learning_rate(learning_rate),
    )


@explained
def prodigy(
    learning_rate: ScalarOrSchedule = 1.0,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    b3: ScalarOrSchedule | None = None,
    eps: ScalarOrSchedule = 1e-8,
    d0: ScalarOrSchedule = 1e-6,
    d_coef: ScalarOrSchedule = 1.0,
    growth_rate: ScalarOrSchedule = float("inf"),
    weight_decay: ScalarOrSchedule = 0.0,
    use_bias_correction: bool = False,
    safeguard_warmup: bool = False,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
    axis_name: AxisName | None = None,
    sharded: PyTree | None = None,
) -> Transformation:
    """Prodigy: AdamW that finds the size of its steps itself (`scale_by_prodigy`).

    Its first steps, of d0, are lost on bfloat16 parameters; `rounded(prodigy(), extra_bits=16)` keeps them.

    Args:
      learning_rate: factor of the size that it finds, >= 0, default 1.0; a schedule from 1 to 0, such as
        `cosine(1.0, steps)`, and to tune it `d_coef` in its place.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 is smoother, and slower to
        turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly.
      b3: decay of the sums that the size is found from, in [0, 1), default None, which is the root of b2;
        nearer to 1 looks further back.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller move less.
      d0: first estimate of the size, > 0, default 1e-6, in the unit of the parameters; it grows from there,
        and never shrinks, so rather too small.
      d_coef: factor of the estimate, > 0, default 1.0; 0.5 steps more carefully, 2.0 more boldly.
      growth_rate: how many times larger the size may be after each step, >= 1 and so > 0, default inf, no
        limit; 1.02 makes a warmup of it.
      weight_decay: >= 0, default 0.0; times the size found it is the part of each parameter lost in a step:
        more of it keeps the weights small.
      use_bias_correction: whether means are corrected for where they start, as Adam's, default False; the
        first steps are then smaller by a factor, and the size is found later.
      safeguard_warmup: whether the size is found without regard to learning_rate, default False; for a long
        warmup from 0, which otherwise may make the estimate too large.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
      axis_name: inside `shard_map`, the name(s) of the axes over which leaves are split, default none:
        what it finds is then that of all devices together.
      sharded: which leaves are split, where JAX does not know it (in `pmap`, `vmap`): True for all, False
        for none, or a tree of bools.
    """
    return chain(
        scale_by_prodigy(
            learning_rate,
            b1=b1,
            b2=b2,
            b3=b3,
            eps=eps,
            d0=d0,
            d_coef=d_coef,
            growth_rate=growth_rate,
            weight_decay=weight_decay,
            use_bias_correction=use_bias_correction,
            safeguard_warmup=safeguard_warmup,
            mask=mask,
            only=only,
            axis_name=axis_name,
            sharded=sharded,
        )
    )


@explained
def signum(learning_rate: ScalarOrSchedule, *, b1: ScalarOrSchedule = 0.9) -> Transformation:
    """Sign descent with momentum (`scale_by_signum`).

    Args:
      learning_rate: how far every entry moves in every step, >= 0, in the unit of the parameters; a
        number or a schedule. Take a third to a tenth of Adam's.
      b1: decay of the mean that gives the sign, in [0, 1), default 0.9; nearer to 1 averages over more
        steps. 0 is signSGD.
    """
    return chain(scale_by_signum(b1=b1), scale_by_learning_rate(learning_rate))


@explained
def rprop(
    learning_rate: ScalarOrSchedule,
    *,
    eta_minus: ScalarOrSchedule = 0.5,
    eta_plus: ScalarOrSchedule = 1.2,
    min_step: ScalarOrSchedule = 1e-6,
    max_step: ScalarOrSchedule = 50.0,
) -> Transformation:
    """Rprop: a step size for each entry, from signs alone (`scale_by_rprop`); for full batches.

    Args:
      learning_rate: first size of every step, >= 0, in the unit of the parameters; not read again, so a
        schedule of it changes nothing later. 1e-2 does; the sizes soon find their own.
      eta_minus: factor of an entry's step after its gradient has changed its sign, in (0, 1), > 0, default
        0.5; smaller brakes harder.
      eta_plus: factor after a kept sign, > 1, and so >= 0, default 1.2; larger speeds up sooner, and
        overshoots.
      min_step: least step, >= 0, default 1e-6, in the unit of the parameters; training comes no closer.
      max_step: largest step, >= 0, default 50, in the unit of the parameters; a bound on how far an entry
        jumps.
    """
    return chain(
        scale_by_rprop(
            learning_rate,
            eta_minus=eta_minus,
            eta_plus=eta_plus,
            min_step=min_step,
            max_step=max_step,
        )
    )


@explained
def adafactor(
    learning_rate: ScalarOrSchedule,
    *,
    b2_decay: ScalarOrSchedule = -0.8,
    eps: ScalarOrSchedule = 1e-30,
    threshold: ScalarOrSchedule = 1.0,
    min_scale: ScalarOrSchedule = 1e-3,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Adafactor: Adam's denominator in little memory, no momentum, steps relative to the parameters.

    Args:
      learning_rate: largest step as a fraction of the root mean square of a leaf, >= 0; from the step where
        1 / sqrt(t) is less, that is the rate: training slows down by itself. The paper's is 0.01.
      b2_decay: the t-th gradient weighs t^b2_decay in the mean squares; <= 0 (and >= 0 only at 0), default
        -0.8; nearer to 0 forgets faster.
      eps: added to every square, > 0, default 1e-30, in the unit of the gradients squared; keeps leaves
        without gradients from dividing by zero.
      threshold: largest root mean square of a leaf's direction, > 0, default 1.0; smaller cuts off more of
        the jumps that a stale mean square lets through.
      min_scale: least root mean square of a leaf that counts, >= 0, default 1e-3, in the unit of the
        parameters; what starts at zero moves by it.
      weight_decay: >= 0, times the rate the part of each parameter lost in a step; None, the default and
        the paper, is no decay.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_factored_rms(b2_decay=b2_decay, eps=eps),
        clip_by_rms(threshold),
        scale_by_param_rms(min_scale),
        *decoupled("adafactor", weight_decay, mask, only),
        scale_by_relative_rate(learning_rate),
    )


@explained
def adafactor_big_vision(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2_decay: ScalarOrSchedule = -0.8,
    b2_cap: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-30,
    min_dim_size_to_factor: int = 32,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """big_vision's Adafactor: momentum after the factored denominator (`scale_by_factored_rms_big_vision`).

    Args:
      learning_rate: about how far each entry moves in a step, >= 0, in the unit of the parameters; a
        number or a schedule. Too large and the loss jumps or diverges, too small and it crawls; often
        1e-4 to 1e-2.
      b1: decay of the mean of the directions, in [0, 1), default 0.9; it starts at 0 and is not corrected,
        so the first steps are short. big_vision keeps it in bfloat16: `stored(tx, 16)`.
      b2_decay: the t-th gradient weighs t^b2_decay in the mean squares at first; <= 0 (and >= 0 only at 0),
        default -0.8; nearer to 0 forgets faster.
      b2_cap: largest decay of the mean squares, in [0, 1), default 0.999; nearer to 1 remembers longer late
        in training.
      eps: added to every square, > 0, default 1e-30, in the unit of the gradients squared; keeps leaves
        without gradients from dividing by zero.
      min_dim_size_to_factor: shortest axis that counts as rows or columns, a Python int, default 32; leaves
        without two such axes keep a mean square for each entry.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        parameter lost in a step. big_vision's is not: it is `subtract_decayed_weights` after the rate, with
        a schedule of the rate's shape.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_factored_rms_big_vision(
            b2_decay=b2_decay,
            b2_cap=b2_cap,
            eps=eps,
            min_dim_size_to_factor=min_dim_size_to_factor,
        ),
        ema(b1, debias=False),
        *decoupled("adafactor_big_vision", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def ftrl(
    learning_rate: ScalarOrSchedule,
    *,
    l1: ScalarOrSchedule = 0.0,
    l2: ScalarOrSchedule = 0.0,
    beta: ScalarOrSchedule = 1.0,
) -> Transformation:
    """FTRL-Proximal: sparse linear models online (`scale_by_ftrl`). Start the parameters at 0.

    Args:
      learning_rate: rate of an entry without gradients so far, > 0, in the unit of the parameters; it falls
        with the root of the entry's summed squares, as AdaGrad's does.
      l1: strength of the penalty l1 |p|, >= 0, default 0.0, in the unit of the gradients; the larger, the
        more entries are exactly zero.
      l2: strength of the penalty l2/2 |p|^2, >= 0, default 0.0; pulls all entries towards zero, and makes
        none exactly zero.
      beta: added to the root of the sum, >= 0, default 1.0, in the unit of the gradients; larger makes the
        first steps smaller.
    """
    return chain(scale_by_ftrl(learning_rate, l1=l1, l2=l2, beta=beta))


@explained
def lamb(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-6,
    weight_decay: ScalarOrSchedule = 0.01,
    min_norm: ScalarOrSchedule = 0.0,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """LAMB: AdamW whose steps are as long as the parameters of the leaf (`scale_by_trust_ratio`).

    Args:
      learning_rate: length of a step as a fraction of that of the leaf, >= 0; a number or a schedule. All
        leaves move at the same relative pace, so that large batches can take large rates: 1e-3 to 1e-2.
      b1: decay of the mean of the gradients, in [0, 1), default 0.9; nearer to 1 is smoother, and slower to
        turn.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly.
      eps: added to Adam's denominator, > 0, default 1e-6, in the unit of the gradients; entries whose
        gradients are smaller move less.
      weight_decay: >= 0, default 0.01; what is added of p to Adam's direction, before its length is taken:
        it turns the step, and does not lengthen it.
      min_norm: least length of a leaf that counts, >= 0, default 0.0, in the unit of the parameters; with
        0, a leaf of zeros takes Adam's step.
      mask: which leaves decay and take steps of their own length, default all; the others, biases for
        example, take Adam's steps. A tree of bools, or a function from the parameters to one.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_adam(b1=b1, b2=b2, eps=eps),
        add_decayed_weights(weight_decay, mask=mask, only=only),
        scale_by_trust_ratio(min_norm=min_norm, mask=mask, only=only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def lars(
    learning_rate: ScalarOrSchedule,
    *,
    decay: ScalarOrSchedule = 0.9,
    weight_decay: ScalarOrSchedule = 5e-4,
    trust_coefficient: ScalarOrSchedule = 0.001,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """LARS: momentum whose steps are in proportion to the parameters of the leaf (`scale_by_lars`).

    Args:
      learning_rate: >= 0; times trust_coefficient the length of a step as a fraction of that of the leaf.
        It enters the momentum, so that old steps keep the rate that they were taken at.
      decay: weight of the momentum at each step, in [0, 1), default 0.9; nearer to 1 carries on longer, and
        makes steps up to 1 / (1 - decay) times as long.
      weight_decay: >= 0, default 5e-4; what is added of p to the gradient, and of its length to that of the
        gradient: it pulls weights towards zero without lengthening steps.
      trust_coefficient: > 0, default 1e-3; the length of a step before the rate, as a fraction of that of
        the leaf: only its product with the rate matters.
      mask: which leaves are adapted and decay, default all; the others, biases for example, are those of
        `momentum`. A tree of bools, or a function from the parameters to one.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return chain(
        scale_by_lars(
            trust_coefficient=trust_coefficient, weight_decay=weight_decay, mask=mask, only=only
        ),
        scale_by_learning_rate(learning_rate),
        trace(decay),
    )


@explained
def schedule_free_adamw(
    learning_rate: ScalarOrSchedule,
    *,
    momentum: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    r: ScalarOrSchedule = 0.0,
    power: ScalarOrSchedule = 2.0,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Schedule-Free AdamW: no falling rate, and an average to evaluate (`schedule_free`).

    The parameters are where gradients are taken; evaluate `eval_params(state, params)`.

    Args:
      learning_rate: about how far each entry of the base sequence moves in a step, >= 0, in the unit of the
        parameters; the authors' is 0.0025, often several times AdamW's. A warm-up of n steps is
        `schedules.with_warmup(schedules.constant(lr), n - 1, start=1 / n)`; it need not fall.
      momentum: where between the base sequence (0) and its average (1) gradients are taken, >= 0 and <= 1,
        default 0.9 (`betas[0]` in the authors' code); 0.95 to 0.98 for long runs.
      b2: decay of the mean square, in [0, 1), default 0.999; nearer to 1 remembers longer and steps more
        evenly.
      eps: added to the denominator, > 0, default 1e-8, in the unit of the gradients; entries whose
        gradients are smaller than it move less than the rate.
      weight_decay: >= 0, default 0.0; times the rate it is the part of each parameter that the base
        sequence loses in a step, as the authors have it.
      r: the weight of step t in the average grows as t^r, >= 0, default 0.0; above 0 early steps are
        forgotten sooner.
      power: the weight of a step is the largest rate so far to this power, >= 0, default 2.0; with 0 a
        warm-up counts like other steps.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one. Biases and norms are often left out.
      only: the same as a predicate on path and array: `only=lambda path, p: p.ndim > 1`.
    """
    return schedule_free(
        chain(
            scale_by_rms_debiased(b2=b2, eps=eps),
            add_decayed_weights(weight_decay, mask=mask, only=only),
        ),
        learning_rate,
        momentum=momentum,
        r=r,
        power=power,
    )
