"""What torch, Keras and optax call otherwise, and what they have as an argument and we as a function.

`mistakes` looks here after a call has failed, and only then.
"""

# What is called otherwise here: of the names on the right the first that the function has.
RENAMED = {
    "lr": "learning_rate peak value start",
    "alpha": "learning_rate",
    "rho": "b2",
    "beta": "b1",
    "beta1": "b1",
    "beta2": "b2",
    "beta_1": "b1",
    "beta_2": "b2",
    "momentum": "decay b1",
    "epsilon": "eps",
    "initial_scale": "initial_accumulator_value",
    "eps_in_sqrt": "eps_in_root",
    "wd": "weight_decay",
    "beta2_decay": "b2_decay",
    "beta_2_decay": "b2_decay",
    "clip_threshold": "threshold",
    "d": "threshold",
    "clipping_threshold": "threshold",
    "epsilon_2": "min_scale",
    "trust_coef": "trust_coefficient",
    "l1_regularization_strength": "l1",
    "l2_regularization_strength": "l2",
    "weight_decay_rate": "weight_decay",
    "mask_fn": "mask",
    "weight_decay_mask": "mask",
    "learning_rate_fn": "learning_rate",
    "min_step_size": "min_step",
    "max_step_size": "max_step",
    "tau": "step_size",
    "weight_lr_power": "power",
    # clipping
    "max_delta": "max_value",
    "clip_value": "max_value",
    "clipvalue": "max_value",
    "clip_norm": "max_norm",
    "clipnorm": "max_norm",
    "norm": "max_norm",
    # patience
    "threshold": "min_delta",
    "rtol": "min_delta",
    "accumulation_size": "window",
    "start_from_epoch": "min_steps",
    # wrappers
    "optimizer": "tx",
    "inner": "tx",
    "base_optimizer": "direction tx",
    "fast_optimizer": "tx",
    "sync_period": "every",
    "slow_step_size": "pull",
    "b1": "momentum",
    "step_size_fn": "step_size",
    "max_consecutive_errors": "max_in_a_row",
}

COMPILED = "leave it out: jax.jit compiles the whole step, and every step can be differentiated"
SCHEDULED = "the learning rate may be a schedule: {who}(schedules.cosine({rate}, steps))"
AVERAGED = "write averaged({call}, decay=...), and evaluate eval_params(state, params)"
WIDE = "leave it out, a rule keeps float32; in 16 bits, rounded at random: stored({call}, 16)"
TIME_DECAY = "write a schedule: {who}(lambda count: {rate} / (1 + {value} * count))"
GIVEN_TO_INIT = "write state = {call}.init(params)"
COUNTED = "leave it out: the count is in the state of the optimizer"
DECOUPLED = "leave it out: weight_decay, where it is offered, is decoupled"
B2 = "write b2={value}"
CLIPPED = "write chain(clip_by_global_norm({value}), {call})"

