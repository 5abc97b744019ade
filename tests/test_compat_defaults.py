"""compat.defaults: what each framework's Adam does in two steps, by hand; compat.optax is below."""

import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from test_compat_torch_values import quick_jit

import adaptive_tx as atx
from adaptive_tx import schedules
from adaptive_tx.compat import keras, torch
from adaptive_tx.compat.defaults import TABLE, defaults
from adaptive_tx.compat.optax import from_optax, to_optax

ROWS = {
    "tensorflow": (0.001, 1e-8, True),
    "keras1": (0.001, 1e-8, True),
    "keras": (0.001, 1e-7, True),
    "blocks": (0.002, 1e-8, True),
    "lasagne": (0.001, 1e-8, True),
    "caffe": (0.001, 1e-8, True),
    "mxnet": (0.001, 1e-8, True),
    "torch7": (0.001, 1e-8, True),
    "torch": (0.001, 1e-8, False),
    "paper": (0.001, 1e-8, False),
    "paper_misprint": (0.001, 10e-8, False),
    "textbook_1e-6": (0.001, 1e-6, False),
    "textbook_1e-7": (0.001, 1e-7, False),
}


def by_hand(rate, eps, hat, grads):
    """Adam's updates of one number, b1 = 0.9 and b2 = 0.999, from the paper."""
    mu = nu = 0.0
    for t, g in enumerate(grads, 1):
        mu, nu = 0.9 * mu + 0.1 * g, 0.999 * nu + 0.001 * g * g
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        yield (
            -rate * math.sqrt(c2) / c1 * mu / (math.sqrt(nu) + eps)
            if hat
            else (-rate * mu / c1 / (math.sqrt(nu / c2) + eps))
        )


@pytest.mark.parametrize("name", TABLE)
def test_two_steps(name):
    grads = [1e-6, 3e-7]  # small enough for eps to matter
    tx, params = defaults(name), {"w": jnp.zeros(())}
    state, found = tx.init(params), []
    for g in grads:
        update, state = tx.update({"w": jnp.float32(g)}, state)
        found.append(float(update["w"]))
    np.testing.assert_allclose(found, list(by_hand(*ROWS[name], grads)), rtol=1e-5)


def test_the_table_is_the_issues():
    assert set(TABLE) == set(ROWS)
    assert all(f"\n    {name} " in defaults.__globals__["__doc__"] for name in TABLE)
    assert defaults("keras") == keras.adam()
    assert defaults("torch").replace(eps=1e-7) == defaults("paper_misprint")
    assert torch.adam().replace(weight_decay=0.0) == torch.adam()


def test_a_rate_of_ones_own():
    assert defaults("blocks", 0.1) == defaults("tensorflow", 0.1)
    tx = defaults("paper", schedules.inverse_sqrt(0.1))
    assert float(tx.hyperparameters(tx.init({"w": jnp.zeros(2)}))["1.learning_rate"]) == (
        pytest.approx(0.1)
    )
    falling = defaults("keras1").replace(lr_decay=1.0)
    params = {"w": jnp.zeros(())}
    first, state = falling.update({"w": jnp.ones(())}, falling.init(params))
    second, _ = falling.update({"w": jnp.ones(())}, state)
    assert float(second["w"] / first["w"]) == pytest.approx(0.5, rel=1e-3)


def test_an_unknown_name():
    with pytest.raises(ValueError, match="name must be one of tensorflow, keras1, .*textbook_1e-7"):
        defaults("theano")


# States of optax. ---------------------------------------------------------------------------------

