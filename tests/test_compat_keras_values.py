"""compat.keras's optimizers as values, their arguments, and their variables: no golden runs."""

import inspect
import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_compat_torch import FOLDER
from test_compat_torch_values import three_steps, tree

import adaptive_tx as atx
from adaptive_tx.compat import keras
from adaptive_tx.compat.keras import adams, layerwise, optimizers

SIGNATURES = json.loads((FOLDER / "keras_schedules.json").read_text())["signatures"]
NAMES = (
    "SGD",
    "Adagrad",
    "RMSprop",
    "Adadelta",
    "Adam",
    "AdamW",
    "Nadam",
    "Adamax",
    "Lion",
    "Lamb",
    "Ftrl",
    "Adafactor",
)
LEFT_OUT = {
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
}
MODULES = (atx, keras, optimizers, adams, layerwise)
WRITTEN = {k: v for module in MODULES for k, v in vars(module).items()}  # for eval(repr(tx))

OPTIMIZERS = {
    "sgd": {"clipnorm": 1.0},
    "sgd-nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "adagrad": {"global_clipnorm": 1.0},
    "rmsprop": {"weight_decay": 0.1},
    "rmsprop-centered": {"centered": True, "momentum": 0.9},
    "adadelta": {},
    "adam": {"clipvalue": 1.0},
    "adam-amsgrad": {"amsgrad": True},
    "adamw": {},
    "nadam": {},
    "adamax": {},
    "lion": {"weight_decay": 0.1},
    "lamb": {"weight_decay": 0.1},
    "ftrl": {"weight_decay": 0.1, "l1_regularization_strength": 0.1},
    "ftrl-zero": {"initial_accumulator_value": 0.0, "beta": 1.0, "learning_rate_power": 0.0},
    "adafactor": {"relative_step": False},
}


def make(label, **changes):
    return getattr(keras, label.partition("-")[0])(**{**OPTIMIZERS[label], **changes})


def trees(label, dtype="float32"):
    """Parameters and gradients, of any optimizer: one leaf, which compiles faster."""
    return ({"a": tree(dtype, seed)["a"]} for seed in (0, 1))


def some_state(tx, params):
    """A state as after three steps, of no particular gradients."""
    rng = np.random.RandomState(2)
    start = tx.init(params)
    return jax.tree.map(
        lambda x: x + 3 if x.dtype == jnp.int32 else x + jnp.asarray(rng.rand(*x.shape), x.dtype),
        start,
    )


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_those_of_keras(name):
    ours = inspect.signature(getattr(keras, name.lower())).parameters.values()
    theirs = [pair for pair in SIGNATURES[name] if pair[0] not in LEFT_OUT]
    given = [[p.name, repr(p.default)] for p in ours if p.kind is not p.KEYWORD_ONLY]
    assert given == theirs


def test_ftrl_takes_complex_numbers():
    params = {"w": jnp.array([1.0 - 2.0j, 0.5j], jnp.complex64)}
    found, state = three_steps(keras.ftrl(l1_regularization_strength=0.01), params, params)
    assert found["w"].dtype == jnp.complex64 and state[0].sum_of_squares["w"].dtype == jnp.float32
    assert bool(jnp.all(jnp.isfinite(found["w"])))


def test_ftrl_is_adagrad_from_zero():
    """Without penalties, from p = 0 and with a sum that starts at 0 (McMahan et al., 2013)."""
    zeros, grads = jax.tree.map(jnp.zeros_like, tree()), tree(seed=1)
    leader, _ = three_steps(keras.ftrl(0.1, initial_accumulator_value=0.0), zeros, grads)
    adagrad, _ = three_steps(atx.adagrad(0.1), zeros, grads)
    chex.assert_trees_all_close(leader, adagrad, rtol=1e-5)


def test_the_rate_is_inside_the_momentum():
    """After the rate has dropped to nothing, Keras' momentum goes on."""
    tx = keras.sgd(keras.piecewise_constant_decay([0], [1.0, 0.0]), momentum=0.5)
    params = {"w": jnp.zeros(())}
    state, updates = tx.init(params), []
    for _ in range(3):
        update, state = tx.update({"w": jnp.ones(())}, state)
        updates.append(float(update["w"]))
    assert updates == [-1.0, -0.5, -0.25]


