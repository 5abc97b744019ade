"""Bad input is a clear error that names who complains and which argument or leaf."""

import re
from collections.abc import Callable
from typing import NamedTuple

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from catalogue import CATALOGUE, DECAY, OPTIMIZERS, RULES
from harness import tree, update_of

import adaptive_tx as atx
from adaptive_tx import schedules

every = pytest.mark.parametrize("row", CATALOGUE, ids=str)
pytestmark = pytest.mark.filterwarnings("error")

OUT_OF_RANGE = {
    "b1": (-0.1, 1.0, 1.5, 0.99999999),
    "b2": (-0.1, 1.0, 0.99999999),
    "b3": (-0.1, 1.0, 0.99999999),
    "decay": (-0.1, 1.0),
    "eps": (0.0, -1e-8, 1e-50),
    "alpha": (-0.1,),
    "gamma": (-0.1,),
    "a": (0.0, -1.0),
    "b": (0.0, -1.0),
    "b2_cap": (-0.1, 1.0),
    "weight_decay of decay_new_weights": (-0.1, 1.1),
    "threshold": (3.9,),
    "max_value": (0.0, -1.0),
    "max_norm": (0.0, -1.0, 1e13),
    "clipping": (0.0,),
    "weight_decay": (-0.1,),
    "learning_rate": (-1e-3,),
    "initial_accumulator_value": (-0.1,),
    "momentum_decay": (-1.0,),
    "factor": (0.0, 1.0),
    "patience": (0.0, 0.9),
    "min_delta": (-0.1,),
    "cooldown": (-1.0,),
    "window": (0.0, 0.9),
    "min_scale": (-0.1, 1.1),
    "max_z": (0.0, -1.0),
    "history_decay": (-0.1, 1.0),
    "percentile": (-0.1, 100.1),
    "max_ratio": (0.9,),
    "every": (0.5, 0.0, -1.0),
    "step_size": (),
}
OUT_OF_RANGE |= {
    "eta_minus": (0.0, 1.0),
    "slack": (0.9, -1.0),
    "eps_rms": (0.0, -1.0),
    "radius": (0.0, -1.0),
    "seed": (-1.0, 2.0**25),
    "probe_seed": (-1.0, 2.0**25),
    "damping": (0.0, -1.0),
    "factor_rate": (-0.1, 1.1),
    "max_rms": (0.0, -1.0),
    "momentum": (-0.1, 1.1),
    "pull": (-0.1, 1.1),
    "r": (-0.1,),
    "power": (-0.1,),
    "eta_plus": (1.0, 0.5),
    "min_step": (-0.1,),
    "max_step": (-0.1,),
    "b2_decay": (0.1,),
    "min_norm": (-0.1,),
    "l1": (-0.1,),
    "l2": (-0.1,),
    "beta": (-0.1,),
    "trust_coefficient": (0.0,),
    "d0": (0.0, -1.0),
    "d_coef": (0.0, -1.0),
    "growth_rate": (0.9, -1.0),
    "threshold of clip_by_rms": (0.0, -1.0),
    "threshold of adafactor": (0.0, -1.0),
    "min_scale of scale_by_param_rms": (-0.1,),
    "min_scale of adafactor": (-0.1,),
}
NOT_FINITE = (float("nan"), float("-inf"))
NOT_NUMBERS = (
    True,
    np.bool_(True),
    jnp.array(True),
    "0.1",
    None,
    1j,
    [0.1],
    {"x": 1.0},
    jax.random.key(0),
    jnp.array(1j),
)


@every
def test_numbers_out_of_range(row):
    for name in row.numbers:
        wrong = OUT_OF_RANGE.get(f"{name} of {row.make.__name__}") or OUT_OF_RANGE[name]
        for value in (*wrong, *NOT_FINITE):
            with pytest.raises(ValueError, match=rf"^\w+: {name} must lie in [\[(].*, got "):
                row(**{name: value})
            with pytest.raises(ValueError, match=rf"^\w+: {name} must lie in"):
                row(**{name: jnp.float32(value)})


@every
def test_numbers_of_the_wrong_type(row):
    for name in row.numbers:
        for value in NOT_NUMBERS:
            if value is None and (
                name in row.optional or name == "weight_decay" and row in OPTIMIZERS
            ):
                continue  # there it means another default, or no decay
            with pytest.raises(TypeError, match=rf"^\w+: {name} must be "):
                row(**{name: value})
        with pytest.raises(ValueError, match=rf"^\w+: {name} must be a scalar, got .* \(2,\)"):
            row(**{name: jnp.ones(2)})


