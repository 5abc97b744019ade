"""An optimizer is a value: what follows from that (docs/design.md), over the whole catalogue."""

import copy
import functools
import pickle

import chex
import equinox
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from catalogue import CATALOGUE
from flax import nnx
from flax.training.train_state import TrainState
from harness import VALUE, finite, run, steps_of, tree, update_of

import adaptive_tx as atx
from adaptive_tx import schedules
from adaptive_tx.core import debiasing
from adaptive_tx.testing.subject import QUICK, total

every = pytest.mark.parametrize("row", CATALOGUE, ids=str)
FEW = [
    row
    for row in CATALOGUE
    if row.make in (atx.scale_by_radam, atx.scale_by_novograd, atx.clip_by_global_norm, atx.adamw)
]
FEW += [row for row in CATALOGUE if row.wrapper in (atx.measured, atx.guarded)]
few_first = pytest.mark.parametrize(  # what compiles much for each row; the others in `make test`
    "row",
    [row if row in FEW else pytest.param(row, marks=pytest.mark.slow) for row in CATALOGUE],
    ids=str,
)
with_numbers = pytest.mark.parametrize(  # the same of those that can be swept
    "row",
    [
        row if row in FEW else pytest.param(row, marks=pytest.mark.slow)
        for row in CATALOGUE
        if row.numbers
    ],
    ids=str,
)
pytestmark = pytest.mark.filterwarnings("error")


def other(row):
    """The row's numbers, each a little different and still in range; of what counts steps, one more."""

    def change(name, value):
        if name in row.counts:
            return value + 1
        return value * 0.99 if value and name != "threshold" else value + 0.01

    return {name: change(name, value) for name, value in row.numbers.items()}


def leaf(values):
    """One leaf of a tree: each more compiles as slowly as the first."""
    return {"enc": {"b": values["enc"]["b"]}}


@every
def test_leaves_are_the_hyperparameters(row):
    tx = row()
    assert sorted(jax.tree.leaves(tx)) == sorted(row.numbers.values())
    nested = atx.chain(atx.chain(atx.chain(tx)))
    assert jax.tree.leaves(nested) == jax.tree.leaves(tx)


@every
def test_one_compilation_for_all_numbers(row):
    chex.clear_trace_counter()
    params, grads = tree(0), tree(1)

    @jax.jit
    @chex.assert_max_traces(n=1)
    def step(tx, state):
        return update_of(tx)(grads, state, params)

    state = row().init(params)
    step.eval_shape(row(), state)  # traces as a call does, and compiles nothing
    step.eval_shape(row(**other(row)), state)


@with_numbers
def test_vmap_makes_many_optimizers_in_one_value(row):
    """A sweep over all numbers at once equals its members, taken out by indexing and made concrete.

    Each has gradients and parameters of its own.
    """
    settings = [row.numbers, other(row)]
    stacked = {k: jnp.array([s[k] for s in settings]) for k in row.numbers}
    sweep = jax.vmap(lambda numbers: row(**numbers))(stacked)
    models = [(leaf(tree(seed, steps=3)), leaf(tree(seed - 1))) for seed in (1, 2)]
    together = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
    directions, _ = jax.vmap(run)(sweep, *together)
    for i, numbers in enumerate(settings):
        member = steps_of(sweep, i).concrete()
        assert member == row(**{k: float(str(np.float32(v))) for k, v in numbers.items()})
        alone, _ = run(member, *models[i])
        chex.assert_trees_all_close(steps_of(directions, i), alone, rtol=1e-5, atol=1e-7)


