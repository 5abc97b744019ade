"""Whose moments are whose: states of the real torch with names, frozen parameters and several groups.

The trajectories are those of `golden/torch_named.json`: q, k and v have equal shapes, so a wrong order
shows.
"""

import copy
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adaptive_tx as atx
from adaptive_tx.compat import keras, torch

CASES = json.loads((pathlib.Path(__file__).parent / "golden" / "torch_named.json").read_text())
LOADED, FROZEN = 5, "frozen.weight"
MODULE = [f"{module}.{name}" for module in "qkv" for name in ("weight", "bias")]
ORDER = [name.replace(".", "/") for name in MODULE]  # torch's: that of the module


def said(case: str, named: bool = True):
    """What torch's state_dict() said, with integer keys and arrays."""
    given = copy.deepcopy(CASES[case]["state_dict"])
    state = {
        int(i): {k: np.asarray(x) for k, x in entries.items()}
        for i, entries in given["state"].items()
    }
    groups = given["param_groups"]
    for group in groups:
        if not named:
            del group["param_names"]
    return {"state": state, "param_groups": groups}


def nested(arrays, without=()):
    """{"q.weight": x} -> {"q": {"weight": x}}, and so in the order k, q, v."""
    tree: dict = {}
    for name, x in arrays.items():
        if name not in without:
            module, leaf = name.split(".")
            tree.setdefault(module, {})[leaf] = jnp.asarray(x)
    return tree


def start(case: str, without=(FROZEN,)):
    return nested(CASES[case]["params"][LOADED - 1], without)


