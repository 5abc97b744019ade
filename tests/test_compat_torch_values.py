"""compat.torch's optimizers as values, their arguments, and state_dict: no torch, no golden runs."""

import functools
import inspect
import json
import pathlib

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from harness import finite

import adaptive_tx as atx
from adaptive_tx.compat import torch
from adaptive_tx.compat.torch import adams, matrices, optimizers, sign

GOLDEN = pathlib.Path(__file__).parent / "golden" / "torch_lr_scheduler.json"
SIGNATURES = json.loads(GOLDEN.read_text())["signatures"]
NAMES = (
    "SGD",
    "ASGD",
    "Adagrad",
    "RMSprop",
    "Adadelta",
    "Adam",
    "AdamW",
    "NAdam",
    "RAdam",
    "Adamax",
    "Rprop",
    "Adafactor",
    "Muon",
)
SPEED = {"foreach", "fused", "capturable", "differentiable"}
KEYWORD_ONLY = {"maximize", "decoupled_weight_decay", "full_precision"}

MODULES = (torch, optimizers, adams, matrices, sign)
WRITTEN = {k: v for module in MODULES for k, v in vars(module).items()}  # for eval(repr(tx))

OPTIMIZERS = {
    "sgd": {},
    "sgd-momentum": {"momentum": 0.9, "dampening": 0.5},
    "sgd-nesterov": {"momentum": 0.9, "nesterov": True},
    "asgd": {"lambd": 0.1, "t0": 1.0},
    "adagrad": {"lr_decay": 0.1},
    "rmsprop": {"momentum": 0.9},
    "rmsprop-centered": {"centered": True},
    "adadelta": {},
    "adam": {},
    "adam-amsgrad": {"amsgrad": True, "decoupled_weight_decay": True},
    "adamw": {"maximize": True},
    "nadam": {},
    "radam": {"betas": (0.9, 0.7)},
    "adamax": {},
    "rprop": {},
    "adafactor": {},
    "adafactor-eps": {"eps": (1e-3, 1e-2)},
    "muon": {},
    "muon-plain": {"nesterov": False, "full_precision": True},
}


def make(label, **changes):
    return getattr(torch, label.partition("-")[0])(**{**OPTIMIZERS[label], **changes})


def tree(dtype="float32", seed=0, matrices=False):
    rng = np.random.RandomState(seed)
    shapes = {"a": (3, 4), "b": {"c": (4, 2) if matrices else (2,)}}
    leaf = lambda s: jnp.asarray(rng.standard_normal(s), dtype)  # noqa: E731
    return jax.tree.map(leaf, shapes, is_leaf=lambda x: isinstance(x, tuple))


def trees(label, dtype="float32"):
    """Parameters and gradients that the optimizer takes."""
    return (tree(dtype, seed, label.startswith("muon")) for seed in (0, 1))


quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def steps(tx, params, grads):
    def step(carry, scale):
        params, state = carry
        scaled = jax.tree.map(lambda g: scale.astype(g.dtype) * g, grads)
        updates, state = tx.update(scaled, state, params)
        return (optax.apply_updates(params, updates), state), None

    start = params, tx.init(params)
    return jax.lax.scan(step, start, jnp.array([1.0, -0.5, 2.0]))[0]


three_steps = quick_jit(steps)


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_torchs(name):
    ours = inspect.signature(getattr(torch, name.lower())).parameters.values()
    given = {p.name: p for p in ours if p.name != "full_precision"}
    theirs = {k: default for k, default in SIGNATURES[name] if k not in SPEED}
    assert {k: repr(p.default) for k, p in given.items()} == theirs
    in_order = [
        k for k in theirs if k not in KEYWORD_ONLY or name in ("NAdam", "RAdam") and k != "maximize"
    ]
    assert [k for k, p in given.items() if p.kind is not p.KEYWORD_ONLY] == in_order


def test_schedules_go_anywhere():
    tx = torch.adam(torch.step_lr(0.1, 2), betas=(torch.linear_lr(0.9, 0.5), 0.999))
    params, grads = trees("adam")
    _, state = three_steps(tx, params, grads)
    assert float(tx.hyperparameters(state)["2.learning_rate"]) == pytest.approx(0.01)
    rprop = torch.rprop(torch.step_lr(0.1, 2))
    np.testing.assert_allclose(rprop.init(params)[0].step_sizes["a"], 0.1, rtol=1e-6)