@few_first
def test_hypergradients(row):
    """d loss / d tx is finite in every number, and right (a central difference in float64)."""
    with jax.enable_x64(True):
        grads, params = leaf(tree(1, "float64", steps=3)), leaf(tree(0, "float64"))

        @functools.partial(jax.jit, compiler_options=QUICK)
        @jax.value_and_grad
        def loss(tx):
            return total(tx, grads, params)

        tx = row()
        _, slopes = loss(tx)
        assert finite(slopes)
        for name, value in row.numbers.items():
            h = 1e-6 * max(value, 1e-3)
            slope = sum(v for k, v in named(slopes).items() if k.split(".")[-1] == name)
            if name in row.counts:
                assert slope == 0
                continue
            if value - h < 0 or name == "eps":
                continue  # a one-sided range; eps alone moves less than rounding
            rise = loss(row(**{name: value + h}))[0] - loss(row(**{name: value - h}))[0]
            np.testing.assert_allclose(slope, rise / (2 * h), rtol=1e-4, atol=1e-6)


def named(tx):
    return tx.hyperparameters(tx.init(tree(0)))


@every
def test_equality_hash_pickle_copy(row):
    tx = row()
    for same in (row(), pickle.loads(pickle.dumps(tx)), copy.deepcopy(tx)):
        assert same == tx
        assert hash(same) == hash(tx)
        assert not same != tx
    assert not row.numbers or row(**other(row)) != tx
    assert tx != "tx"


@every
def test_repr_is_the_source(row):
    """What is printed makes an equal value, keywords and all."""
    tx = atx.chain(optax_free(), row())
    assert eval(repr(tx), vars(atx)) == tx


def optax_free():
    return atx.clip_by_global_norm(1.0)


@every
def test_static_and_equal_does_not_retrace(row):
    chex.clear_trace_counter()
    params, grads = tree(0), tree(1)

    def step(state, tx):
        return update_of(tx)(grads, state, params)[1]

    step = jax.jit(chex.assert_max_traces(n=1)(step), static_argnames="tx")
    for _ in range(2):
        step.eval_shape(row().init(params), tx=row())


@every
def test_any_number_may_be_a_schedule(row):
    """A constant schedule: the same state but for the sums of weights, and the same numbers."""
    constants = {k: schedules.constant(v) for k, v in row.numbers.items()}
    scheduled, plain = row(**constants), row()
    grads, params = leaf(tree(1, steps=3)), leaf(tree(0))
    directions, last = run(scheduled, grads, params)
    least = min((1 - v for k, v in row.numbers.items() if k in DECAYS), default=1)
    chex.assert_trees_all_close(
        (directions, with_numbers(last)), run(plain, grads, params), rtol=3e-7 / least, atol=1e-6
    )
    state = plain.init(params)
    assert jax.tree.structure(with_numbers(scheduled.init(params))) == jax.tree.structure(state)
    in_force = scheduled.hyperparameters(state)
    assert in_force.keys() == plain.hyperparameters(state).keys()
    for name, value in plain.hyperparameters(state).items():
        np.testing.assert_allclose(in_force[name], value, rtol=1e-6)


DECAYS = ("b1", "b2", "decay", "history_decay")


def with_numbers(state):
    """The state without what it keeps of decay rates that are schedules."""
    kind = debiasing.ScheduledDecayState
    return jax.tree.map(debiasing.rule_state_of, state, is_leaf=lambda s: isinstance(s, kind))


@every
def test_replace(row):
    tx = row()
    full = list(tx.hyperparameters(tx.init(tree(0))))
    for name in full:
        short = name.split(".")[-1]
        value = other(row)[short]
        assert tx.replace({name: value}) == tx.replace(**{short: value}) == row(**{short: value})
        with pytest.raises(ValueError, match=f"{short} must lie in"):
            tx.replace({name: float("nan")})
    with pytest.raises(TypeError, match="no hyperparameter b7"):
        tx.replace(b7=0.5)


def test_names_in_a_chain():
    tx = atx.chain(atx.clip_by_global_norm(1.0), atx.adam(schedules.linear(0.0, 1.0, 10)))
    state = tx.init(tree(0))
    for _ in range(5):
        _, state = tx.update(tree(1), state, tree(0))
    assert tx.hyperparameters(state) == {
        "0.max_norm": 1.0,
        "1.0.b1": 0.9,
        "1.0.b2": 0.999,
        "1.0.eps": 1e-8,
        "1.1.learning_rate": 0.5,
    }
    twice = atx.chain(atx.scale_by_adam(), atx.scale_by_adam())
    with pytest.raises(TypeError, match=r"b1 is ambiguous; name one of 0\.b1, 1\.b1"):
        twice.replace(b1=0.5)
    assert twice.replace({"1.b1": 0.5}).hyperparameters(twice.init(tree(0)))["1.b1"] == 0.5


