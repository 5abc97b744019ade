"""exclude_from_weight_decay of compat.keras, against the real Keras (`golden/keras_excluded.json`)."""

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from test_compat_keras_values import SIGNATURES, WRITTEN
from test_compat_torch import FOLDER, difference

from adaptive_tx.compat import keras

GOLDEN = json.loads((FOLDER / "keras_excluded.json").read_text())
CASES = GOLDEN["cases"]
EVERY = [name.lower() for name in SIGNATURES if hasattr(keras, name.lower())]
BIAS = ["bias"]


def nested(arrays):
    """{"dense/kernel": x} -> {"dense": {"kernel": x}}"""
    tree: dict = {}
    for path, x in arrays.items():
        scope, name = path.split("/")
        tree.setdefault(scope, {})[name] = jnp.asarray(x)
    return tree


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2]}-{case[3]}")
def test_parameters_equal_keras(case):
    """Keras takes Adafactor's means in float32."""
    name, kwargs, by_name, by_path, rows = case
    tx = getattr(keras, name.lower())(**kwargs, exclude_from_weight_decay=[*by_name, *by_path])
    with jax.enable_x64(True):
        params = nested(GOLDEN["first"])
        state, update = tx.init(params), jax.jit(tx.update)
        for step, row in enumerate(rows):
            grads = nested({path: x[step] for path, x in GOLDEN["grads"].items()})
            updates, state = update(grads, state, params)
            params = optax.apply_updates(params, updates)
            for ours, theirs in zip(jax.tree.leaves(params), jax.tree.leaves(nested(row))):
                assert difference(ours, theirs) <= (1e-6 if name == "Adafactor" else 1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_it_is_part_of_the_value(name):
    make = getattr(keras, name)
    tx = make(weight_decay=0.1, exclude_from_weight_decay=BIAS)
    assert (
        tx
        == make(weight_decay=0.1, exclude_from_weight_decay=("bias",))
        == tx.replace(weight_decay=0.1)
    )
    assert tx not in (
        make(weight_decay=0.1),
        make(weight_decay=0.1, exclude_from_weight_decay=["x"]),
    )
    assert hash(tx) == hash(make(weight_decay=0.1, exclude_from_weight_decay=BIAS))
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert eval(repr(tx), WRITTEN) == tx
    assert make(weight_decay=0.1, exclude_from_weight_decay=[]) == make(weight_decay=0.1)


FUSED = {"sgd": {"momentum": 0.9}, "lamb": {}, "adafactor": {}, "ftrl": {}}


@pytest.mark.parametrize("name", FUSED)
def test_leaves_go_with_or_without_decay(name):
    """Also where the decay is inside another part; its state moves and is swept as without."""
    plain, first = getattr(keras, name), {"w": {"bias": jnp.ones(2), "kernel": jnp.ones(2)}}
    tx = plain(**FUSED[name], weight_decay=0.5, exclude_from_weight_decay=BIAS)

    def three_steps(tx):
        params, state = first, tx.init(first)
        for _ in range(3):
            updates, state = tx.update(params, state, params)
            params = optax.apply_updates(params, updates)
        return params["w"], state

    some, state = three_steps(tx)
    no_leaf, _ = three_steps(plain(**FUSED[name], weight_decay=0.5))
    every_leaf, _ = three_steps(plain(**FUSED[name], weight_decay=0.0))
    np.testing.assert_array_equal(some["kernel"], no_leaf["kernel"])
    np.testing.assert_array_equal(some["bias"], every_leaf["bias"])
    assert np.all(some["kernel"] != every_leaf["kernel"])
    swept = jax.vmap(lambda d: three_steps(tx.replace(weight_decay=d))[0])(jnp.array([0.5, 0.25]))
    np.testing.assert_allclose(swept["bias"], np.stack([some["bias"]] * 2), rtol=1e-6)
    assert np.all(swept["kernel"][0] != swept["kernel"][1])
    names = ["w/kernel", "w/bias"]
    exported = keras.variables(tx, state, first, names)
    jax.tree.map(
        np.testing.assert_array_equal, keras.load_variables(tx, first, exported, names), state
    )


@pytest.mark.parametrize("name", EVERY)
def test_names_that_are_none(name):
    make = getattr(keras, name)
    with pytest.raises(
        TypeError, match=f"^{name}: exclude_from_weight_decay must be a list .*'bias'"
    ):
        make(exclude_from_weight_decay="bias")
    with pytest.raises(
        ValueError, match=rf"^{name}: exclude_from_weight_decay has 'bias\(', no regular"
    ):
        make(exclude_from_weight_decay=["bias("])


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_a_path_of_no_leaf(name):
    tx = getattr(keras, name)(weight_decay=0.1, exclude_from_weight_decay=["dense/kernle"])
    params = nested(GOLDEN["first"])
    with pytest.raises(
        ValueError, match=f"^{name}: exclude_from_weight_decay: params has no leaf 'dense/kernle'"
    ):
        tx.update(params, tx.init(params), params)
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(params, tx.init(params))
