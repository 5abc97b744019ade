"""The catalogue: one row for each public transformation, one column for each way in which they differ.

The laws (test_laws.py), the properties of values (test_values.py) and the errors (test_errors.py) run
over all of it. A new optimizer is one more row.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax
import optax.contrib
import oracles

import adaptive_tx as atx


@dataclasses.dataclass(frozen=True)
class Row:
    """A transformation and what is true of it."""

    make: Callable[..., atx.Transformation]
    numbers: dict[str, float]  # its numeric arguments, by name
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)  # its other arguments
    oracle: Callable | None = None  # a float64 loop; None: a chain of rules that have one
    optax: Callable[[], Any] | None = None  # the same algorithm in optax
    optax_rtol: float = 1e-5  # more where optax's float32 is known to be off
    needs_params: bool = False
    sums_leaves: bool = False  # keeps sums over leaves, which XLA adds up in an order of its own
    leafwise: bool = True  # a leaf alone is treated as the same leaf inside a tree
    scale_free: dict[str, float] | None = None  # with these, rescaling gradients changes nothing
    bounded: dict[str, float] | None = (
        None  # with these, its largest direction is the same at any scale
    )
    recovers: dict[str, float] | None = None  # with these, forgets a huge gradient in 300 steps
    unrecovered: str = ""  # why it does not
    counts: tuple[str, ...] = ()  # numbers of steps: they jump where others have a slope
    needs_value: bool = False  # `update(..., value=loss)`
    wrapper: Callable | None = None  # what is tested, if `make` puts something into it
    of_weights: bool = False  # its updates are differences of weights that it keeps
    last_bit: str = ""  # why closed over and passed it may differ in the last bit, where it does
    without: dict[str, str] = dataclasses.field(default_factory=dict)  # laws not kept, and why
    refuses: tuple[str, ...] = ()  # dtypes of parameters that it refuses
    optional: tuple[str, ...] = ()  # numbers that may be None
    finds_rate: bool = False  # an optimizer that can do without a rate

    @property
    def public(self) -> Callable[..., Any]:
        """The function of the library that the row is about."""
        return self.wrapper or self.make

    @property
    def of_matrices(self) -> bool:
        """Whether it steps on matrices alone, and stands in a group of its own here."""
        return self.wrapper is not None and "axes" in inspect.signature(self.wrapper).parameters

    def exact(self) -> dict[str, float]:
        """Its numbers, decay rates replaced by ones that float32 represents exactly."""
        near = {"b1": 0.875, "b2": 1 - 2.0**-10, "b3": 0.96875, "decay": 0.875}
        near |= {"history_decay": 0.96875}
        return {k: near[k] if 0 < v < 1 and k in near else v for k, v in self.numbers.items()}

    def __call__(self, **changes) -> atx.Transformation:
        return self.make(**{**self.numbers, **self.settings, **changes})

    def __str__(self) -> str:
        settings = "".join(f"-{k}={v}" for k, v in self.settings.items())
        return self.make.__name__ + settings


# A rule on matrices refuses the vectors of the tests' tree: they stay where they are.


def on_matrices(tx):
    return atx.grouped({"matrices": tx}, by=atx.matrices(but=None), default=atx.set_to_zero())


def orthogonalized(**arguments):
    return on_matrices(atx.orthogonalize(**arguments))


def normuon_rule(**arguments):
    return on_matrices(atx.scale_by_normuon(**arguments))


def lmo_of_matrices(**arguments):
    return on_matrices(atx.scale_by_lmo(**arguments))


def muon_of_matrices(**arguments):
    return on_matrices(atx.muon(**arguments))


def normuon_of_matrices(**arguments):
    return on_matrices(atx.normuon(**arguments))


def scion_of_matrices(**arguments):
    return on_matrices(atx.scion(**arguments))


def soap_rule(**arguments):
    return on_matrices(atx.scale_by_soap(**arguments))


def kron_rule(**arguments):
    return on_matrices(atx.scale_by_kron(**arguments))


def kron_of_matrices(**arguments):
    return on_matrices(atx.kron(**arguments))


def shampoo_rule(**arguments):
    return on_matrices(atx.scale_by_shampoo(**arguments))


def shampoo_of_matrices(**arguments):
    return on_matrices(atx.shampoo(**arguments))


def soap_of_matrices(**arguments):
    return on_matrices(atx.soap(**arguments))


JORDAN = (3.4445, -4.775, 2.0315)
ADAM = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
ADAN = {"b1": 0.98, "b2": 0.92, "b3": 0.99, "eps": 1e-8}
ADEMAMIX = {**ADAM, "b3": 0.99, "alpha": 5.0}
MARS = {"b1": 0.95, "b2": 0.99, "gamma": 0.025, "max_norm": 1.0, "eps": 1e-8}
ATAN2 = {"b1": 0.9, "b2": 0.99, "a": 1.27, "b": 1.0}
CORRECTED = "of a product and a sum XLA makes one operation, or not, where a factor is a constant"
SHORTENED = "of two quotients XLA makes one, or not"
CAPPED = {"b2_decay": -0.8, "b2_cap": 0.75, "eps": 1e-30}  # from the 6th step on
AHEAD = "in the mean of |g + b2 d|^2 XLA rounds otherwise where the decay rates are constants"
ADOPT = {"b1": 0.9, "b2": 0.999, "eps": 1e-6}  # float32(0.9999) is 2e-4 off in 1 - b2
BELIEF = {"b1": 0.9, "b2": 0.999, "eps": 1e-16}
PRODIGY = {"learning_rate": 0.5, "b1": 0.9, "b2": 0.99, "eps": 1e-8, "d0": 0.01, "d_coef": 1.0,
           "growth_rate": 1.02, "weight_decay": 0.1}  # fmt: skip
PLAIN = {"use_bias_correction": False, "safeguard_warmup": False}
LAPROP = {"b1": 0.9, "b2": 0.999, "eps": 1e-15}
SHORT = {"b1": 0.5, "b2": 0.5}
FREE = {"eps": 1e-30}
RMS = {"b2": 0.9, "eps": 1e-8, "initial_accumulator_value": 0.0}
NOVOGRAD = {"b1": 0.95, "b2": 0.98, "eps": 1e-8, "weight_decay": 0.01}
FACTORED = {"b2_decay": -0.8, "eps": 1e-30}
RPROP = {
    "learning_rate": 0.01,
    "eta_minus": 0.5,
    "eta_plus": 1.2,
    "min_step": 1e-6,
    "max_step": 50.0,
}
IN_ROOT = {"eps_in_root": True}


def big_vision_of_optax():
    def rate(count, exponent):
        return jnp.minimum(0.75, 1 - (count + 1.0) ** -exponent)

    return optax.scale_by_factored_rms(min_dim_size_to_factor=3, decay_rate_fn=rate)


RADIUS = "XLA folds the radius, where it is a constant, into other factors"
SOAP = {"b1": 0.9, "b2": 0.95, "b3": 0.9, "eps": 1e-8, "every": 5.0}
SHAMPOO = {"b1": 0.9, "b2": 0.95, "b3": 0.9, "eps": 1e-8, "damping": 1e-6, "every": 5.0}
KRON = {"b1": 0.9, "factor_rate": 0.1, "eps": 1e-9, "max_rms": 1.1, "every": 2.0, "probe_seed": 3.0}
PROBED = {"sign": "the noise that factors learn from does not turn around"}
LEARNS = "its factors learn by a tenth in each step"
IN_BASES = {**SHORT, "b3": 0.6, "every": 1.0}
OF_RANK_ONE = {
    "bounded directions": "after a spike the bases of all that is smaller are rounding's"
}
NEVER_FORGETS = "a sum or a maximum never forgets"

RULES = [
    Row(atx.trace, {"decay": 0.9}, oracle=oracles.trace, optax=lambda: optax.trace(0.9),
        recovers={"decay": 0.5}),
    Row(atx.trace_nesterov, {"decay": 0.9}, oracle=oracles.trace_nesterov,
        optax=lambda: optax.trace(0.9, nesterov=True), recovers={"decay": 0.5}),
    Row(atx.ema, {"b1": 0.9}, {"debias": True}, oracles.ema, lambda: optax.ema(0.9),
        recovers={"b1": 0.5}),
    Row(atx.ema, {"b1": 0.9}, {"debias": False}, oracles.ema, lambda: optax.ema(0.9, debias=False),
        recovers={"b1": 0.5}),
    Row(atx.ema_nesterov, {"b1": 0.9}, oracle=oracles.ema_nesterov, recovers={"b1": 0.5}),
    Row(atx.scale_by_adagrad, {"eps": 1e-10, "initial_accumulator_value": 0.0},
        {"eps_in_root": False}, oracles.scale_by_adagrad, scale_free=FREE,
        unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_adagrad, {"eps": 1e-7, "initial_accumulator_value": 0.1}, IN_ROOT,
        oracles.scale_by_adagrad, lambda: optax.scale_by_rss(0.1, 1e-7), unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_rms, RMS, {"eps_in_root": False}, oracles.scale_by_rms,
        lambda: optax.scale_by_rms(0.9, 1e-8, eps_in_sqrt=False), scale_free=FREE,
        recovers={"b2": 0.5}),
    Row(atx.scale_by_rms, RMS, IN_ROOT, oracles.scale_by_rms, lambda: optax.scale_by_rms(0.9, 1e-8),
        scale_free=FREE, recovers={"b2": 0.5}),
    Row(atx.scale_by_rms_debiased, {"b2": 0.999, "eps": 1e-8}, oracle=oracles.scale_by_rms_debiased,
        optax=lambda: optax.scale_by_rms(0.999, eps_in_sqrt=False, bias_correction=True), optax_rtol=1e-4,
        scale_free=FREE, recovers={"b2": 0.5}),
    Row(atx.scale_by_centered_rms, RMS, {"eps_in_root": False}, oracles.scale_by_centered_rms,
        lambda: optax.scale_by_stddev(0.9, 1e-8, eps_in_sqrt=False), scale_free=FREE,
        recovers={"b2": 0.5}),
    Row(atx.scale_by_centered_rms, RMS, IN_ROOT, oracles.scale_by_centered_rms,
        lambda: optax.scale_by_stddev(0.9, 1e-8), scale_free=FREE, recovers={"b2": 0.5}),
    Row(atx.scale_by_adadelta, {"b2": 0.95, "eps": 1e-6}, oracle=oracles.scale_by_adadelta,
        optax=lambda: optax.scale_by_adadelta(0.95, 1e-6), bounded={},
        unrecovered="e_x has grown with the huge step, and scales the next ones"),
    Row(atx.scale_by_adam, ADAM, oracle=oracles.scale_by_adam, optax=optax.scale_by_adam,
        optax_rtol=1e-4, scale_free=FREE, recovers=SHORT),
    Row(atx.scale_by_adam_eps_hat, ADAM, oracle=oracles.scale_by_adam_eps_hat, scale_free=FREE,
        recovers=SHORT),
    Row(atx.scale_by_amsgrad, ADAM, oracle=oracles.scale_by_amsgrad, scale_free=FREE,
        unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_adamax, ADAM, oracle=oracles.scale_by_adamax, optax=optax.scale_by_adamax,
        scale_free=FREE, recovers=SHORT),
    Row(atx.scale_by_stable_adam, {**ADAM, "weight_decay": 0.1}, oracle=oracles.scale_by_stable_adam,
        last_bit=SHORTENED, needs_params=True, sums_leaves=True, scale_free=FREE, recovers=SHORT),
    Row(atx.scale_by_adam_atan2, ATAN2, oracle=oracles.scale_by_adam_atan2, scale_free={},
        recovers=SHORT),
    Row(atx.scale_by_algoperf_nadam, ADAM, oracle=oracles.scale_by_algoperf_nadam,
        scale_free=FREE, recovers=SHORT),
    Row(atx.scale_by_nadam, ADAM, oracle=oracles.scale_by_nadam,
        optax=lambda: optax.scale_by_adam(nesterov=True), optax_rtol=1e-4, scale_free=FREE,
        recovers=SHORT),
    Row(atx.scale_by_nadam_scheduled, {**ADAM, "momentum_decay": 0.004},
        oracle=oracles.scale_by_nadam_scheduled, scale_free=FREE, recovers=SHORT,
        last_bit="XLA folds what follows from the numbers alone, powers of 0.96 among it"),
    Row(atx.scale_by_radam, {**ADAM, "threshold": 5.0}, {"below": "momentum"},
        oracles.scale_by_radam, optax.scale_by_radam, optax_rtol=2e-2,
        recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.scale_by_radam, {**ADAM, "threshold": 5.0}, {"below": "none"},
        oracles.scale_by_radam, scale_free=FREE, recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.scale_by_radam_amsgrad, {**ADAM, "threshold": 5.0}, {"below": "momentum"},
        oracles.scale_by_radam_amsgrad, unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_radam_amsgrad, {**ADAM, "threshold": 5.0}, {"below": "none"},
        oracles.scale_by_radam_amsgrad, scale_free=FREE, unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_adabelief, BELIEF, oracle=oracles.scale_by_adabelief,
        optax=optax.scale_by_belief, optax_rtol=1e-4, bounded={}, recovers=SHORT),
    Row(atx.scale_by_adabelief_amsgrad, BELIEF, oracle=oracles.scale_by_adabelief_amsgrad,
        bounded={}, unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_adabelief_rectified, {**BELIEF, "threshold": 5.0}, {"below": "momentum"},
        oracles.scale_by_adabelief_rectified, recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.scale_by_adabelief_rectified, {**BELIEF, "threshold": 5.0}, {"below": "none"},
        oracles.scale_by_adabelief_rectified, bounded={}, recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.scale_by_yogi, {**ADAM, "eps": 1e-3, "initial_accumulator_value": 1e-6},
        oracle=oracles.scale_by_yogi,
        unrecovered="nu moves by |g|^2 a step, however large it is"),
    Row(atx.scale_by_yogi, {**ADAM, "eps": 1e-3, "initial_accumulator_value": 0.0},
        oracle=oracles.scale_by_yogi,
        optax=lambda: optax.scale_by_yogi(initial_accumulator_value=0.0), optax_rtol=1e-4,
        unrecovered="nu moves by |g|^2 a step, however large it is"),
    Row(atx.scale_by_rms, {**RMS, "initial_accumulator_value": 1.0}, IN_ROOT, oracles.scale_by_rms,
        lambda: optax.scale_by_rms(0.9, 1e-8, 1.0), recovers={"b2": 0.5}),
    Row(atx.scale_by_centered_rms, {**RMS, "initial_accumulator_value": 1.0}, IN_ROOT,
        oracles.scale_by_centered_rms, lambda: optax.scale_by_stddev(0.9, 1e-8, 1.0),
        recovers={"b2": 0.5}),
    Row(atx.scale_by_laprop, LAPROP, oracle=oracles.scale_by_laprop, scale_free=FREE,
        recovers=SHORT),
    Row(atx.scale_by_adan, ADAN, oracle=oracles.scale_by_adan, scale_free=FREE,
        recovers={**SHORT, "b3": 0.5}, last_bit=AHEAD),
    Row(atx.scale_by_ademamix, ADEMAMIX, oracle=oracles.scale_by_ademamix, optax_rtol=1e-4,
        optax=lambda: optax.contrib.scale_by_ademamix(b3=0.99, alpha=5.0), scale_free=FREE,
        recovers={**SHORT, "b3": 0.5}),
    Row(atx.scale_by_mars, MARS, oracle=oracles.scale_by_mars, sums_leaves=True, recovers=SHORT,
        last_bit=CORRECTED,
        scale_free={**FREE, "max_norm": 1e12}),
    Row(atx.scale_by_adopt, ADOPT, oracle=oracles.scale_by_adopt,
        optax=lambda: optax.contrib.scale_by_adopt(b2=0.999), scale_free=FREE, recovers=SHORT),
    Row(atx.scale_by_novograd, NOVOGRAD, oracle=oracles.scale_by_novograd, needs_params=True,
        sums_leaves=True,
        optax=lambda: optax.scale_by_novograd(0.95, 0.98, weight_decay=0.01),
        scale_free={"eps": 1e-30}, recovers=SHORT),
    Row(atx.scale_by_prodigy, PRODIGY, PLAIN, oracles.scale_by_prodigy, needs_params=True,
        leafwise=False, sums_leaves=True, scale_free=FREE, recovers=SHORT),
    Row(atx.scale_by_prodigy, {**PRODIGY, "b3": 0.9},
        {"use_bias_correction": True, "safeguard_warmup": True}, oracles.scale_by_prodigy,
        lambda: optax.contrib.prodigy(0.5, (0.9, 0.99), 0.9, 1e-8, 0.01, 1.0, 0.1, True),
        needs_params=True, leafwise=False, sums_leaves=True, scale_free=FREE,
        recovers={**SHORT, "b3": 0.5}, optional=("b3",)),
    Row(atx.scale_by_lion, {"b1": 0.9, "b2": 0.99}, oracle=oracles.scale_by_lion,
        optax=optax.scale_by_lion, scale_free={}, recovers=SHORT),
    Row(atx.scale_by_signum, {"b1": 0.9}, oracle=oracles.scale_by_signum, scale_free={},
        recovers={"b1": 0.5}),
    Row(atx.scale_by_rprop, RPROP, oracle=oracles.scale_by_rprop, scale_free={},
        recovers={}),
    Row(atx.scale_by_factored_rms, FACTORED, oracle=oracles.scale_by_factored_rms,
        optax=lambda: optax.scale_by_factored_rms(min_dim_size_to_factor=1), sums_leaves=True,
        scale_free=FREE, recovers={"b2_decay": -0.1}),
    Row(atx.scale_by_factored_rms_big_vision, CAPPED, {"min_dim_size_to_factor": 3},
        oracles.scale_by_factored_rms_big_vision, big_vision_of_optax, sums_leaves=True,
        scale_free=FREE, recovers={"b2_decay": -0.1}),
    Row(atx.scale_by_ftrl, {"learning_rate": 0.1, "l1": 0.0, "l2": 0.0, "beta": 1.0},
        oracle=oracles.scale_by_ftrl, needs_params=True, unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_ftrl, {"learning_rate": 0.1, "l1": 1.0, "l2": 0.1, "beta": 0.5},
        oracle=oracles.scale_by_ftrl, needs_params=True, unrecovered=NEVER_FORGETS),
    Row(atx.scale_by_lars, {"trust_coefficient": 0.001, "weight_decay": 5e-4},
        oracle=oracles.scale_by_lars, needs_params=True, sums_leaves=True, recovers={},
        scale_free={"weight_decay": 0.0}),
    Row(atx.scale_by_lars, {"trust_coefficient": 0.5, "weight_decay": 0.0},
        oracle=oracles.scale_by_lars, optax=lambda: optax.scale_by_trust_ratio(0.0, 0.5),
        needs_params=True, sums_leaves=True, recovers={}, scale_free={}),
    Row(atx.scale_by_trust_ratio, {"min_norm": 2.0}, oracle=oracles.scale_by_trust_ratio,
        needs_params=True, sums_leaves=True, recovers={}, scale_free={}),
    Row(atx.scale_by_trust_ratio, {"min_norm": 0.0}, oracle=oracles.scale_by_trust_ratio,
        optax=optax.scale_by_trust_ratio, needs_params=True, sums_leaves=True, recovers={},
        scale_free={}),
    Row(atx.scale_by_param_rms, {"min_scale": 1e-3}, oracle=oracles.scale_by_param_rms,
        optax=optax.scale_by_param_block_rms, needs_params=True, sums_leaves=True, recovers={}),
    Row(orthogonalized, {"eps": 1e-7, "slack": 1.25},
        {"coefficients": (JORDAN,), "factor": "spectral"}, oracles.orthogonalize,
        wrapper=atx.orthogonalize, recovers={}, scale_free=FREE),
    Row(normuon_rule, {"b2": 0.9, "eps_rms": 1e-10}, {"factor": "original"}, oracles.scale_by_normuon,
        wrapper=atx.scale_by_normuon, sums_leaves=True, recovers={"b2": 0.5}),
    Row(lmo_of_matrices, {"radius": 50.0, "eps": 1e-7}, {"norm": "spectral", "coefficients": (JORDAN,)},
        oracles.scale_by_lmo, wrapper=atx.scale_by_lmo, scale_free=FREE, recovers={}, optional=("eps",)),
    Row(lmo_of_matrices, {"radius": 3.0, "eps": 1e-8}, {"norm": "sign"}, oracles.scale_by_lmo,
        wrapper=atx.scale_by_lmo, scale_free={}, recovers={}, optional=("eps",)),
    Row(lmo_of_matrices, {"radius": 3.0, "eps": 1e-8}, {"norm": "inputs"}, oracles.scale_by_lmo,
        wrapper=atx.scale_by_lmo, scale_free=FREE, recovers={}, last_bit=RADIUS, optional=("eps",)),
    Row(lmo_of_matrices, {"radius": 3.0, "eps": 1e-8}, {"norm": "outputs"}, oracles.scale_by_lmo,
        wrapper=atx.scale_by_lmo, scale_free=FREE, recovers={}, last_bit=RADIUS, optional=("eps",)),
    Row(atx.scale_by_lmo, {"radius": 3.0, "eps": 1e-8}, {"norm": "rms"}, oracles.scale_by_lmo,
        scale_free=FREE, recovers={}, last_bit=RADIUS, optional=("eps",)),
    Row(soap_rule, SOAP, oracle=oracles.scale_by_soap, wrapper=atx.scale_by_soap, counts=("every",),
        scale_free=FREE, recovers=IN_BASES, without=OF_RANK_ONE),
    Row(shampoo_rule, SHAMPOO, oracle=oracles.scale_by_shampoo, wrapper=atx.scale_by_shampoo,
        counts=("every",), sums_leaves=True, scale_free={**FREE, "damping": 1e-30}, recovers=IN_BASES),
    Row(kron_rule, KRON, wrapper=atx.scale_by_kron, counts=("every", "probe_seed"), sums_leaves=True,
        unrecovered=LEARNS, without=PROBED),
]  # fmt: skip

CLIPPING = [
    Row(atx.clip_by_value, {"max_value": 0.7}, oracle=oracles.clip_by_value,
        optax=lambda: optax.clip(0.7), recovers={}),
    Row(atx.clip_by_leaf_norm, {"max_norm": 1.0}, oracle=oracles.clip_by_leaf_norm, recovers={}),
    Row(atx.clip_by_global_norm, {"max_norm": 1.0}, oracle=oracles.clip_by_global_norm,
        optax=lambda: optax.clip_by_global_norm(1.0), leafwise=False, recovers={}),
    Row(atx.clip_by_rms, {"threshold": 0.5}, oracle=oracles.clip_by_rms,
        optax=lambda: optax.clip_by_block_rms(0.5), recovers={}),
    Row(atx.adaptive_grad_clip, {"clipping": 0.1, "eps": 1e-3}, oracle=oracles.adaptive_grad_clip,
        optax=lambda: optax.adaptive_grad_clip(0.1, 1e-3), needs_params=True, recovers={}),
]  # fmt: skip

PLATEAU = {"factor": 0.5, "patience": 1.0, "min_delta": 1e-4, "cooldown": 1.0, "window": 1.0,
           "min_scale": 0.1}  # fmt: skip
DECAY = [
    Row(atx.add_l2, {"weight_decay": 0.1}, oracle=oracles.add_l2,
        optax=lambda: optax.add_decayed_weights(0.1), needs_params=True, recovers={}),
    Row(atx.add_l1, {"weight_decay": 0.1}, oracle=oracles.add_l1, needs_params=True, recovers={}),
    Row(atx.add_decayed_weights, {"weight_decay": 0.1}, oracle=oracles.add_decayed_weights,
        optax=lambda: optax.add_decayed_weights(0.1), needs_params=True, recovers={}),
    Row(atx.add_cautious_decayed_weights, {"weight_decay": 0.1}, needs_params=True, recovers={},
        oracle=oracles.add_cautious_decayed_weights),
    Row(atx.subtract_decayed_weights, {"weight_decay": 0.1},
        oracle=oracles.subtract_decayed_weights, needs_params=True, recovers={}),
    Row(atx.decay_new_weights, {"weight_decay": 0.1}, oracle=oracles.decay_new_weights,
        needs_params=True, recovers={}),
    Row(atx.reduce_on_plateau, PLATEAU, {"relative": True, "maximize": False},
        oracles.reduce_on_plateau, needs_value=True,
        recovers={}, counts=("patience", "cooldown", "window")),
    Row(atx.scale, {"step_size": -0.3}, oracle=oracles.scale, optax=lambda: optax.scale(-0.3),
        recovers={}),
    Row(atx.scale_by_schedule, {"step_size": -0.3}, oracle=oracles.scale,
        optax=lambda: optax.scale_by_schedule(lambda count: -0.3), recovers={}),
    Row(atx.identity, {}, oracle=oracles.identity, optax=optax.identity, recovers={}),
    Row(atx.set_to_zero, {}, oracle=oracles.set_to_zero, optax=optax.set_to_zero, recovers={},
        scale_free={}),
    Row(atx.scale_by_learning_rate, {"learning_rate": 0.01}, oracle=oracles.scale_by_learning_rate,
        optax=lambda: optax.scale_by_learning_rate(0.01), recovers={}),
    Row(atx.scale_by_relative_rate, {"learning_rate": 0.5}, recovers={},
        oracle=oracles.scale_by_relative_rate),
]  # fmt: skip

RATE = {"learning_rate": 0.01}
FREELY = {"momentum": 0.9, "r": 0.5, "power": 2.0}
ADDS_UP = "a sequence of weights is where all steps together have led"
OPTIMIZERS = [
    Row(atx.sgd, RATE, optax=lambda: optax.sgd(0.01), recovers={}),
    Row(atx.momentum, {**RATE, "decay": 0.9}, optax=lambda: optax.sgd(0.01, momentum=0.9),
        recovers={"decay": 0.5}),
    Row(atx.nesterov, {**RATE, "decay": 0.9}, recovers={"decay": 0.5},
        optax=lambda: optax.sgd(0.01, momentum=0.9, nesterov=True)),
    Row(atx.adagrad, {**RATE, "eps": 1e-7, "initial_accumulator_value": 0.1}, IN_ROOT,
        optax=lambda: optax.adagrad(0.01), unrecovered=NEVER_FORGETS),
    Row(atx.rmsprop, {**RATE, **RMS}, {"centered": False, "eps_in_root": True},
        optax=lambda: optax.rmsprop(0.01), scale_free=FREE, recovers={"b2": 0.5}),
    Row(atx.rmsprop, {**RATE, **RMS}, {"centered": True, "eps_in_root": False},
        optax=lambda: optax.rmsprop(0.01, centered=True, eps_in_sqrt=False), scale_free=FREE,
        recovers={"b2": 0.5}),
    Row(atx.adadelta, {**RATE, "b2": 0.9, "eps": 1e-6}, optax=lambda: optax.adadelta(0.01), bounded={},
        unrecovered="as scale_by_adadelta"),
    Row(atx.adam, {**RATE, **ADAM}, optax=lambda: optax.adam(0.01), optax_rtol=1e-4,
        scale_free=FREE, recovers=SHORT),
    Row(atx.adamw, {**RATE, **ADAM, "weight_decay": 1e-4}, optax=lambda: optax.adamw(0.01),
        optax_rtol=1e-4, needs_params=True, scale_free=FREE, recovers=SHORT),
    Row(atx.adam_atan2, {**RATE, **ATAN2}, scale_free={}, recovers=SHORT),
    Row(atx.adam_atan2, {**RATE, **ATAN2, "weight_decay": 0.1}, needs_params=True, scale_free={},
        recovers=SHORT),
    Row(atx.stable_adamw, {**RATE, **ADAM, "weight_decay": 0.1}, needs_params=True, sums_leaves=True,
        last_bit=SHORTENED, scale_free=FREE, recovers=SHORT),
    Row(atx.amsgrad, {**RATE, **ADAM}, scale_free=FREE, unrecovered=NEVER_FORGETS),
    Row(atx.adamax, {**RATE, **ADAM}, optax=lambda: optax.adamax(0.01), scale_free=FREE,
        recovers=SHORT),
    Row(atx.nadam, {**RATE, **ADAM}, optax=lambda: optax.nadam(0.01), optax_rtol=1e-4,
        scale_free=FREE, recovers=SHORT),
    Row(atx.nadamw, {**RATE, **ADAM, "weight_decay": 1e-4}, optax=lambda: optax.nadamw(0.01),
        last_bit="for scalars XLA folds constant factors of different parts together",
        optax_rtol=1e-4, needs_params=True, scale_free=FREE, recovers=SHORT),
    Row(atx.algoperf_nadamw, {**RATE, **ADAM, "weight_decay": 0.1}, needs_params=True,
        scale_free=FREE, recovers=SHORT),
    Row(atx.radam, {**RATE, **ADAM, "threshold": 5.0}, {"below": "momentum"},
        optax=lambda: optax.radam(0.01), optax_rtol=2e-2, recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.radam, {**RATE, **ADAM, "threshold": 5.0, "weight_decay": 0.01}, {"below": "none"},
        needs_params=True, scale_free=FREE, recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.radam_amsgrad, {**RATE, **ADAM, "threshold": 5.0}, {"below": "momentum"},
        unrecovered=NEVER_FORGETS),
    Row(atx.radam_amsgrad, {**RATE, **ADAM, "threshold": 5.0, "weight_decay": 0.01}, {"below": "none"},
        needs_params=True, scale_free=FREE, unrecovered=NEVER_FORGETS),
    Row(atx.adabelief, {**RATE, **BELIEF}, recovers=SHORT, bounded={},
        optax=lambda: optax.adabelief(0.01), optax_rtol=1e-4),
    Row(atx.adabelief, {**RATE, **BELIEF, "weight_decay": 0.1}, needs_params=True, recovers=SHORT),
    Row(atx.adabelief_amsgrad, {**RATE, **BELIEF}, bounded={}, unrecovered=NEVER_FORGETS),
    Row(atx.adabelief_amsgrad, {**RATE, **BELIEF, "weight_decay": 0.1}, needs_params=True,
        unrecovered=NEVER_FORGETS),
    Row(atx.adabelief_rectified, {**RATE, **BELIEF, "threshold": 5.0}, {"below": "momentum"},
        recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.adabelief_rectified, {**RATE, **BELIEF, "threshold": 5.0, "weight_decay": 0.1},
        {"below": "none"}, needs_params=True, recovers={"b1": 0.5, "b2": 0.7}),
    Row(atx.yogi, {**RATE, **ADAM, "eps": 1e-3, "initial_accumulator_value": 1e-6},
        unrecovered="as scale_by_yogi"),
    Row(atx.laprop, {**RATE, **LAPROP}, scale_free=FREE, recovers=SHORT),
    Row(atx.laprop, {**RATE, **LAPROP, "weight_decay": 0.1}, needs_params=True, scale_free=FREE,
        recovers=SHORT),
    Row(atx.adan, {**RATE, **ADAN}, scale_free=FREE, recovers={**SHORT, "b3": 0.5}, last_bit=AHEAD),
    Row(atx.adan, {**RATE, **ADAN, "weight_decay": 0.1}, needs_params=True, scale_free=FREE,
        recovers={**SHORT, "b3": 0.5}, last_bit=AHEAD),
    Row(atx.ademamix, {**RATE, **ADEMAMIX}, optax=lambda: optax.contrib.ademamix(0.01, b3=0.99),
        optax_rtol=1e-4, scale_free=FREE, recovers={**SHORT, "b3": 0.5}),
    Row(atx.ademamix, {**RATE, **ADEMAMIX, "weight_decay": 0.1}, needs_params=True, scale_free=FREE,
        recovers={**SHORT, "b3": 0.5}),
    Row(atx.adopt, {**RATE, **ADOPT}, optax=lambda: optax.contrib.adopt(0.01, b2=0.999), scale_free=FREE,
        recovers=SHORT),
    Row(atx.adopt, {**RATE, **ADOPT, "weight_decay": 0.1}, needs_params=True, scale_free=FREE,
        recovers=SHORT),
    Row(atx.mars, {**RATE, **MARS}, sums_leaves=True, recovers=SHORT,
        last_bit=CORRECTED,
        scale_free={**FREE, "max_norm": 1e12}),
    Row(atx.mars, {**RATE, **MARS, "weight_decay": 0.1}, needs_params=True, sums_leaves=True,
        last_bit=CORRECTED,
        recovers=SHORT, scale_free={**FREE, "max_norm": 1e12}),
    Row(atx.novograd, {**RATE, **NOVOGRAD}, needs_params=True, sums_leaves=True, scale_free={"eps": 1e-30},
        optax=lambda: optax.novograd(0.01, 0.95, 0.98, 1e-8, weight_decay=0.01), recovers=SHORT),
    Row(atx.prodigy, PRODIGY, PLAIN, finds_rate=True, needs_params=True, leafwise=False,
        sums_leaves=True, scale_free=FREE, recovers=SHORT),
    Row(atx.lion, {**RATE, "b1": 0.9, "b2": 0.99, "weight_decay": 1e-3},
        optax=lambda: optax.lion(0.01), needs_params=True, scale_free={}, recovers=SHORT),
    Row(atx.signum, {**RATE, "b1": 0.9}, scale_free={}, recovers={"b1": 0.5}),
    Row(atx.rprop, RPROP, scale_free={}, recovers={}),
    Row(atx.adafactor, {**RATE, **FACTORED, "threshold": 0.9, "min_scale": 1e-3}, needs_params=True,
        sums_leaves=True, scale_free=FREE, recovers={"b2_decay": -0.1}),
    Row(atx.adafactor, {**RATE, **FACTORED, "threshold": 0.9, "min_scale": 1e-3, "weight_decay": 0.1},
        needs_params=True, sums_leaves=True, scale_free=FREE, recovers={"b2_decay": -0.1}),
    Row(atx.adafactor_big_vision, {**RATE, "b1": 0.9, **CAPPED}, {"min_dim_size_to_factor": 3},
        sums_leaves=True, scale_free=FREE, recovers={"b1": 0.5, "b2_decay": -0.1}),
    Row(atx.adafactor_big_vision, {**RATE, "b1": 0.9, **CAPPED, "weight_decay": 0.1},
        {"min_dim_size_to_factor": 3}, needs_params=True, sums_leaves=True, scale_free=FREE,
        recovers={"b1": 0.5, "b2_decay": -0.1}),
    Row(atx.ftrl, {"learning_rate": 0.1, "l1": 0.5, "l2": 0.1, "beta": 1.0}, needs_params=True,
        unrecovered=NEVER_FORGETS),
    Row(atx.lamb, {**RATE, **ADAM, "eps": 1e-6, "weight_decay": 0.01, "min_norm": 0.0}, needs_params=True,
        optax=lambda: optax.lamb(0.01, weight_decay=0.01), optax_rtol=1e-4, sums_leaves=True,
        scale_free=FREE, recovers=SHORT),
    Row(atx.lars, {**RATE, "decay": 0.9, "weight_decay": 5e-4, "trust_coefficient": 0.001},
        needs_params=True, sums_leaves=True, scale_free={"weight_decay": 0.0}, recovers={"decay": 0.5}),
    Row(atx.lars, {**RATE, "decay": 0.9, "weight_decay": 0.0, "trust_coefficient": 0.001},
        needs_params=True, sums_leaves=True, scale_free={}, recovers={"decay": 0.5},
        optax=lambda: optax.lars(0.01)),
    Row(atx.schedule_free_adamw, {**RATE, **FREELY, "b2": 0.999, "eps": 1e-8, "weight_decay": 0.1},
        oracle=oracles.schedule_free_adamw, needs_params=True, of_weights=True,
        scale_free=FREE, unrecovered=ADDS_UP),
    Row(muon_of_matrices, {**RATE, "b1": 0.9, "eps": 1e-7, "slack": 1.25}, {"coefficients": (JORDAN,)},
        wrapper=atx.muon, scale_free=FREE, recovers={"b1": 0.5}),
    Row(normuon_of_matrices, {**RATE, "b1": 0.9, "b2": 0.9, "eps": 1e-7, "slack": 1.25,
        "eps_rms": 1e-10, "weight_decay": 0.1},
        {"coefficients": (JORDAN,)}, wrapper=atx.normuon, needs_params=True, recovers=SHORT,
        sums_leaves=True),
    Row(scion_of_matrices, {**RATE, "b1": 0.9, "radius": 50.0, "eps": 1e-8, "weight_decay": 1.0},
        {"norm": "sign"}, wrapper=atx.scion, needs_params=True, scale_free={}, recovers={"b1": 0.5},
        optional=("eps",)),
    Row(soap_of_matrices, {**RATE, **SOAP}, wrapper=atx.soap, counts=("every",), scale_free=FREE,
        recovers=IN_BASES, without=OF_RANK_ONE),
    Row(soap_of_matrices, {**RATE, **SOAP, "weight_decay": 0.1}, wrapper=atx.soap, counts=("every",),
        needs_params=True, scale_free=FREE, recovers=IN_BASES, without=OF_RANK_ONE),
    Row(shampoo_of_matrices, {**RATE, **SHAMPOO}, wrapper=atx.shampoo, counts=("every",),
        sums_leaves=True, scale_free={**FREE, "damping": 1e-30}, recovers=IN_BASES),
    Row(shampoo_of_matrices, {**RATE, **SHAMPOO, "weight_decay": 0.1}, wrapper=atx.shampoo,
        counts=("every",), sums_leaves=True, needs_params=True,
        scale_free={**FREE, "damping": 1e-30}, recovers=IN_BASES),
    Row(kron_of_matrices, {**RATE, **KRON}, wrapper=atx.kron, counts=("every", "probe_seed"),
        sums_leaves=True, unrecovered=LEARNS, without=PROBED),
    Row(kron_of_matrices, {**RATE, **KRON, "weight_decay": 0.1}, wrapper=atx.kron,
        counts=("every", "probe_seed"), sums_leaves=True, needs_params=True, unrecovered=LEARNS,
        without=PROBED),
]  # fmt: skip


def measured_adamw(**numbers):
    return atx.measured(atx.adamw(**numbers))


def measured_chain(max_norm, by, **numbers):
    return atx.measured(atx.chain(atx.clip_by_global_norm(max_norm), atx.radam(**numbers)), by=by)


def guarded_adam(max_in_a_row, **numbers):
    return atx.guarded(atx.adam(**numbers), max_in_a_row=max_in_a_row)


def guarded_by_z_score_adam(max_z, history_decay, of, warmup, max_in_a_row, **numbers):
    tx = atx.adam(**numbers)
    return atx.guarded_by_z_score(
        tx,
        max_z=max_z,
        of=of,
        history_decay=history_decay,
        warmup=warmup,
        max_in_a_row=max_in_a_row,
    )


def guarded_by_percentile_adam(percentile, max_ratio, of, window, warmup, max_in_a_row, **numbers):
    tx = atx.adam(**numbers)
    return atx.guarded_by_percentile(
        tx,
        percentile=percentile,
        max_ratio=max_ratio,
        of=of,
        window=window,
        warmup=warmup,
        max_in_a_row=max_in_a_row,
    )


SOME = r"[wb]$|[02]$|^$"  # some of the leaves of every tree that the tests use


def grouped_rules(decay, **numbers):
    groups = {"some": atx.scale_by_adam(**numbers)}
    return atx.grouped(groups, by={"some": SOME}, default=atx.trace(decay))


def masked_adam(**numbers):
    return atx.masked(atx.adam(**numbers), only=SOME)


def accumulated_adam(every, mean, **numbers):
    return atx.accumulated(atx.adam(**numbers), every=every, mean=mean)


def averaged_adamw(decay, **numbers):
    return atx.averaged(atx.adamw(**numbers), decay=decay)


def schedule_free_momentum(learning_rate, momentum, r, power, decay):
    freely = {"momentum": momentum, "r": r, "power": power}
    return atx.schedule_free(atx.trace(decay), learning_rate, **freely)


def primal_averaged_adam(learning_rate, decay, momentum, **numbers):
    averages = {"decay": decay, "momentum": momentum}
    return atx.primal_averaged(atx.scale_by_adam(**numbers), learning_rate, **averages)


def lookahead_adam(every, pull, **numbers):
    return atx.lookahead(atx.adam(**numbers), every=every, pull=pull)


def cautious_adam(**numbers):
    return atx.cautious(atx.scale_by_adam(**numbers))


def hyperball_adam(learning_rate, **numbers):
    return atx.hyperball(atx.scale_by_adam(**numbers), learning_rate)


def stored_adam(bits, seed, **numbers):
    return atx.stored(atx.adam(**numbers), bits, seed=seed)


def rounded_adamw(extra_bits, **numbers):
    return atx.rounded(atx.adamw(**numbers), extra_bits=extra_bits)


ROUNDED = {"a direction is like its gradient": "it is like its parameter",
           "float32 arithmetic": "of bfloat16 parameters the state holds more"}  # fmt: skip
SELECTS = "XLA rewrites quotients otherwise where a select follows"
WRAPPED = [
    Row(measured_adamw, {**RATE, **ADAM, "weight_decay": 1e-4}, wrapper=atx.measured,
        optax=lambda: optax.adamw(0.01), optax_rtol=1e-4, needs_params=True, scale_free=FREE,
        recovers=SHORT),
    Row(measured_chain, {"max_norm": 1.0, **RATE, **ADAM, "threshold": 5.0}, {"by": "leaf"},
        wrapper=atx.measured, needs_params=True, leafwise=False, recovers={"b1": 0.5, "b2": 0.7}),
    Row(guarded_adam, {**RATE, **ADAM}, {"max_in_a_row": 10}, wrapper=atx.guarded,
        last_bit=SELECTS, optax=lambda: optax.adam(0.01), optax_rtol=1e-4, scale_free=FREE, recovers=SHORT),
    Row(guarded_by_z_score_adam, {**RATE, **ADAM, "max_z": 6.0, "history_decay": 0.99},
        {"of": "norm", "warmup": 20, "max_in_a_row": 10}, wrapper=atx.guarded_by_z_score,
        last_bit=SELECTS, leafwise=False, scale_free=FREE, recovers=SHORT),
    Row(guarded_by_percentile_adam, {**RATE, **ADAM, "percentile": 99.0, "max_ratio": 2.0},
        {"of": "norm", "window": 32, "warmup": 20, "max_in_a_row": 10}, leafwise=False,
        wrapper=atx.guarded_by_percentile, last_bit=SELECTS, scale_free=FREE, recovers=SHORT),
    Row(grouped_rules, {**ADAM, "decay": 0.9}, wrapper=atx.grouped, leafwise=False,
        recovers={**SHORT, "decay": 0.5}),
    Row(accumulated_adam, {**RATE, **ADAM, "every": 1.0}, {"mean": True}, wrapper=atx.accumulated,
        counts=("every",), optax=lambda: optax.adam(0.01), optax_rtol=1e-4, scale_free=FREE,
        recovers=SHORT, last_bit=SELECTS),
    Row(averaged_adamw, {**RATE, **ADAM, "weight_decay": 1e-4, "decay": 0.9}, wrapper=atx.averaged,
        optax=lambda: optax.adamw(0.01), optax_rtol=1e-4, needs_params=True, scale_free=FREE,
        recovers={**SHORT, "decay": 0.5}),
    Row(schedule_free_momentum, {**RATE, **FREELY, "decay": 0.5}, wrapper=atx.schedule_free,
        oracle=oracles.schedule_free_momentum, needs_params=True, of_weights=True, unrecovered=ADDS_UP),
    Row(primal_averaged_adam, {**RATE, **ADAM, "decay": 0.9, "momentum": 0.7},
        wrapper=atx.primal_averaged, oracle=oracles.primal_averaged_adam, needs_params=True,
        of_weights=True, scale_free=FREE, unrecovered=ADDS_UP),
    Row(lookahead_adam, {**RATE, **ADAM, "every": 3.0, "pull": 0.5}, wrapper=atx.lookahead,
        oracle=oracles.lookahead_adam, needs_params=True, of_weights=True, counts=("every",),
        scale_free=FREE, unrecovered=ADDS_UP),
    Row(cautious_adam, ADAM, wrapper=atx.cautious, oracle=oracles.cautious_adam, scale_free=FREE,
        recovers=SHORT),
    Row(hyperball_adam, {**RATE, **ADAM}, wrapper=atx.hyperball, oracle=oracles.hyperball_adam,
        needs_params=True, of_weights=True, sums_leaves=True, scale_free=FREE, recovers=SHORT),
    Row(stored_adam, {**RATE, **ADAM, "seed": 3.0}, {"bits": 8}, wrapper=atx.stored,
        counts=("seed",), scale_free=FREE, recovers=SHORT),
    Row(rounded_adamw, {**RATE, **ADAM, "weight_decay": 1e-4}, {"extra_bits": 16},
        wrapper=atx.rounded, optax=lambda: optax.adamw(0.01), optax_rtol=1e-4, needs_params=True,
        scale_free=FREE, recovers=SHORT, without=ROUNDED, refuses=("float16",)),
    Row(masked_adam, {**RATE, **ADAM}, wrapper=atx.masked, leafwise=False, recovers=SHORT),
]  # fmt: skip

CATALOGUE = [*RULES, *CLIPPING, *DECAY, *OPTIMIZERS, *WRAPPED]
