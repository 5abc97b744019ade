"""measured: its numbers against NumPy, its names, and that it costs nothing where it is not asked."""

import functools
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState
from harness import finite, run, steps_of, tree

import adaptive_tx as atx
from adaptive_tx.compat import torch
from adaptive_tx.wrappers import gradient_noise

pytestmark = pytest.mark.filterwarnings("error")
SIZES = {"grad_norm", "update_norm", "param_norm", "update_to_param", "nonfinite_leaves"}
RATIOS = {"snr_median", "snr_q10", "snr_q90"}
NOISE = {"gradient_signal", "gradient_noise", "gradient_noise_scale"}
ALL = SIZES | RATIOS | NOISE | {"effective_step", "effective_step_bound"}


@jax.jit
def watch(tx, grads, params):
    """The metrics of every step, stacked."""

    def step(state, g):
        _, state = tx.update(g, state, params)
        return state, atx.metrics(state)

    return jax.lax.scan(step, tx.init(params), grads)[1]


def flat(values) -> np.ndarray:
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(values)]).astype(np.float64)


def test_numbers_equal_numpy():
    """Six steps of clipped RAdam in float64, from the formulas."""
    params, grads, (b1, b2, rate) = tree(0), tree(1, steps=6), (0.9, 0.99, 0.1)
    tx = atx.measured(atx.chain(atx.clip_by_global_norm(3.0), atx.radam(rate, b1=b1, b2=b2)))
    found = watch(tx, grads, params)
    mu = nu = power = 0
    for i in range(6):
        t, raw = i + 1, flat(steps_of(grads, i))
        g = raw * min(1, 3 / np.linalg.norm(raw))
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g**2
        mu_hat, nu_hat = mu / (1 - b1**t), nu / (1 - b2**t)
        rho_inf = 2 / (1 - b2) - 1
        rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
        inside = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
        r = np.sqrt(inside) if rho > 5 else 0
        direction = r * mu_hat / (np.sqrt(nu_hat) + 1e-8) if r else mu_hat
        weights = (1 - b1) * b1 ** np.arange(t) / (1 - b1**t)
        power = (power * b1 * (1 - b1**i) + (1 - b1) * g @ g) / (1 - b1**t)
        unseen = 1 - weights @ weights
        gradient_noise = (power - mu_hat @ mu_hat) / unseen if i else 0
        signal = power - gradient_noise
        expected = {
            "grad_norm": np.linalg.norm(raw),
            "update_norm": rate * np.linalg.norm(direction),
            "param_norm": np.linalg.norm(flat(params)),
            "update_to_param": rate * np.linalg.norm(direction) / np.linalg.norm(flat(params)),
            "nonfinite_leaves": 0,
            "clipped": float(np.linalg.norm(raw) > 3),
            "effective_step": np.max(np.abs(direction)),
            "effective_step_bound": max(1, (1 - b1) / np.sqrt(1 - b2)),
            "gradient_signal": signal,
            "gradient_noise": gradient_noise,
            "gradient_noise_scale": gradient_noise / signal if i and signal > 0 else 1e4,
            "rho": rho,
            "rectification": r,
        }
        ratio = np.abs(mu_hat) / np.sqrt(nu_hat)
        for name, fraction in {"median": 0.5, "q10": 0.1, "q90": 0.9}.items():
            expected[f"snr_{name}"] = np.quantile(ratio, fraction)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i], value, rtol=2e-4, atol=1e-6, err_msg=name)
    assert 0 < np.mean(found["clipped"]) < 1


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 100.0])
def test_the_noise_scale_is_recovered(scale):
    """Of gradients that scatter about one mean with a known variance."""
    n, steps = 500, 2000
    mean = jax.random.normal(jax.random.key(1), (n,))
    mean = mean / jnp.linalg.norm(mean)
    scatter = jax.random.normal(jax.random.key(0), (steps, n)) * (scale / n) ** 0.5
    found = watch(atx.measured(atx.scale_by_adam()), mean[None] + scatter, jnp.ones(n))
    found = {name: np.asarray(values[100:]) for name, values in found.items()}
    quotient = found["gradient_noise"].mean() / found["gradient_signal"].mean()
    np.testing.assert_allclose(quotient, scale, rtol=0.03)
    np.testing.assert_allclose(found["gradient_signal"].mean(), 1, rtol=0.03)
    np.testing.assert_allclose(np.median(found["gradient_noise_scale"]), scale, rtol=0.05)