@every
def test_settings_of_the_wrong_type(row):
    for name, value in row.settings.items():
        wrong = 1 if isinstance(value, bool) else "sometimes"
        with pytest.raises((TypeError, ValueError), match=f"{name} must be .*got"):
            row(**{name: wrong})


@pytest.mark.parametrize("row", [row for row in OPTIMIZERS if not row.finds_rate], ids=str)
def test_a_missing_rate_is_an_error(row):
    with pytest.raises(TypeError, match="learning_rate"):
        row.public()
    with pytest.raises(TypeError, match="learning_rate must be a number, got None"):
        row.public(None)


def with_leaf(values, **changes):
    return {**values, "enc": {**values["enc"], **changes}}


LAYOUTS = {
    "transposed": (
        {"w": jnp.ones((3, 4))},
        r"\['enc'\]\['w'\] has shape \(3, 4\), but .* \(4, 3\)",
    ),
    "broadcastable": (
        {"b": jnp.ones((1, 3))},
        r"\['enc'\]\['b'\] has shape \(1, 3\), but .* \(3,\)",
    ),
    "scalar": ({"b": jnp.ones(())}, r"\['enc'\]\['b'\] has shape \(\), but .* \(3,\)"),
    "extra": ({"c": jnp.ones(3)}, r"\['enc'\]\['c'\] exists, but .* no such leaf"),
    "missing": ({"b": None}, r"\['enc'\]\['b'\] is missing or None, but .* such a leaf"),
}
reads_the_tree = [row for row in RULES if row.make is not atx.scale_by_learning_rate]


def knows_a_layout(row) -> bool:
    """By what it keeps of each leaf, or by the parameters."""
    kept = jax.tree.leaves(jax.eval_shape(row().init, tree(0)))
    return row.needs_params or row in RULES and any(x.shape for x in kept)


LAID_OUT = [row for row in CATALOGUE if knows_a_layout(row)]


@pytest.mark.parametrize("row", LAID_OUT, ids=str)
@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts(row, case):
    if row.of_matrices and case in ("broadcastable", "scalar"):
        pytest.skip("what is no matrix is in another group")
    tx, params = row(), tree(0)
    change, message = LAYOUTS[case]
    state = tx.init(params)
    for update in (tx.update, jax.jit(tx.update)):
        with pytest.raises(ValueError, match=rf"^\w+: grads{message}"):
            update(with_leaf(tree(1), **change), state, params)


BAD_LEAVES = {
    "int32": jnp.ones(3, jnp.int32),
    "bool": jnp.ones(3, bool),
    "str": "weights",
    r"key<fry>": jax.random.key(0),
    "int": 3,
}


@every
@pytest.mark.parametrize("kind", BAD_LEAVES)
def test_leaves_that_are_not_floating(row, kind):
    tx, params = row(), tree(0)
    state = tx.init(params)
    bad = with_leaf(params, b=BAD_LEAVES[kind])
    message = rf"\['enc'\]\['b'\] is of type {kind}"
    with pytest.raises(TypeError, match=r"^\w+: params" + message):
        tx.init(bad)
    with pytest.raises(TypeError, match=r"^\w+: grads" + message):
        update_of(tx)(bad, state, params)


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.needs_params], ids=str)
def test_missing_params(row):
    tx = row()
    with pytest.raises(ValueError, match=r"^\w+: needs the parameters"):
        tx.update(tree(1), tx.init(tree(0)))


@every
def test_a_foreign_state(row):
    tx = row()
    with pytest.raises(ValueError, match=r"^\w+: expected the state"):
        tx.update(tree(1), optax.EmptyState(), tree(0))
    with pytest.raises(ValueError, match=r"^chain: expected the state of 2 parts"):
        atx.chain(atx.identity(), tx).update(tree(1), (tx.init(tree(0)),), tree(0))


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.numbers], ids=str)
def test_hyperparameters_of_a_foreign_state(row):
    with pytest.raises(ValueError, match=r"^\w+: expected the state"):
        row().hyperparameters(optax.EmptyState())
    with pytest.raises(ValueError, match=r"^chain: expected the state of 2 parts"):
        atx.chain(atx.identity(), row()).hyperparameters((row().init(tree(0)),))


