"""PyTorch's optimizers, schedulers, clipping and state, with the numbers of torch 2.13.

    from adaptive_tx.compat import torch
    tx = torch.adamw(torch.cosine_annealing_lr(1e-3, T_max=1000), weight_decay=0.1)

Each name is the snake_case of torch's.
"""

from adaptive_tx.compat.torch.adams import adam as adam
from adaptive_tx.compat.torch.adams import adamax as adamax
from adaptive_tx.compat.torch.adams import adamw as adamw
from adaptive_tx.compat.torch.adams import nadam as nadam
from adaptive_tx.compat.torch.adams import radam as radam
from adaptive_tx.compat.torch.clip import clip_grad_norm as clip_grad_norm
from adaptive_tx.compat.torch.load_state import load_state_dict as load_state_dict
from adaptive_tx.compat.torch.lr_cycles import (
    cosine_annealing_warm_restarts as cosine_annealing_warm_restarts,
)
from adaptive_tx.compat.torch.lr_cycles import cyclic_lr as cyclic_lr
from adaptive_tx.compat.torch.lr_cycles import cyclic_momentum as cyclic_momentum
from adaptive_tx.compat.torch.lr_scheduler import constant_lr as constant_lr
from adaptive_tx.compat.torch.lr_scheduler import cosine_annealing_lr as cosine_annealing_lr
from adaptive_tx.compat.torch.lr_scheduler import exponential_lr as exponential_lr
from adaptive_tx.compat.torch.lr_scheduler import lambda_lr as lambda_lr
from adaptive_tx.compat.torch.lr_scheduler import linear_lr as linear_lr
from adaptive_tx.compat.torch.lr_scheduler import multi_step_lr as multi_step_lr
from adaptive_tx.compat.torch.lr_scheduler import polynomial_lr as polynomial_lr
from adaptive_tx.compat.torch.lr_scheduler import sequential_lr as sequential_lr
from adaptive_tx.compat.torch.lr_scheduler import step_lr as step_lr
from adaptive_tx.compat.torch.matrices import adafactor as adafactor
from adaptive_tx.compat.torch.matrices import muon as muon
from adaptive_tx.compat.torch.one_cycle import one_cycle_lr as one_cycle_lr
from adaptive_tx.compat.torch.one_cycle import one_cycle_momentum as one_cycle_momentum
from adaptive_tx.compat.torch.optimizers import adadelta as adadelta
from adaptive_tx.compat.torch.optimizers import adagrad as adagrad
from adaptive_tx.compat.torch.optimizers import asgd as asgd
from adaptive_tx.compat.torch.optimizers import rmsprop as rmsprop
from adaptive_tx.compat.torch.optimizers import rprop as rprop
from adaptive_tx.compat.torch.optimizers import sgd as sgd
from adaptive_tx.compat.torch.plateau import reduce_lr_on_plateau as reduce_lr_on_plateau
from adaptive_tx.compat.torch.state import state_dict as state_dict
