"""Keras 3.15's Adam and its family: Adam, AdamW, Nadam, Adamax, Lion.

The conventions, and what is left out, are those of `optimizers`.
"""

from adaptive_tx.compat.arguments import check
from adaptive_tx.compat.keras.amsgrad import scale_by_amsgrad_eps_hat
from adaptive_tx.compat.keras.arguments import clipped, decayed
from adaptive_tx.compat.keras.keras_adamax import scale_by_keras_adamax
from adaptive_tx.core.checks import flag
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.adam_eps_hat import scale_by_adam_eps_hat
from adaptive_tx.scale_by.lion import scale_by_lion
from adaptive_tx.scale_by.nadam_scheduled import scale_by_nadam_scheduled


def adam(
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    amsgrad: bool = False,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Adam: the paper's epsilon hat; its weight_decay is AdamW's.

    >>> adam(weight_decay=0.1)  # doctest: +NORMALIZE_WHITESPACE
    chain(scale_by_adam_eps_hat(b1=0.9, b2=0.999, eps=1e-07), add_decayed_weights(weight_decay=0.1),
          scale_by_learning_rate(learning_rate=0.001))
    """
    clip = clipped("adam", clipnorm, clipvalue, global_clipnorm)
    rule = _rule("adam", beta_1, beta_2, epsilon, amsgrad)
    return decayed("adam", learning_rate, weight_decay, exclude_from_weight_decay, *clip, rule)


def adamw(
    learning_rate=0.001,
    weight_decay=0.004,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    amsgrad: bool = False,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.AdamW: `adam` with another default of weight_decay, which must be a number."""
    if weight_decay is None:
        raise ValueError("adamw: weight_decay must be a number, got None.")
    clip = clipped("adamw", clipnorm, clipvalue, global_clipnorm)
    rule = _rule("adamw", beta_1, beta_2, epsilon, amsgrad)
    return decayed("adamw", learning_rate, weight_decay, exclude_from_weight_decay, *clip, rule)


def nadam(
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Nadam: momentum that grows like torch's with a momentum_decay of 1."""
    _check("nadam", beta_1, beta_2, epsilon)
    clip = clipped("nadam", clipnorm, clipvalue, global_clipnorm)
    rule = scale_by_nadam_scheduled(b1=beta_1, b2=beta_2, eps=epsilon, momentum_decay=1.0)
    return decayed("nadam", learning_rate, weight_decay, exclude_from_weight_decay, *clip, rule)


def adamax(
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Adamax: epsilon beside the maximum, not in it."""
    _check("adamax", beta_1, beta_2, epsilon)
    clip = clipped("adamax", clipnorm, clipvalue, global_clipnorm)
    rule = scale_by_keras_adamax(beta_1, beta_2, epsilon)
    return decayed("adamax", learning_rate, weight_decay, exclude_from_weight_decay, *clip, rule)


def lion(
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.99,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Lion."""
    check("lion", beta_1=decay_rate(beta_1), beta_2=decay_rate(beta_2))
    clip = clipped("lion", clipnorm, clipvalue, global_clipnorm)
    rule = scale_by_lion(b1=beta_1, b2=beta_2)
    return decayed("lion", learning_rate, weight_decay, exclude_from_weight_decay, *clip, rule)


def _rule(who: str, beta_1, beta_2, epsilon, amsgrad: bool) -> Transformation:
    _check(who, beta_1, beta_2, epsilon)
    rule = scale_by_amsgrad_eps_hat if flag(who, "amsgrad", amsgrad) else scale_by_adam_eps_hat
    return rule(b1=beta_1, b2=beta_2, eps=epsilon)


def _check(who: str, beta_1, beta_2, epsilon) -> None:
    check(who, beta_1=decay_rate(beta_1), beta_2=decay_rate(beta_2), epsilon=positive(epsilon))
