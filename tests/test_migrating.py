"""migrate: a run goes on with another optimizer, and what is kept, new and dropped is told."""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from catalogue import CATALOGUE, RULES
from flax import nnx
from harness import tree
from jax.tree_util import Partial

import adaptive_tx as atx
from adaptive_tx import schedules, slots
from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.migrating.ages import is_age
from adaptive_tx.migrating.records import records_of

PARAMS = {"w": jnp.linspace(-1.0, 1.0, 6).reshape(2, 3), "v": {"b": jnp.linspace(0.1, 0.6, 3)}}
LATER = schedules.join(schedules.constant(0.1), schedules.linear(0.1, 0.0, 10), boundaries=[4])
RISING = schedules.join(schedules.constant(0.9), schedules.constant(0.99), boundaries=[4])


def grads_at(t, params=PARAMS):
    return jax.tree.map(lambda p: jnp.sin(3 * p + t) + 0.3 * p, params)


def train(tx, start, stop, state=None, params=PARAMS):
    """Steps `start` to `stop` of a run; the updates do not move the parameters, so runs compare."""
    state, updates = tx.init(params) if state is None else state, None
    step = jax.jit(optax.with_extra_args_support(tx).update)
    with jax.numpy_dtype_promotion("standard"):
        for t in range(start, stop):
            updates, state = step(grads_at(float(t), params), state, params)
    return updates, state


def moved(old, new, params=PARAMS, steps=4, **given):
    _, state = train(old, 0, steps)
    return atx.migrate(state, old, new, params, **given)


