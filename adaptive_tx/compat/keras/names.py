"""Which variable of Keras is which field of ours: one table, for both ways.

A row belongs to one part of a chain, named by its constructor. Keras lists its variables group by group;
in a group, for one parameter after the other the names below. The last group of centered RMSprop comes
after that of its momentum: groups are listed by `rank`.
"""

from typing import NamedTuple


class Group(NamedTuple):
    """One stretch of Keras' list: for each parameter, (Keras' name, our field)."""

    slots: tuple[tuple[str, str], ...]
    rank: int = 0


def _group(rank: int = 0, **names: str) -> Group:
    return Group(tuple((theirs, ours) for ours, theirs in names.items()), rank)


MOMENTS = _group(mu="momentum", nu="velocity")

PARTS: dict[str, tuple[Group, ...]] = {
    "velocity": (_group(trace="momentum", rank=1),),
    "scale_by_adagrad": (_group(sum_of_squares="accumulator"),),
    "scale_by_rms": (_group(nu="velocity"),),
    "scale_by_centered_rms": (_group(nu="velocity"), _group(mu="average_gradient", rank=2)),
    "scale_by_adadelta": (_group(e_g="accumulated_grad", e_x="accumulated_delta_var"),),
    "scale_by_adam": (MOMENTS,),
    "scale_by_adam_eps_hat": (MOMENTS,),
    "scale_by_amsgrad_eps_hat": (MOMENTS, _group(nu_max="velocity_hat", rank=1)),
    "scale_by_nadam_scheduled": (MOMENTS,),
    "scale_by_keras_adamax": (_group(mu="momentum", nu="norm"),),
    "scale_by_lion": (_group(mu="momentum"),),
    "scale_by_keras_ftrl": (_group(sum_of_squares="accumulator", linear="linear"),),
    "scale_by_factored_rms": (_group(row_var="", col_var="", variance="velocity"),),
}

# How Keras names an optimizer, by the part that makes it; "sgd" has none. AdamW is an "adam" here.
PREFIXES = {
    "scale_by_adagrad": "adagrad",
    "scale_by_rms": "rm_sprop",
    "scale_by_centered_rms": "rm_sprop",
    "scale_by_adadelta": "adadelta",
    "scale_by_keras_trust_ratio": "lamb",
    "scale_by_adam_eps_hat": "adam",
    "scale_by_amsgrad_eps_hat": "adam",
    "scale_by_nadam_scheduled": "nadam",
    "scale_by_keras_adamax": "adamax",
    "scale_by_lion": "lion",
    "scale_by_keras_ftrl": "ftrl",
    "scale_by_factored_rms": "adafactor",
}