def test_rprop_by_hand():
    """FACTS: torch's steps for these gradients; optax's are others."""
    tx, params = torch.rprop(0.1), {"w": jnp.zeros(())}
    state, updates = tx.init(params), []
    for g in (1.0, 1.0, 1.0, -1.0, -1.0, 1.0):
        update, state = tx.update({"w": jnp.float32(g)}, state)
        updates.append(float(update["w"]))
    np.testing.assert_allclose(updates, [-0.1, -0.12, -0.144, 0, 0.072, 0], rtol=1e-6)


def test_clip_grad_norm_is_a_millionth_below_its_bound():
    """torch adds 1e-6 to the norm: seen where the norm is small."""
    tx, g = torch.clip_grad_norm(1e-4), jnp.array([3e-4, 4e-4])
    clipped, _ = tx.update(g, tx.init(g))
    np.testing.assert_allclose(clipped, g * 1e-4 / (5e-4 + 1e-6), rtol=1e-6)


def test_asgd_keeps_the_mean_of_the_parameters():
    """From step t0 + 2 on; before, the parameters. optax finds it, in wrappers too."""
    tx = atx.measured(torch.asgd(lr=0.1, lambd=0.5, t0=2, maximize=True))
    params, seen = tree(), []
    state = tx.init(params)
    for step in range(1, 8):
        updates, state = tx.update(tree(seed=step), state, params)
        params = optax.apply_updates(params, updates)
        seen.append(params["a"])
        mean = jnp.mean(jnp.stack(seen[3:]), 0) if step >= 4 else params["a"]
        np.testing.assert_allclose(optax.tree.get(state, "ax")["a"], mean, rtol=1e-5, atol=1e-7)


def test_asgd_copies_the_parameters_before_it_averages():
    """Whatever the mean was: nothing of it is left, not even its rounding."""
    tx, (params, grads) = torch.asgd(), trees("asgd")
    plain, rule = tx.init(params)
    rule = rule._replace(ax=jax.tree.map(lambda x: x + 1e20, rule.ax))
    updates, (_, rule) = tx.update(grads, (plain, rule), params)
    chex.assert_trees_all_close(rule.ax, optax.apply_updates(params, updates), rtol=1e-5)


def test_asgd_feels_a_new_rate_one_step_late():
    """As torch: a rate that drops to 0 after two steps still moves the third."""
    tx, params = torch.asgd(torch.step_lr(0.1, 2, gamma=0.0), lambd=0.0), {"w": jnp.zeros(())}
    state, updates = tx.init(params), []
    for _ in range(4):
        update, state = tx.update({"w": jnp.ones(())}, state, params)
        updates.append(float(update["w"]))
    np.testing.assert_allclose(updates, [-0.1, -0.1, -0.1, 0.0], rtol=1e-6)


@pytest.mark.parametrize("label", OPTIMIZERS)
def test_before_the_first_step_torch_has_no_state(label):
    """But Adagrad's; a state of zeros would give ASGD a first rate of 0, and dampen SGD's first step."""
    tx, (params, _) = make(label), trees(label)
    exported = torch.state_dict(tx, tx.init(params), params, ORDER)
    assert bool(exported["state"]) == (label == "adagrad")
    _, state = torch.load_state_dict(tx, params, exported, ORDER)
    chex.assert_trees_all_equal(state, tx.init(params))


def test_rprop_takes_complex_numbers_as_pairs():
    pair, z = {"w": jnp.array([1.0, -2.0])}, {"w": jnp.array([1.0 - 2.0j])}
    found, _ = three_steps(torch.rprop(0.1), z, z)
    expected, _ = three_steps(torch.rprop(0.1), pair, pair)
    np.testing.assert_allclose([found["w"][0].real, found["w"][0].imag], expected["w"], rtol=1e-6)