def test_complex_gradients_for_real_parameters():
    tx, params = atx.scale_by_adam(), tree(0)
    with pytest.raises(TypeError, match=r"^scale_by_adam: grads\['enc'\]\['b'\]: .*complex64"):
        tx.update(tree(1, "complex64"), tx.init(params), params)


def test_chain_of_what_is_no_transformation():
    with pytest.raises(TypeError, match=r"^chain: part 1 must be .*was it meant to be called\?"):
        atx.chain(atx.scale_by_adam(), atx.scale_by_adam)
    with pytest.raises(TypeError, match=r"^chain: part 0 must be a gradient transformation, got 3"):
        atx.chain(3)


DECAYS = [row for row in DECAY if row.needs_params]


@pytest.mark.parametrize("row", DECAYS, ids=str)
def test_masks(row):
    tx, params = row(mask={"enc": True, "scale": False}), tree(0)
    grads = jax.tree.map(lambda p: p / 2, params)  # inwards, where cautious decay, too, decays
    assert tx == row(mask={"enc": True, "scale": False}) != row()
    decayed, _ = tx.update(grads, tx.init(params), params)
    everywhere, _ = row().update(grads, tx.init(params), params)
    assert jnp.array_equal(decayed["enc"]["w"], everywhere["enc"]["w"])
    assert decayed["scale"] == grads["scale"] != everywhere["scale"]

    by_path = row(only=lambda path, p: path == "enc/w" and p.ndim > 1)
    chosen, _ = jax.jit(by_path.update)(grads, by_path.init(params), params)
    assert jnp.allclose(chosen["enc"]["w"], everywhere["enc"]["w"])
    assert jnp.array_equal(chosen["enc"]["b"], grads["enc"]["b"])

    by_function = row(mask=lambda params: jax.tree.map(lambda p: p.ndim > 1, params))
    same, _ = by_function.update(grads, by_function.init(params), params)
    assert jnp.allclose(same["enc"]["w"], everywhere["enc"]["w"])
    assert jnp.array_equal(same["enc"]["b"], grads["enc"]["b"])


@pytest.mark.parametrize("row", DECAYS, ids=str)
def test_wrong_masks(row):
    who = row.make.__name__
    with pytest.raises(TypeError, match=f"^{who}: give mask or only, not both"):
        row(mask={"enc": True}, only=lambda path, p: True)
    with pytest.raises(TypeError, match=rf"^{who}: mask\['enc'\] must be True or False"):
        row(mask={"enc": 1})
    with pytest.raises(TypeError, match=f"^{who}: only must be a function"):
        row(only=3)
    tx, params = row(mask={"enc": True}), tree(0)
    with pytest.raises(ValueError, match=f"^{who}: the mask does not fit the tree"):
        tx.update(tree(1), tx.init(params), params)
    tx = row(only=lambda path, p: p.ndim)
    with pytest.raises(TypeError, match=rf"^{who}: only, at params\['enc'\]\['b'\], must be True"):
        tx.update(tree(1), tx.init(params), params)
    tx = row(only=lambda path, p: jnp.sum(p) > 0)
    tx.update(tree(1), tx.init(params), params)
    with pytest.raises(
        TypeError, match=rf"^{who}: only, at .* known when tracing, got .* bool\[\]"
    ):
        jax.jit(tx.update)(tree(1), tx.init(params), params)


BOOLS = {"Python": bool, "NumPy": np.bool_, "JAX": jnp.bool_, "an array": np.asarray}


@pytest.mark.parametrize("kind", BOOLS)
def test_any_concrete_bool_is_one(kind):
    """In a mask, from a function of the parameters and from a predicate; masks stay equal and hashed."""
    to, params = BOOLS[kind], tree(0)
    expected = atx.add_l2(0.1, mask={"enc": True, "scale": False})
    masked = atx.add_l2(0.1, mask={"enc": to(True), "scale": to(False)})
    assert masked == expected and hash(masked) == hash(expected)
    by_function = atx.add_l2(0.1, mask=lambda params: {"enc": to(True), "scale": to(False)})
    by_path = atx.add_l2(0.1, only=lambda path, p: to("enc" in path))
    for tx in (masked, by_function, by_path):
        updates, _ = tx.update(tree(1), tx.init(params), params)
        wanted, _ = expected.update(tree(1), expected.init(params), params)
        assert all(map(jnp.array_equal, jax.tree.leaves(updates), jax.tree.leaves(wanted)))


