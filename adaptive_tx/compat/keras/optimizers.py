"""Keras 3.15's plain optimizers: SGD, Adagrad, RMSprop, Adadelta, Ftrl.

Each function takes the arguments of Keras' class under their names, in their order and with their
defaults, and returns the chain that gives the same numbers. Every number may be a schedule
(`schedules` has Keras'). Left out are use_ema, ema_momentum, ema_overwrite_frequency,
loss_scale_factor, gradient_accumulation_steps (`accumulated` does that) and name. One of clipnorm
(each leaf), clipvalue (each entry) and global_clipnorm (all leaves together) can be set. With a
weight_decay `update` needs the parameters; None is absent. Keras' method exclude_from_weight_decay is
an argument, a list like ["bias", "gamma|beta"]; `excluded` says what a name matches.
"""

from adaptive_tx.compat.arguments import absent, check
from adaptive_tx.compat.keras.arguments import clipped, decayed
from adaptive_tx.compat.keras.excluded import excluded
from adaptive_tx.compat.keras.keras_ftrl import scale_by_keras_ftrl
from adaptive_tx.compat.keras.velocity import velocity
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import flag
from adaptive_tx.core.ranges import decay_rate, non_negative, not_positive, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.adadelta import scale_by_adadelta
from adaptive_tx.scale_by.adagrad import scale_by_adagrad
from adaptive_tx.scale_by.centered_rms import scale_by_centered_rms
from adaptive_tx.scale_by.rms import scale_by_rms


def sgd(
    learning_rate=0.01,
    momentum=0.0,
    nesterov: bool = False,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.SGD: gradient descent, with momentum that has the rate inside.

    >>> sgd(0.1, momentum=0.9, clipvalue=1.0)  # doctest: +NORMALIZE_WHITESPACE
    chain(clip_by_value(max_value=1.0), velocity(learning_rate=0.1, momentum=0.9, nesterov=False))
    """
    clip = clipped("sgd", clipnorm, clipvalue, global_clipnorm)
    flag("sgd", "nesterov", nesterov)
    exclude = exclude_from_weight_decay
    return _moving("sgd", learning_rate, momentum, weight_decay, exclude, nesterov, *clip)


def adagrad(
    learning_rate=0.001,
    initial_accumulator_value=0.1,
    epsilon=1e-7,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Adagrad: epsilon under the root, the sum starts at 0.1."""
    who, start = "adagrad", initial_accumulator_value
    check(who, initial_accumulator_value=non_negative(start), epsilon=positive(epsilon))
    clip = clipped(who, clipnorm, clipvalue, global_clipnorm)
    rule = scale_by_adagrad(eps=epsilon, initial_accumulator_value=start, eps_in_root=True)
    return decayed(who, learning_rate, weight_decay, exclude_from_weight_decay, *clip, rule)


def rmsprop(
    learning_rate=0.001,
    rho=0.9,
    momentum=0.0,
    epsilon=1e-7,
    centered: bool = False,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.RMSprop: epsilon under the root, momentum that has the rate inside."""
    who = "rmsprop"
    check(who, rho=decay_rate(rho), epsilon=positive(epsilon))
    clip = clipped(who, clipnorm, clipvalue, global_clipnorm)
    rule = scale_by_centered_rms if flag(who, "centered", centered) else scale_by_rms
    parts = *clip, rule(b2=rho, eps=epsilon, eps_in_root=True)
    exclude = exclude_from_weight_decay
    return _moving(who, learning_rate, momentum, weight_decay, exclude, False, *parts)


def adadelta(
    learning_rate=0.001,
    rho=0.95,
    epsilon=1e-7,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Adadelta. The default rate is a thousandth of the paper's."""
    who = "adadelta"
    check(who, rho=decay_rate(rho), epsilon=positive(epsilon))
    clip = clipped(who, clipnorm, clipvalue, global_clipnorm)
    rule = scale_by_adadelta(b2=rho, eps=epsilon)
    return decayed(who, learning_rate, weight_decay, exclude_from_weight_decay, *clip, rule)


def ftrl(
    learning_rate=0.001,
    learning_rate_power=-0.5,
    initial_accumulator_value=0.1,
    l1_regularization_strength=0.0,
    l2_regularization_strength=0.0,
    l2_shrinkage_regularization_strength=0.0,
    beta=0.0,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Ftrl (`scale_by_keras_ftrl`): the rate must stay above 0; None is a decay of 0."""
    who = "ftrl"
    lasting = 0.0 if weight_decay is None else weight_decay
    check(who, learning_rate=positive(learning_rate), beta=non_negative(beta))
    check(who, learning_rate_power=not_positive(learning_rate_power))
    check(who, initial_accumulator_value=non_negative(initial_accumulator_value))
    check(who, l1_regularization_strength=non_negative(l1_regularization_strength))
    check(who, l2_regularization_strength=non_negative(l2_regularization_strength))
    shrinkage = l2_shrinkage_regularization_strength
    check(who, l2_shrinkage_regularization_strength=non_negative(shrinkage))
    check(who, weight_decay=non_negative(lasting))
    mask = excluded(who, exclude_from_weight_decay)
    return chain(
        *clipped(who, clipnorm, clipvalue, global_clipnorm),
        scale_by_keras_ftrl(
            learning_rate,
            learning_rate_power,
            initial_accumulator_value,
            l1_regularization_strength,
            l2_regularization_strength,
            shrinkage,
            beta,
            lasting,
            mask,
        ),
    )


def _moving(
    who, learning_rate, momentum, weight_decay, exclude, nesterov, *parts
) -> Transformation:
    """The parts and the rate: with momentum, if there is one."""
    check(who, learning_rate=non_negative(learning_rate), momentum=decay_rate(momentum))
    if absent(momentum):
        return decayed(who, learning_rate, weight_decay, exclude, *parts)
    if weight_decay is not None:
        check(who, weight_decay=non_negative(weight_decay))
    mask = excluded(who, exclude)
    return chain(*parts, velocity(learning_rate, momentum, weight_decay, nesterov, mask))