def test_concrete_prints_the_shortest_decimal():
    rates = jnp.array([1e-3, 3e-4, 0.1])
    sweep = jax.vmap(atx.adam)(rates)
    winner = steps_of(sweep, 1)
    assert winner.concrete() == atx.adam(3e-4)
    assert repr(winner.concrete()) == repr(atx.adam(3e-4))
    assert atx.adam(np.float32(0.1)) == atx.adam(jnp.asarray(0.1)) == atx.adam(0.1)
    assert atx.adam(np.float64(0.1)) == atx.adam(np.asarray(0.1)) == atx.adam(0.1)
    assert atx.adam(np.float16(0.1)) == atx.adam(0.1)
    assert jax.tree.map(np.float32, atx.sgd(0.5)) != atx.sgd(
        0.5
    )  # one is passed, the other closed over
    with pytest.raises(ValueError, match="shape"):
        sweep.concrete()
    with pytest.raises(TypeError, match="concrete"):
        hash(sweep)


def test_a_sweep_over_schedules_maps_the_whole_construction():
    def make(peak, steps):
        return atx.adam(schedules.with_warmup(schedules.cosine(peak, steps), 2))

    sweep = jax.vmap(make)(jnp.array([0.1, 0.2]), jnp.array([10.0, 20.0]))
    directions, _ = jax.vmap(run, in_axes=(0, None, None))(sweep, tree(1, steps=5), tree(0))
    winner = steps_of(sweep, 1).concrete()
    assert winner == make(0.2, 20.0)
    alone, _ = run(winner, tree(1, steps=5), tree(0))
    chex.assert_trees_all_close(steps_of(directions, 1), alone, rtol=1e-5, atol=1e-7)


def test_lambdas_and_optax_parts_are_equal_to_themselves_only():
    """The documented limits."""
    rate = lambda count: 0.1  # noqa: E731  the point of the test
    assert atx.adam(rate) == atx.adam(rate)
    assert atx.adam(rate) != atx.adam(lambda count: 0.1)
    part = optax.scale(2.0)
    assert atx.chain(part) == atx.chain(part)
    assert atx.chain(part) != atx.chain(optax.scale(2.0))
    assert repr(atx.chain(part)) == "chain(<optax scale>)"
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(atx.adam(rate))


def params_and_loss():
    params = tree(0)
    return params, lambda p: sum(jnp.sum(x**2) for x in jax.tree.leaves(p))


@every
def test_in_flax_train_state(row):
    params, loss = params_and_loss()
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def step(state):
        return state.apply_gradients(grads=jax.grad(loss)(state.params))

    call = step if row in FEW else step.eval_shape
    if row.needs_value:  # TrainState cannot give one, and it is said so
        with pytest.raises(TypeError, match=r"^\w+: needs .* value=loss"):
            call(TrainState.create(apply_fn=loss, params=params, tx=row()))
        return
    for _ in range(2):  # an equal optimizer made again does not trace again
        state = call(TrainState.create(apply_fn=loss, params=params, tx=row()))
    chex.assert_trees_all_equal_shapes_and_dtypes(state.params, params)
    assert row not in FEW or finite(state.params)


def test_in_flax_nnx():
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, atx.adamw(1e-2), wrt=nnx.Param)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        grads = nnx.grad(lambda m: jnp.sum(m(jnp.ones((4, 3))) ** 2))(model)
        before = jnp.array(model.kernel[...])
        optimizer.update(model, grads)
    assert jnp.max(jnp.abs(model.kernel[...] - before)) > 5e-3