GOES_ON = {
    "a clip": (atx.adam(0.1), atx.chain(atx.clip_by_global_norm(1e9), atx.adam(0.1))),
    "no clip": (atx.chain(atx.clip_by_value(1e9), atx.adam(0.1)), atx.adam(0.1)),
    "a rate that is a schedule": (atx.adam(0.1), atx.adam(LATER)),
    "a decay that is a schedule": (
        atx.chain(atx.scale_by_adam(b2=0.9)),
        atx.scale_by_adam(b2=RISING),
    ),
    "another schedule of a decay": (
        atx.adam(0.1, b2=schedules.constant(0.9)),
        atx.adam(0.1, b2=RISING),
    ),
    "a momentum that is a schedule": (atx.momentum(0.1), atx.momentum(0.1, decay=RISING)),
    "wrapped": (atx.adamw(0.1), atx.measured(atx.guarded(atx.adamw(0.1)))),
    "unwrapped": (atx.guarded_by_z_score(atx.measured(atx.radam(0.1))), atx.radam(0.1)),
    "parts in chains": (atx.adamw(0.1), atx.chain(atx.chain(atx.adamw(0.1)))),
    "two of a kind": (
        atx.chain(atx.trace(decay=0.5), atx.scale_by_adam(), atx.trace(decay=0.8)),
        atx.chain(atx.clip_by_value(1e9), atx.trace(decay=0.5), atx.scale_by_adam(), atx.trace(decay=0.8)),
    ),
    "the same rule in optax": (optax.adam(0.1), atx.adam(LATER)),
    "optax with a clip and masks": (
        optax.chain(
            optax.clip_by_global_norm(1e9),
            optax.adamw(0.1, weight_decay=0.1, mask={"w": True, "v": {"b": False}}),
        ),
        atx.adamw(0.1, weight_decay=0.1, mask={"w": True, "v": {"b": False}}),
    ),
    "optax in wrappers": (
        optax.MultiSteps(
            optax.inject_hyperparams(optax.adam)(learning_rate=0.1), 1
        ).gradient_transformation(),
        atx.guarded(atx.adam(LATER)),
    ),
    "optax by groups": (
        optax.partition(
            {"a": optax.adam(0.1), "b": optax.adam(0.1)}, {"w": "a", "v": {"b": "b"}}
        ),
        atx.adam(0.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOES_ON)
def test_the_run_goes_on(name):
    """As if the new one had run from the start: until now both compute the same."""
    old, new = GOES_ON[name]
    state = moved(old, new).state
    chex.assert_trees_all_equal_shapes_and_dtypes(state, new.init(PARAMS))
    updates, after = train(new, 4, 8, state)
    expected, whole = train(new, 0, 8)
    chex.assert_trees_all_close(updates, expected, rtol=1e-5, atol=1e-8)
    counts = optax.tree.get_all_with_path(after, "count")
    chex.assert_trees_all_equal(counts, optax.tree.get_all_with_path(whole, "count"))


def test_no_denominator_of_amsgrad_is_smaller_than_adams_last():
    """With gradients that grow AMSGrad is Adam, and its state what it would be had it run all along."""
    adam, amsgrad = atx.adam(0.1), atx.amsgrad(0.1)
    states = adam.init(PARAMS), amsgrad.init(PARAMS)
    for t in range(1, 5):
        grads = jax.tree.map(lambda p: t * p, PARAMS)  # noqa: B023
        states = [tx.update(grads, s)[1] for tx, s in zip((adam, amsgrad), states)]
    found = atx.migrate(states[0], adam, amsgrad, PARAMS)
    chex.assert_trees_all_equal(found.state, states[1])
    assert {how for how in found.new.values()} == {"at nu"} and not found.dropped
    back = atx.migrate(found.state, amsgrad, adam, PARAMS)
    chex.assert_trees_all_equal(back.state, states[0])
    assert list(back.dropped) == ["[0].nu_max['v']['b']", "[0].nu_max['w']"]
    buffers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves(found.state)]
    assert len({*buffers}) == len(buffers)  # it can be donated


@pytest.mark.parametrize("b2", [0.99, RISING])
def test_a_debiased_mean_stays_what_it_says(b2):
    """From a number to another, and from a schedule to a number: nu / c2 is kept, where nu alone lies."""
    old, new = atx.scale_by_amsgrad(b2=b2), atx.scale_by_amsgrad(b2=0.7)
    _, state = train(old, 0, 6)
    found = atx.migrate(state, old, new, PARAMS).state
    was = state.weights["b2"] if b2 is RISING else 1 - 0.99**6
    plain = state.rule_state if b2 is RISING else state
    for slot in ("nu", "nu_max"):
        ours, theirs = getattr(found, slot), getattr(plain, slot)
        scaled = jax.tree.map(lambda x: x / was * (1 - 0.7**6), theirs)  # noqa: B023
        chex.assert_trees_all_close(ours, scaled, rtol=2e-6)
    chex.assert_trees_all_equal(found.mu, plain.mu)


def test_a_new_rule_has_the_count_of_the_run_or_starts_at_0():
    """A momentum's schedule goes on; Adam's averages, corrected by the count, begin."""
    found = moved(atx.sgd(0.1), atx.momentum(LATER, decay=RISING))
    assert found.new["[0].count"] == "4, the count of the run"
    tx = atx.momentum(LATER, decay=RISING)
    assert tx.hyperparameters(found.state)["0.decay"] == np.float32(0.99)

    found = moved(atx.momentum(0.1), atx.adam(LATER))
    assert found.new["[0].count"] == "0: its averages start anew"
    assert found.kept["[1].count"] == "[1].count" and "[0].trace['w']" in found.dropped
    updates, _ = atx.adam(LATER).update(PARAMS, found.state)
    chex.assert_trees_all_close(
        updates, jax.tree.map(lambda p: -0.1 * jnp.sign(p), PARAMS), rtol=1e-5
    )

    # Its corrections are sums that it keeps itself, so its schedules go on as well.
    tx = atx.adam(0.1, b1=RISING, b2=RISING)
    found = moved(atx.sgd(0.1), tx)
    assert found.new["[0].rule_state.count"] == "4, the count of the run"
    updates, _ = tx.update(PARAMS, found.state)
    chex.assert_trees_all_close(
        updates, jax.tree.map(lambda p: -0.1 * jnp.sign(p), PARAMS), rtol=1e-5
    )


def test_a_mean_beside_one_that_is_new_starts_anew_too():
    """RMSProp's nu beside a mu of zeros would be a gradient of nearly zero."""
    found = moved(atx.rmsprop(0.1, b2=0.99), atx.adam(0.1))
    assert found.new["[0].count"].startswith("0") and "[0].nu['w']" in found.dropped
    assert "[0].nu['w']" in moved(atx.adam(0.1), atx.rmsprop(0.1, b2=0.99)).kept
    for other in (atx.adabelief(0.1), atx.yogi(0.1), atx.adamax(0.1)):  # their nu is another
        assert "[0].nu['w']" in moved(atx.adam(0.1), other).dropped
        assert "[0].nu['w']" in moved(other, atx.adam(0.1)).dropped


def test_layers_come_go_and_change_their_shape():
    tx = atx.adam(0.1)
    params = {"w": PARAMS["w"], "v": {"b": jnp.ones(5)}, "head": jnp.ones(2)}
    found = moved(tx, tx, params)
    assert found.dropped["[0].mu['v']['b']"] == "of shape (3,), and now (5,)"
    assert found.new["[0].nu['head']"] == "stepped on as after 4 updates"
    updates, _ = train(tx, 4, 5, found.state, params)
    chex.assert_trees_all_equal(updates["w"], train(tx, 0, 5)[0]["w"])
    adopt = moved(atx.adopt(0.1), atx.adopt(0.1), params)  # it begins otherwise at t = 1
    assert adopt.new["[0].nu['head']"] == "stepped on as after 4 updates"
    assert moved(atx.lion(0.1), atx.lion(0.1), params).new["[0].mu['head']"] == "as init makes it"
    fewer = moved(tx, tx, {"w": PARAMS["w"]})
    assert list(fewer.dropped) == ["[0].mu['v']['b']", "[0].nu['v']['b']"] and not fewer.new
    # What the docstring says of the first steps of a leaf that is new: 3.2 times, and 6.6 at most.
    late = found.state[0]._replace(count=jnp.int32(100_000)), found.state[1]
    state, largest = late, 0.0
    for k in range(20):
        updates, state = tx.update(jax.tree.map(jnp.ones_like, params), state)
        largest = max(largest, float(-updates["head"][0] / 0.1))
        if k == 0:
            assert largest == pytest.approx(0.1 / 0.001**0.5, rel=1e-3)
    assert 6 < largest < 7


class MyState(NamedTuple):
    count: jax.Array
    anchor: Any


class MyRenamedState(NamedTuple):
    count: jax.Array
    anchor: Any


def my_step(g, anchor, t):
    return g, anchor + g


def test_a_rule_renamed():
    """Its slots tell it; one that is not declared, together with all the others."""
    old, new = atx.leafwise("mine", my_step, MyState), atx.leafwise("ours", my_step, MyRenamedState)
    found = moved(old, new)
    assert not found.new and type(found.state) is MyRenamedState
    declared = atx.leafwise("sum", my_step, MyState, slots={"anchor": slots.sum_of_gradients()})
    assert ".anchor['w']" in moved(old, declared).dropped


class GroupsState(NamedTuple):
    inner_states: dict[str, Any]


def by_group(**groups):
    """As a transformation with a rule for each group of leaves keeps its state: None for the others'."""

    def holding(side):
        return {name: getattr(tx, side) for name, tx in groups.items()}

    return Transformation(
        Partial(_init_groups, Arguments.of("by_group", parts=holding("init"))),
        Partial(_update_groups, Arguments.of("by_group", parts=holding("update"))),
    )


def _init_groups(arguments, params):
    parts = dict(zip(arguments.part_names, arguments.parts))
    return GroupsState({
        name: part({k: v if k == name else None for k, v in params.items()})
        for name, part in parts.items()
    })  # fmt: skip


def _update_groups(arguments, grads, state, params=None):
    raise NotImplementedError


def test_groups_of_leaves():
    """From one rule to a rule for each group, and back: each leaf finds its own."""
    one = atx.adam(0.1)
    groups = by_group(w=atx.adam(0.1), v=atx.adam(LATER))
    found = moved(one, groups)
    assert found.kept[".inner_states['w'][0].mu['w']"] == "[0].mu['w']"
    assert found.kept[".inner_states['v'][0].nu['v']['b']"] == "[0].nu['v']['b']"
    counts = optax.tree.get_all_with_path(found.state, "count")
    assert [int(count) for _, count in counts] == [4] * 4
    back = atx.migrate(found.state, groups, one, PARAMS)
    chex.assert_trees_all_equal(back.state, train(one, 0, 4)[1])
    half = atx.migrate(found.state, groups, by_group(w=atx.adam(0.1), v=atx.sgd(0.1)), PARAMS)
    assert ".inner_states['v'][0].mu['v']['b']" in half.dropped and not half.new


def numbered(state):
    """The state with another number in every leaf."""
    leaves, structure = jax.tree.flatten(state)
    return structure.unflatten([
        jnp.full_like(x, i + 2) if x.dtype != bool else jnp.ones_like(x)
        for i, x in enumerate(leaves)
    ])  # fmt: skip


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_every_state_goes_on(row):
    """All of it to itself; and all of it into wrappers and a chain, and back."""
    tx, params = row(), tree(0)
    state = numbered(tx.init(params))
    same = atx.migrate(state, tx, tx, params)
    chex.assert_trees_all_equal(same.state, state)
    assert not same.new and not same.dropped
    wrapped = atx.guarded(atx.chain(atx.clip_by_value(1.0), tx))
    there = atx.migrate(state, tx, wrapped, params)
    assert not there.dropped
    back = atx.migrate(there.state, wrapped, tx, params)
    chex.assert_trees_all_equal(back.state, state)


CLOCKS = {
    "trace", "trace_nesterov", "ema-debias=False", "scale_by_adagrad", "scale_by_rms",
    "scale_by_centered_rms", "scale_by_adadelta", "scale_by_lion", "scale_by_signum", "scale_by_rprop",
    "scale_by_ftrl", "scale_by_lars", "scale_by_trust_ratio", "scale_by_param_rms", "ema_nesterov",
    "scale_by_lmo",
}  # fmt: skip


@pytest.mark.parametrize("row", [row for row in RULES if not row.of_matrices], ids=str)
def test_which_counts_are_ages(row):
    """Read off the rule: there is a t in what it computes, beyond its schedules."""
    (record,) = records_of(row().update, row().init(PARAMS), PARAMS, "")
    is_clock = {str(row), row.make.__name__} & CLOCKS
    assert is_age(record, PARAMS) == (not is_clock)


def test_what_has_no_state():
    empty = atx.chain()
    found = atx.migrate(empty.init(PARAMS), empty, atx.chain(atx.chain(), atx.sgd(0.1)), PARAMS)
    assert found.new == {"[1][0].count": "0, the count of the run"}


def test_the_table():
    params = [jnp.ones(2)] * 5
    old, new = atx.adam(0.1), atx.chain(atx.clip_by_value(1.0), atx.amsgrad(LATER))
    found = atx.migrate(old.init(params), old, new, [*params[:4], jnp.ones(3)])
    assert [" ".join(line.split()) for line in repr(found).splitlines()] == [
        "kept [1][0].count was [0].count",
        "kept [1][0].mu: 4 leaves was [0].mu",
        "kept [1][0].nu: 4 leaves was [0].nu",
        "kept [1][1].count was [1].count",
        "new [0].count 0, the count of the run",
        "new [1][0].mu[4] stepped on as after 0 updates",
        "new [1][0].nu[4] stepped on as after 0 updates",
        "new [1][0].nu_max: 4 leaves at nu",
        "new [1][0].nu_max[4] stepped on as after 0 updates",
        "dropped [0].mu[4] nothing keeps it as it is",
        "dropped [0].nu[4] nothing keeps it as it is",
    ]


def test_what_nobody_has_counted():
    old, tx = optax.sgd(0.1, momentum=0.9), atx.momentum(LATER)
    _, state = train(old, 0, 3)
    with pytest.raises(
        ValueError, match="migrate: scale_by_learning_rate has a schedule.*give count="
    ):
        atx.migrate(state, old, tx, PARAMS)
    found = atx.migrate(state, old, tx, PARAMS, count=3)
    assert found.new["[1].count"] == "3, the count of the run" and found.kept["[0].trace['w']"]
    with pytest.raises(ValueError, match="migrate: count is 7, but old_state has counted 4"):
        moved(atx.sgd(0.1), atx.chain(atx.clip_by_value(1.0), atx.sgd(0.1)), count=7)


def test_mistakes():
    adam = atx.adam(0.1)
    state = adam.init(PARAMS)
    with pytest.raises(
        TypeError, match="migrate: old_tx is needed, .* write the optimizer that made"
    ):
        atx.migrate(state, None, adam, PARAMS)
    with pytest.raises(
        TypeError, match="migrate: new_tx must be a gradient transformation, got 0.1"
    ):
        atx.migrate(state, adam, 0.1, PARAMS)
    message = (
        r"old_state\[0\] is a ScaleByAdamState, which is not what trace keeps; give the old_tx"
    )
    with pytest.raises(ValueError, match=message):
        atx.migrate(state, atx.momentum(0.1), adam, PARAMS)
    with pytest.raises(ValueError, match="old_state is a tuple, which is not what guarded keeps"):
        atx.migrate(state, atx.guarded(adam), adam, PARAMS)
    with pytest.raises(ValueError, match=r"old_state\[0\] is a ScaleByAdamState, .* scale_by_adam"):
        atx.migrate(state, atx.adam(0.1, b2=RISING), adam, PARAMS)
    with pytest.raises(TypeError, match=r"migrate: params\['w'\] is of type int32"):
        atx.migrate(state, adam, adam, {"w": jnp.arange(3)})
    with pytest.raises(TypeError, match="migrate: runs outside of jit"):
        jax.jit(lambda state: atx.migrate(state, adam, adam, PARAMS).state)(state)
    theirs = optax.adam(0.1)
    message = r"b2 of scale_by_adam is a schedule.*old_state\[0\] does not tell it.*from_optax"
    with pytest.raises(ValueError, match=message):
        atx.migrate(theirs.init(PARAMS), theirs, atx.adam(0.1, b2=RISING), PARAMS)


def test_histories_go_on_whole_or_not_at_all():
    """A ring of another length has no use for the place where the old one is."""
    old = atx.guarded_by_percentile(atx.sgd(0.1), window=8, warmup=2)
    _, state = train(old, 0, 3)
    same = atx.migrate(
        state, old, atx.guarded_by_percentile(atx.sgd(0.1), window=8, warmup=3), PARAMS
    )
    chex.assert_trees_all_equal(same.state, state)
    longer = atx.guarded_by_percentile(atx.sgd(0.1), window=9, warmup=2)
    found = atx.migrate(state, old, longer, PARAMS)
    assert found.state.history.n == 0 and found.state.count == 3
    assert ".history.n" in found.new and ".history.n" in found.dropped


def test_into_groups_and_back():
    """A rule of each group, of which the old one had none for some leaves; and nothing serves twice."""
    params, adam = {"a": jnp.ones(2), "b": jnp.ones(3)}, atx.adamw(0.1)
    twice = atx.grouped({"a": {"multiplier": 2.0}}, by={"a": "a"}, default=adam)
    moved = atx.migrate(adam.init(params), adam, twice, params).state
    jax.jit(twice.update, donate_argnums=1)(params, moved, params)
    state = adam.init(params)
    for group in (atx.set_to_zero(), atx.momentum(0.1), atx.adafactor(0.1)):
        groups = atx.grouped({"a": group}, by={"a": "^a"}, default=adam)
        there = atx.migrate(state, adam, groups, params)
        groups.update(params, there.state, params)
        assert atx.migrate(there.state, groups, adam, params).state[0].mu["a"].shape == (2,)
    head = {**params, "head": jnp.ones(2)}
    new = atx.grouped({"head": {"learning_rate": 1.0}}, by={"head": "head"}, default=adam)
    assert atx.migrate(state, adam, new, head).state.states["default"][0].mu["head"] is None


def test_masked_goes_on():
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    tx = atx.masked(atx.adam(0.1), only="a")
    kept = atx.migrate(tx.init(params), tx, atx.adam(0.1), params)
    assert not kept.dropped and "[0].mu['a']" in kept.kept


def test_boxes_of_nnx_are_refused():
    model, adam = nnx.Linear(2, 1, rngs=nnx.Rngs(0)), atx.adam(0.1)
    optimizer = nnx.Optimizer(model, adam, wrt=nnx.Param)
    params = nnx.state(model, nnx.Param)
    with pytest.raises(
        TypeError, match="^migrate: takes arrays, and flax.nnx has put them into boxes"
    ):
        atx.migrate(optimizer.opt_state, adam, adam, params)

    def unboxed(tree):
        return jax.tree.map(lambda x: x[...], tree, is_leaf=lambda x: isinstance(x, nnx.Variable))

    same = atx.migrate(unboxed(optimizer.opt_state), adam, adam, unboxed(params))
    assert not same.new and not same.dropped
