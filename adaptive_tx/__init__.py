"""Adaptive gradient transformations for JAX, as values. Names in the order the data meets them."""

from adaptive_tx import schedules as schedules
from adaptive_tx.clip import adaptive_grad_clip as adaptive_grad_clip
from adaptive_tx.clip import clip_by_global_norm as clip_by_global_norm
from adaptive_tx.clip import clip_by_leaf_norm as clip_by_leaf_norm
from adaptive_tx.clip import clip_by_rms as clip_by_rms
from adaptive_tx.clip import clip_by_value as clip_by_value
from adaptive_tx.decay import add_decayed_weights as add_decayed_weights
from adaptive_tx.decay import add_l1 as add_l1
from adaptive_tx.decay import add_l2 as add_l2
from adaptive_tx.decay import subtract_decayed_weights as subtract_decayed_weights
from adaptive_tx.scale_by.trace import trace as trace
from adaptive_tx.scale_by.trace_nesterov import trace_nesterov as trace_nesterov
from adaptive_tx.scale_by.ema import ema as ema
from adaptive_tx.scale_by.adagrad import scale_by_adagrad as scale_by_adagrad
from adaptive_tx.scale_by.rms import scale_by_rms as scale_by_rms
from adaptive_tx.scale_by.centered_rms import scale_by_centered_rms as scale_by_centered_rms
from adaptive_tx.scale_by.adadelta import scale_by_adadelta as scale_by_adadelta
from adaptive_tx.scale_by.adam import scale_by_adam as scale_by_adam
from adaptive_tx.scale_by.adam_eps_hat import scale_by_adam_eps_hat as scale_by_adam_eps_hat
from adaptive_tx.scale_by.amsgrad import scale_by_amsgrad as scale_by_amsgrad
from adaptive_tx.scale_by.adamax import scale_by_adamax as scale_by_adamax
from adaptive_tx.scale_by.nadam import scale_by_nadam as scale_by_nadam
from adaptive_tx.scale_by.nadam_scheduled import (
    scale_by_nadam_scheduled as scale_by_nadam_scheduled,
)
from adaptive_tx.scale_by.radam import scale_by_radam as scale_by_radam
from adaptive_tx.scale_by.adabelief import scale_by_adabelief as scale_by_adabelief
from adaptive_tx.scale_by.yogi import scale_by_yogi as scale_by_yogi
from adaptive_tx.scale_by.lion import scale_by_lion as scale_by_lion
from adaptive_tx.scale_by.signum import scale_by_signum as scale_by_signum
from adaptive_tx.rate import scale_by_learning_rate as scale_by_learning_rate
from adaptive_tx.optimizers import sgd as sgd
from adaptive_tx.optimizers import momentum as momentum
from adaptive_tx.optimizers import nesterov as nesterov
from adaptive_tx.optimizers import adagrad as adagrad
from adaptive_tx.optimizers import rmsprop as rmsprop
from adaptive_tx.optimizers import adadelta as adadelta
from adaptive_tx.optimizers import adam as adam
from adaptive_tx.optimizers import adamw as adamw
from adaptive_tx.optimizers import amsgrad as amsgrad
from adaptive_tx.optimizers import adamax as adamax
from adaptive_tx.optimizers import nadam as nadam
from adaptive_tx.optimizers import nadamw as nadamw
from adaptive_tx.optimizers import radam as radam
from adaptive_tx.optimizers import adabelief as adabelief
from adaptive_tx.optimizers import yogi as yogi
from adaptive_tx.optimizers import lion as lion
from adaptive_tx.optimizers import signum as signum
from adaptive_tx.scheduling import Schedule as Schedule
from adaptive_tx.transformation import Transformation as Transformation
from adaptive_tx.transformation import chain as chain
