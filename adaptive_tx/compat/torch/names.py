"""Which entry of torch's state_dict is which field or number of ours: one table, for both ways.

A row belongs to one part of a chain, named by its constructor. `entries` maps a field of its state
to torch's name for the same array; `numbers` maps a hyperparameter to torch's name in param_groups,
and to the position in it where that is a tuple.
"""

from typing import Any, NamedTuple


class Names(NamedTuple):
    """One part: torch's names for its arrays and its numbers."""

    entries: dict[str, str] = {}
    numbers: dict[str, tuple[str, int | None]] = {}


def _numbers(**names: str) -> dict[str, tuple[str, int | None]]:
    """b1="betas.0" -> {"b1": ("betas", 0)}."""
    split = {ours: theirs.partition(".") for ours, theirs in names.items()}
    return {ours: (name, int(i) if i else None) for ours, (name, _, i) in split.items()}


ADAM = {"mu": "exp_avg", "nu": "exp_avg_sq"}
BETAS = _numbers(b1="betas.0", b2="betas.1", eps="eps")
MOMENTUM = {"trace": "momentum_buffer"}
RMS = _numbers(b2="alpha", eps="eps")
RATE, DECAY = _numbers(learning_rate="lr"), _numbers(weight_decay="weight_decay")

PARTS = {
    "add_l2": Names({}, DECAY),
    "add_decayed_weights": Names({}, DECAY),
    "scale_by_learning_rate": Names({}, RATE),
    "scale_by_decayed_learning_rate": Names({}, RATE | _numbers(lr_decay="lr_decay")),
    "scale_by_torch_relative_rate": Names({}, RATE | DECAY),
    "trace": Names(MOMENTUM, _numbers(decay="momentum")),
    "trace_nesterov": Names(MOMENTUM, _numbers(decay="momentum")),
    "trace_dampened": Names(MOMENTUM, _numbers(decay="momentum", dampening="dampening")),
    "ema": Names({"ema": "momentum_buffer"}, _numbers(b1="momentum")),
    "ema_nesterov": Names({"ema": "momentum_buffer"}, _numbers(b1="momentum")),
    "scale_by_adagrad": Names(
        {"sum_of_squares": "sum"},
        _numbers(eps="eps", initial_accumulator_value="initial_accumulator_value"),
    ),
    "scale_by_rms": Names({"nu": "square_avg"}, RMS),
    "scale_by_centered_rms": Names({"mu": "grad_avg", "nu": "square_avg"}, RMS),
    "scale_by_adadelta": Names(
        {"e_g": "square_avg", "e_x": "acc_delta"}, _numbers(b2="rho", eps="eps")
    ),
    "scale_by_adam": Names(ADAM, BETAS),
    "scale_by_amsgrad": Names(ADAM | {"nu_max": "max_exp_avg_sq"}, BETAS),
    "scale_by_torch_radam": Names(ADAM, BETAS),
    "scale_by_nadam_scheduled": Names(
        ADAM | {"b1_product": "mu_product"}, BETAS | _numbers(momentum_decay="momentum_decay")
    ),
    "scale_by_adamax": Names({"mu": "exp_avg", "nu": "exp_inf"}, BETAS),
    "scale_by_asgd": Names(
        {name: name for name in ("eta", "mu", "ax")},
        RATE | _numbers(lambd="lambd", alpha="alpha", t0="t0"),
    ),
    "scale_by_rprop": Names(
        {"prev_updates": "prev", "step_sizes": "step_size"},
        _numbers(
            learning_rate="lr",
            eta_minus="etas.0",
            eta_plus="etas.1",
            min_step="step_sizes.0",
            max_step="step_sizes.1",
        ),
    ),
    "scale_by_torch_factored_rms": Names(
        {name: name for name in ("row_var", "col_var", "variance")},
        _numbers(beta2_decay="beta2_decay", eps="eps.0"),
    ),
    "clip_by_rms": Names({}, _numbers(threshold="d")),
    "scale_by_param_rms": Names({}, _numbers(min_scale="eps.1")),
    "torch_orthogonalize": Names(
        {}, _numbers(a="ns_coefficients.0", b="ns_coefficients.1", c="ns_coefficients.2", eps="eps")
    ),
}

# torch keeps one of these for each parameter, all equal; here there is one for all.
SCALARS = ("step", "mu_product", "eta", "mu")

# The keys of param_groups that say how the chain is made. A number stands for a part that is absent;
# None for what `switches` finds. The key is the part that makes the optimizer; "" is SGD, that has none.
ADAMS = {"amsgrad": None, "maximize": None, "decoupled_weight_decay": None}
DECOUPLED = {"decoupled_weight_decay": None, "maximize": None}
RMSPROP = {"momentum": 0, "centered": None, "maximize": None}
GROUPS: dict[str, dict[str, Any]] = {
    "scale_by_adagrad": {"maximize": None},
    "scale_by_rms": RMSPROP,
    "scale_by_centered_rms": RMSPROP,
    "scale_by_adadelta": {"maximize": None},
    "scale_by_adam": ADAMS,
    "scale_by_amsgrad": ADAMS,
    "scale_by_nadam_scheduled": DECOUPLED,
    "scale_by_torch_radam": DECOUPLED,
    "scale_by_adamax": {"maximize": None},
    "scale_by_asgd": {"maximize": None},
    "scale_by_rprop": {"maximize": None},
    "scale_by_torch_factored_rms": {"maximize": None},
    "torch_orthogonalize": {"nesterov": None, "ns_steps": None, "adjust_lr_fn": None},
    "": {"momentum": 0, "dampening": 0, "nesterov": None, "maximize": None},
}
UNCOUNTED = ("", "torch_orthogonalize")  # torch does not count the steps of these
FILLED_AT_ONCE = ("scale_by_adagrad",)  # the others have no state before the first step


def switches(parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What param_groups would say of a chain; `parts` maps the parts' names to their settings."""
    muon = parts.get("torch_orthogonalize", {})
    return {
        "maximize": "maximize" in parts,
        "nesterov": "trace_nesterov" in parts or "ema_nesterov" in parts,
        "amsgrad": "scale_by_amsgrad" in parts,
        "centered": "scale_by_centered_rms" in parts,
        "decoupled_weight_decay": "add_decayed_weights" in parts,
        "ns_steps": muon.get("steps"),
        "adjust_lr_fn": muon.get("factor"),
    }