BAD = [
    ("sgd", {"lr": -1.0}, "sgd: lr must lie in"),
    ("sgd", {"nesterov": True}, "sgd: nesterov=True needs a momentum"),
    ("sgd", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "sgd: nesterov=True needs"),
    ("sgd", {"momentum": -0.5}, "sgd: momentum must lie in"),
    ("asgd", {"lambd": -1.0}, "asgd: lambd must lie in"),
    ("adagrad", {"lr_decay": -1.0}, "adagrad: lr_decay must lie in"),
    ("adagrad", {"initial_accumulator_value": -1.0}, "adagrad: initial_accumulator_value must"),
    ("rmsprop", {"alpha": -1.0}, "rmsprop: alpha must lie in"),
    ("adadelta", {"rho": 1.5}, "adadelta: rho must lie in"),
    ("adam", {"betas": (1.0, 0.9)}, r"adam: betas\[0\] must lie in"),
    ("adam", {"betas": (0.9, 1.5)}, r"adam: betas\[1\] must lie in"),
    ("adam", {"betas": 0.9}, "adam: betas must be 2 numbers"),
    ("adamw", {"weight_decay": -0.1}, "adamw: weight_decay must lie in"),
    ("nadam", {"momentum_decay": -1.0}, "nadam: momentum_decay must lie in"),
    ("radam", {"eps": -1.0}, "radam: eps must lie in"),
    ("adamax", {"eps": -1.0}, "adamax: eps must lie in"),
    ("rprop", {"etas": (0.5, 0.9)}, r"rprop: etas\[1\] must lie in"),
    ("adafactor", {"d": 0.5}, "adafactor: d must lie in"),
    ("adafactor", {"beta2_decay": 0.5}, "adafactor: beta2_decay must lie in"),
    ("adafactor", {"eps": (None,)}, "adafactor: eps must be 2 numbers"),
    ("adafactor", {"eps": (-1.0, 1e-3)}, r"adafactor: eps\[0\] must lie in"),
    ("muon", {"adjust_lr_fn": "new"}, "muon: adjust_lr_fn must be one of original"),
    ("muon", {"ns_coefficients": (1.0, 2.0)}, "muon: ns_coefficients must be 3 numbers"),
    ("muon", {"ns_steps": 100}, "muon: ns_steps must be less than 100"),
]