RMS = {"b2": 0.9, "eps": 1e-8, "eps_in_root": True}
PAIRS = {
    "adam": (lambda: atx.adam(0.1), lambda: optax.adam(0.1)),
    "adamw": (lambda: atx.adamw(0.1, weight_decay=0.1), lambda: optax.adamw(0.1, weight_decay=0.1)),
    "sgd": (lambda: atx.sgd(0.1), lambda: optax.sgd(0.1)),
    "momentum": (lambda: atx.momentum(0.1), lambda: optax.sgd(0.1, momentum=0.9)),
    "nesterov": (lambda: atx.nesterov(0.1), lambda: optax.sgd(0.1, 0.9, nesterov=True)),
    "rmsprop": (lambda: atx.rmsprop(0.1, eps_in_root=True), lambda: optax.rmsprop(0.1)),
    "rmsprop, centered": (
        lambda: atx.rmsprop(0.1, centered=True, eps_in_root=True),
        lambda: optax.rmsprop(0.1, centered=True),
    ),
    "rmsprop, momentum": (
        lambda: atx.chain(atx.scale_by_rms(**RMS), atx.scale_by_learning_rate(0.1), atx.trace(0.8)),
        lambda: optax.rmsprop(0.1, momentum=0.8),
    ),
    "adagrad": (
        lambda: atx.adagrad(0.1, eps=1e-7, initial_accumulator_value=0.1, eps_in_root=True),
        lambda: optax.adagrad(0.1),
    ),
    "lion": (lambda: atx.lion(0.1, weight_decay=1e-3), lambda: optax.lion(0.1)),
    "radam": (lambda: atx.radam(0.1), lambda: optax.radam(0.1)),
    "adabelief": (lambda: atx.adabelief(0.1), lambda: optax.adabelief(0.1)),
    "yogi": (lambda: atx.yogi(0.1), lambda: optax.yogi(0.1)),
    "adadelta": (lambda: atx.adadelta(1.0, b2=0.9), lambda: optax.adadelta(1.0)),
    "clipped, scheduled adam": (
        lambda: atx.chain(atx.clip_by_global_norm(1.0), atx.adam(schedules.inverse_sqrt(0.1))),
        lambda: optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.adam(lambda count: 0.1 / jnp.sqrt(count.astype(float) + 1)),
        ),
    ),
}


def run(tx, params, state, start, stop):
    """Steps `start` to `stop` on gradients that depend on the parameters and on the step."""

    def step(carry, t):
        params, state = carry
        grads = jax.tree.map(lambda p: jnp.sin(3 * p + t) + 0.3 * p, params)
        updates, state = tx.update(grads, state, params)
        return (jax.tree.map(jnp.add, params, updates), state), None

    times = jnp.arange(start, stop).astype(float)
    return quick_jit(lambda p, s: jax.lax.scan(step, (p, s), times)[0])(params, state)


def parameters():
    return {"w": jnp.linspace(-1.0, 1.0, 4), "v": {"b": jnp.linspace(0.1, 0.6, 6).reshape(2, 3)}}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_a_run_of_optax_goes_on(name):
    """20 steps in optax; then 10 more there, and here; and the way back."""
    make, make_optax = PAIRS[name]
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        tx, theirs = make(), make_optax()
        params, optax_state = run(theirs, parameters(), theirs.init(parameters()), 0, 20)
        state = from_optax(tx, params, optax_state)
        chex.assert_trees_all_equal(to_optax(state, theirs.init(parameters())), optax_state)
        ours = run(tx, params, state, 20, 30)
        expected = run(theirs, params, optax_state, 20, 30)
        rtol = 1e-8 if name == "radam" else 1e-12  # our series of rho_t is good to 5e-10
        chex.assert_trees_all_close(ours[0], expected[0], rtol=rtol, atol=rtol)
        count = 10 + int(state[0].count)
        again = from_optax(tx, params, expected[1], count=count)
        chex.assert_trees_all_close(again, ours[1], rtol=rtol, atol=rtol)


def test_dtypes_are_those_of_the_receiver():
    theirs = optax.adam(0.1, mu_dtype=jnp.bfloat16)
    state = from_optax(atx.adam(0.1), parameters(), theirs.init(parameters()))
    assert state[0].mu["w"].dtype == jnp.float32
    back = to_optax(state, theirs.init(parameters()))
    chex.assert_trees_all_equal_shapes_and_dtypes(back, theirs.init(parameters()))