def test_the_noise_scale_does_not_depend_on_the_past():
    """Gradients that have become small: nu still remembers the large ones, the estimate does not."""
    n = 300
    size = jnp.where(jnp.arange(600) < 300, 100.0, 1.0)[:, None]
    scatter = jax.random.normal(jax.random.key(0), (600, n)) * (2 / n) ** 0.5
    grads = size * (1 / n**0.5 + scatter)
    found = watch(atx.measured(atx.scale_by_adam()), grads, jnp.ones(n))
    late = found["gradient_noise_scale"][500:]
    np.testing.assert_allclose(np.median(late), 2, rtol=0.05)


def test_before_anything_is_known():
    """Zeros at first; after one gradient all is signal, and with b1 = 0 always."""
    params, tx = tree(0), atx.measured(atx.adam(0.1))
    state = tx.init(params)
    assert not any(atx.metrics(state).values())
    _, state = jax.jit(tx.update)(tree(1), state, params)
    found = atx.metrics(state)
    np.testing.assert_allclose(found["gradient_signal"], np.sum(flat(tree(1)) ** 2), rtol=1e-6)
    assert found["gradient_noise"] == 0
    assert found["gradient_noise_scale"] == 1e4
    without_mean = watch(atx.measured(atx.adam(0.1, b1=0.0)), tree(1, steps=4), params)
    assert not np.any(without_mean["gradient_noise"])
    assert np.all(without_mean["gradient_noise_scale"] == 1e4)


def test_the_bound_on_the_step():
    """A lone gradient reaches the paper's bound; growing ones pass it, as far as Cauchy-Schwarz allows."""
    b1, b2 = 0.9, 0.999
    tx = atx.measured(atx.scale_by_adam(b1=b1, b2=b2, eps=1e-30))
    lone = jnp.zeros((20000, 1)).at[-1].set(1.0)
    growing = ((b2 / b1) ** jnp.arange(-300.0, 1.0))[:, None]
    found = watch(tx, lone, jnp.ones(1))
    np.testing.assert_allclose(found["effective_step_bound"][-1], 0.1 / 0.001**0.5, rtol=1e-4)
    np.testing.assert_allclose(found["effective_step"][-1], 0.1 / 0.001**0.5, rtol=1e-3)
    other = watch(tx.replace(b1=0.99, b2=0.5), lone[-3:], jnp.ones(1))
    assert other["effective_step_bound"][-1] == 1  # of gradients that are all the same
    found = watch(tx, growing, jnp.ones(1))
    over = found["effective_step"] / found["effective_step_bound"]
    limit = 1 / (1 - b1**2 / b2) ** 0.5 * (1 - b2**301) ** 0.5
    np.testing.assert_allclose(over[-1], limit, rtol=1e-3)


@pytest.mark.parametrize("shapes", [[(300, 400), (1000,), ()], [(4096 * 8,)], [(64, 3, 3, 512)]])
def test_quantiles_of_large_trees_are_of_a_fair_sample(shapes):
    """To 1.5 % in rank, though half of the columns, and one small leaf, are of another size."""
    rng = np.random.RandomState(0)
    mus = [np.abs(rng.standard_normal(shape)) for shape in shapes]
    mus[0] = mus[0] * np.where(np.arange(shapes[0][-1]) % 2, 1, 10)
    nus = [jnp.full(shape, 4.0, jnp.float32) for shape in shapes]
    c1, c2 = jnp.float32(0.5), jnp.float32(0.25)
    whole = functools.partial(gradient_noise.ratios, splits=[()] * len(shapes))
    found = jax.jit(whole)([jnp.asarray(mu, jnp.float32) for mu in mus], nus, c1, c2)
    exact = np.sort(flat(mus) / 0.5 / (4 / 0.25) ** 0.5)
    for value, fraction in zip(found, gradient_noise.FRACTIONS.values()):
        assert abs(np.searchsorted(exact, value) / exact.size - fraction) < 0.015