def test_a_predicate_may_be_a_search():
    tx, params = atx.add_l2(0.1, only=lambda path, p: re.search("^enc/w$", path)), tree(0)
    updates, _ = jax.jit(tx.update)(tree(1), tx.init(params), params)
    changed = jax.tree.map(lambda a, b: not jnp.array_equal(a, b), updates, tree(1))
    assert changed == {"enc": {"w": True, "b": False}, "scale": False}


def test_a_mask_without_decay():
    for make in (atx.radam, atx.adabelief, atx.lion):
        with pytest.raises(TypeError, match="mask and only choose what weight_decay decays"):
            make(0.1, mask={"enc": True})


def test_axis_name_must_be_a_name():
    with pytest.raises(TypeError, match="clip_by_global_norm: axis_name must be a string"):
        atx.clip_by_global_norm(1.0, axis_name=3)


def test_a_number_of_a_schedule_cannot_be_a_schedule():
    with pytest.raises(TypeError, match="peak must be a number, got constant"):
        schedules.cosine(schedules.constant(0.1), 10)


def test_a_schedule_must_return_a_scalar():
    tx = atx.adam(lambda count: jnp.ones(2))
    with pytest.raises(ValueError, match="scale_by_learning_rate: the schedule of learning_rate"):
        tx.update(tree(1), tx.init(tree(0)))


