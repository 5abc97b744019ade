"""Adaptive gradient transformations for JAX, as values.

Every hyperparameter is a `ScalarOrSchedule`: a number, an array of no dimensions, traced or not, or
a `ScheduleFunction` of the number of finished updates, such as those in `schedules`, optax's, or your own.
The numbers of a schedule are `Scalar`s. Leaves are chosen by a `MaskOrFunction` (a tree of bools, or a
function from the parameters to one) or a `LeafPredicate` (on a leaf's path, "encoder/dense/kernel", and
its array).

For rules of your own, `leafwise` lifts a step on one array to a transformation; `slots` says what it keeps,
`ranges` where its numbers must lie, and `numerics` and `norms` have averages,
roots, corrections and norms that stay finite.
"""

from typing import TYPE_CHECKING

from adaptive_tx import schedules
from adaptive_tx.clipping import (
    adaptive_grad_clip,
    clip_by_global_norm,
    clip_by_leaf_norm,
    clip_by_rms,
    clip_by_value,
)
from adaptive_tx.core import norms, numerics, ranges, slots
from adaptive_tx.core.chain import chain
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.matrixwise import matrixwise
from adaptive_tx.core.names_elsewhere import MODULES, unknown_name
from adaptive_tx.core.schedule import Schedule
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import (
    LeafPredicate,
    MaskOrFunction,
    Scalar,
    ScalarOrSchedule,
    ScheduleFunction,
)
from adaptive_tx.decay import (
    add_cautious_decayed_weights,
    add_decayed_weights,
    add_l1,
    add_l2,
    decay_new_weights,
    subtract_decayed_weights,
)
from adaptive_tx.describing.description import Description, describe
from adaptive_tx.factors import identity, scale, scale_by_schedule, set_to_zero
from adaptive_tx.loop import apply_updates, global_norm, incremental_update
from adaptive_tx.matrix_optimizers import kron, muon, normuon, scion, shampoo, soap
from adaptive_tx.migrating.migration import Migration, migrate
from adaptive_tx.migrating.widths import decoded, encoded
from adaptive_tx.optimizers import (
    adabelief,
    adabelief_amsgrad,
    adabelief_rectified,
    adadelta,
    adafactor,
    adafactor_big_vision,
    adagrad,
    adam,
    adam_atan2,
    adamax,
    adamw,
    adan,
    ademamix,
    adopt,
    algoperf_nadamw,
    amsgrad,
    ftrl,
    lamb,
    laprop,
    lars,
    lion,
    mars,
    momentum,
    nadam,
    nadamw,
    nesterov,
    novograd,
    prodigy,
    radam,
    radam_amsgrad,
    rmsprop,
    rprop,
    schedule_free_adamw,
    sgd,
    signum,
    stable_adamw,
    yogi,
)
from adaptive_tx.patience import EarlyStopping, early_stopping, reduce_on_plateau
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.adabelief import scale_by_adabelief
from adaptive_tx.scale_by.adabelief_amsgrad import scale_by_adabelief_amsgrad
from adaptive_tx.scale_by.adabelief_rectified import scale_by_adabelief_rectified
from adaptive_tx.scale_by.adadelta import scale_by_adadelta
from adaptive_tx.scale_by.adagrad import scale_by_adagrad
from adaptive_tx.scale_by.adam import scale_by_adam
from adaptive_tx.scale_by.adam_atan2 import scale_by_adam_atan2
from adaptive_tx.scale_by.adam_eps_hat import scale_by_adam_eps_hat
from adaptive_tx.scale_by.adamax import scale_by_adamax
from adaptive_tx.scale_by.adan import scale_by_adan
from adaptive_tx.scale_by.ademamix import scale_by_ademamix
from adaptive_tx.scale_by.adopt import scale_by_adopt
from adaptive_tx.scale_by.algoperf_nadam import scale_by_algoperf_nadam
from adaptive_tx.scale_by.amsgrad import scale_by_amsgrad
from adaptive_tx.scale_by.centered_rms import scale_by_centered_rms
from adaptive_tx.scale_by.ema import ema
from adaptive_tx.scale_by.ema_nesterov import ema_nesterov
from adaptive_tx.scale_by.factored_rms import scale_by_factored_rms
from adaptive_tx.scale_by.factored_rms_big_vision import scale_by_factored_rms_big_vision
from adaptive_tx.scale_by.ftrl import scale_by_ftrl
from adaptive_tx.scale_by.kron import scale_by_kron
from adaptive_tx.scale_by.laprop import scale_by_laprop
from adaptive_tx.scale_by.lars import scale_by_lars
from adaptive_tx.scale_by.lion import scale_by_lion
from adaptive_tx.scale_by.lmo import scale_by_lmo
from adaptive_tx.scale_by.mars import scale_by_mars
from adaptive_tx.scale_by.nadam import scale_by_nadam
from adaptive_tx.scale_by.nadam_scheduled import scale_by_nadam_scheduled
from adaptive_tx.scale_by.normuon import scale_by_normuon
from adaptive_tx.scale_by.novograd import scale_by_novograd
from adaptive_tx.scale_by.orthogonalize import orthogonalize
from adaptive_tx.scale_by.param_rms import scale_by_param_rms
from adaptive_tx.scale_by.prodigy import scale_by_prodigy
from adaptive_tx.scale_by.radam import scale_by_radam
from adaptive_tx.scale_by.radam_amsgrad import scale_by_radam_amsgrad
from adaptive_tx.scale_by.relative_rate import scale_by_relative_rate
from adaptive_tx.scale_by.rms import scale_by_rms
from adaptive_tx.scale_by.rms_debiased import scale_by_rms_debiased
from adaptive_tx.scale_by.rprop import scale_by_rprop
from adaptive_tx.scale_by.shampoo import scale_by_shampoo
from adaptive_tx.scale_by.signum import scale_by_signum
from adaptive_tx.scale_by.soap import scale_by_soap
from adaptive_tx.scale_by.stable_adam import scale_by_stable_adam
from adaptive_tx.scale_by.trace import trace
from adaptive_tx.scale_by.trace_nesterov import trace_nesterov
from adaptive_tx.scale_by.trust_ratio import scale_by_trust_ratio
from adaptive_tx.scale_by.yogi import scale_by_yogi
from adaptive_tx.sharding import state_sharding
from adaptive_tx.storing import stored
from adaptive_tx.wrappers.accumulated import accumulated
from adaptive_tx.wrappers.averaged import averaged
from adaptive_tx.wrappers.cautious import cautious
from adaptive_tx.wrappers.eval_params import eval_params
from adaptive_tx.wrappers.grouped import grouped, masked
from adaptive_tx.wrappers.guarded import (
    guard_report,
    guarded,
    guarded_by_percentile,
    guarded_by_z_score,
)
from adaptive_tx.wrappers.hyperball import hyperball
from adaptive_tx.wrappers.lookahead import lookahead
from adaptive_tx.wrappers.measured import measured, metrics
from adaptive_tx.wrappers.primal_averaged import primal_averaged
from adaptive_tx.wrappers.recipes import layerwise_decay, matrices, no_decay
from adaptive_tx.wrappers.rounded import full_precision, rounded
from adaptive_tx.wrappers.schedule_free import schedule_free