def test_ratios_of_entries_without_gradients_are_zero():
    params = {"seen": jnp.ones(3), "unseen": jnp.ones(5), "empty": jnp.ones((0, 2))}
    grads = {**params, "unseen": jnp.zeros(5)}
    tx = atx.measured(atx.adam(0.1), by="leaf")
    found = atx.metrics(jax.jit(tx.update)(grads, tx.init(params), params)[1])
    assert found["snr_median/unseen"] == found["snr_median"] == found["snr_median/empty"] == 0
    np.testing.assert_allclose(found["snr_median/seen"], 1, rtol=1e-6)


HAVE = {
    "scale_by_adam": ALL,
    "scale_by_adam_eps_hat": ALL,
    "scale_by_amsgrad": ALL,
    "scale_by_nadam": ALL,
    "scale_by_radam": ALL | {"rho", "rectification"},
    "scale_by_radam_amsgrad": ALL | {"rho", "rectification"},
    "scale_by_adabelief": ALL - {"effective_step_bound"},
    "scale_by_adabelief_amsgrad": ALL - {"effective_step_bound"},
    "scale_by_adabelief_rectified": (ALL - {"effective_step_bound"}) | {"rho", "rectification"},
    "scale_by_yogi": ALL - {"effective_step_bound"},
    "scale_by_adamax": SIZES | NOISE,
    "scale_by_laprop": SIZES,
    "scale_by_adan": SIZES | NOISE,
    "scale_by_ademamix": ALL,
    "scale_by_mars": SIZES,
    "scale_by_adam_atan2": ALL,
    "scale_by_stable_adam": ALL,
    "scale_by_algoperf_nadam": ALL,
    "scale_by_adopt": SIZES,
    "scale_by_prodigy": SIZES | {"d"},
    "scale_by_lion": SIZES,
    "scale_by_rms": SIZES,
    "scale_by_rms_debiased": SIZES,
    "scale_by_centered_rms": SIZES,
    "scale_by_nadam_scheduled": SIZES | {"momentum"},
    "scale_by_signum": SIZES,
    "ema": SIZES | NOISE,
    "adaptive_grad_clip": SIZES | {"clipped"},
}


@pytest.mark.parametrize("rule", HAVE)
def test_what_a_rule_has(rule):
    tx = atx.measured(getattr(atx, rule)())
    assert atx.metrics(tx.init(tree(0))).keys() == HAVE[rule]
    state = jax.eval_shape(lambda g, p: tx.update(g, tx.init(p), p)[1], tree(1), tree(0))
    assert atx.metrics(state).keys() == HAVE[rule]


def test_clipped_is_the_fraction_of_entries_that_changed():
    params = {"w": jnp.zeros(8), "b": jnp.zeros(2)}
    grads = {"w": jnp.array([0.5, -0.5, 2.0, -2.0, 0.0, jnp.nan, jnp.inf, 1.0]), "b": jnp.ones(2)}
    by_value = atx.measured(atx.clip_by_value(1.0))
    _, state = jax.jit(by_value.update)(grads, by_value.init(params), params)
    np.testing.assert_allclose(atx.metrics(state)["clipped"], 3 / 10)
    grads = {"w": jnp.arange(8.0), "b": jnp.array([0.1, 9.0])}
    twice = atx.measured(atx.chain(atx.clip_by_value(6.5), atx.clip_by_leaf_norm(7.0)))
    _, state = jax.jit(twice.update)(grads, twice.init(params), params)
    np.testing.assert_allclose(atx.metrics(state)["clipped"], 8 / 10)


def test_who_clips_says_so():
    """Wherever it was written; torch's too."""
    grads = {"w": jnp.array([3.0, 4.0])}
    for clip in (torch.clip_grad_norm(1.0), atx.clip_by_global_norm(1.0), atx.clip_by_rms(1.0)):
        tx = atx.measured(atx.chain(clip, atx.sgd(0.1)))
        assert atx.metrics(tx.update(grads, tx.init(grads), grads)[1])["clipped"] == 1
    assert "clipped" not in atx.metrics(atx.measured(atx.add_l2(0.1)).init(grads))