def test_in_equinox():
    """`filter_jit` treats Python floats as static; device_put makes them arrays, compiled once."""
    chex.clear_trace_counter()
    params, loss = params_and_loss()

    @equinox.filter_jit
    @chex.assert_max_traces(n=1)
    def step(tx, params, state):
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return equinox.apply_updates(params, updates), state

    for rate in (0.1, 0.2):
        tx = jax.device_put(atx.adam(rate))
        new, _ = step(tx, params, tx.init(params))
    wanted = optax.apply_updates(params, jax.tree.map(lambda p: -0.2 * jnp.sign(p), params))
    chex.assert_trees_all_close(new, wanted, rtol=1e-4, atol=1e-6)


WRAPPERS = {
    "chain": lambda tx: optax.chain(optax.identity(), tx),
    "named_chain": lambda tx: optax.named_chain(("first", tx)),
    "masked": lambda tx: optax.masked(tx, {"enc": {"w": True, "b": False}, "scale": True}),
    "partition": lambda tx: optax.partition(
        {"a": tx, "b": optax.sgd(0.1)}, {"enc": {"w": "a", "b": "b"}, "scale": "a"}
    ),
    "MultiSteps": lambda tx: optax.MultiSteps(tx, 2).gradient_transformation(),
    "apply_if_finite": lambda tx: optax.apply_if_finite(tx, 3),
    "schedule_free": lambda tx: optax.contrib.schedule_free(tx, 0.1, b1=0.9),
}


@every
def test_inside_optax(row):
    """Two steps in each of optax's combinators, in one program; they are not strict themselves.

    Of most rows only the shapes and dtypes are inferred: what the combinators add compiles slowly.
    """
    wrapped = {name: wrap(row()) for name, wrap in WRAPPERS.items()}

    @jax.jit
    def two_steps(grads, params):
        out = {}
        for name, tx in wrapped.items():
            _, state = tx.update(grads, tx.init(params), params, value=VALUE)
            out[name], _ = tx.update(grads, state, params, value=VALUE)
        return out

    params = tree(0)
    call = two_steps if row in FEW else two_steps.eval_shape
    with jax.numpy_dtype_promotion("standard"):
        updates = call(tree(1), params)
    assert row not in FEW or finite(updates)
    for update in updates.values():
        chex.assert_trees_all_equal_shapes_and_dtypes(update, params)


@pytest.mark.parametrize(
    "make",
    [
        atx.adam,
        *(pytest.param(m, marks=pytest.mark.slow) for m in (atx.momentum, atx.adamw, atx.lion)),
    ],
)
def test_inside_inject_hyperparams_lookahead_and_sam(make):
    params, grads = tree(0), tree(1)
    with jax.numpy_dtype_promotion("standard"):
        tx = optax.inject_hyperparams(make)(learning_rate=0.1)
        injected, state = jax.jit(tx.update)(grads, tx.init(params), params)
        plain = make(0.1)
        chex.assert_trees_all_close(
            injected, plain.update(grads, plain.init(params), params)[0], rtol=1e-6
        )
        assert state.hyperparams["learning_rate"] == jnp.float32(0.1)

        tx = optax.lookahead(make(0.1), sync_period=2, slow_step_size=0.5)
        pair = optax.LookaheadParams.init_synced(params)
        updates, _ = jax.jit(tx.update)(grads, tx.init(pair), pair)
        assert finite(updates)

        tx = optax.contrib.sam(make(0.1), optax.sgd(0.05), sync_period=2)
        updates, _ = jax.jit(tx.update)(grads, tx.init(params), params)
        assert finite(updates)


@every
def test_none_and_masked_leaves_pass_untouched(row):
    """Before, between and after leaves: of one shape, so that they share what is compiled."""

    def with_holes(values):
        return {"": optax.MaskedNode(), **values, "hole": None, "masked": optax.MaskedNode()}

    def around(seed):
        return {"w": tree(seed)["enc"]["w"], "then": tree(seed + 2)["enc"]["w"]}

    tx, grads, params = row(), around(1), around(0)
    state = tx.init(with_holes(params))
    updates, state = update_of(tx)(with_holes(grads), state, with_holes(params))
    assert updates["hole"] is None
    assert updates["masked"] == optax.MaskedNode()
    whole = {k: updates[k] for k in grads}
    chex.assert_trees_all_equal(whole, update_of(tx)(grads, tx.init(params), params)[0])


