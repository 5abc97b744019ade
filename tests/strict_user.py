# pyright: strict, reportMissingTypeStubs=false
"""A user's script over the whole public API, as strict as a type checker can be.

`test_front_door` runs it, and asks pyright whether an error in it comes from a signature of ours.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

import adaptive_tx as atx
from adaptive_tx import norms, numerics, ranges, schedules, slots


class MyState(NamedTuple):
    count: jax.Array  # pyright: ignore[reportIncompatibleMethodOverride]  # of tuple, as in optax
    mu: optax.Updates
    nu: optax.Updates


def my_step(
    g: jax.Array,
    mu: jax.Array,
    nu: jax.Array,
    t: jax.Array,
    *,
    b1: numerics.Decay,
    b2: numerics.Decay,
    eps: jax.Array,
    c1: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    mu = numerics.ema(g, mu, b1)
    nu = numerics.ema(numerics.squared(g), nu, b2)
    direction = numerics.debiased(mu, c1) / (numerics.root(nu) + eps)
    return numerics.sign(direction) * numerics.modulus(direction), mu, nu + 0 * norms.rms(g)


def my_rule(b1: atx.ScalarOrSchedule = 0.9, b2: atx.ScalarOrSchedule = 0.999) -> atx.Transformation:
    """A rule of one's own."""
    return atx.leafwise(
        "my_rule",
        my_step,
        MyState,
        slots={
            "mu": slots.mean_of_gradients("b1", debiased=True),
            "nu": slots.mean_of_squares("b2"),
        },
        b1=ranges.decay_rate(b1),
        b2=ranges.decay_rate(b2),
        eps=ranges.positive(1e-8),
    )


def my_matrix_step(g: jax.Array, t: jax.Array, *, eps: jax.Array) -> jax.Array:
    return g / (norms.norm(g, axis=0) + eps)


def my_matrix_rule(axes: atx.MatrixAxes = "matrices") -> atx.Transformation:
    """Columns of length 1."""
    return atx.matrixwise("my_matrix_rule", my_matrix_step, axes=axes, eps=ranges.positive(1e-8))


def my_schedule(count: jax.Array) -> jax.Array:
    return 0.1 / (1 + count.astype(float))


def all_schedules() -> list[atx.Schedule]:
    cosine = schedules.cosine(0.1, 1000, floor=1e-3)
    return [
        schedules.constant(0.1),
        schedules.step_decay(0.1, 10, 0.5),
        schedules.multi_step(0.1, [10, 20], 0.5),
        schedules.exponential(0.1, 10, 0.5, staircase=True),
        schedules.linear(0.1, 0.0, 10),
        schedules.polynomial(0.1, 0.0, 10, power=2.0),
        schedules.half_life(0.9, 0.999, 10),
        schedules.corrected(0.1, schedules.cosine(0.1, 100), 0.1),
        schedules.inverse_sqrt(jnp.float32(0.1)),
        schedules.constant_then_exponential(0.1, 10, 0.1),
        cosine,
        schedules.cosine_restarts(0.1, 10, growth=2, floor=0.0),
        schedules.one_cycle(0.1, 100, warm=0.3, div=25, final_div=1e4),
        schedules.cyclic(0.1, 0.2, 10),
        schedules.with_warmup(cosine, 10, start=0.1),
        schedules.with_warmup(my_schedule, 10),
        schedules.warmup_stable_decay(0.1, 10, 20, 10, floor=0.0),
        schedules.join(cosine, my_schedule, boundaries=[10]),
    ]


def kernels(path: str, leaf: jax.Array) -> bool:
    return path.endswith("w") and leaf.ndim > 1


