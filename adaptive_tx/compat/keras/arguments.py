"""What all of Keras' optimizers share: clipping first, then the rule, the decay and the rate.

A weight_decay that is given takes learning_rate weight_decay of each parameter, after clipping.
"""

from adaptive_tx.clipping import clip_by_global_norm, clip_by_leaf_norm, clip_by_value
from adaptive_tx.compat.arguments import check
from adaptive_tx.compat.keras.excluded import excluded
from adaptive_tx.core.chain import chain
from adaptive_tx.core.ranges import non_negative, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.decay import add_decayed_weights
from adaptive_tx.rate import scale_by_learning_rate


def clipped(who: str, clipnorm, clipvalue, global_clipnorm) -> tuple[Transformation, ...]:
    """The part that clips, if one was asked for: each leaf's norm, each entry, or the global norm."""
    given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
    given = {name: bound for name, bound in given.items() if bound is not None}
    if len(given) > 1:
        raise ValueError(f"{who}: only one of {', '.join(given)} can be set.")
    check(who, **{name: positive(bound) for name, bound in given.items()})
    makers = {
        "clipnorm": clip_by_leaf_norm,
        "clipvalue": clip_by_value,
        "global_clipnorm": clip_by_global_norm,
    }
    return tuple(makers[name](bound) for name, bound in given.items())


def decayed(
    who: str, learning_rate, weight_decay, exclude, *rule: Transformation
) -> Transformation:
    """The rule, the decay of what is not excluded, if there is one, and the rate."""
    check(who, learning_rate=non_negative(learning_rate))
    mask = excluded(who, exclude)
    if weight_decay is None:
        return chain(*rule, scale_by_learning_rate(learning_rate))
    check(who, weight_decay=non_negative(weight_decay))
    decay = add_decayed_weights(weight_decay, mask=mask)
    return chain(*rule, decay, scale_by_learning_rate(learning_rate))
