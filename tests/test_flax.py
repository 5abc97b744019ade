"""An optimizer inside Flax's training state and optimizer is data: replaced, mapped over, checkpointed."""

import chex
import flax.linen as nn
import flax.serialization
import flax.training.train_state
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax import nnx

import adaptive_tx as atx
from adaptive_tx import schedules
from adaptive_tx.flax import Optimizer, TrainState


@pytest.fixture(autouse=True)
def _count_traces_anew():
    chex.clear_trace_counter()


X = jnp.linspace(-1.0, 1.0, 8)[:, None]
Y = 3 * X + 1
RATES = (0.1, 0.01, 0.001)


def apply(params, x):
    return x * params["w"] + params["b"]


def start(tx, kind=TrainState):
    params = {"w": jnp.ones((1, 1)), "b": jnp.zeros((1, 1))}
    return kind.create(apply_fn=apply, params=params, tx=tx)


def step(state):
    loss, grads = jax.value_and_grad(lambda p: jnp.mean((state.apply_fn(p, X) - Y) ** 2))(
        state.params
    )
    return state.apply_gradients(grads=grads), loss


TXS = {
    "adam": lambda rate: atx.adam(rate),
    "guarded": lambda rate: atx.guarded(
        atx.measured(atx.chain(atx.clip_by_global_norm(1.0), atx.adamw(rate)))
    ),
    "scheduled": lambda rate: atx.adam(schedules.with_warmup(schedules.cosine(rate, 20), 3)),
}


@pytest.mark.parametrize("name", TXS)
def test_a_train_state_is_flaxs_but_for_its_data(name):
    ours, theirs = (
        start(TXS[name](0.1)),
        start(TXS[name](0.1), flax.training.train_state.TrainState),
    )
    assert isinstance(ours, flax.training.train_state.TrainState)
    run = jax.jit(step)
    for _ in range(3):
        (ours, loss), (theirs, same) = run(ours), run(theirs)
        np.testing.assert_allclose(loss, same, rtol=1e-6)
    assert ours.step == 3  # 1 - b2 is float32's of a number passed, and exact of one closed over
    chex.assert_trees_all_close(ours.params, theirs.params, rtol=1e-5)
    chex.assert_trees_all_close(ours.opt_state, theirs.opt_state, rtol=1e-3)


@pytest.mark.parametrize("name", ["adam", "guarded"])
def test_a_new_rate_does_not_trace_again(name):
    run = jax.jit(chex.assert_max_traces(step, n=1))
    state = start(TXS[name](0.5))
    for rate in RATES:
        before = state.params
        state, _ = run(state.replace(tx=state.tx.replace(learning_rate=rate)))
        moved = jax.tree.map(lambda a, b: jnp.abs(a - b), state.params, before)
        assert all(0.1 * rate < m[0, 0] < 3 * rate for m in jax.tree.leaves(moved))
    for rate in RATES:
        run(start(TXS[name](rate)))


def test_a_sweep_is_one_program():
    rates = jnp.array(RATES)
    states, losses = jax.vmap(lambda rate: start(atx.adam(rate)))(rates), []
    run = jax.jit(jax.vmap(chex.assert_max_traces(step, n=1)))
    for _ in range(3):
        states, loss = run(states)
        losses.append(loss)
    for i, rate in enumerate(RATES):
        alone = start(atx.adam(rate))
        for loss in losses:
            alone, expected = jax.jit(step)(alone)
            np.testing.assert_allclose(loss[i], expected, rtol=1e-5)
    best = jax.tree.map(lambda leaf: leaf[0], states).tx.concrete()
    assert best == atx.adam(0.1)


def test_optax_in_a_train_state():
    state, expected = start(optax.adam(0.1)), start(atx.adam(0.1))
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(2):
            (state, _), (expected, _) = jax.jit(step)(state), jax.jit(step)(expected)
    chex.assert_trees_all_close(state.params, expected.params, rtol=1e-5)
    with pytest.raises(TypeError, match="TrainState: tx must be a gradient transformation, got 3"):
        start(3)


@pytest.mark.parametrize("name", TXS)
def test_flax_serialization(name):
    """Numbers and state go through bytes, into a state made with other numbers."""
    state = start(TXS[name](0.1))
    state, _ = jax.jit(step)(state)
    restored = flax.serialization.from_bytes(
        start(TXS[name](0.7)), flax.serialization.to_bytes(state)
    )
    chex.assert_trees_all_equal(restored, state)
    assert restored.tx.concrete() == TXS[name](0.1)
    chex.assert_trees_all_equal(jax.jit(step)(restored), jax.jit(step)(state))


def test_a_checkpoint_of_another_optimizer():
    saved = flax.serialization.to_state_dict(start(atx.adam(0.1)))
    with pytest.raises(
        ValueError,
        match="trace cannot be restored: it holds .*decay, and what was saved .*b1, b2, eps",
    ):
        flax.serialization.from_state_dict(start(atx.momentum(0.1)).tx, saved["tx"])


