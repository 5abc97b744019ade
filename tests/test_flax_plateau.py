"""What watches the loss works through Flax's training state and optimizer, and asks for it as these do."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import adaptive_tx as atx
from adaptive_tx.flax import Optimizer, TrainState

PARAMS = {"w": jnp.array([1.0, -2.0, 3.0])}
VALUES = [4.0, 3.0, 3.0, 3.0, jnp.nan, 3.0, 2.0, 2.0]


def watching(rate=0.1):
    return atx.chain(atx.sgd(rate), atx.reduce_on_plateau(factor=0.5, patience=2))


def by_hand(tx):
    params, state = PARAMS, tx.init(PARAMS)
    for value in VALUES:
        updates, state = tx.update(params, state, params, value=jnp.float32(value))
        params = optax.apply_updates(params, updates)
    return params, state


def test_the_scale_falls_through_a_train_state():
    """As by hand, in one compiled step; the loss is no field, and other fields are replaced as before."""

    class WithStatistics(TrainState):
        statistics: jax.Array

    tx, traces = watching(), []
    state = WithStatistics.create(apply_fn=None, params=PARAMS, tx=tx, statistics=jnp.zeros(()))

    @jax.jit
    def step(state, value):
        traces.append(0)
        return state.apply_gradients(grads=state.params, value=value, statistics=value)

    for value in VALUES:
        state = step(state, jnp.float32(value))
    params, by_hands = by_hand(tx)
    np.testing.assert_allclose(state.params["w"], params["w"], rtol=1e-6)
    assert float(state.opt_state[-1].scale) == float(by_hands[-1].scale) == 0.25
    assert len(traces) == 1 and int(state.step) == len(VALUES)
    assert float(state.statistics) == VALUES[-1]
    assert jax.tree.structure(state.tx) == jax.tree.structure(tx)
    state = state.apply_gradients(grads=PARAMS, value=1.0, tx=watching(0.2))
    assert state.tx == watching(0.2)


def test_the_scale_falls_through_an_nnx_optimizer():
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
    optimizer = Optimizer(model, watching(), wrt=nnx.Param)
    for value in VALUES:
        optimizer.update(model, nnx.state(model, nnx.Param), value=jnp.float32(value))
    assert float(optimizer.opt_state[-1].scale[...]) == 0.25


def test_without_the_loss_the_error_says_how_to_give_it():
    state = TrainState.create(apply_fn=None, params=PARAMS, tx=watching())
    message = (
        r"reduce_on_plateau: needs .*, state.apply_gradients\(grads=grads, value=loss\); got None"
    )
    with pytest.raises(TypeError, match=message):
        state.apply_gradients(grads=PARAMS)
    spikes = atx.guarded_by_z_score(atx.sgd(0.1), of="loss")
    state = TrainState.create(apply_fn=None, params=PARAMS, tx=spikes)
    with pytest.raises(
        (TypeError, ValueError), match=r"call state.apply_gradients\(grads=grads, va"
    ):
        state.apply_gradients(grads=PARAMS)
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
    optimizer = Optimizer(model, watching(), wrt=nnx.Param)
    with pytest.raises(TypeError, match=r"optimizer.update\(model, grads, value=loss\); got None"):
        optimizer.update(model, nnx.state(model, nnx.Param))


def test_who_needs_no_loss_takes_one():
    plain = TrainState.create(apply_fn=None, params=PARAMS, tx=optax.sgd(0.1))
    state = plain.apply_gradients(grads=PARAMS, value=1.0)
    np.testing.assert_array_equal(
        state.params["w"], plain.apply_gradients(grads=PARAMS).params["w"]
    )