def test_what_optax_does_not_count():
    params = parameters()
    optax_state = optax.sgd(0.1, momentum=0.9).init(params)
    tx = atx.momentum(schedules.inverse_sqrt(0.1))
    with pytest.raises(ValueError, match="from_optax: optax has not counted.*give count="):
        from_optax(tx, params, optax_state)
    assert int(from_optax(tx, params, optax_state, count=7)[1].count) == 7
    assert int(from_optax(atx.momentum(0.1), params, optax_state)[0].count) == 0
    counted = optax.adam(0.1).init(params)
    with pytest.raises(ValueError, match="count is 7, but optax has counted 0"):
        from_optax(atx.adam(0.1), params, counted, count=7)


MISFITS = [
    ("adam", lambda: optax.sgd(0.1, 0.9), "optax's state has no 'mu'; it has trace"),
    ("momentum", lambda: optax.adam(0.1), "optax's state has no 'trace'; it has mu, nu"),
    ("adam", lambda: optax.amsgrad(0.1), "optax's state has 'nu_max', which the optimizer lacks"),
    ("sgd", lambda: optax.adam(0.1), "optax's state has 'mu', which the optimizer lacks"),
    ("rmsprop", lambda: optax.rmsprop(0.1, bias_correction=True), "RMSProp with bias correction"),
]


@pytest.mark.parametrize("name, make_optax, message", MISFITS)
def test_states_that_do_not_fit(name, make_optax, message):
    params = parameters()
    with pytest.raises(ValueError, match=message):
        from_optax(PAIRS[name][0](), params, make_optax().init(params))


def test_layouts_that_do_not_fit():
    params, tx = parameters(), atx.adam(0.1)
    other = optax.adam(0.1).init({**params, "w": jnp.zeros(3)})
    with pytest.raises(ValueError, match=r"optax's mu\['w'\] has shape \(3,\), but.*\(4,\)"):
        from_optax(tx, params, other)
    with pytest.raises(ValueError, match=r"to_optax: our mu\['w'\] has shape \(4,\), but.*\(3,\)"):
        to_optax(tx.init(params), other)
    with pytest.raises(ValueError, match="to_optax: our state has no 'trace'; it has mu, nu"):
        to_optax(tx.init(params), optax.sgd(0.1, 0.9).init(params))
    with pytest.raises(
        ValueError, match="to_optax: our state has 'mu', which optax's optimizer lacks"
    ):
        to_optax(tx.init(params), optax.sgd(0.1).init(params))
    with pytest.raises(ValueError, match="expected the state of an optimizer, got a dict"):
        from_optax(tx, params, {})


def test_whoever_is_called_complains():
    """to_optax, too, in its own name: of what is no state, of a wrapper's, of what we have not."""
    tx, params = atx.adam(0.1), parameters()
    theirs = optax.lookahead(optax.adam(0.1), sync_period=2, slow_step_size=0.5)
    unknown = theirs.init(optax.LookaheadParams.init_synced(params))
    calls = {
        "to_optax": lambda given: to_optax(given, optax.adam(0.1).init(params)),
        "from_optax": lambda given: from_optax(tx, params, given),
    }
    for who, call in calls.items():
        with pytest.raises(ValueError, match=f"^{who}: expected the state of an optimizer, got a"):
            call({"mu": 0.0})
        message = f"^{who}: LookaheadState is the state of a wrapper .*; give its fast_state"
        with pytest.raises(ValueError, match=message):
            call(unknown)
    with pytest.raises(ValueError, match="^to_optax: RMSProp with bias correction"):
        to_optax(tx.init(params), optax.scale_by_rms(bias_correction=True).init(params))