def test_what_is_not_finite_is_counted_and_norms_stay_finite():
    params, grads = tree(0), tree(1)
    grads["enc"]["w"] = grads["enc"]["w"].at[0, 0].set(jnp.nan)
    grads["scale"] = jnp.array(jnp.inf)
    tx = atx.measured(atx.sgd(0.1), by="leaf")
    found = atx.metrics(tx.update(grads, tx.init(params), params)[1])
    assert found["nonfinite_leaves"] == 2
    assert found["nonfinite_leaves/enc/w"] == 1
    assert found["nonfinite_leaves/enc/b"] == 0
    assert finite(found)
    assert found["grad_norm"] > 1e19


def test_groups():
    params, grads = tree(0), tree(1)
    by_top = atx.measured(atx.adam(0.1), by=lambda path: path.split("/")[0])
    found = atx.metrics(jax.jit(by_top.update)(grads, by_top.init(params), params)[1])
    assert found.keys() == ALL | {
        f"{name}/{group}" for name in SIZES | RATIOS for group in ("enc", "scale")
    }
    np.testing.assert_allclose(found["grad_norm/enc"], np.linalg.norm(flat(grads["enc"])), 1e-6)
    whole = found["grad_norm/enc"] ** 2 + found["grad_norm/scale"] ** 2
    np.testing.assert_allclose(found["grad_norm"] ** 2, whole, rtol=1e-6)
    by_leaf = atx.measured(atx.adam(0.1), by="leaf")
    _, state = jax.eval_shape(by_leaf.update, grads, by_leaf.init(params), params)
    found = atx.metrics(state)
    assert {"update_norm/enc/w", "update_norm/enc/b", "update_norm/scale"} <= found.keys()
    assert repr(by_leaf).endswith("by='leaf')")


def test_names_start_with_the_position_where_two_parts_have_metrics():
    tx = atx.measured(atx.chain(atx.chain(atx.scale_by_adam()), atx.scale_by_radam()))
    found = atx.metrics(tx.init(tree(0)))
    assert {"grad_norm", "0.0.snr_median", "1.snr_median", "1.rho", "1.gradient_noise"} <= {*found}
    assert "snr_median" not in found
    numbers = tx.hyperparameters(tx.init(tree(0)))
    assert {"0.0.b1", "1.b1"} <= numbers.keys()


def test_wrapping_changes_no_name_and_no_number():
    plain = atx.chain(atx.clip_by_global_norm(1.0), atx.adam(0.1))
    for wrap in (atx.measured, atx.guarded, lambda tx: atx.guarded(atx.measured(tx))):
        wrapped = wrap(plain)
        state = wrapped.init(tree(0))
        assert wrapped.hyperparameters(state) == plain.hyperparameters(plain.init(tree(0)))
        assert wrapped.replace({"1.0.b2": 0.5}, max_norm=2.0) == wrap(
            plain.replace({"1.0.b2": 0.5}, max_norm=2.0)
        )
        with pytest.raises(TypeError, match="no hyperparameter b7"):
            wrapped.replace(b7=0.5)
    assert repr(atx.measured(atx.sgd(0.1))) == (
        "measured(chain(scale_by_learning_rate(learning_rate=0.1)))"
    )