SCHEDULES = {
    "step_decay": [((1, 0, 0.5), "every"), ((1, 10, -1), "factor")],
    "multi_step": [((1, (5, 3), 0.1), "boundaries"), ((1, (2.5,), 0.1), "boundaries")],
    "exponential": [((1, 0, 0.5), "steps"), ((1, 10, 0.0), "factor"), ((1, 5, 1), "staircase", 1)],
    "linear": [((0, 1, -5), "steps"), ((float("nan"), 1, 5), "start")],
    "polynomial": [((0, 1, -5), "steps"), ((0, 1, 5), "power", 0)],
    "cosine": [((1, 0), "steps"), ((float("inf"), 5), "peak")],
    "cosine_restarts": [((1, 0), "period"), ((1, 5), "growth", 0), ((1, 5), "growth", 1.5)],
    "one_cycle": [((1, 10), "warm", 1.5), ((1, 10), "div", 0)],
    "cyclic": [((0, 1, 0), "half_period")],
    "inverse_sqrt": [(("a",), "value")],
    "constant": [((True,), "value")],
    "constant_then_exponential": [((1, -1, 0.1), "steps"), ((1, 5, -0.1), "rate")],
    "warmup_stable_decay": [((1, 0, 5, 5), "warmup"), ((1, 5, 5, 0), "decay")],
    "with_warmup": [((3, 5), "schedule"), ((schedules.constant(1), 0), "steps")],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_wrong_schedules(name):
    for arguments, who, *by_name in SCHEDULES[name]:
        with pytest.raises((ValueError, TypeError), match=f"^{name}: {who} must "):
            getattr(schedules, name)(
                *arguments, **dict.fromkeys([who] if by_name else [], *by_name)
            )


def test_wrong_join():
    with pytest.raises(ValueError, match="join: needs one schedule more than boundaries"):
        schedules.join(schedules.constant(1), boundaries=[5])


def test_a_decay_rate_that_float32_rounds_to_1():
    """The message names the largest that works, and it does: with the smallest steps of nu there are."""
    with pytest.raises(
        ValueError, match="which is 1.0 in float32; the nearest that works is 0.99999994"
    ):
        atx.scale_by_adam(b2=0.99999998)
    with pytest.raises(ValueError, match="which is 1.0 in float32"):
        atx.adam(0.1).replace(b2=0.99999999)
    tx, params = atx.adam(0.1, b2=0.99999994), tree(0)
    for update in (tx.update, lambda g, s, p: jax.jit(lambda tx: tx.update(g, s, p))(tx)):
        updates, _ = update(jax.tree.map(jnp.ones_like, params), tx.init(params), params)
        assert all(jnp.allclose(u, -0.1, rtol=1e-3) for u in jax.tree.leaves(updates))


LEAVING = {
    "from its second count": (lambda count: -3e-4 * count.astype(float), "is -0.0003 at count 1"),
    "from infinity": (lambda count: 1 / count.astype(float), "is inf at count 0"),
    "in its warmup": (schedules.with_warmup(lambda count: -0.1, 5), "is -0.02 at count 1"),
    "from the start": (lambda count: -1e-3, "is -0.001 at count 0"),
    "in the end": (schedules.linear(1e-3, -1e-3, 1000), r"is -\S+ at count 511"),
    "on the way": (schedules.cyclic(-0.1, 0.1, 5), "is -0.1 at count 0"),
    "in its second half": (
        schedules.join(schedules.constant(0.1), schedules.constant(-0.1), boundaries=[100]),
        "is -0.1 at count 127",
    ),
}


@pytest.mark.parametrize("name", LEAVING)
def test_a_schedule_that_leaves_the_range_of_its_number(name):
    schedule, found = LEAVING[name]
    message = (
        rf"scale_by_learning_rate: learning_rate must lie in \[0, inf\), but its schedule {found}"
    )
    with pytest.raises(ValueError, match=message):
        atx.adam(schedule)
    with pytest.raises(ValueError, match=message):
        atx.adam(0.1).replace(learning_rate=schedule)


def test_a_schedule_that_reaches_an_end_that_does_not_count():
    with pytest.raises(
        ValueError, match=r"b2 must lie in \[0, 1\), but its schedule is 1 at count 10"
    ):
        atx.scale_by_adam(b2=schedules.linear(0.9, 1.0, 10))


def test_where_it_cannot_be_known_a_schedule_is_kept_in_range():
    """Annealing that is meant to end in time does no harm after it; mapped numbers are not known."""
    params, grads = {"w": jnp.ones(2)}, {"w": jnp.ones(2)}
    tx = atx.sgd(lambda count: 0.1 * (1 - count.astype(float) / 2))
    state, seen = tx.init(params), []
    for _ in range(4):
        updates, state = jax.jit(tx.update)(grads, state)
        seen.append(float(updates["w"][0]))
    np.testing.assert_allclose(seen, [-0.1, -0.05, 0, 0], atol=1e-8)
    assert tx.hyperparameters(state) == {"0.learning_rate": 0.0}

    def first(peak):
        tx = atx.sgd(schedules.constant(peak))
        return tx.update(grads, tx.init(params))[0]["w"][0]

    assert jax.vmap(first)(jnp.array([-1.0, 1.0])).tolist() == [0.0, -1.0]


def test_a_sweep_used_without_vmap():
    sweep, params = jax.vmap(atx.adam)(jnp.array([0.1, 0.2, 0.3])), tree(0)
    state = atx.adam(0.1).init(params)
    with pytest.raises(
        ValueError, match=r"scale_by_adam: b1 is an array of shape \(3,\).*jax.vmap\(step\)"
    ):
        sweep.update(tree(1), state, params)
    with pytest.raises(ValueError, match="scale_by_adagrad: initial_accumulator_value is an array"):
        jax.vmap(atx.adagrad)(jnp.array([0.1, 0.2])).init(params)


@pytest.mark.parametrize("tx", [atx.adam(0.1), atx.guarded(atx.sgd(0.1))], ids=["chain", "wrapper"])
def test_an_optimizer_cannot_be_assigned_to(tx):
    with pytest.raises(
        AttributeError, match=r"cannot be changed.*tx = tx.replace\(learning_rate=...\)"
    ):
        tx.learning_rate = 1.0
    with pytest.raises(AttributeError, match="cannot be changed"):
        tx.update = None


def double(updates, state, params=None):
    return jax.tree.map(lambda u: 2 * u, updates), state


def test_plain_functions_are_an_opaque_part():
    """No leaves, equal only to itself; whatever else is given to `update` goes past it."""
    tx = atx.Transformation(lambda params: (), double)
    assert jax.tree.leaves(tx) == [] and tx == tx and hash(tx) == hash(tx)
    assert tx != atx.Transformation(lambda params: (), double)
    assert tx == tx._replace(init=tx.init) and tx != tx._replace(init=lambda params: ())
    whole, params = atx.guarded(atx.measured(atx.chain(tx, atx.sgd(0.1)))), tree(0)
    assert repr(atx.chain(tx, atx.sgd(0.1))).startswith(
        "chain(<double>, chain(scale_by_learning_rate("
    )
    updates, _ = jax.jit(whole.update)(params, whole.init(params), params, value=1.0)
    assert all(jnp.allclose(u, -0.2 * p) for u, p in zip(*map(jax.tree.leaves, (updates, params))))
    replaced = atx.adam(0.1)._replace(update=double)
    assert jax.tree.leaves(replaced.update(params, replaced.init(params))[0])[0].shape == (3,)


NO_NUMBERS = {"None": lambda count: None, "a word": lambda count: "a", "complex": lambda count: 1j}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_a_schedule_that_returns_no_number(name):
    with pytest.raises(
        TypeError, match="scale_by_learning_rate: the schedule of learning_rate must return a num"
    ):
        atx.sgd(NO_NUMBERS[name])


@pytest.mark.parametrize("function", [schedules.cosine, lambda a, b: 1.0])
def test_a_schedule_that_takes_more_than_a_count(function):
    with pytest.raises(TypeError, match="a function of the count alone; was .* meant to be called"):
        atx.sgd(function)


def test_numbers_beyond_float32():
    for make in (atx.sgd, lambda x: atx.adam(0.1, eps=x)):
        with pytest.raises(
            ValueError, match=r"got 1e\+39, which is infinite in float32; the largest is 3.4e\+38"
        ):
            make(1e39)


class ByHand:
    """Somebody's class with the two methods, and an update that needs no parameters."""

    def init(self, params):
        return jnp.zeros((), jnp.int32)

    def update(self, updates, state):
        return jax.tree.map(lambda u: 2 * u, updates), state + 1


class Pair(NamedTuple):
    init: Callable
    update: Callable


@pytest.mark.parametrize("part", [ByHand(), Pair(lambda params: (), double)], ids=["class", "pair"])
def test_whatever_has_the_two_functions_is_a_transformation(part):
    whole, params = atx.guarded(atx.chain(part, atx.sgd(0.1))), tree(0)
    step = jax.jit(lambda tx, g, state: tx.update(g, state, params, value=1.0))
    updates, state = step(whole, params, whole.init(params))
    updates, _ = step(whole, params, state)
    assert all(jnp.allclose(u, -0.2 * p) for u, p in zip(*map(jax.tree.leaves, (updates, params))))
    assert atx.chain(part) == atx.chain(part) and jax.tree.leaves(atx.chain(part)) == []


def test_multi_steps_of_optax_is_a_part():
    params, tx = tree(0), atx.chain(optax.MultiSteps(atx.sgd(0.5), 2), atx.scale(2.0))
    assert repr(tx) == "chain(<MultiSteps>, scale(step_size=2.0))"
    state = tx.init(params)
    with jax.numpy_dtype_promotion("standard"):
        first, state = tx.update(params, state, params)
        second, _ = tx.update(params, state, params)
    assert not any(jnp.any(u) for u in jax.tree.leaves(first))
    assert all(jnp.allclose(u, -p) for u, p in zip(*map(jax.tree.leaves, (second, params))))


def test_what_is_no_transformation_is_told_how_to_become_one():
    with pytest.raises(
        TypeError, match=r"of two functions Transformation\(init, update\) makes one"
    ):
        atx.chain((lambda params: (), double))
    with pytest.raises(TypeError, match="guarded: tx must be .* was it meant to be called?"):
        atx.guarded(optax.MultiSteps)
    with pytest.raises(
        TypeError, match=r"with init\(params\) and update\(updates, state, params\)"
    ):
        atx.chain("adam")


def test_an_equinox_model_given_whole():
    """Its activation is a leaf, and no array."""
    model, tx = equinox.nn.MLP(2, 1, 4, 1, key=jax.random.key(0)), atx.adamw(0.1)
    message = r"scale_by_adam: params.activation.* tx.init\(eqx.filter\(model, eqx.is_array\)\)"
    with pytest.raises(TypeError, match=message):
        tx.init(model)
    arrays = equinox.filter(model, equinox.is_array)
    state = tx.init(arrays)
    with pytest.raises(
        ValueError, match=r"params.activation is a function: .* tx.update\(.*eqx.filter"
    ):
        tx.update(arrays, state, model)
    updates, _ = tx.update(arrays, state, arrays)
    assert equinox.apply_updates(model, updates)(jnp.ones(2)).shape == (1,)
