"""docs/from_optax.md: what is called otherwise here than in optax, from the signatures of both.

PYTHONPATH=tests python tests/from_optax.py        writes the page
tests/test_from_optax.py                           asks whether it is that, and whether the calls agree
"""

import dataclasses
import inspect
import pathlib

import optax
import optax.contrib

import adaptive_tx as atx
from adaptive_tx import schedules

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "from_optax.md"

# What both have, under two names. Of one function only: "function.argument".
RENAMED = {
    "eps_in_sqrt": "eps_in_root",
    "initial_scale": "initial_accumulator_value",
    "weight_decay_mask": "mask",
    "weight_decay_rate": "weight_decay",
    "clipping_threshold": "threshold",
    "min_step_size": "min_step",
    "max_step_size": "max_step",
    "rho": "b2",
    "beta": "b1",
    "schedule_free_adamw.b1": "momentum",
    "schedule_free.b1": "momentum",
    "schedule_free.base_optimizer": "direction",
    "weight_lr_power": "power",
    "lookahead.fast_optimizer": "tx",
    "lookahead.sync_period": "every",
    "lookahead.slow_step_size": "pull",
    "rmsprop.decay": "b2",
    "scale_by_rms.decay": "b2",
    "scale_by_stddev.decay": "b2",
    "ema.decay": "b1",
    "lars.momentum": "decay",
    "prodigy.beta3": "b3",
    "prodigy.estim_lr0": "d0",
    "prodigy.estim_lr_coef": "d_coef",
    "adafactor.decay_rate": "b2_decay",
    "scale_by_factored_rms.decay_rate": "b2_decay",
    "scale_by_factored_rms.epsilon": "eps",
    "clip.max_delta": "max_value",
    "scale_by_schedule.step_size_fn": "step_size",
    "reduce_on_plateau.rtol": "min_delta",
    "accumulation_size": "window",
    "apply_if_finite.inner": "tx",
    "masked.inner": "tx",
    "max_consecutive_errors": "max_in_a_row",
    "chain.args": "parts",
    # schedules
    "init_value": "start",
    "end_value": "end",
    "peak_value": "peak",
    "transition_steps": "steps",
    "decay_steps": "steps",
    "exponential_decay.init_value": "value",
    "decay_rate": "factor",
    "cosine_decay_schedule.init_value": "peak",
    "cosine_decay_schedule.alpha": "floor",
    "pct_start": "warm",
    "div_factor": "div",
    "final_div_factor": "final_div",
    "piecewise_constant_schedule.init_value": "value",
    "boundaries_and_scales": "boundaries",
}
# What optax has and we have not: what to do instead.
INSTEAD = {
    "betas": "`b1=0.9, b2=0.999`",
    "accumulator_dtype": "state is float32; `stored(tx, 16)` keeps it in bfloat16, rounded at random",
    "mu_dtype": "state is float32; `stored(tx, 16)` keeps it in bfloat16, rounded at random",
    "dtype_momentum": "state is float32; `stored(tx, 16)` keeps it in bfloat16, rounded at random",
    "eps_root": "derivatives are finite without it",
    "nesterov": "`nesterov`, `nadam`, `nadamw` and `trace_nesterov` are functions of their own",
    "momentum": "`momentum(rate)`, `chain(rmsprop(...), trace(0.9))`, `chain(adafactor(...), ema(0.9, "
    "debias=False))`",
    "bias_correction": "`adam` corrects, `rmsprop` does not",
    "bias_correction_mu": "both means are corrected",
    "bias_correction_nu": "both means are corrected",
    "multiply_by_parameter_scale": "without it, `chain(scale_by_factored_rms(), ...)`",
    "factored": "without it, `scale_by_rms`",
    "min_dim_size_to_factor": "every matrix is factored, over its last two axes",
    "warmup_steps": "`schedules.with_warmup(schedules.constant(rate), steps)` is a rate",
    "state_dtype": "z and the average are float32",
    "reset_state": "the state of `tx` goes on",
    "step_offset": "the count is in the state",
    "decay_offset": "the count is in the state",
    "decay_rate_fn": "the rate is 1 - t^b2_decay, which may be a schedule",
    "use_clipping": "directions are clipped, as in the paper",
    "clip_value_fn": "directions are clipped by t^(1/4), as in the paper",
    "mode": "the sign is hard",
    "smooth_beta": "the sign is hard",
    "axis": "a unit is what shares the last axis's index",
    "flip_sign": "`scale(rate)` keeps the sign",
    "trust_coefficient": "`scale_by_lars` has it",
    "eps": "norms that are 0 give the factor 1",
    "trust_ratio_mask": "`mask` and `only` choose both",
    "weight_decay": "`chain(add_decayed_weights(...), scale_by_adadelta(b2=0.9), "
    "scale_by_learning_rate(rate))`",
    "weight_decay_mask": "`mask` or `only` of `add_decayed_weights`",
    "mask_compatible_extra_args": "what else is given to update passes as it is",
    "atol": "`min_delta=..., relative=False`",
    "ns_coeffs": "`coefficients` has one triple for each iteration, or the name of a list",
    "ns_steps": "`coefficients` has one triple for each iteration",
    "adaptive": "without it",
    "preconditioning": "the norm is Frobenius'",
    "consistent_rms": '`factor="match_rms_adamw"`',
    "muon_weight_dimension_numbers": "`axes`",
    "adam_b1": "the other group's `adamw`",
    "adam_b2": "the other group's `adamw`",
    "adam_eps_root": "the other group's `adamw`",
    "adam_weight_decay": "the other group's `adamw`",
    "adam_learning_rate": "the other group's `adamw`",
    "exponent": "a function of the count is a schedule: `lambda count: f(count) ** exponent`",
    "transition_begin": "`schedules.join(schedules.constant(first), ..., boundaries=[begin])`",
    "end_value": "`schedules.join(..., schedules.constant(end), boundaries=[last])`",
}


