"""compat.torch for complex parameters, and for betas that change, is torch (golden/torch_complex)."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_compat_torch_values import quick_jit

from adaptive_tx.compat import torch

FOLDER = pathlib.Path(__file__).parent / "golden"
STEPS, SIZE = 30, 5
GOLDEN = {
    label: sum(np.array(part) * {"real": 1, "imag": 1j}[name] for name, part in parts.items())
    for label, parts in json.loads((FOLDER / "torch_complex.json").read_text()).items()
}
ARGUMENTS = {
    "SGD": {"momentum": 0.9},
    "Adam-amsgrad": {"amsgrad": True},
    "RMSprop-centered": {"centered": True},
    "Adagrad": {"initial_accumulator_value": 0.5},
    "Adadelta": {"lr": 0.5},
}


def gradients():
    normal = np.random.RandomState(5).standard_normal((STEPS + 1, 2, SIZE))
    return normal[:, 0] + 1j * normal[:, 1]


@quick_jit
def trajectory(tx, start, grads):
    def step(carry, g):
        p, state = carry
        update, state = tx.update(g, state, p)
        return (p + update, state), p + update

    return jax.lax.scan(step, (start, tx.init(start)), grads)[1]


@pytest.mark.parametrize("label", [key for key in GOLDEN if key.startswith("complex/")])
def test_a_complex_number_is_two_reals(label):
    name = label.split("/")[1]
    with jax.enable_x64(True):
        tx = getattr(torch, name.split("-")[0].lower())(**ARGUMENTS.get(name, {}))
        start, *grads = gradients()
        found = trajectory(tx, jnp.asarray(start), jnp.asarray(grads))
        np.testing.assert_allclose(found, GOLDEN[label], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("label", [key for key in GOLDEN if key.startswith("betas/")])
def test_betas_that_change_count_as_if_they_had_always_been_so(label):
    def b1(count):
        return 0.85 + 0.1 * count.astype(float) / STEPS

    def b2(count):
        return 0.9 + 0.09 * count.astype(float) / STEPS

    with jax.enable_x64(True):
        tx = getattr(torch, label.split("/")[1].lower())(betas=(b1, b2))
        start, *grads = gradients()
        found = trajectory(tx, jnp.asarray(start.real), jnp.asarray(grads).real)
        np.testing.assert_allclose(found, GOLDEN[label], rtol=1e-12, atol=1e-14)