# What is done otherwise here, for one function or for any ("*"). {who} is the function, {value} what was
# given, {rate} the learning rate, {momentum} the momentum given with it, {call} a call of the function
# without what is wrong.
OTHERWISE = {
    "amsgrad": {"*": "write amsgrad({rate}), an optimizer of its own"},
    "centered": {"*": "write rmsprop({rate}, centered=True)"},
    "nesterov": {
        "sgd": "write nesterov({rate}, decay={momentum})",
        "momentum": "write nesterov({rate}, decay={momentum})",
        "trace": "write trace_nesterov(0.9)",
        "adam": "write nadam({rate})",
        "adamw": "write nadamw({rate})",
        "*": "those with Nesterov momentum are nesterov, nadam and nadamw",
    },
    "momentum": {
        "sgd": "write momentum({rate}, decay={value})",
        "rmsprop": "write chain({call}, trace({value}))",
        "*": "the optimizers with momentum are momentum({rate}, decay={value}) and nesterov",
    },
    "dampening": {"*": "compat.torch.sgd has it; a mean in place of a sum is ema(b1)"},
    "weight_decay": {
        "adam": "write adamw({rate}, weight_decay={value}), or for torch's L2 decay "
        "chain(add_l2({value}), adam({rate}))",
        "nadam": "write nadamw({rate}, weight_decay={value}), or for torch's L2 decay "
        "chain(add_l2({value}), nadam({rate}))",
        "*": "write chain(add_l2({value}), {call}), or for decoupled decay add_decayed_weights({value}) "
        "after the rule and before scale_by_learning_rate({rate})",
    },
    "decoupled_weight_decay": {"*": DECOUPLED},
    "decouple": {"*": DECOUPLED},
    "no_prox": {"*": "leave it out: weight_decay is AdamW's, which no_prox=True says"},
    "exclude_from_weight_decay": {"*": "write only=lambda path, p: p.ndim > 1, for what decays"},
    "decay": {
        "rmsprop": B2,
        "scale_by_rms": B2,
        "scale_by_centered_rms": B2,
        "ema": "write b1={value}",
        "*": TIME_DECAY,
    },
    "lr_decay": {"*": TIME_DECAY},
    "momentum_decay": {"*": "scale_by_nadam_scheduled has it; here b1 is constant"},
    "schedule": {"*": SCHEDULED},
    "warmup": {"*": SCHEDULED},
    "warmup_steps": {
        "with_warmup": "write steps={value}",
        "schedule_free_adamw": "write schedule_free_adamw(schedules.with_warmup("
        "schedules.constant({rate}), {value} - 1, start=1 / {value}))",
        "*": SCHEDULED,
    },
    "num_warmup_steps": {"with_warmup": "write steps={value}", "*": SCHEDULED},
    "total_steps": {"*": SCHEDULED},
    "params": {"*": GIVEN_TO_INIT},
    "parameters": {"*": GIVEN_TO_INIT},
    "model": {"*": GIVEN_TO_INIT},
    "maximize": {"*": "take the gradient of minus what is to grow"},
    "mode": {"*": 'write maximize=True for mode="max"'},
    "threshold_mode": {"*": 'write relative=False for threshold_mode="abs"'},
    "atol": {"*": "write min_delta={value}, relative=False"},
    "min_lr": {
        "reduce_on_plateau": "write min_scale, the part of the rate that is left in the end"
    },
    "optimizer": {"reduce_on_plateau": "write chain(adam({rate}), reduce_on_plateau())"},
    "monitor": {"*": "the value that is watched is given to update"},
    "foreach": {"*": COMPILED},
    "fused": {"*": COMPILED},
    "capturable": {"*": COMPILED},
    "differentiable": {"*": COMPILED},
    "jit_compile": {"*": COMPILED},
    "clipnorm": {"*": "write chain(clip_by_leaf_norm({value}), {call})"},
    "clipvalue": {"*": "write chain(clip_by_value({value}), {call})"},
    "global_clipnorm": {"*": CLIPPED},
    "max_grad_norm": {"*": CLIPPED},
    "clip_norm": {"*": CLIPPED},
    "grad_clip": {"*": CLIPPED},
    "grad_clip_norm": {"*": CLIPPED},
    "gradient_clip": {"*": CLIPPED},
    "max_norm": {"*": CLIPPED},
    "norm_type": {
        "*": "leave it out: norms are roots of sums of squares; clip_by_value bounds each entry"
    },
    "use_ema": {"*": AVERAGED},
    "ema_momentum": {"*": AVERAGED},
    "ema_decay": {"*": AVERAGED},
    "gradient_accumulation_steps": {"*": "write accumulated({call}, every={value})"},
    "loss_scale_factor": {"*": "divide the gradients by it before update"},
    "mu_dtype": {"*": WIDE},
    "accumulator_dtype": {"*": WIDE},
    "eps_root": {"*": "leave it out: derivatives are finite without it"},
    "bias_correction": {
        "*": "leave it out: Adam and its family correct, rmsprop and novograd do not"
    },
    "multiply_by_parameter_scale": {
        "adafactor": "adafactor has it; without it write chain(scale_by_factored_rms(), clip_by_rms(1.0), "
        "scale_by_learning_rate({rate}))"
    },
    "min_dim_size_to_factor": {"*": "leave it out: every matrix is factored"},
    "factored": {"*": "leave it out: matrices are factored; without it write rmsprop({rate})"},
    "decay_rate_fn": {
        "*": "write b2_decay, which may be a schedule: the decay rate is 1 - t^b2_decay"
    },
    "decay_offset": {"*": COUNTED},
    "step_offset": {"*": COUNTED},
    "decay_rate": {
        "adafactor": "write b2_decay=-{value}",
        "scale_by_factored_rms": "write b2_decay=-{value}",
    },
    "flip_sign": {"scale_by_learning_rate": "scale({rate}) keeps the sign"},
    "lr": {"scale": "write scale_by_learning_rate({value})"},
    "learning_rate": {"scale": "write scale_by_learning_rate({value})"},
    "degenerated_to_sgd": {
        "*": 'write below="momentum" where it is True, below="none" where it is False'
    },
    "alpha": {
        "rmsprop": B2,
        "scale_by_rms": B2,
        "scale_by_centered_rms": B2,
        "cosine": "write floor, which is alpha times the peak",
    },
    "verbose": {"*": "leave it out"},
    "name": {"*": "leave it out: an optimizer prints as the call that makes it"},
}

# The optimizer of a rule that has another name than scale_by_<optimizer>; "" for those without one.
OPTIMIZER = {
    "trace": "momentum",
    "trace_nesterov": "nesterov",
    "scale_by_schedule": "",
    "scale_by_rms": "rmsprop",
    "scale_by_rms_debiased": "",
    "scale_by_centered_rms": "rmsprop",
    "scale_by_adam_eps_hat": "",
    "scale_by_nadam_scheduled": "",
    "scale_by_algoperf_nadam": "algoperf_nadamw",
    "scale_by_stable_adam": "stable_adamw",
    "scale_by_factored_rms": "adafactor",
    "scale_by_factored_rms_big_vision": "adafactor_big_vision",
}
# What the argument after the learning rate is elsewhere, for those that have only that.
SECOND = {
    "sgd": "write momentum({rate}, decay={value})",
    "trace": "for Nesterov momentum write trace_nesterov(decay)",
    "clip_by_value": "for -{value} to {value} write clip_by_value({value})",
}
# Of which False and None say something; other arguments may then be left out.
EVEN_FALSE = (
    "degenerated_to_sgd",
    "factored",
    "flip_sign",
    "multiply_by_parameter_scale",
    "no_prox",
)
RATES = ("learning_rate", "lr", "alpha", "step_size")
