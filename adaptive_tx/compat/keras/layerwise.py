"""Keras 3.15's optimizers whose steps have the size of the parameters: Lamb and Adafactor.

The conventions, and what is left out, are those of `optimizers`; `update` needs the parameters, and
a weight_decay of None is one of 0.
"""

from adaptive_tx.clipping import clip_by_rms
from adaptive_tx.compat.arguments import check
from adaptive_tx.compat.keras.arguments import clipped
from adaptive_tx.compat.keras.decayed_first import scale_by_keras_trust_ratio, scale_by_param_size
from adaptive_tx.compat.keras.excluded import excluded
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import flag
from adaptive_tx.core.ranges import decay_rate, non_negative, not_positive, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.adam import scale_by_adam
from adaptive_tx.scale_by.factored_rms import scale_by_factored_rms


def lamb(
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
    """keras.optimizers.Lamb: Adam's directions, as long as the parameters of their leaf.

    Its decay is not part of the direction, as the paper's is, but comes first.
    """
    lasting = 0.0 if weight_decay is None else weight_decay
    check("lamb", learning_rate=non_negative(learning_rate), weight_decay=non_negative(lasting))
    mask = excluded("lamb", exclude_from_weight_decay)
    check("lamb", beta_1=decay_rate(beta_1), beta_2=decay_rate(beta_2), epsilon=positive(epsilon))
    return chain(
        *clipped("lamb", clipnorm, clipvalue, global_clipnorm),
        scale_by_adam(b1=beta_1, b2=beta_2, eps=epsilon),
        scale_by_keras_trust_ratio(learning_rate, lasting, mask),
    )


def adafactor(
    learning_rate=0.001,
    beta_2_decay=-0.8,
    epsilon_1=1e-30,
    epsilon_2=1e-3,
    clip_threshold=1.0,
    relative_step: bool = True,
    weight_decay=None,
    clipnorm=None,
    clipvalue=None,
    global_clipnorm=None,
    *,
    exclude_from_weight_decay=None,
) -> Transformation:
    """keras.optimizers.Adafactor: steps of at most min(learning_rate, 1/sqrt(t)) the parameter's size.

    relative_step changes nothing, as in Keras 3.15, where the rate is at most 1/sqrt(t) either way.
    """
    who = "adafactor"
    lasting = 0.0 if weight_decay is None else weight_decay
    check(who, learning_rate=non_negative(learning_rate), beta_2_decay=not_positive(beta_2_decay))
    check(who, epsilon_1=positive(epsilon_1), epsilon_2=non_negative(epsilon_2))
    check(who, clip_threshold=positive(clip_threshold), weight_decay=non_negative(lasting))
    flag(who, "relative_step", relative_step)
    mask = excluded(who, exclude_from_weight_decay)
    return chain(
        *clipped(who, clipnorm, clipvalue, global_clipnorm),
        scale_by_factored_rms(b2_decay=beta_2_decay, eps=epsilon_1),
        clip_by_rms(clip_threshold),
        scale_by_param_size(learning_rate, lasting, epsilon_2, mask),
    )