@pytest.mark.parametrize("name", TXS)
def test_orbax(name, tmp_path):
    """As a dict of arrays, which Flax makes of a state and back."""
    state, _ = jax.jit(step)(start(TXS[name](0.1)))
    other, _ = jax.jit(step)(start(TXS[name](0.7)))
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", flax.serialization.to_state_dict(state))
        checkpointer.wait_until_finished()
        like = flax.serialization.to_state_dict(other)
        restored = checkpointer.restore(tmp_path / "state", like)
    restored = flax.serialization.from_state_dict(other, restored)
    chex.assert_trees_all_equal(restored, state)
    chex.assert_trees_all_equal(jax.jit(step)(restored), jax.jit(step)(state))


class Line(nnx.Module):
    def __init__(self):
        self.w, self.b = nnx.Param(jnp.ones((1, 1))), nnx.Param(jnp.zeros((1, 1)))

    def __call__(self, x):
        return x * self.w[...] + self.b[...]


def train(model, optimizer):
    loss, grads = nnx.value_and_grad(lambda model: jnp.mean((model(X) - Y) ** 2))(model)
    optimizer.update(model, grads)
    return loss


@pytest.mark.parametrize("name", TXS)
def test_an_nnx_optimizer_is_flaxs_but_for_its_data(name):
    run, results = nnx.jit(train), []
    for kind in (Optimizer, nnx.Optimizer):
        model = Line()
        optimizer = kind(model, TXS[name](0.1), wrt=nnx.Param)
        losses = [run(model, optimizer) for _ in range(3)]
        results.append((losses, nnx.to_pure_dict(nnx.state(model))))
    chex.assert_trees_all_close(*results, rtol=1e-6)


@pytest.mark.parametrize("name", ["adam", "guarded"])
def test_a_new_rate_does_not_trace_an_nnx_step_again(name):
    model = Line()
    optimizer = Optimizer(model, TXS[name](0.5), wrt=nnx.Param)
    run = nnx.jit(chex.assert_max_traces(train, n=1))
    for rate in RATES:
        before = model.w[...]
        optimizer.tx = optimizer.tx.replace(learning_rate=rate)
        run(model, optimizer)
        assert 0.1 * rate < abs(model.w[...] - before)[0, 0] < 3 * rate


def test_an_nnx_sweep_is_one_program():
    @nnx.vmap
    def make(rate):
        model = Line()
        return model, Optimizer(model, atx.adam(rate), wrt=nnx.Param)

    model, optimizer = make(jnp.array(RATES))
    run = nnx.jit(nnx.vmap(chex.assert_max_traces(train, n=1)))
    losses = [run(model, optimizer) for _ in range(3)]
    for i, rate in enumerate(RATES):
        alone = Line()
        single = Optimizer(alone, atx.adam(rate), wrt=nnx.Param)
        for loss in losses:
            np.testing.assert_allclose(loss[i], nnx.jit(train)(alone, single), rtol=1e-5)


def test_an_nnx_optimizer_in_a_checkpoint(tmp_path):
    """Its state has the numbers; split, restored and merged, it goes on."""
    model = Line()
    optimizer = Optimizer(model, atx.adam(0.1), wrt=nnx.Param)
    nnx.jit(train)(model, optimizer)
    state = nnx.state((model, optimizer))
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
        checkpointer.wait_until_finished()
        other = Line()
        fresh = Optimizer(other, atx.adam(0.7), wrt=nnx.Param)
        nnx.jit(train)(other, fresh)
        restored = checkpointer.restore(tmp_path / "state", nnx.state((other, fresh)))
    nnx.update((other, fresh), restored)
    assert fresh.tx.concrete() == atx.adam(0.1)
    assert nnx.jit(train)(model, optimizer) == nnx.jit(train)(other, fresh)


def test_linen_trains():
    model = nn.Dense(1)
    state = TrainState.create(
        apply_fn=model.apply, params=model.init(jax.random.key(0), X), tx=atx.adam(0.1)
    )
    _, losses = jax.lax.scan(lambda state, _: step(state), jax.device_put(state), length=100)
    assert losses[-1] < 1e-2 * losses[0]


def test_an_nnx_optimizer_keeps_to_the_structure_of_its_state():
    """Its numbers are kept by name, so that those of another optimizer do not pass for them."""
    model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    parts = atx.add_decayed_weights(0.1), atx.scale_by_learning_rate(0.001)
    one, other = (
        Optimizer(model, atx.chain(*order), wrt=nnx.Param) for order in (parts, parts[::-1])
    )
    names, others = (nnx.state(o)["numbers"].keys() for o in (one, other))
    assert len(names) == 2 and not names & others
    with pytest.raises(ValueError, match="^Optimizer: tx is chain.*; make a new optimizer"):
        one.tx = atx.adam(0.1)


def test_a_rate_set_inside_of_the_step_compiles_nothing_again():
    model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    optimizer, traces = Optimizer(model, atx.sgd(0.5), wrt=nnx.Param), []

    @nnx.jit
    def step(model, optimizer, rate):
        traces.append(1)
        optimizer.tx = optimizer.tx.replace(learning_rate=rate)
        optimizer.update(model, jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param)))

    for rate in (0.1, 0.2, 0.3):
        step(model, optimizer, rate)
    assert len(traces) == 1
