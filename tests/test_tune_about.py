"""A record says what it is of: task, command, versions, axes, seeds, key, steps."""

import json
import pickle
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adaptive_tx as atx
from adaptive_tx import tune

DATA = {"x": np.ones((8, 1), np.float32), "y": np.zeros(8, np.float32)}
SWEEPS = {
    "adam": tune.sweep(atx.adam, learning_rate=[0.1, 0.01], b2=0.9),
    "sgd": tune.sweep(atx.sgd, learning_rate=[0.1]),
}


def loss(params, batch):
    return jnp.mean((batch["x"] @ params - batch["y"]) ** 2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    how = {"steps": 3, "batch_size": 4, "seeds": 2, "key": 7, "out": out, "progress": False}
    result = tune.train(loss, np.ones(1, np.float32), DATA, SWEEPS, **how)
    return result, json.loads((out / "results.json").read_text())


def test_a_record_says_what_it_is_of(trained):
    result, kept = trained
    assert kept == json.loads(json.dumps(result.to_dict()))
    assert kept["task"] == "test_tune_about.loss"
    assert kept["command"].split()[0] == sys.orig_argv[0]
    assert kept["versions"]["jax"] == jax.__version__
    known = {"adaptive-tx", "jax", "jaxlib", "optax", "numpy", "python", "platform"}
    assert kept["versions"].keys() == known
    assert kept["axes"] == {
        "adam": {"learning_rate": [0.01, 0.1], "b2": [0.9]},
        "sgd": {"learning_rate": [0.1]},
    }
    numbers = {name: kept[name] for name in ("steps", "seeds", "batch_size", "key")}
    assert numbers == {"steps": 3, "seeds": 2, "batch_size": 4, "key": [0, 7]}


def test_a_pickle_says_it_too(trained):
    assert pickle.loads(pickle.dumps(trained[0])).about == trained[0].about