@dataclasses.dataclass(frozen=True)
class Pair:
    """A call of optax, with defaults where it has any, and the call here that computes the same."""

    theirs: str
    ours: str
    unlike: str = ""  # why it does not compute the same
    but: str = ""  # with which arguments it does not
    inside: str = (
        ""  # of a chain or of nested calls: the function here whose arguments are compared
    )

    @property
    def name(self) -> str:
        return self.theirs.split("(")[0]

    def functions(self):
        name = self.inside or self.ours.split("(")[0]
        here = getattr(schedules if name.startswith("schedules.") else atx, name.split(".")[-1])
        return getattr(optax, self.name, None) or getattr(optax.contrib, self.name), here


OPTIMIZERS = [
    Pair("sgd(0.1)", "sgd(0.1)"),
    Pair("sgd(0.1, momentum=0.9)", "momentum(0.1)"),
    Pair("sgd(0.1, momentum=0.9, nesterov=True)", "nesterov(0.1)"),
    Pair("adagrad(0.1)", "adagrad(0.1, eps=1e-07, initial_accumulator_value=0.1, eps_in_root=True)"),
    Pair("rmsprop(0.1)", "rmsprop(0.1, eps_in_root=True)"),
    Pair("adadelta(0.1)", "adadelta(0.1, b2=0.9)"),
    Pair("adam(0.1)", "adam(0.1)"),
    Pair("adamw(0.1)", "adamw(0.1, weight_decay=0.0001)"),
    Pair("amsgrad(0.1)", "amsgrad(0.1)", "optax takes the largest corrected mean square, we that of the "
         "paper and torch"),
    Pair("adamax(0.1)", "adamax(0.1)"),
    Pair("nadam(0.1)", "nadam(0.1)"),
    Pair("nadamw(0.1)", "nadamw(0.1, weight_decay=0.0001)"),
    Pair("radam(0.1)", "radam(0.1)"),
    Pair("adabelief(0.1)", "adabelief(0.1)"),
    Pair("yogi(0.1)", "yogi(0.1)", "optax starts the mean too at what the mean square starts at"),
    Pair("adan(0.1)", "adan(0.1)", "optax 0.2.8 computes another algorithm; see scale_by/adan.py"),
    Pair("ademamix(0.1)", "ademamix(0.1)"),
    Pair("muon(0.1)", "muon(0.1)",
         "its mean is debiased before it looks ahead, eps is 1e-8, and it takes all leaves: those of "
         "two axes, embeddings too, are matrices, and the rest gets its Adam. Here "
         "`grouped(by=matrices(but=...))`"),
    Pair("adopt(0.1)", "adopt(0.1)"),
    Pair("novograd(0.1)", "novograd(0.1, b1=0.9, b2=0.25, eps=1e-06)"),
    Pair("prodigy()", "prodigy(use_bias_correction=True)",
         but="while gradients are zero, where optax's is NaN and ours does not move"),
    Pair("lion(0.1)", "lion(0.1, weight_decay=0.001)"),
    Pair("signum(0.1)", "signum(0.1)"),
    Pair("sign_sgd(0.1)", "signum(0.1, b1=0.0)"),
    Pair("rprop(0.1)", "rprop(0.1)", "optax starts with a step of zero, and applies the size of the step "
         "before"),
    Pair("adafactor(0.1, min_dim_size_to_factor=1)", "adafactor(0.1)",
         but="with decay, which is multiplied by the rate here (write what it was over the rate), and for "
         "more than two axes: the last two are factored, in optax the two largest"),
    Pair("lamb(0.1)", "lamb(0.1, weight_decay=0.0)",
         but="with a mask, which spares the trust ratio, too; optax's is `chain(scale_by_adam(eps=1e-6), "
         "add_decayed_weights(..., mask=mask), scale_by_trust_ratio(), scale_by_learning_rate(0.1))`"),
    Pair("lars(0.1)", "lars(0.1, weight_decay=0.0)",
         but="with decay or a mask: it divides by the length of g and that of the decay, optax by that of "
         "their sum, and the mask spares the trust ratio, too"),
]  # fmt: skip
RULES = [
    Pair("trace(0.9)", "trace(0.9)"),
    Pair("ema(0.9)", "ema(0.9)"),
    Pair(
        "scale_by_rss()",
        "scale_by_adagrad(eps=1e-07, initial_accumulator_value=0.1, eps_in_root=True)",
    ),
    Pair("scale_by_rms()", "scale_by_rms(eps_in_root=True)"),
    Pair("scale_by_stddev()", "scale_by_centered_rms(eps_in_root=True)"),
    Pair("scale_by_adadelta()", "scale_by_adadelta(b2=0.9)"),
    Pair("scale_by_adam()", "scale_by_adam()"),
    Pair("scale_by_amsgrad()", "scale_by_amsgrad()", "as amsgrad"),
    Pair("scale_by_adamax()", "scale_by_adamax()"),
    Pair("scale_by_radam()", "scale_by_radam()"),
    Pair("scale_by_belief()", "scale_by_adabelief()"),
    Pair("scale_by_yogi()", "scale_by_yogi()", "as yogi"),
    Pair("scale_by_adan()", "scale_by_adan()", "as adan"),
    Pair("scale_by_ademamix()", "scale_by_ademamix(alpha=6.0)"),
    Pair("scale_by_adopt()", "scale_by_adopt()"),
    Pair("scale_by_novograd()", "scale_by_novograd(b1=0.9, b2=0.25)"),
    Pair("scale_by_lion()", "scale_by_lion()"),
    Pair("scale_by_sign()", "scale_by_signum(b1=0.0)"),
    Pair("scale_by_rprop(0.1)", "scale_by_rprop(0.1)", "as rprop; ours has the minus sign"),
    Pair(
        "scale_by_factored_rms(min_dim_size_to_factor=1)",
        "scale_by_factored_rms()",
        but="for more than two axes: the last two are factored, in optax the two largest",
    ),
    Pair(
        "scale_by_trust_ratio()",
        "scale_by_trust_ratio()",
        but="with `min_norm`, which bounds the length of the parameter, in optax that of the update, too",
    ),
    Pair("scale_by_param_block_rms()", "scale_by_param_rms()"),
    Pair("scale_by_learning_rate(0.1)", "scale_by_learning_rate(0.1)"),
    Pair("scale(0.1)", "scale(0.1)"),
    Pair("scale_by_schedule(lambda count: 0.1)", "scale_by_schedule(lambda count: 0.1)"),
    Pair("identity()", "identity()"),
    Pair("set_to_zero()", "set_to_zero()"),
    Pair("reduce_on_plateau()", "reduce_on_plateau()"),
]
CLIPPING = [
    Pair("clip(0.5)", "clip_by_value(0.5)"),
    Pair("clip_by_block_rms(0.5)", "clip_by_rms(0.5)"),
    Pair("clip_by_global_norm(0.5)", "clip_by_global_norm(0.5)"),
    Pair("adaptive_grad_clip(0.01)", "adaptive_grad_clip(0.01)"),
    Pair("add_decayed_weights(0.1)", "add_decayed_weights(0.1)"),
]
WRAPPERS = [
    Pair("chain(optax.sgd(0.1))", "chain(sgd(0.1))"),
    Pair("masked(optax.sgd(0.1), {'w': True})", "masked(sgd(0.1), mask={'w': True})"),
    Pair("apply_if_finite(optax.sgd(0.1), 10)", "guarded(sgd(0.1))", "after so many bad steps in a row "
         "optax applies one, and guarded never does"),
    Pair("lookahead(optax.sgd(0.1), 5, 0.8)", "lookahead(sgd(0.1))"),
    Pair("schedule_free_adamw(0.1)", "schedule_free_adamw(0.1)", "the steps are the same, but optax takes "
         "the average from the parameters, and here it is kept"),
    Pair("schedule_free(optax.sgd(0.1), 0.1)", "schedule_free(identity(), 0.1)", "as schedule_free_adamw"),
]  # fmt: skip
SCHEDULES = [
    Pair("constant_schedule(0.1)", "schedules.constant(0.1)"),
    Pair("linear_schedule(0.1, 0.01, 50)", "schedules.linear(0.1, 0.01, 50)"),
    Pair("polynomial_schedule(0.1, 0.01, 2.0, 50)", "schedules.polynomial(0.1, 0.01, 50, power=2.0)"),
    Pair("exponential_decay(0.1, 50, 0.5)", "schedules.exponential(0.1, 50, 0.5)"),
    Pair("cosine_decay_schedule(0.1, 50, 0.2)", "schedules.cosine(0.1, 50, floor=0.2 * 0.1)"),
    Pair("cosine_onecycle_schedule(50, 0.1)", "schedules.one_cycle(0.1, 50)", "ours ends at steps - 1, as "
         "torch's does"),
    Pair("piecewise_constant_schedule(0.1, {30: 0.5, 60: 0.5})",
         "schedules.multi_step(0.1, [30, 60], 0.5)"),
    Pair("warmup_cosine_decay_schedule(0.01, 0.1, 10, 50, 0.001)",
         "schedules.with_warmup(schedules.cosine(0.1, 50 - 10, floor=0.001), 10, start=0.01 / 0.1)"),
    Pair("warmup_exponential_decay_schedule(0.01, 0.1, 10, 50, 0.5)",
         "schedules.with_warmup(schedules.exponential(0.1, 50, 0.5), 10, start=0.01 / 0.1)"),
    Pair("warmup_constant_schedule(0.01, 0.1, 10)",
         "schedules.with_warmup(schedules.constant(0.1), 10, start=0.01 / 0.1)"),
    Pair("sgdr_schedule([dict(init_value=0.1, peak_value=0.1, decay_steps=50, warmup_steps=0)] * 2)",
         "schedules.cosine_restarts(0.1, 50)", "ours begins again for ever"),
    Pair("join_schedules([lambda count: 0.1, lambda count: 0.2], [50])",
         "schedules.join(lambda count: 0.1, lambda count: 0.2, boundaries=[50])"),
]  # fmt: skip
NOT_COMPARED = {"warmup_cosine_decay_schedule", "warmup_exponential_decay_schedule",
                "warmup_constant_schedule", "sgdr_schedule"}  # fmt: skip