BAD = [
    ("sgd", {"learning_rate": -1.0}, "sgd: learning_rate must lie in"),
    ("sgd", {"momentum": 1.5}, "sgd: momentum must lie in"),
    ("sgd", {"weight_decay": -0.1}, "sgd: weight_decay must lie in"),
    ("sgd", {"momentum": 0.5, "weight_decay": -0.1}, "sgd: weight_decay must lie in"),
    ("adagrad", {"initial_accumulator_value": -1.0}, "adagrad: initial_accumulator_value must"),
    ("rmsprop", {"rho": 1.5}, "rmsprop: rho must lie in"),
    ("adadelta", {"epsilon": -1.0}, "adadelta: epsilon must lie in"),
    ("adam", {"beta_1": 1.0}, "adam: beta_1 must lie in"),
    ("adam", {"clipnorm": 1.0, "clipvalue": 1.0}, "adam: only one of clipnorm, clipvalue can"),
    ("adam", {"global_clipnorm": -1.0}, "adam: global_clipnorm must lie in"),
    ("adamw", {"weight_decay": None}, "adamw: weight_decay must be a number"),
    ("nadam", {"beta_2": -1.0}, "nadam: beta_2 must lie in"),
    ("adamax", {"epsilon": 0.0}, "adamax: epsilon must lie in"),
    ("lion", {"beta_2": 1.5}, "lion: beta_2 must lie in"),
    ("lamb", {"weight_decay": -1.0}, "lamb: weight_decay must lie in"),
    ("ftrl", {"learning_rate": 0.0}, "ftrl: learning_rate must lie in"),
    ("ftrl", {"learning_rate_power": 0.5}, "ftrl: learning_rate_power must lie in"),
    ("ftrl", {"l1_regularization_strength": -1.0}, "ftrl: l1_regularization_strength must"),
    ("adafactor", {"beta_2_decay": 0.5}, "adafactor: beta_2_decay must lie in"),
    ("adafactor", {"clip_threshold": 0.0}, "adafactor: clip_threshold must lie in"),
]


@pytest.mark.parametrize("name, kwargs, message", BAD, ids=str)
def test_wrong_arguments(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        getattr(keras, name)(**kwargs)


FLAGS = {
    "sgd": "nesterov",
    "rmsprop": "centered",
    "adam": "amsgrad",
    "adamw": "amsgrad",
    "adafactor": "relative_step",
}


@pytest.mark.parametrize("name", [name.lower() for name in NAMES])
def test_flags_and_rates_of_another_type(name):
    with pytest.raises(TypeError, match=f"{name}: learning_rate must be a number, got None"):
        getattr(keras, name)(learning_rate=None)
    if flag := FLAGS.get(name):
        with pytest.raises(TypeError, match=f"{name}: {flag} must be True or False"):
            getattr(keras, name)(**{flag: 1})


# Variables. ---------------------------------------------------------------------------------------

ORDER = ["b/c", "a"]


@pytest.mark.parametrize("label", OPTIMIZERS)
def test_variables_go_there_and_back(label):
    tx, params = make(label), tree()
    state = some_state(tx, params)
    exported = keras.variables(tx, state, params, ORDER)
    assert exported[0][0].endswith("/iteration") and int(exported[0][1]) == 3
    loaded = keras.load_variables(tx, params, exported, ORDER)
    chex.assert_trees_all_equal(loaded, state)


def test_a_schedule_in_a_longer_chain():
    tx = atx.chain(atx.clip_by_rms(1.0), keras.adam(keras.inverse_time_decay(0.1, 1, 1.0)))
    params = tree()
    state = some_state(tx, params)
    exported = keras.variables(tx, state, params)
    assert not any(path.endswith("learning_rate") for path, _ in exported)
    loaded = keras.load_variables(tx, params, exported)
    chex.assert_trees_all_equal(loaded, state)
    assert float(tx.hyperparameters(loaded)["1.1.learning_rate"]) == pytest.approx(0.1 / 4)


def nadam_variables():
    tx, params = keras.nadam(), tree()
    return tx, params, keras.variables(tx, some_state(tx, params), params, ORDER)


SPOILED = [
    (lambda v: v.pop(), "the variable is missing: the list ends before it"),
    (lambda v: v.pop(2), "where the momentum of b/c should be, there is 'nadam/b_c_velocity'"),
    (lambda v: v.pop(0), "where the iteration should be, there is 'nadam/learning_rate'"),
    (lambda v: v.append(("nadam/a_extra", np.zeros(3))), "'nadam/a_extra', which the optimizer"),
    (lambda v: v.__setitem__(4, (v[4][0], np.zeros((4, 3)))), r"has shape \(4, 3\), but the mom"),
    (lambda v: v.__setitem__(3, v[5]), "where the velocity of b/c should be.*'nadam/a_velocity'"),
    (lambda v: v.__setitem__(1, (v[1][0], np.float32(0.5))), "learning_rate is 0.5 in Keras"),
]


@pytest.mark.parametrize("change, message", SPOILED, ids=[message for _, message in SPOILED])
def test_variables_that_do_not_fit(change, message):
    tx, params, exported = nadam_variables()
    change(exported)
    with pytest.raises(ValueError, match=message):
        keras.load_variables(tx, params, exported, ORDER)


def test_names_that_do_not_fit():
    tx, params, exported = nadam_variables()
    with pytest.raises(ValueError, match="load_variables: names has no 'b/c'"):
        keras.load_variables(tx, params, exported, ["a"])
