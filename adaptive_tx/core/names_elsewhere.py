"""Names that optax has and the library has not, and what to write here in their place.

`adaptive_tx.<name>` looks here after the name was not found, and only then.
"""

import difflib
import sys
from collections.abc import Sequence

VALUE = (
    "nothing is needed: the numbers of every optimizer are leaves, which are passed to a compiled step "
    "and changed by tx.replace(learning_rate=0.1)"
)
GROUPS = "write grouped({{...}}, by=...)"
FINITE = "write guarded(tx), which skips steps that are not finite"
OWN = "write a rule of your own, leafwise(...), or Transformation(init, update) of two functions"
EXTRA = "nothing is needed: every update here takes whatever keywords it is given"
STATE_SIGN = "write scale_by_learning_rate(rate), which has the minus sign, or scale(-rate)"
MUON = (
    'write grouped({{"matrices": muon(rate)}}, by=matrices(but="embed|head"), default=adamw(rate))'
)
CAUTIOUS = "write chain(cautious(scale_by_adam()), add_decayed_weights(0.01), scale_by_learning_rate(rate))"
OPTAX_TYPE = "it is a name for any tree of arrays: write optax.{name}"

INSTEAD = {
    # schedules
    "constant_schedule": "write schedules.constant(value), or the number alone",
    "linear_schedule": "write schedules.linear(start, end, steps)",
    "polynomial_schedule": "write schedules.polynomial(start, end, steps, power=power)",
    "exponential_decay": "write schedules.exponential(start, steps, factor)",
    "cosine_decay_schedule": "write schedules.cosine(peak, steps, floor=alpha * peak)",
    "warmup_constant_schedule": "write schedules.with_warmup(schedules.constant(peak), warmup, "
    "start=start / peak)",
    "warmup_cosine_decay_schedule": "write schedules.with_warmup(schedules.cosine(peak, steps - warmup, "
    "floor=end), warmup, start=start / peak), steps being optax's decay_steps",
    "warmup_exponential_decay_schedule": "write schedules.with_warmup(schedules.exponential(peak, steps, "
    "factor), warmup, start=start / peak)",
    "piecewise_constant_schedule": "write schedules.multi_step(value, [100, 200], factor), or for factors "
    "that differ schedules.join(first, second, boundaries=[100])",
    "piecewise_interpolate_schedule": "write schedules.join(schedules.linear(start, end, 100), second, "
    "boundaries=[100])",
    "join_schedules": "write schedules.join(first, second, boundaries=[100])",
    "cosine_onecycle_schedule": "write schedules.one_cycle(peak, steps)",
    "linear_onecycle_schedule": "write schedules.join(schedules.linear(start, peak, 100), "
    "schedules.linear(peak, end, 100), boundaries=[100])",
    "sgdr_schedule": "write schedules.cosine_restarts(peak, period)",
    # around an optimizer
    "inject_hyperparams": VALUE,
    "inject_stateful_hyperparams": VALUE,
    "partition": GROUPS,
    "multi_transform": GROUPS,
    "freeze": "write grouped({{...}}, by=...), or masked(...) with set_to_zero()",
    "LookaheadParams": "write lookahead(tx): the slow weights are in its state, eval_params(state, params)",
    "schedule_free_eval_params": "write eval_params(state, params), which serves every average",
    "schedule_free_sgd": "write schedule_free(identity(), rate)",
    "MultiSteps": "write accumulated(tx, every=...)",
    "apply_every": "write accumulated(tx, every=...)",
    "apply_if_finite": FINITE,
    "skip_not_finite": FINITE,
    "skip_large_updates": "write guarded_by_z_score(tx) or guarded_by_percentile(tx)",
    "zero_nans": "write guarded(tx), which skips a step with NaN instead of hiding it, or "
    "chain(optax.zero_nans(), tx)",
    "named_chain": "write chain(*parts)",
    "monitor": "write measured(tx), and metrics(state)",
    "measure_with_ema": "write measured(tx), and metrics(state)",
    "snapshot": "write measured(tx), and metrics(state)",
    "with_extra_args_support": EXTRA,
    "stateless": OWN,
    "stateless_with_tree_map": OWN,
    "GradientTransformation": "the type is Transformation; Transformation(init, update) makes one of two "
    "functions",
    "GradientTransformationExtraArgs": "the type is Transformation; Transformation(init, update) makes one "
    "of two functions",
    "MaskOrFn": "the type is MaskOrFunction",
    "OptState": OPTAX_TYPE,
    "Params": OPTAX_TYPE,
    "Updates": OPTAX_TYPE,
    # clipping, directions, and optimizers
    "clip": "write clip_by_value(bound)",
    "clip_by_block_rms": "write clip_by_rms(bound)",
    "per_example_global_norm_clip": "map clip_by_global_norm(bound) over the examples with jax.vmap",
    "scale_by_belief": "write scale_by_adabelief()",
    "scale_by_param_block_rms": "write scale_by_param_rms()",
    "scale_by_rss": "write scale_by_adagrad(eps=1e-7, initial_accumulator_value=0.1, eps_in_root=True)",
    "scale_by_stddev": "write scale_by_centered_rms(eps_in_root=True)",
    "scale_by_sign": "write scale_by_signum(b1=0.0)",
    "sign_sgd": "write signum(rate, b1=0.0)",
    "scale_by_muon": "write chain(ema_nesterov(0.95), orthogonalize())",
    "muon_with_aux_adam": MUON,
    "single_device_muon_with_aux_adam": MUON,
    "zeropower_via_newtonschulz5": "write orthogonalize()",
    "polar_express": 'write muon(rate, coefficients="polar_express", slack=1.01)',
    "psgd": "write kron(rate)",
    "psgd_kron": "write kron(rate)",
    "adam_c": "write chain(scale_by_adam(), add_decayed_weights(schedules.corrected(0.1, schedule, peak)), "
    "scale_by_learning_rate(schedule))",
    "c_adamw": CAUTIOUS,
    "cautious_adamw": CAUTIOUS,
    "adamw_schedule_free": "write schedule_free_adamw(rate)",
    "sgd_schedule_free": "write schedule_free(identity(), rate)",
    "radam_schedule_free": "write schedule_free(scale_by_radam(b1=0.0), rate)",
    "periodic_update": "write incremental_update(new, old, 1.0) when it is time",
    "safe_norm": "write norms.norm(x), whose derivative is finite",
    # left out on purpose: docs/left_out.md
    "sophia": "it needs Hessian-vector products, which no gradient transformation gets; write adamw(rate)",
    "galore": "results depend on the signs that a LAPACK gives to singular vectors; to save memory write "
    "stored(adamw(rate), 8)",
    "apollo": "with singular vectors results depend on their signs; to save memory write "
    "stored(adamw(rate), 8)",
    "adam_mini": "it shares moments by names of parameters; to save memory write stored(adamw(rate), 8)",
    "d_adaptation": "prodigy has taken its place: write prodigy()",
    "grokfast": "it is a filter of gradients: write a rule of your own, leafwise(...), before adamw(rate)",
    "came": "write adafactor(rate), or stored(adamw(rate), 8)",
    "sm3": "write adafactor(rate), or stored(adamw(rate), 8)",
    # torch and Keras
    "Optimizer": "an optimizer is a Transformation: tx = adam(rate), state = tx.init(params)",
    "clip_grad_norm_": "write chain(clip_by_global_norm(bound), tx)",
    "clip_grad_value_": "write chain(clip_by_value(bound), tx)",
    "ReduceLROnPlateau": "write chain(tx, reduce_on_plateau())",
    "lr_scheduler": "write a schedule in place of the rate: adam(schedules.cosine(peak, steps))",
}
MODULES = ("compat", "flax", "plots", "testing", "tune")  # which `import adaptive_tx` leaves out


def unknown_name(name: str, known: Sequence[str]) -> str:
    """What to write for `adaptive_tx.<name>`, which there is not; `known` are the names there are."""
    return f"adaptive_tx has no {name}" + (f"; {text}." if (text := _answer(name, known)) else ".")


def _answer(name: str, known: Sequence[str]) -> str:
    if name in MODULES:
        return f"it is a module of its own: import adaptive_tx.{name}"
    if found := {_bare(known): known for known in INSTEAD}.get(_bare(name)):
        return INSTEAD[name if name in INSTEAD else found].format(name=name)
    alike = {_bare(ours): ours for ours in known}
    if ours := alike.get(_bare(name)):
        return f"write {ours}"
    for where in ("optax", "optax.contrib", "optax.transforms"):
        if not name.startswith("_") and name in vars(sys.modules.get(where, sys)):
            return f"write {where}.{name}, which works with what is here"
    if close := difflib.get_close_matches(_bare(name), alike, 1, 0.75):
        return f"perhaps {alike[close[0]]} is meant"
    return ""


def _bare(name: str) -> str:
    """Without what tells `AdamW` from `adam_w`, and where it is."""
    return name.lower().replace("_", "").split(".")[-1]