SPLIT = {"w": "a", "v": {"b": "b"}}
ONLY_W = {"w": True, "v": {"b": False}}
WRAPPED = {
    "decay masked": (
        lambda: atx.adamw(0.1, weight_decay=0.1, mask=ONLY_W),
        lambda: optax.adamw(0.1, weight_decay=0.1, mask=ONLY_W),
    ),
    "masked": (
        lambda: optax.masked(atx.adam(0.1), ONLY_W),
        lambda: optax.masked(optax.adam(0.1), ONLY_W),
    ),
    "numbers injected": (
        lambda: atx.adam(0.1),
        lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.1),
    ),
    "schedules injected": (
        lambda: atx.momentum(schedules.constant(0.1)),
        lambda: optax.inject_hyperparams(optax.sgd)(lambda count: 0.1, momentum=0.9),
    ),
    "ours injected": (
        lambda: optax.inject_hyperparams(atx.adam)(learning_rate=0.1),
        lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.1),
    ),
    "groups of one rule": (
        lambda: atx.adam(0.1),
        lambda: optax.partition({"a": optax.adam(0.1), "b": optax.adam(0.1)}, SPLIT),
    ),
    "groups": (
        lambda: optax.partition({"a": atx.adam(0.1), "b": atx.momentum(0.1)}, SPLIT),
        lambda: optax.partition({"a": optax.adam(0.1), "b": optax.sgd(0.1, 0.9)}, SPLIT),
    ),
    "named": (
        lambda: atx.adam(0.1),
        lambda: optax.named_chain(("clip", optax.identity()), ("adam", optax.adam(0.1))),
    ),
    "finite": (lambda: atx.guarded(atx.adam(0.1)), lambda: optax.apply_if_finite(optax.adam(0.1), 5)),
    "guarded, measured": (
        lambda: atx.measured(atx.guarded_by_z_score(atx.adam(0.1))),
        lambda: optax.adam(0.1),
    ),
    "half a step": (
        lambda: optax.MultiSteps(atx.adam(0.1), 3).gradient_transformation(),
        lambda: optax.MultiSteps(optax.adam(0.1), 3).gradient_transformation(),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapped_run_of_optax_goes_on(name):
    """Ten steps in optax, then four more there and here; and the way back. Of three gradients a step."""
    make, make_optax = WRAPPED[name]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        tx, theirs = make(), make_optax()
        params, optax_state = run(theirs, parameters(), theirs.init(parameters()), 0, 10)
        state = from_optax(tx, params, optax_state)
        chex.assert_trees_all_equal_shapes_and_dtypes(state, tx.init(params))
        again = to_optax(state, theirs.init(params))
        kept = [optax.tree.get_all_with_path(s, "mu") for s in (again, optax_state)]
        chex.assert_trees_all_equal(*kept)
        expected = run(theirs, params, optax_state, 10, 14)[0]
        chex.assert_trees_all_close(run(tx, params, state, 10, 14)[0], expected, rtol=2e-5)
        chex.assert_trees_all_close(run(theirs, params, again, 10, 14)[0], expected, rtol=2e-5)


def test_what_of_a_wrapper_cannot_be_moved():
    params, theirs = parameters(), optax.MultiSteps(optax.adam(0.1), 3)
    with jax.numpy_dtype_promotion("standard"):
        _, half = theirs.update(params, theirs.init(params), params)
    with pytest.raises(ValueError, match="^from_optax: MultiSteps is in the middle .* 1 gradients"):
        from_optax(atx.adam(0.1), params, half)
    whole = half._replace(mini_step=0, gradient_step=jnp.int32(7))
    with pytest.raises(ValueError, match="from_optax: optax's state has no 'trace'"):
        from_optax(atx.momentum(0.1), params, whole)
    rates = optax.MultiSteps(optax.sgd(0.1), 3).init(params)._replace(gradient_step=jnp.int32(7))
    assert from_optax(atx.sgd(0.1), params, rates)[0].count == 7
    masked = optax.masked(optax.adam(0.1), ONLY_W).init(params)
    message = (
        r"from_optax: optax's mu\['v'\]\['b'\] is missing or masked, but the optimizer has one"
    )
    with pytest.raises(ValueError, match=message):
        from_optax(atx.adam(0.1), params, masked)
    split = optax.partition({"a": optax.adam(0.1), "b": optax.sgd(0.1, 0.9)}, SPLIT).init(params)
    with pytest.raises(ValueError, match=r"from_optax: optax's mu\['v'\]\['b'\] is missing"):
        from_optax(atx.adam(0.1), params, split)