def test_metrics_are_found_anywhere():
    params, grads = {"enc": tree(0)["enc"]["w"]}, {"enc": tree(1)["enc"]["w"]}
    tx = atx.measured(atx.adam(0.1))
    alone = atx.metrics(jax.jit(tx.update)(grads, tx.init(params), params)[1])
    inside = {
        "chain": atx.chain(atx.trace(0.0), atx.chain(tx)),
        "optax.chain": optax.chain(optax.identity(), tx),
        "masked": optax.masked(tx, {"enc": True}),
        "guarded": atx.guarded_by_z_score(tx),
        "MultiSteps": optax.MultiSteps(tx, 1).gradient_transformation(),
    }
    with jax.numpy_dtype_promotion("standard"):
        for outer in inside.values():
            _, state = jax.jit(outer.update)(grads, outer.init(params), params)
            chex.assert_trees_all_close(atx.metrics(state), alone, rtol=1e-5)

    @jax.jit
    def step(train):
        train = train.apply_gradients(grads=grads)
        return train, atx.metrics(train.opt_state)

    train, found = step(TrainState.create(apply_fn=None, params=params, tx=tx))
    chex.assert_trees_all_close(found, alone, rtol=1e-5)
    chex.assert_trees_all_equal(atx.metrics(train), found)


def test_metrics_of_flax_nnx():
    """Its `init` gets boxes and its `update` what is in them: names and numbers are as without."""
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    params = nnx.as_pure(nnx.state(model, nnx.Param))
    tx = atx.guarded(
        atx.measured(atx.adam(lambda count: 0.1 / (1 + count.astype(float))), by="leaf")
    )
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    grads = jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param))
    _, expected = jax.jit(tx.update)(nnx.as_pure(grads), tx.init(params), params)
    assert atx.metrics(optimizer).keys() == atx.metrics(expected).keys()

    @nnx.jit
    def step(model, optimizer, grads):
        optimizer.update(model, grads)
        return atx.metrics(optimizer.opt_state)

    with jax.numpy_dtype_promotion("standard"):
        found = step(model, optimizer, grads)
    chex.assert_trees_all_close(found, atx.metrics(expected), rtol=1e-4)
    for holder in (optimizer, optimizer.opt_state):
        chex.assert_trees_all_equal(atx.metrics(holder), found)
    assert {"update_norm/kernel", "update_norm/bias"} <= found.keys()
    numbers = tx.hyperparameters(optimizer.opt_state)
    np.testing.assert_allclose(numbers["1.learning_rate"], 0.05)
    with pytest.raises(ValueError, match="^metrics: .* Of flax.nnx give the optimizer"):
        atx.metrics(nnx.state(optimizer))
    train = TrainState.create(apply_fn=None, params=nnx.state(model, nnx.Param), tx=tx)
    with jax.numpy_dtype_promotion("standard"):
        train = jax.eval_shape(lambda train: train.apply_gradients(grads=grads), train)
    chex.assert_trees_all_equal(atx.metrics(train).keys(), found.keys())


def test_metrics_of_scans_and_sweeps_are_arrays():
    stacked = watch(atx.measured(atx.adam(0.1)), tree(1, steps=5), tree(0))
    assert {x.shape for x in stacked.values()} == {(5,)}
    assert {x.dtype for x in stacked.values()} == {jnp.dtype("float32")}
    sweep = jax.vmap(lambda rate: atx.measured(atx.adam(rate)))(jnp.array([0.1, 0.2, 0.4]))
    _, states = jax.vmap(run, in_axes=(0, None, None))(sweep, tree(1, steps=2), tree(0))
    norms = atx.metrics(states)["update_norm"]
    np.testing.assert_allclose(norms / norms[0], [1, 2, 4], rtol=1e-5)


def test_of_several_measured_parts_the_names_start_with_the_path():
    tx = atx.chain(atx.measured(atx.clip_by_global_norm(1.0)), atx.measured(atx.adam(0.1)))
    _, state = tx.update(tree(1), tx.init(tree(0)), tree(0))
    found = atx.metrics(state)
    np.testing.assert_allclose(found["0/update_norm"], found["1/grad_norm"])
    nested = atx.measured(atx.chain(atx.measured(atx.sgd(0.1))))
    found = atx.metrics(nested.init(tree(0)))
    assert {"grad_norm", "inner_state/0/grad_norm"} <= found.keys()


def test_an_optax_part_is_measured_from_outside():
    tx = atx.measured(optax.adam(0.1))
    with jax.numpy_dtype_promotion("standard"):
        _, state = jax.jit(tx.update)(tree(1), tx.init(tree(0)), tree(0))
    assert atx.metrics(state).keys() == SIZES
    np.testing.assert_allclose(atx.metrics(state)["update_norm"], 0.1 * 16**0.5, rtol=1e-4)


