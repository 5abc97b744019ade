"""What Muon, Prodigy, Schedule-Free and their kin are called, and take, elsewhere: see `habits`.

The names are those of optax.contrib, of torch, and of the authors' code.
"""

RENAMED = {
    "adjust_lr_fn": "factor",
    "alpha": "pull",
    "beta3": "b3",
    "estim_lr0": "d0",
    "estim_lr_coef": "d_coef",
    "inner_optimizer": "tx direction",
    "k": "every",
    "muon_weight_dimension_numbers": "axes",
    "max_precond_dim": "max_size",
    "max_preconditioner_dim": "max_size",
    "max_size_triangular": "max_size",
    "ns_coefficients": "coefficients",
    "precond_lr": "factor_rate",
    "precondition_frequency": "every",
    "preconditioner_lr": "factor_rate",
    "preconditioning_compute_steps": "every",
    "shampoo_beta": "b3",
}

OTHERS = (
    'what is no matrix has an optimizer of its own: write grouped({{"matrices": {call}}}, '
    "by=matrices(but=...), default=adamw(...))"
)
TRIPLES = "coefficients has one triple (a, b, c) for each iteration, or is the name of a list"
AS_IN_THE_PAPER = "leave it out: directions are clipped, as in the paper"
BOTH_CORRECTED = "leave it out: both means are corrected"
NORMS_OF_ZERO = "leave it out: norms that are 0 give the factor 1"
FLOAT32 = "leave it out: z and the average are float32"
OF_ADAM = ("b1", "b2", "betas", "eps", "eps_root", "learning_rate", "lr", "weight_decay")

OTHERWISE = {
    **{f"adam_{name}": {"*": OTHERS} for name in OF_ADAM},
    **{f"adamw_{name}": {"*": OTHERS} for name in (*OF_ADAM, "params")},
    "optimize_1d": {"*": OTHERS},
    "momentum": {
        "adafactor": "write chain({call}, ema({value}, debias=False))",
        "orthogonalize": "write chain(ema_nesterov({value}), orthogonalize())",
        "scale_by_lmo": "write chain(ema({value}, debias=False), scale_by_lmo())",
        "scion": "b1 is the part of the mean that is kept: 1 - {value} for momentum={value} of the "
        "authors, where it is the part of the gradient",
    },
    "nesterov": {
        "normuon": "it looks ahead; a chain of ema(0.95), orthogonalize() and scale_by_normuon() does not",
        "scion": "a chain of ema_nesterov(0.9), scale_by_lmo() and what follows looks ahead",
    },
    "grafting": {"shampoo": "leave it out: steps are as long as Adam's"},
    "grafting_config": {"shampoo": "leave it out: steps are as long as Adam's"},
    "preconditioner_update_probability": {"kron": "write every, which is one over it"},
    "ns_steps": {"*": TRIPLES},
    "ns_coeffs": {"*": TRIPLES},
    "steps": {"muon": TRIPLES, "normuon": TRIPLES, "scion": TRIPLES, "orthogonalize": TRIPLES},
    "preconditioning": {"*": "leave it out: the norm is that of Frobenius"},
    "adaptive": {"muon": "leave it out: steps do not grow with the gradients"},
    "consistent_rms": {"*": 'write factor="match_rms_adamw", which makes it 0.2'},
    "scale": {"scion": "write radius={value}", "scale_by_lmo": "write radius={value}"},
    "unconstrained": {"scion": "write weight_decay=None"},
    "T_alpha": {"ademamix": "write alpha=schedules.linear(0.0, 5.0, {value})"},
    "T_beta3": {"ademamix": "write b3=schedules.half_life(0.9, 0.9999, {value})"},
    "use_clipping": {"*": AS_IN_THE_PAPER},
    "clip_value_fn": {"*": AS_IN_THE_PAPER},
    "rectify": {"adabelief": "write adabelief_rectified({rate}), an optimizer of its own"},
    "eps": {
        "adam_atan2": "leave it out: no quotient is taken",
        "lars": NORMS_OF_ZERO,
        "scale_by_trust_ratio": NORMS_OF_ZERO,
    },
    "ema_decay": {"averaged": "write decay={value}", "primal_averaged": "write decay={value}"},
    "reset_state": {"*": "leave it out: the state of tx goes on"},
    "state_dtype": {"*": FLOAT32},
    # of older rules
    "bias_correction_mu": {"*": BOTH_CORRECTED},
    "bias_correction_nu": {"*": BOTH_CORRECTED},
    "mode": {"scale_by_lion": "leave it out: the sign is hard"},
    "smooth_beta": {"*": "leave it out: the sign is hard"},
    "trust_coefficient": {"*": "scale_by_lars has it"},
    "trust_ratio_mask": {"*": "write mask or only, which choose both"},
    "weight_decay_mask": {"*": "write it as mask of add_decayed_weights"},
    "dtype_momentum": {"*": "leave it out: means are float32"},
    "axis": {"adaptive_grad_clip": "leave it out: a unit is what shares the last axis's index"},
    "mask_compatible_extra_args": {
        "*": "leave it out: what else is given to update passes as it is"
    },
}
EVEN_FALSE = ("use_clipping", "bias_correction_mu", "bias_correction_nu", "normuon.nesterov")
