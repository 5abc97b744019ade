"""Bias corrections are the sums of the weights that were given, of decay rates that change too."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from catalogue import RULES, kron_rule, normuon_rule, shampoo_rule, soap_rule
from harness import run, run_optax, tree

import adaptive_tx as atx
from adaptive_tx import schedules
from adaptive_tx.compat import keras, torch
from adaptive_tx.compat import optax as compat_optax
from adaptive_tx.core.debiasing import ScheduledDecayState

RISING = schedules.linear(0.9, 0.999, 100)
BOTH, NONE = {"b1", "b2"}, set()
KEPT = {
    atx.ema: {"b1"},
    atx.scale_by_adamax: {"b1"},
    atx.scale_by_nadam_scheduled: {"b2"},
    atx.scale_by_adam: BOTH,
    atx.scale_by_adam_eps_hat: BOTH,
    atx.scale_by_amsgrad: BOTH,
    atx.scale_by_nadam: BOTH,
    atx.scale_by_radam: BOTH,
    atx.scale_by_radam_amsgrad: BOTH,
    atx.scale_by_adabelief: BOTH,
    atx.scale_by_adabelief_amsgrad: BOTH,
    atx.scale_by_adabelief_rectified: BOTH,
    atx.scale_by_yogi: BOTH,
    atx.scale_by_laprop: BOTH,
    atx.scale_by_adan: BOTH,
    atx.scale_by_ademamix: BOTH,
    atx.scale_by_mars: BOTH,
    atx.scale_by_adam_atan2: BOTH,
    atx.scale_by_stable_adam: BOTH,
    atx.scale_by_algoperf_nadam: BOTH,
    atx.scale_by_adopt: NONE,
    atx.ema_nesterov: NONE,
    normuon_rule: NONE,
    soap_rule: BOTH,
    shampoo_rule: BOTH,
    kron_rule: {"b1"},
    atx.scale_by_lion: NONE,
    atx.scale_by_signum: NONE,
    atx.scale_by_novograd: NONE,
    atx.scale_by_prodigy: BOTH,
    atx.scale_by_rms: NONE,
    atx.scale_by_rms_debiased: {"b2"},
    atx.scale_by_centered_rms: NONE,
    atx.scale_by_adadelta: NONE,
}
DECAYING = {row.make: row for row in RULES if {"b1", "b2"} & {*row.numbers}}


def with_sums(state) -> list[ScheduledDecayState]:
    """The states that keep sums of weights, in groups, too."""

    def keeps(x):
        return isinstance(x, ScheduledDecayState)

    return [x for x in jax.tree.leaves(state, is_leaf=keeps) if keeps(x)]


def scheduled(row):
    return row(**{name: schedules.constant(row.numbers[name]) for name in BOTH & {*row.numbers}})


def test_every_rule_with_decay_rates_is_here():
    assert DECAYING.keys() == KEPT.keys()


@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
def test_a_rule_keeps_the_sums_that_it_divides_by(make):
    row = next(r for r in RULES if r.make is make)
    state = scheduled(row).init(tree(0))
    assert {name for one in with_sums(state) for name in one.weights} == KEPT[make]
    assert not with_sums(row().init(tree(0)))


def test_under_a_constant_gradient_adam_steps_by_one():
    """Where optax, which takes 1 - b_t^t, steps by 0.31 at step 101 and by 0.43 at step 200."""
    grads, params = {"w": jnp.ones((200, 1))}, {"w": jnp.zeros(1)}
    ours, _ = run(atx.scale_by_adam(b2=RISING), grads, params)
    np.testing.assert_allclose(ours["w"], 1.0, rtol=1e-5)
    theirs = optax.inject_hyperparams(optax.scale_by_adam)(b2=RISING)
    with jax.numpy_dtype_promotion("standard"):
        found, _ = run_optax(theirs, grads, params)
    np.testing.assert_allclose(found["w"][[100, 199], 0], [0.31, 0.43], atol=0.01)


@pytest.mark.parametrize("make", [m for m, kept in KEPT.items() if kept], ids=lambda m: m.__name__)
def test_a_state_of_the_other_kind_is_refused(make):
    row = next(r for r in RULES if r.make is make)
    plain, changing, params = row(), scheduled(row), tree(0)
    name = min(KEPT[make])
    with pytest.raises(
        ValueError,
        match=rf"{row.public.__name__}: {name} is a schedule, but the state was made for a number",
    ):
        changing.update(params, plain.init(params), params)
    with pytest.raises(
        ValueError,
        match=rf"{row.public.__name__}: {name} is a number, but the state was made for a schedule",
    ):
        plain.update(params, changing.init(params), params)


def test_replace_changes_the_kind():
    params = tree(0)
    for tx in (atx.adam(0.1), atx.guarded(atx.chain(atx.adam(0.1)))):
        changing = tx.replace(b2=RISING)
        assert type(changing.init(params)) is type(tx.init(params))
        changing.update(params, changing.init(params), params)
        assert changing.replace(b2=0.999) == tx
        assert jax.tree.structure(changing.replace(b2=0.999).init(params)) == jax.tree.structure(
            tx.init(params)
        )


def test_measured_reads_it():
    tx, params = atx.measured(atx.adam(0.1, b2=RISING)), tree(0)
    plain = atx.measured(atx.adam(0.1, b2=schedules.constant(0.9)))
    state, same = tx.init(params), plain.init(params)
    for _ in range(3):
        _, state = tx.update(tree(1), state, params)
        _, same = plain.update(tree(1), same, params)
    assert atx.metrics(state).keys() == atx.metrics(same).keys()
    np.testing.assert_allclose(atx.metrics(state)["snr_median"], 1.0, rtol=1e-3)


def test_hyperparameters_are_read_from_it():
    tx, params = atx.chain(atx.adam(0.1, b2=RISING)), tree(0)
    state = tx.init(params)
    for _ in range(100):
        _, state = tx.update(tree(1), state, params)
    assert tx.hyperparameters(state)["0.0.b2"] == np.float32(0.999)
    assert optax.tree.get(state, "nu").keys() == params.keys()
    assert jax.tree.structure(pickle.loads(pickle.dumps(state))) == jax.tree.structure(state)


def test_no_other_library_has_such_a_state():
    """But torch's, whose corrections look at the last value alone: its state stays what it is."""
    params = {"w": jnp.ones(3)}
    tx, theirs = atx.adam(0.1, b2=RISING), optax.adam(0.1).init(params)
    for call, message in {
        lambda: compat_optax.from_optax(tx, params, theirs): "from_optax: with a schedule for b2",
        lambda: compat_optax.to_optax(tx.init(params), theirs): "to_optax: with a schedule for b2",
        lambda: torch.state_dict(
            tx, tx.init(params), params
        ): "state_dict: scale_by_adam has a schedule",
        lambda: keras.variables(
            tx, tx.init(params), params
        ): "variables: scale_by_adam has a schedule",
    }.items():
        with pytest.raises(ValueError, match=message):
            call()
    assert torch.state_dict(torch.adam(betas=(0.9, RISING)), torch.adam().init(params), params)