# In the order the data meets them.
__all__ = [
    # on gradients
    "clip_by_value",
    "clip_by_leaf_norm",
    "clip_by_global_norm",
    "clip_by_rms",
    "adaptive_grad_clip",
    "add_l2",
    "add_l1",
    # directions
    "trace",
    "trace_nesterov",
    "ema",
    "ema_nesterov",
    "scale_by_adagrad",
    "scale_by_rms",
    "scale_by_rms_debiased",
    "scale_by_centered_rms",
    "scale_by_adadelta",
    "scale_by_adam",
    "scale_by_adam_eps_hat",
    "scale_by_adam_atan2",
    "scale_by_stable_adam",
    "scale_by_amsgrad",
    "scale_by_adamax",
    "scale_by_nadam",
    "scale_by_nadam_scheduled",
    "scale_by_algoperf_nadam",
    "scale_by_radam",
    "scale_by_radam_amsgrad",
    "scale_by_adabelief",
    "scale_by_adabelief_amsgrad",
    "scale_by_adabelief_rectified",
    "scale_by_yogi",
    "scale_by_laprop",
    "scale_by_adan",
    "scale_by_ademamix",
    "scale_by_mars",
    "scale_by_adopt",
    "scale_by_novograd",
    "scale_by_prodigy",
    "scale_by_factored_rms",
    "scale_by_factored_rms_big_vision",
    "scale_by_lion",
    "scale_by_signum",
    "scale_by_rprop",
    "scale_by_ftrl",
    "orthogonalize",
    "scale_by_normuon",
    "scale_by_lmo",
    "scale_by_soap",
    "scale_by_shampoo",
    "scale_by_kron",
    "scale_by_lars",
    # around a direction
    "cautious",
    "schedule_free",
    "primal_averaged",
    "hyperball",
    # on directions and updates
    "add_cautious_decayed_weights",
    "add_decayed_weights",
    "scale_by_trust_ratio",
    "scale_by_param_rms",
    "scale",
    "scale_by_schedule",
    "identity",
    "set_to_zero",
    "scale_by_learning_rate",
    "scale_by_relative_rate",
    "subtract_decayed_weights",
    "decay_new_weights",
    "reduce_on_plateau",
    "early_stopping",
    "EarlyStopping",
    # chains
    "chain",
    "sgd",
    "momentum",
    "nesterov",
    "adagrad",
    "rmsprop",
    "adadelta",
    "adam",
    "adamw",
    "adam_atan2",
    "stable_adamw",
    "amsgrad",
    "adamax",
    "nadam",
    "nadamw",
    "algoperf_nadamw",
    "radam",
    "radam_amsgrad",
    "adabelief",
    "adabelief_amsgrad",
    "adabelief_rectified",
    "yogi",
    "laprop",
    "adan",
    "ademamix",
    "mars",
    "adopt",
    "novograd",
    "prodigy",
    "lion",
    "signum",
    "rprop",
    "adafactor",
    "adafactor_big_vision",
    "ftrl",
    "lamb",
    "lars",
    "schedule_free_adamw",
    "muon",
    "normuon",
    "scion",
    "soap",
    "shampoo",
    "kron",
    # groups of parameters
    "grouped",
    "masked",
    "matrices",
    "no_decay",
    "layerwise_decay",
    "describe",
    "Description",
    # around an optimizer
    "accumulated",
    "averaged",
    "lookahead",
    "eval_params",
    "rounded",
    "full_precision",
    "measured",
    "metrics",
    "guarded",
    "guarded_by_z_score",
    "guarded_by_percentile",
    "guard_report",
    # on many devices
    "state_sharding",
    # few bits
    "stored",
    "decoded",
    "encoded",
    # from one optimizer to another
    "migrate",
    "Migration",
    # around its update
    "apply_updates",
    "global_norm",
    "incremental_update",
    # values, and their types
    "Transformation",
    "Schedule",
    "schedules",
    "Scalar",
    "ScalarOrSchedule",
    "ScheduleFunction",
    "MaskOrFunction",
    "LeafPredicate",
    "MatrixAxes",
    # rules of your own
    "leafwise",
    "matrixwise",
    "slots",
    "ranges",
    "numerics",
    "norms",
]


def __dir__() -> list[str]:
    """What a user may use; those of its modules that are imported apart once they are."""
    return sorted([*__all__, *({*MODULES} & globals().keys())])


if not TYPE_CHECKING:  # to a type checker what is not here is an error

    def __getattr__(name: str):
        inside = (f"schedules.{name}" for name in vars(schedules) if not name.startswith("_"))
        raise AttributeError(unknown_name(name, [*inside, *__all__]))