def optimizers(rate: atx.ScalarOrSchedule) -> list[atx.Transformation]:
    mask = {"w": True, "b": False}
    return [
        atx.sgd(rate),
        atx.momentum(rate, decay=0.9),
        atx.nesterov(rate, decay=0.9),
        atx.adagrad(rate, eps=1e-7, initial_accumulator_value=0.1, eps_in_root=True),
        atx.rmsprop(rate, b2=0.99, centered=True),
        atx.adadelta(rate, b2=0.9),
        atx.adam(rate, b1=0.9, b2=schedules.linear(0.9, 0.99, 10), eps=1e-8),
        atx.adam(lambda count: 0.1 / (1 + 0.01 * count)),
        atx.adam(optax.cosine_decay_schedule(0.1, 100)),
        atx.adam(jnp.float32(0.1)),
        atx.adamw(rate, weight_decay=0.01, mask=mask),
        atx.adamw(rate, weight_decay=0.01, mask=lambda params: params),
        atx.adamw(rate, weight_decay=0.01, only=kernels),
        atx.adamw(rate, weight_decay=0.01, only=lambda path, leaf: leaf.ndim > 1),
        atx.amsgrad(rate),
        atx.adamax(rate),
        atx.nadam(rate),
        atx.nadamw(rate, weight_decay=0.1),
        atx.radam(rate, threshold=5.0, below="none", weight_decay=0.1),
        atx.radam_amsgrad(rate, below="none", weight_decay=0.1),
        atx.adabelief(rate, weight_decay=None),
        atx.adabelief_amsgrad(rate, weight_decay=0.1),
        atx.adabelief_rectified(rate, below="none", weight_decay=0.1),
        atx.yogi(rate, initial_accumulator_value=0.0),
        atx.laprop(rate, weight_decay=0.1),
        atx.schedule_free_adamw(rate, momentum=0.8, weight_decay=0.1, only=kernels),
        atx.schedule_free(atx.trace(0.9), rate, r=1.0, power=0.0),
        atx.primal_averaged(atx.scale_by_adam(), rate, decay=0.99, momentum=0.5),
        atx.lookahead(atx.adam(rate), every=3, pull=0.5),
        atx.hyperball(atx.cautious(atx.scale_by_adam()), rate),
        atx.adan(rate, b3=0.9, weight_decay=0.1),
        atx.adam_atan2(rate, b2=0.99, a=1.0, weight_decay=0.1),
        atx.stable_adamw(rate, weight_decay=0.1, only=r"w$"),
        atx.algoperf_nadamw(rate, weight_decay=0.1),
        atx.mars(rate, gamma=0.05, max_norm=2.0),
        atx.adafactor_big_vision(rate, min_dim_size_to_factor=2, b2_cap=0.99),
        atx.ademamix(rate, b3=0.999, alpha=2.0, weight_decay=0.1),
        atx.adopt(rate, b2=0.99, weight_decay=0.1),
        atx.novograd(rate, weight_decay=0.1),
        atx.prodigy(rate, d_coef=0.5, growth_rate=1.02, only=kernels),
        atx.prodigy(b3=0.99, use_bias_correction=True, safeguard_warmup=True, axis_name=None),
        atx.lion(rate, weight_decay=0.1),
        atx.signum(rate, b1=0.9),
        atx.rprop(rate, eta_minus=0.5),
        atx.adafactor(rate, weight_decay=0.1, only=kernels),
        atx.ftrl(0.1, l1=0.1),
        atx.lamb(rate, weight_decay=0.1, only=kernels),
        atx.muon(rate, nesterov=False, coefficients="deepseek", weight_decay=0.1, only=kernels),
        atx.normuon(rate, factor="match_rms_adamw", weight_decay=0.1),
        atx.scion(rate, norm="sign", radius=3000.0, weight_decay=None),
        atx.shampoo(rate, every=10, damping=1e-6, weight_decay=0.1, only=kernels),
        atx.kron(rate, max_rms=2.0, weight_decay=0.1, only=kernels),
        atx.soap(rate, every=10, weight_decay=0.1, only=kernels),
        atx.lars(rate, trust_coefficient=0.01, only=kernels),
    ]


def rules() -> list[atx.Transformation]:
    return [
        my_rule(),
        my_matrix_rule("last_two"),
        atx.clip_by_value(1.0),
        atx.clip_by_leaf_norm(1.0),
        atx.clip_by_global_norm(1.0, axis_name=None, sharded=None),
        atx.clip_by_rms(1.0),
        atx.adaptive_grad_clip(0.01, eps=1e-3),
        atx.add_l2(0.1, mask={"w": True, "b": False}),
        atx.add_l1(0.1),
        atx.trace(0.9),
        atx.trace_nesterov(0.9),
        atx.ema(0.9, debias=False),
        atx.ema_nesterov(0.9),
        atx.scale_by_adagrad(eps=1e-7),
        atx.scale_by_rms(b2=0.9),
        atx.scale_by_centered_rms(b2=0.9),
        atx.scale_by_adadelta(b2=0.9),
        atx.scale_by_adam(b1=0.9),
        atx.scale_by_adam_eps_hat(b1=0.9),
        atx.scale_by_amsgrad(b1=0.9),
        atx.scale_by_adamax(b1=0.9),
        atx.scale_by_nadam(b1=0.9),
        atx.scale_by_nadam_scheduled(momentum_decay=0.004),
        atx.scale_by_radam(below="momentum"),
        atx.scale_by_radam_amsgrad(below="none"),
        atx.scale_by_adabelief(b1=0.9),
        atx.scale_by_adabelief_amsgrad(b1=0.9),
        atx.scale_by_adabelief_rectified(below="none"),
        atx.scale_by_yogi(b1=0.9),
        atx.scale_by_rms_debiased(b2=0.9),
        atx.scale_by_laprop(b1=0.9),
        atx.scale_by_adan(b1=0.9),
        atx.scale_by_adam_atan2(a=1.0),
        atx.scale_by_stable_adam(weight_decay=0.1),
        atx.scale_by_algoperf_nadam(b1=0.9),
        atx.scale_by_mars(gamma=0.05),
        atx.scale_by_factored_rms_big_vision(b2_cap=0.99),
        atx.decay_new_weights(0.01),
        atx.scale_by_ademamix(b3=0.999, alpha=2.0),
        atx.scale_by_adopt(b1=0.9),
        atx.scale_by_novograd(b1=0.9),
        atx.scale_by_prodigy(0.5, d0=1e-5),
        atx.scale_by_lion(b1=0.9),
        atx.scale_by_signum(b1=0.9),
        atx.scale_by_rprop(0.01),
        atx.scale_by_factored_rms(eps=1e-30),
        atx.scale_by_ftrl(0.1, l1=0.1),
        atx.scale_by_normuon(b2=0.9, factor="original"),
        atx.scale_by_lmo(norm="sign", radius=3000.0),
        atx.scale_by_shampoo(b3=0.9, damping=1e-6, every=5, max_size=4096, axes="last_two"),
        atx.scale_by_kron(factor_rate=0.05, every=lambda count: 1 + count / 100, probe_seed=7),
        atx.scale_by_soap(b3=0.9, every=5, max_size=4096, axes="last_two"),
        atx.orthogonalize(coefficients="polar_express", factor="original", axes="last_two"),
        atx.orthogonalize(coefficients=[(1.5, -0.5, 0.0)] * 9, axes=lambda path, p: ((1,), (0,))),
        atx.scale_by_lars(only=kernels),
        atx.scale_by_trust_ratio(min_norm=0.1),
        atx.scale_by_param_rms(1e-3),
        atx.scale_by_relative_rate(0.1),
        atx.add_decayed_weights(0.1, only=kernels),
        atx.add_cautious_decayed_weights(0.1, only=kernels),
        atx.scale(-0.1),
        atx.scale_by_schedule(my_schedule),
        atx.identity(),
        atx.set_to_zero(),
        atx.scale_by_learning_rate(0.1),
        atx.subtract_decayed_weights(1e-4),
    ]