@few_first
def test_state_can_be_exported_and_searched(row):
    tx, params = row(), leaf(tree(0))
    state = tx.init(params)
    update = update_of(tx)
    exported = jax.export.export(jax.jit(update))(params, state, params)
    restored = jax.export.deserialize(exported.serialize())
    chex.assert_trees_all_close(
        restored.call(params, state, params), update(params, state, params), rtol=1e-6, atol=1e-7
    )
    assert optax.tree.get_all_with_path(state, "count")


def test_checkpoints(tmp_path):
    """What orbax restores has the structure and the numbers of what it was given."""
    tx, params = atx.adamw(schedules.cosine(0.1, 10)), tree(0)
    _, state = tx.update(tree(1), tx.init(params), params)
    checkpointer = ocp.StandardCheckpointer()
    checkpointer.save(tmp_path / "state", state)
    checkpointer.wait_until_finished()
    restored = checkpointer.restore(tmp_path / "state", jax.eval_shape(tx.init, params))
    chex.assert_trees_all_equal(restored, state)
    assert jax.tree.structure(restored) == jax.tree.structure(state)


def test_in_haiku():
    model = hk.without_apply_rng(hk.transform(lambda x: hk.Linear(1)(x)))
    x = jnp.linspace(-1, 1, 16)[:, None]
    params, tx = model.init(jax.random.key(0), x), atx.adam(0.1)

    @jax.jit
    def step(params, state):
        grads = jax.grad(lambda p: jnp.mean((model.apply(p, x) - 3 * x) ** 2))(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    state = tx.init(params)
    with jax.numpy_rank_promotion("allow"):
        for _ in range(300):
            params, state = step(params, state)
    np.testing.assert_allclose(params["linear"]["w"], 3, atol=0.05)


def test_pickle_with_a_mask():
    tx = atx.adamw(0.1, mask={"enc": {"w": True, "b": False}, "scale": [True, (False, None)]})
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert eval(repr(tx), vars(atx)) == tx


def test_infinity_is_written_as_source():
    tx = atx.prodigy()
    assert "growth_rate=float('inf')" in repr(tx)
    assert eval(repr(tx), vars(atx)) == tx


def test_a_global_norm_over_shards():
    """With its axis named, each shard is scaled by the norm of all."""
    grads = {"w": jnp.arange(6.0).reshape(2, 3)}
    whole, _ = atx.clip_by_global_norm(1.0).update(grads, atx.clip_by_global_norm(1.0).init(grads))
    tx = atx.clip_by_global_norm(1.0, axis_name="shards", sharded=True)
    mesh = jax.make_mesh((1,), ("shards",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("shards")

    def clip(grads):
        return tx.update(grads, tx.init(grads))[0]

    by_shard = jax.vmap(clip, axis_name="shards")(grads)
    chex.assert_trees_all_close(by_shard, whole, rtol=1e-6)
    on_mesh = jax.shard_map(clip, mesh=mesh, in_specs=spec, out_specs=spec)(grads)
    chex.assert_trees_all_close(on_mesh, whole, rtol=1e-6)


def test_states_move_to_optax_and_back():
    params, grads = tree(0), tree(1)
    tx, theirs = atx.scale_by_adam(), optax.scale_by_adam()
    _, state = tx.update(grads, tx.init(params), params)
    with jax.numpy_dtype_promotion("standard"):
        _, there = theirs.update(grads, state, params)
    assert type(state) is type(there) is optax.ScaleByAdamState
    back, _ = tx.update(grads, there, params)
    assert finite(back)
    doubled = optax.tree_map_params(tx, lambda x: 2 * x, state)
    chex.assert_trees_all_close(doubled.mu, jax.tree.map(lambda x: 2 * x, state.mu))
    assert optax.tree.get(state, "nu") is state.nu