def test_complex_parameters():
    grads, params = tree(1, "complex64", steps=3), tree(0, "complex64")
    tx = atx.measured(atx.chain(atx.clip_by_global_norm(1.0), atx.adam(0.1)), by="leaf")
    found = watch(tx, grads, params)
    assert finite(found)
    np.testing.assert_allclose(found["snr_q90"][0], 1, rtol=1e-5)
    joined = np.concatenate([np.ravel(x[2]) for x in jax.tree.leaves(grads)])
    np.testing.assert_allclose(found["grad_norm"][2], np.linalg.norm(joined), rtol=1e-5)


def test_no_derivative_flows_through_metrics():
    def total(grads):
        tx = atx.measured(atx.adam(0.1))
        _, state = tx.update(grads, tx.init(tree(0)), tree(0))
        return sum(atx.metrics(state).values())

    assert not np.any(flat(jax.grad(total)(tree(1))))


def program(function, *arguments) -> str:
    """The optimized program, without the names of files, functions, arguments and instructions."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    text = re.sub(r",? ?metadata=\{[^}]*\}", "", text)
    first, rest = text.split("\n", 1)
    start = min(i for i in (rest.find("\n%"), rest.find("\nENTRY")) if i >= 0)
    names: dict[str, str] = {}
    numbered = re.sub(
        r"%[\w.\-]+", lambda m: names.setdefault(m[0], f"%{len(names)}"), rest[start:]
    )
    return re.sub(r"[\w.]+: (\w+\[)", r"\1", first.split(",", 1)[1] + numbered)


CHAINS = {
    "radam": atx.chain(atx.clip_by_global_norm(1.0), atx.radam(1e-3)),
    "adamw": atx.adamw(1e-3),
    "momentum": atx.momentum(0.1),
}


@pytest.mark.parametrize("name", CHAINS)
def test_nothing_is_computed_that_nobody_asks_for(name):
    """A step that leaves the metrics behind is, once compiled, the step without them."""
    plain, params, grads = CHAINS[name], tree(0), tree(1)
    tx = atx.measured(plain, by="leaf")

    def unasked(grads, state, params):
        updates, state = tx.update(grads, state, params)
        return updates, state.inner_state

    bare = program(plain.update, grads, plain.init(params), params)
    assert program(unasked, grads, tx.init(params), params) == bare
    assert len(program(tx.update, grads, tx.init(params), params)) > 1.2 * len(bare)


def test_a_chain_is_its_parts_composed_by_hand():
    """That a chain can be watched costs nothing where nobody watches."""
    params, grads, tx = tree(0), tree(1), CHAINS["radam"]
    clip, rule, rate = (
        atx.clip_by_global_norm(1.0),
        atx.scale_by_radam(),
        (atx.scale_by_learning_rate(1e-3)),
    )

    def by_hand(grads, state, params):
        first, (second, third) = state
        updates, first = clip.update(grads, first, params)
        updates, second = rule.update(updates, second, params)
        updates, third = rate.update(updates, third, params)
        return updates, (first, (second, third))

    state = tx.init(params)
    assert program(tx.update, grads, state, params) == program(by_hand, grads, state, params)


def test_errors():
    params, tx = tree(0), atx.measured(atx.adam(0.1))
    with pytest.raises(TypeError, match=r"^measured: tx must be .*was it meant to be called\?"):
        atx.measured(atx.adam)
    with pytest.raises(ValueError, match='^measured: by must be "leaf" or a function'):
        atx.measured(atx.adam(0.1), by="layer")
    with pytest.raises(TypeError, match="^measured: by must return a string, got 3 for 'enc/b'"):
        atx.measured(atx.adam(0.1), by=lambda path: 3).init(params)
    with pytest.raises(ValueError, match="^measured: needs the parameters"):
        tx.update(tree(1), tx.init(params))
    with pytest.raises(ValueError, match=r"^metrics: nothing in this state .*measured\(tx\)"):
        atx.metrics(atx.adam(0.1).init(params))