def train() -> None:
    rows = jnp.float32(1.0) * jax.random.normal(jax.random.key(0), (2, 3))
    params = {"w": rows, "b": rows[0]}
    tx = atx.chain(
        atx.clip_by_global_norm(1.0),
        optax.identity(),
        atx.adam(0.1),
        atx.reduce_on_plateau(factor=0.5, patience=3),
    )
    tx = atx.guarded(atx.measured(tx, by="leaf"), max_in_a_row=5)
    tx = tx.replace(b1=0.8).concrete()
    assert tx == tx and hash(tx)
    state = tx.init(params)
    updates, state = tx.update(params, state, params, value=1.0)
    average = params
    params = atx.apply_updates(params, updates)
    average = atx.incremental_update(params, average, 0.1)
    print(float(atx.global_norm(average)))
    for name, value in atx.metrics(state).items():
        print(name, float(value))
    print(tx, tx.hyperparameters(state), atx.guard_report(state, params)["skipped"])
    mesh = jax.sharding.AbstractMesh((1,), ("data",))
    lies = jax.NamedSharding(mesh, jax.P())
    print(atx.state_sharding(tx, params, lies, zero="data"))
    moved = atx.migrate(state, tx, atx.adam(0.1), params)
    print(moved, sorted(moved.kept), sorted(moved.new), sorted(moved.dropped))
    small = atx.stored(tx, 8, seed=1)
    bits = small.init(params)
    print(atx.encoded(small, atx.decoded(small, bits)))
    atx.guarded_by_z_score(tx, max_z=6.0, of="norm", warmup=20)
    atx.guarded_by_percentile(tx, percentile=99.0, of="loss")


def groups() -> None:
    rows = jax.random.normal(jax.random.key(0), (2, 3))
    params = {"kernel": rows, "bias": rows[0]}
    tx = atx.grouped({"head": {"multiplier": 0.1}}, by={"head": "kernel$"}, default=atx.adamw(1e-3))
    by_shape = atx.grouped({"no_decay": atx.adam(1e-3)}, by=atx.no_decay(), default=tx)
    router = atx.matrices(but="embed|head", axes="last_two")
    print(atx.grouped({"matrices": atx.muon(0.02)}, by=router, default=atx.adamw(1e-3)))
    deep = atx.grouped(**atx.layerwise_decay(0.8, layers=12), default=atx.adamw(1e-3))
    print(tx.init(params), by_shape, deep)
    atx.masked(atx.trace(0.9), only="kernel$")
    whole = atx.accumulated(atx.averaged(atx.adam(1e-3), decay=0.99), every=4, mean=True)
    print(atx.eval_params(whole.init(params), params), atx.describe(whole, params).warnings)
    half = {"kernel": rows.astype(jnp.bfloat16), "bias": rows[0].astype(jnp.bfloat16)}
    small = atx.rounded(atx.stored(atx.adamw(1e-3), 8), extra_bits=8, seed=1)
    print(atx.full_precision(half, small.init(half)), small)
    atx.masked(atx.trace(0.9), only=lambda path, p: path != "bias" and p.ndim > 1)
    stop = atx.early_stopping(patience=3, maximize=True)
    waiting = stop.update(1.0, stop.init())
    if bool(waiting.should_stop):
        print(waiting.best)


def main() -> None:
    for schedule in all_schedules():
        print(schedule(3), schedule.concrete())
        optimizers(schedule)
    print(*optimizers(0.1), *rules())
    train()
    groups()


if __name__ == "__main__":
    main()
