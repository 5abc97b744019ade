"""compat.torch's schedules, plateau and clipping against the real torch (golden file), and by hand.

The rates must agree to 1e-9 relative over 50 steps: torch computes most of them from the rate
before.
"""

import functools
import inspect
import json
import pathlib
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adaptive_tx as atx
from adaptive_tx.compat import torch

FILE = pathlib.Path(__file__).parent / "golden" / "torch_lr_scheduler.json"
GOLDEN = json.loads(FILE.read_text())
LR, STEPS = 0.1, 50
WITHOUT_BASE = ("one_cycle_lr", "cyclic_lr", "sequential_lr")  # these name their own rates


def ours(name):
    """CosineAnnealingLR -> cosine_annealing_lr."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def make(name, kwargs):
    if name == "SequentialLR":
        parts = [make(*part) for part in kwargs["schedulers"]]
        return torch.sequential_lr(parts, kwargs["milestones"])
    function = getattr(torch, ours(name))
    return function(**kwargs) if ours(name) in WITHOUT_BASE else function(LR, **kwargs)


def values(schedule):
    return jax.jit(lambda s: jax.vmap(s)(jnp.arange(float(STEPS))))(schedule)


@pytest.mark.parametrize(
    "name, kwargs, rates", [row[:3] for row in GOLDEN["schedules"]], ids=lambda x: str(x)[:40]
)
def test_schedules_equal_torch(name, kwargs, rates):
    with jax.enable_x64(True):
        schedule = make(name, kwargs)
        np.testing.assert_allclose(values(schedule), rates, rtol=1e-9, atol=1e-17)
    np.testing.assert_allclose(values(schedule), rates, rtol=1e-4, atol=1e-7)
    assert make(name, kwargs) == schedule and hash(make(name, kwargs)) == hash(schedule)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert repr(schedule).startswith(repr(schedule).split("(")[0] + "(")
    slopes = jax.grad(lambda s: s(3.0) + s(20.0) + s(49.0))(jax.device_put(schedule))
    assert all(bool(jnp.isfinite(x)) for x in jax.tree.leaves(slopes))


@pytest.mark.parametrize("row", [row for row in GOLDEN["schedules"] if len(row) == 4], ids=str)
def test_momenta_equal_torch(row):
    name, kwargs, _, momenta = row
    function = {"OneCycleLR": torch.one_cycle_momentum, "CyclicLR": torch.cyclic_momentum}[name]
    known = inspect.signature(function).parameters
    with jax.enable_x64(True):
        schedule = function(**{k: v for k, v in kwargs.items() if k in known})
        np.testing.assert_allclose(values(schedule), momenta, rtol=1e-9)


def test_lambda_lr():
    schedule = torch.lambda_lr(LR, lambda count: 0.95**count)
    np.testing.assert_allclose(values(schedule), LR * 0.95 ** np.arange(STEPS), rtol=1e-5)
    halves = torch.lambda_lr(LR, lambda count: 0.5 ** (count // 10))
    assert float(halves(19)) == pytest.approx(0.05)
    with pytest.raises(TypeError, match="lambda_lr: lr_lambda"):
        torch.lambda_lr(LR, 0.5)


def test_the_rates_of_a_sweep_share_one_trace():
    peaks = jnp.array([0.1, 0.2])
    schedules = jax.vmap(lambda lr: torch.one_cycle_lr(lr, 50))(peaks)
    at_ten = jax.vmap(lambda s: s(10.0))(schedules)
    np.testing.assert_allclose(at_ten[1], 2 * at_ten[0], rtol=1e-6)


SKIPPED = {
    "last_epoch",
    "cycle_momentum",
    "base_momentum",
    "max_momentum",
    "scale_fn",
    "scale_mode",
}


@pytest.mark.parametrize(
    "name", [n for n in GOLDEN["signatures"] if ours(n).endswith(("_lr", "s", "u"))]
)
def test_signatures(name):
    if not hasattr(torch, ours(name)) or name in ("Muon", "RAdam"):
        pytest.skip("not a scheduler")
    expected = [pair for pair in GOLDEN["signatures"][name] if pair[0] not in SKIPPED]
    given = [
        [p.name, None if p.default is p.empty else repr(p.default)]
        for p in inspect.signature(getattr(torch, ours(name))).parameters.values()
    ]
    given = given[1:] if given[0][0] == "lr" else given
    assert given == expected


BAD = [
    (torch.one_cycle_lr, {"max_lr": 0.1}, "one_cycle_lr: give total_steps, or epochs and"),
    (torch.one_cycle_lr, {"max_lr": 0.1, "total_steps": 9, "pct_start": 2.0}, "pct_start must lie"),
    (torch.one_cycle_lr, {"max_lr": 0.1, "total_steps": 9, "anneal_strategy": "x"}, "one of cos"),
    (torch.cyclic_lr, {"base_lr": 0.1, "max_lr": 1.0, "mode": "square"}, "cyclic_lr: mode must be"),
    (torch.linear_lr, {"lr": 0.1, "start_factor": 0.0}, "linear_lr: start_factor must lie in"),
    (torch.constant_lr, {"lr": 0.1, "factor": 1.5}, "constant_lr: factor must lie in"),
    (torch.multi_step_lr, {"lr": 0.1, "milestones": [-1]}, "multi_step_lr: milestones"),
    (torch.sequential_lr, {"schedulers": [], "milestones": [3]}, "needs one schedule more"),
    (torch.clip_grad_norm, {"max_norm": 1.0, "norm_type": 3.0}, "clip_grad_norm: norm_type must"),
    (torch.clip_grad_norm, {"max_norm": -1.0}, "clip_grad_norm: max_norm must lie"),
    (torch.reduce_lr_on_plateau, {"lr": 0.1, "factor": 1.0}, "reduce_lr_on_plateau: factor must"),
    (torch.reduce_lr_on_plateau, {"lr": 0.1, "mode": "low"}, "mode must be one of min, max"),
    (torch.reduce_lr_on_plateau, {"lr": 0.0}, "reduce_lr_on_plateau: lr must lie"),
]


@pytest.mark.parametrize(
    "function, kwargs, message", BAD, ids=lambda x: getattr(x, "__name__", str(x))[:30]
)
def test_errors(function, kwargs, message):
    with pytest.raises(ValueError, match=message):
        function(**kwargs)


def plateau_rates(kwargs, metrics):
    """The rate after each metric."""
    tx = torch.reduce_lr_on_plateau(LR, **kwargs)
    params = {"w": jnp.ones(2)}

    def step(state, metric):
        _, state = tx.update(params, state, params, value=metric)
        scaled, _ = tx.update(params, state, params, value=None)
        return state, LR * scaled["w"][0]

    return jax.jit(functools.partial(jax.lax.scan, step))(tx.init(params), jnp.asarray(metrics))[1]


@pytest.mark.parametrize("kwargs, metrics, rates", GOLDEN["plateaus"], ids=lambda x: str(x)[:40])
def test_plateau_equals_torch(kwargs, metrics, rates):
    with jax.enable_x64(True):
        np.testing.assert_allclose(plateau_rates(kwargs, metrics), rates, rtol=1e-12)
    np.testing.assert_allclose(plateau_rates(kwargs, np.float32(metrics)), rates, rtol=2e-6)


def test_plateau_in_a_chain():
    tx = atx.chain(torch.adam(LR), torch.reduce_lr_on_plateau(LR, factor=0.5, patience=0))
    params = {"w": jnp.ones(3)}
    state = tx.init(params)
    sizes = []
    for metric in (1.0, 2.0, 2.0):
        updates, state = tx.update(params, state, params, value=metric)
        sizes.append(float(-updates["w"][0]))
    np.testing.assert_allclose(sizes, [0.1, 0.1, 0.05], rtol=1e-5)
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert tx.hyperparameters(state)["1.factor"] == 0.5
    assert tx.replace(patience=3) != tx
    with pytest.raises(TypeError, match="reduce_lr_on_plateau: needs the metric"):
        tx.update(params, state, params)
    with pytest.raises(ValueError, match="value must be a scalar"):
        tx.update(params, state, params, value=jnp.ones(2))


@pytest.mark.parametrize("kwargs, grads, clipped", GOLDEN["clipped"], ids=lambda x: str(x)[:40])
def test_clip_grad_norm_equals_torch(kwargs, grads, clipped):
    with jax.enable_x64(True):
        tx = torch.clip_grad_norm(**kwargs)
        leaves = [jnp.asarray(g, float) for g in grads]
        found, _ = tx.update(leaves, tx.init(leaves))
        for ours, theirs in zip(found, clipped):
            np.testing.assert_allclose(ours, theirs, rtol=1e-14)


@pytest.mark.parametrize("norm_type", [1, 2, np.inf])
def test_clip_grad_norm_keeps_finite_what_is_finite(norm_type):
    grads = {"a": jnp.full(3, 1e30), "b": jnp.float16([6e4, 1, 0]), "c": jnp.zeros((0, 2))}
    tx = torch.clip_grad_norm(1.0, norm_type)
    found, _ = jax.jit(tx.update)(grads, tx.init(grads))
    assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(found))
    assert [x.dtype for x in found.values()] == [x.dtype for x in grads.values()]
    slopes = jax.grad(lambda g: jnp.sum(tx.update(g, tx.init(g))[0]["a"]))({"a": jnp.zeros(3)})
    assert bool(jnp.all(jnp.isfinite(slopes["a"])))