def goes_on(case: str, tx, state, params):
    """Whether five more steps are torch's."""
    update = jax.jit(tx.update)
    for step in range(LOADED, len(CASES[case]["params"])):
        grads = nested({name: x[step] for name, x in CASES[case]["grads"].items()})
        updates, state = update(grads, state, params)
        params = optax.apply_updates(params, updates)
        expected = nested(CASES[case]["params"][step], [FROZEN])
        for ours, theirs in zip(jax.tree.leaves(params), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


WAYS = {
    "torch's names": {},
    "a list": {"names": [*ORDER, None]},
    "a mapping": {"names": dict(zip(MODULE[::-1], ORDER[::-1]))},
    "a list, nothing named by torch": {"names": [*ORDER, None], "named": False},
    "a mapping, nothing named by torch": {
        "names": {**dict(zip(MODULE, ORDER)), FROZEN: None},
        "named": False,
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_a_named_run_goes_on(way):
    given = dict(WAYS[way])
    theirs = said("one group", given.pop("named", True))
    with jax.enable_x64(True):
        params = start("one group")
        tx, state = torch.load_state_dict(torch.adamw(), params, theirs, **given)
        goes_on("one group", tx, state, params)


def test_groups_of_equal_numbers_are_one():
    with jax.enable_x64(True):
        params = start("equal groups")
        tx, state = torch.load_state_dict(torch.adamw(), params, said("equal groups"))
        goes_on("equal groups", tx, state, params)


def test_other_groups_go_one_at_a_time():
    """Decay for weights only, as most recipes have it: two optimizers under optax.partition."""
    theirs = said("no decay")
    with pytest.raises(
        ValueError, match=r"weight_decay is 0.5 in param_groups\[0\], but 0.0 in .*\[1\].*group=0"
    ):
        torch.load_state_dict(torch.adamw(), start("no decay"), theirs)
    with jax.enable_x64(True):
        params = start("no decay")
        labels = jax.tree.map_with_path(lambda path, p: path[-1].key, params)
        made, states = {}, {}
        for i, label in enumerate(("weight", "bias")):
            own = jax.tree.map(lambda p, x: p if x == label else optax.MaskedNode(), params, labels)  # noqa: B023
            made[label], state = torch.load_state_dict(torch.adamw(), own, theirs, group=i)
            states[label] = optax.MaskedState(state)
        assert made["weight"].hyperparameters(states["weight"].inner_state)["1.weight_decay"] == 0.5
        assert made["bias"].hyperparameters(states["bias"].inner_state)["1.weight_decay"] == 0.0
        tx = optax.partition(made, labels)
        goes_on("no decay", tx, tx.init(params)._replace(inner_states=states), params)


def test_names_in_place_of_numbers():
    """As torch.distributed.checkpoint's get_optimizer_state_dict has them."""
    theirs = said("one group")
    (group,) = theirs["param_groups"]
    named = dict(zip(group["params"], group.pop("param_names")))
    theirs["state"] = {named[i]: entries for i, entries in theirs["state"].items()}
    group["params"] = list(named.values())
    with jax.enable_x64(True):
        tx, state = torch.load_state_dict(torch.adamw(), start("one group"), theirs)
        goes_on("one group", tx, state, start("one group"))


def test_a_group_that_is_not_there():
    with pytest.raises(
        ValueError, match="load_state_dict: group is 2, but there are 2 param_groups"
    ):
        torch.load_state_dict(torch.adamw(), start("no decay"), said("no decay"), group=2)
    with pytest.raises(ValueError, match="load_state_dict: there are no param_groups"):
        torch.load_state_dict(torch.adamw(), {}, {"state": {}, "param_groups": []})


def test_a_switch_is_named_with_its_group():
    theirs = said("no decay")
    theirs["param_groups"][1]["amsgrad"] = True
    params = nested({n: x for n, x in CASES["no decay"]["first"].items() if n.endswith("bias")})
    with pytest.raises(ValueError, match=r"param_groups\[1\]\['amsgrad'\] is True"):
        torch.load_state_dict(torch.adamw(), params, theirs, group=1)


def test_a_frozen_leaf_keeps_its_first_slots():
    params = start("one group", without=())
    _, state = torch.load_state_dict(torch.adamw(), params, said("one group"))
    assert not np.any(state[0].mu["frozen"]["weight"]) and np.all(state[0].nu["q"]["weight"] > 0)
    assert int(state[0].count) == LOADED


def test_nothing_is_stepped_yet():
    theirs = {**said("one group"), "state": {}}
    tx, state = torch.load_state_dict(torch.nadam(), start("one group"), nadam(theirs))
    assert int(state[1].count) == 0 and float(state[1].b1_product) == 1.0


def nadam(theirs):
    (group,) = theirs["param_groups"]
    return {
        **theirs,
        "param_groups": [{**group, "momentum_decay": 0.004, "decoupled_weight_decay": False}],
    }


REFUSED = {
    "unknown order": (
        {"named": False},
        "load_state_dict: k/bias and q/bias both have the shape .2,., and nothing says .*; give names=",
    ),
    "a stepped parameter without a leaf": (
        {"names": [*ORDER[:-1], None, None], "without": [FROZEN, "v.bias"]},
        "parameter 'v.bias' of torch has a state, but no leaf is named for it",
    ),
    "a name that torch has not": (
        {"names": {**dict(zip(MODULE, ORDER)), "w.bias": None}},
        "names has 'w.bias', but torch's names are q.weight",
    ),
    "a leaf that is not named": (
        {"names": dict(zip(MODULE[1:], ORDER[1:]))},
        "names has no 'q/weight', a leaf of params",
    ),
    "too few names": ({"names": ORDER}, "torch has 7 parameters, but 6 are named: q/weight"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused(why):
    given, message = REFUSED[why]
    given = {"named": True, "without": [FROZEN], **given}
    params, theirs = start("one group", given.pop("without")), said("one group", given.pop("named"))
    with pytest.raises(ValueError, match=message):
        torch.load_state_dict(torch.adamw(), params, theirs, **given)


def test_names_of_torch_that_are_not_our_paths():
    """Where shapes tell the leaves apart any order but the right one is an error; else it is refused."""
    theirs = said("one group")
    params = {
        "layer": {
            name.replace(".", "_"): jnp.asarray(x)
            for name, x in CASES["one group"]["first"].items()
        }
    }
    with pytest.raises(
        ValueError, match=r"which is which \(torch's q.weight, q.bias, k.weight, ... are not our"
    ):
        torch.load_state_dict(torch.adamw(), params, theirs)
    two = {"state": {i: theirs["state"][i] for i in (0, 1)}}
    two["param_groups"] = [
        {**theirs["param_groups"][0], "params": [0, 1], "param_names": MODULE[:2]}
    ]
    _, state = torch.load_state_dict(torch.adamw(), {"a": jnp.ones((3, 2)), "b": jnp.ones(2)}, two)
    np.testing.assert_array_equal(state[0].mu["b"], two["state"][1]["exp_avg"].astype(np.float32))
    with pytest.raises(ValueError, match="exp_avg of a has shape .3, 2., but the leaf needs .2,."):
        torch.load_state_dict(torch.adamw(), {"a": jnp.ones(2), "b": jnp.ones((3, 2))}, two)


def test_the_order_of_a_list_is_the_callers():
    params = [jnp.asarray(x) for n, x in CASES["one group"]["first"].items() if n != FROZEN]
    theirs = said("one group", named=False)
    theirs["param_groups"][0]["params"].pop()
    _, state = torch.load_state_dict(torch.adamw(), params, theirs)
    np.testing.assert_array_equal(state[0].mu[2], theirs["state"][2]["exp_avg"].astype(np.float32))


def test_without_a_state_there_is_no_order():
    group = {
        "lr": 0.1,
        "momentum": 0,
        "dampening": 0,
        "weight_decay": 0,
        "nesterov": False,
        "maximize": False,
        "params": [0, 1, 2, 3, 4, 5],
    }
    params = start("one group")
    tx, state = torch.load_state_dict(torch.sgd(), params, {"state": {}, "param_groups": [group]})
    assert tx == torch.sgd(0.1)
    assert torch.state_dict(tx, state, params)["param_groups"][0]["params"] == group["params"]


# And back. ----------------------------------------------------------------------------------------


def loaded(case="one group"):
    params = start(case)
    return (*torch.load_state_dict(torch.adamw(), params, said(case)), params)


def test_there_and_back_in_torchs_order():
    """Entry by entry what torch said, its names too; in another order every one would be another's."""
    with jax.enable_x64(True):
        tx, state, params = loaded()
        names = {**dict(zip(MODULE, ORDER)), FROZEN: None}
        ours, theirs = torch.state_dict(tx, state, params, names), said("one group")
    assert ours["param_groups"][0]["param_names"] == theirs["param_groups"][0]["param_names"]
    assert ours["param_groups"][0]["params"] == theirs["param_groups"][0]["params"]
    assert ours["state"].keys() == theirs["state"].keys()
    for i, entries in theirs["state"].items():
        for key, x in entries.items():
            np.testing.assert_allclose(ours["state"][i][key], x, rtol=1e-14)


def test_tensors_are_made_where_they_are_asked_for():
    """torch's load_state_dict takes tensors only; an iterable of another kind it iterates over."""
    tx, state, params = loaded()
    made = torch.state_dict(tx, state, params, ORDER, tensor=lambda x: ("tensor", x))
    assert {kind for entries in made["state"].values() for kind, _ in entries.values()} == {
        "tensor"
    }
    assert all(isinstance(x, np.ndarray) for e in made["state"].values() for _, x in e.values())
    assert isinstance(torch.state_dict(tx, state, params, ORDER)["state"][0]["step"], np.ndarray)


def test_no_order_is_guessed_on_the_way_back():
    tx, state, params = loaded()
    with pytest.raises(ValueError, match="^state_dict: k/bias and q/bias both have the shape"):
        torch.state_dict(tx, state, params)


def test_keras_does_not_guess_either():
    tx, params = keras.adam(), start("one group")
    state = tx.init(params)
    with pytest.raises(ValueError, match="^variables: k/bias and q/bias both have the shape"):
        keras.variables(tx, state, params)
    exported = keras.variables(tx, state, params, ORDER)
    with pytest.raises(ValueError, match="^load_variables: k/bias and q/bias both have the shape"):
        keras.load_variables(tx, params, exported)


# Whoever is called complains. -----------------------------------------------------------------------

CALLED = {
    "load_state_dict": lambda tx, state, params: torch.load_state_dict(
        tx, params, said("one group")
    ),
    "state_dict": torch.state_dict,
    "variables": keras.variables,
    "load_variables": lambda tx, state, params: keras.load_variables(tx, params, []),
}


@pytest.mark.parametrize("who", CALLED)
def test_a_wrapper_is_refused_by_who_was_called(who):
    tx, params = atx.guarded(torch.adam()), start("one group")
    with pytest.raises(TypeError, match=f"^{who}: guarded is a wrapper.*inner_state"):
        CALLED[who](tx, tx.init(params), params)