SECTIONS = {
    "Optimizers": OPTIMIZERS,
    "Rules and factors": RULES,
    "Clipping and decay": CLIPPING,
    "Around an optimizer": WRAPPERS,
    "Schedules": SCHEDULES,
}


def renamed(function: str, argument: str) -> str:
    return RENAMED.get(f"{function}.{argument}") or RENAMED.get(argument, argument)


def written(parameter: inspect.Parameter, name: str = "") -> str:
    default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
    return f"`{name or parameter.name}{default}`"


def differences(pair: Pair) -> tuple[list[str], list[str]]:
    """In words, what another name, default or order is; and the arguments that are not here."""
    theirs, ours = (inspect.signature(f).parameters for f in pair.functions())
    words, missing, used = [], [], []
    for name, parameter in theirs.items():
        if (other := ours.get(renamed(pair.name, name))) is None:
            missing.append(name)
            continue
        used.append(other.name)
        if (name, parameter.default) != (other.name, other.default):
            words.append(f"{written(parameter)} is {written(other)}")
    by_position = [n for n in used if ours[n].kind is not inspect.Parameter.KEYWORD_ONLY]
    if by_position != [n for n in ours if n in by_position]:
        words.append(
            f"the order is {', '.join(f'`{name}`' for name in ours if name in by_position)}"
        )
    if missing:
        words.append("no " + ", ".join(f"`{name}`" for name in missing))
    if added := [name for name in ours if name not in used]:
        words.append("also " + ", ".join(written(ours[name]) for name in added))
    return words, missing


