"""compat.keras's schedules against the real Keras (golden file), and by hand.

float64: 1e-12 relative to Keras, but 1e-6 for cosines, which Keras takes in float32 whatever floatx
is; float32: 1e-5, and as much of the largest value.
"""

import inspect
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_compat_keras import snake
from test_compat_torch import FOLDER
from test_compat_torch_values import quick_jit

from adaptive_tx.compat import keras

GOLDEN = json.loads((FOLDER / "keras_schedules.json").read_text())
STEPS = 50
IN_FLOAT32 = ("CosineDecay", "CosineDecayRestarts")


def make(name, kwargs):
    return getattr(keras, snake(name))(**kwargs)


@quick_jit
def values(schedule):
    return jax.vmap(schedule)(jnp.arange(float(STEPS)))


@quick_jit
@jax.grad
def slopes_of(schedule):
    return schedule(3.0) + schedule(20.0) + schedule(49.0)


@pytest.mark.parametrize("name, kwargs, rates", GOLDEN["schedules"], ids=lambda x: str(x)[:40])
def test_schedules_equal_keras(name, kwargs, rates):
    schedule = make(name, kwargs)
    with jax.enable_x64(True):
        rtol, atol = (1e-6, 1e-8) if name in IN_FLOAT32 else (1e-12, 1e-17)
        np.testing.assert_allclose(values(schedule), rates, rtol=rtol, atol=atol)
    np.testing.assert_allclose(values(schedule), rates, rtol=1e-5, atol=1e-5 * max(rates))
    assert make(name, kwargs) == schedule and hash(make(name, kwargs)) == hash(schedule)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert all(np.isfinite(x) for x in jax.tree.leaves(slopes_of(schedule)))


@pytest.mark.parametrize("name", dict.fromkeys(row[0] for row in GOLDEN["schedules"]))
def test_signatures(name):
    expected = [pair for pair in GOLDEN["signatures"][name] if pair[0] != "name"]
    given = [
        [p.name, None if p.default is p.empty else repr(p.default)]
        for p in inspect.signature(getattr(keras, snake(name))).parameters.values()
    ]
    assert given == expected


def test_a_boundary_belongs_to_the_value_before_it():
    rates = values(keras.piecewise_constant_decay([3, 4], [1.0, 0.5, 0.25]))
    np.testing.assert_array_equal(rates[:7], [1, 1, 1, 1, 0.5, 0.25, 0.25])


def test_restarts_come_on_time():
    """Also where a logarithm rounds down: log(243) / log(3) is less than 5 in float64."""
    schedule = keras.cosine_decay_restarts(1.0, 1, t_mul=3.0)
    at = quick_jit(jax.vmap(schedule))
    counts = np.array([1, 4, 13, 40, 121, 364, 1093])
    with jax.enable_x64(True):
        np.testing.assert_array_equal(at(counts.astype(float)), 1)
    np.testing.assert_allclose(at(counts.astype(np.float32)), 1, atol=1e-4)


def test_a_sweep_of_schedules():
    rates = jnp.array([0.1, 0.2])
    swept = jax.vmap(lambda rate: keras.cosine_decay(rate, 50, warmup_target=1.0, warmup_steps=4))
    at_two = jax.vmap(lambda s: s(2.0))(swept(rates))
    np.testing.assert_allclose(at_two, (rates + 1) / 2, rtol=1e-6)


BAD = [
    (keras.piecewise_constant_decay, ([5, 3], [1.0, 2.0, 3.0]), "boundaries must increase"),
    (keras.piecewise_constant_decay, ([5], [1.0]), "values must be one more than boundaries"),
    (keras.piecewise_constant_decay, ([-1], [1.0, 2.0]), "boundaries must be at least 0"),
    (keras.polynomial_decay, (0.1, 0), "polynomial: steps must lie"),
    (keras.polynomial_decay, (0.1, 0, 0.1, 1.0, True), "polynomial_decay: decay_steps must lie"),
    (keras.inverse_time_decay, (0.1, 5, -1.0), "inverse_time_decay: decay_rate must lie"),
    (keras.cosine_decay, (0.1, 5, 2.0), "cosine_decay: alpha must lie"),
    (keras.cosine_decay_restarts, (0.1, 5, 0.5), "cosine_decay_restarts: t_mul must lie"),
]


@pytest.mark.parametrize(
    "function, arguments, message", BAD, ids=lambda x: getattr(x, "__name__", str(x))[:30]
)
def test_errors(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