@pytest.mark.parametrize("name, kwargs, message", BAD, ids=str)
def test_wrong_arguments(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        getattr(torch, name)(**kwargs)


@pytest.mark.parametrize("name", [name.lower() for name in NAMES])
def test_flags_and_rates_of_another_type(name):
    with pytest.raises(TypeError, match=f"{name}: lr must be a number, got None"):
        getattr(torch, name)(lr=None)
    if name != "muon":
        with pytest.raises(TypeError, match=f"{name}: maximize must be True or False"):
            getattr(torch, name)(maximize=1)


def test_muon_takes_matrices_only():
    params = tree()
    with pytest.raises(
        ValueError, match=r"params\['b'\]\['c'\].*shape \(2,\); .* real matrices only"
    ):
        torch.muon().init(params)
    matrices = tree(matrices=True)
    state = torch.muon().init(matrices)
    with pytest.raises(ValueError, match="grads"):
        torch.muon().update(params, state, params)


# State. ------------------------------------------------------------------------------------------

ORDER = ["b/c", "a"]


@pytest.mark.parametrize("label", OPTIMIZERS)
def test_state_goes_there_and_back(label):
    tx, names = make(label, lr=0.05), ORDER
    params, grads = trees(label)
    params, state = three_steps(tx, params, grads)
    exported = torch.state_dict(tx, state, params, names)
    fresh = make(label)
    if label == "sgd-momentum":
        fresh = fresh.replace(decay=0.1, dampening=0.2)
    again, loaded = torch.load_state_dict(fresh, params, exported, names, step=3)
    assert again == tx
    chex.assert_trees_all_equal(loaded, state)
    theirs = dict(SIGNATURES[{n.lower(): n for n in NAMES}[label.partition("-")[0]]])
    assert set(exported["param_groups"][0]) - {"params", "decoupled_weight_decay"} == (
        set(theirs) - SPEED - {"decoupled_weight_decay"}
    )


class Tensor:
    """What a torch tensor that needs gradients lets one do."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def adam_state():
    params, grads = trees("adam")
    tx = torch.adam()
    params, state = three_steps(tx, params, grads)
    return params, state, torch.state_dict(tx, state, params, ORDER)


def test_tensors_inside_a_longer_chain_and_under_a_schedule():
    params, state, exported = adam_state()
    tensors = jax.tree.map(lambda x: Tensor(x) if isinstance(x, np.ndarray) else x, exported)
    rate = torch.exponential_lr(0.1, 0.9)
    tx = atx.chain(torch.clip_grad_norm(1.0), torch.adam(rate, weight_decay=0.5))
    again, loaded = torch.load_state_dict(tx, params, tensors, ORDER)
    assert again == tx.replace(weight_decay=0.0)
    chex.assert_trees_all_equal(loaded[1], state)
    assert int(loaded[0].count) == 3
    assert float(again.hyperparameters(loaded)["1.2.learning_rate"]) == pytest.approx(0.1 * 0.9**3)


def spoil(change):
    params, _, exported = adam_state()
    change(exported["state"], exported["param_groups"])
    return params, exported


SPOILED = [
    (lambda s, g: s[1].pop("exp_avg"), "a has no entry 'exp_avg'"),
    (
        lambda s, g: s[0].update(max_exp_avg_sq=s[0]["exp_avg"]),
        "b/c has the entry 'max_exp_avg_sq'",
    ),
    (lambda s, g: s.update({7: s[0]}), "state for parameter 7"),
    (
        lambda s, g: s[1].update(exp_avg=np.zeros((4, 3))),
        r"exp_avg of a has shape \(4, 3\).*\(3, 4\)",
    ),
    (lambda s, g: s[1].update(step=np.float32(9)), "step is 3.0 for b/c, but 9.0 for a"),
    (lambda s, g: g.append({**g[0], "lr": 0.5}), r"lr is 0.001 in param_groups\[0\], but 0.5 in"),
    (lambda s, g: g[0].update(params=[0, 1, 2]), "torch has 3 parameters, but 2 are named: b/c, a"),
    (lambda s, g: g[0].update(amsgrad=True), r"\['amsgrad'\] is True, but the optimizer was made"),
    (lambda s, g: g[0].update(maximize=True), r"\['maximize'\] is True"),
    (lambda s, g: g[0].pop("betas"), "has no 'betas'"),
    (lambda s, g: g[0].pop("params"), "param_groups.0. has no 'params'"),
    (lambda s, g: g[0].update(betas=(2.0, 0.9)), "b1 must lie in"),
]


@pytest.mark.parametrize("change, message", SPOILED, ids=[message for _, message in SPOILED])
def test_a_state_that_does_not_fit(change, message):
    params, exported = spoil(change)
    with pytest.raises(ValueError, match=message):
        torch.load_state_dict(torch.adam(), params, exported, ORDER)


def test_names_that_do_not_fit():
    params, _, exported = adam_state()
    for names, message in (
        (["a"], "names has no 'b/c'"),
        ([*ORDER, "x"], "names has 'x'"),
        ([*ORDER, "a"], "a leaf twice"),
    ):
        with pytest.raises(ValueError, match=message):
            torch.load_state_dict(torch.adam(), params, exported, names)


def test_sgd_and_muon_do_not_count():
    params, grads = trees("sgd")
    tx = torch.sgd(torch.step_lr(0.1, 2), momentum=0.9)
    params, state = three_steps(tx, params, grads)
    exported = torch.state_dict(tx, state, params)
    assert set(exported["state"][0]) == {"momentum_buffer"}
    with pytest.raises(ValueError, match="give step="):
        torch.load_state_dict(tx, params, exported)
    again, loaded = torch.load_state_dict(tx, params, exported, step=3)
    chex.assert_trees_all_equal(loaded, state)
    with pytest.raises(ValueError, match=r"\['momentum'\] is 0.9.*made with 0"):
        torch.load_state_dict(torch.sgd(), params, exported)
    with pytest.raises(ValueError, match="has the entry 'momentum_buffer'"):
        exported["param_groups"][0]["momentum"] = 0
        torch.load_state_dict(torch.sgd(), params, exported)


def test_muon_shows_what_is_not_finite_and_bounds_what_is_huge():
    tx, params = torch.muon(1.0, weight_decay=0.0, full_precision=True), jnp.eye(3)
    state, diagonal = tx.init(params), jnp.diag(jnp.array([1.0, 0.5, 0.3]))
    usual, _ = tx.update(diagonal, state, params)
    for bad in (jnp.nan, jnp.inf):
        found, _ = tx.update(diagonal.at[0, 0].set(bad), state, params)
        assert not finite(found)
    for size in (1e10, 1e15):
        found, _ = tx.update(size * diagonal, state, params)
        chex.assert_trees_all_close(found, usual, atol=1e-3)
    for size in (1e18, 3e38):
        found, _ = tx.update(size * diagonal, state, params)
        assert 0.5 < jnp.max(jnp.abs(found)) < 1.3