def table(pairs: list[Pair]) -> list[str]:
    lines = ["| optax | here | what differs |", "|---|---|---|"]
    for pair in pairs:
        words = [] if pair.name in NOT_COMPARED else differences(pair)[0]
        words += [f"**not the same**: {pair.unlike}"] if pair.unlike else []
        words += [f"**not the same** {pair.but}"] if pair.but else []
        lines.append(f"| `{pair.theirs}` | `{pair.ours}` | {'; '.join(words)} |")
    return lines


def page() -> str:
    pairs = [pair for pairs in SECTIONS.values() for pair in pairs if pair.name not in NOT_COMPARED]
    missing = sorted({name for pair in pairs for name in differences(pair)[1]})
    lines = [
        "# From optax",
        "",
        f"`import adaptive_tx as atx` in place of `import optax`: what is called otherwise than in optax "
        f"{optax.__version__}, and which",
        "defaults differ. The two calls of a row compute the same, unless it says that they do not. A test "
        "compares this page",
        "with the signatures of both libraries, and runs the calls.",
        "",
        "What comes after the learning rate, and every number of a rule, is given by name, so that no "
        "position means another thing",
        "silently. A name or an argument of optax that is not here is an error that says what to write. "
        "Every number may be a",
        "schedule, so there is no `inject_hyperparams`: the rate is that of the optimizer, "
        "`tx.replace(learning_rate=...)`. `chain`",
        "takes parts of optax, and optax's wrappers take ours. `optax.partition` and `multi_transform` are "
        "`grouped`, whose",
        "patterns go from group to leaves; `MultiSteps` is `accumulated`. What stands in optax.contrib is "
        "named without it.",
    ]
    for title, pairs in SECTIONS.items():
        lines += ["", f"## {title}", "", *table(pairs)]
    lines += ["", "## Arguments that are not here", "", "| argument | instead |", "|---|---|"]
    lines += [f"| `{name}` | {INSTEAD[name]} |" for name in missing]
    lines += ["", "Written by `PYTHONPATH=tests python tests/from_optax.py`."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
