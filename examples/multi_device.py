"""A training on all devices: batches split over "data", a matrix over "model", a byte a moment over both.

On one CPU: XLA_FLAGS=--xla_force_host_platform_device_count=8 python examples/multi_device.py
"""

import jax
import jax.numpy as jnp
import optax
from jax import NamedSharding, P

import adaptive_tx as atx

model = 2 if jax.device_count() % 2 == 0 else 1
auto = (jax.sharding.AxisType.Auto,) * 2
mesh = jax.make_mesh((jax.device_count() // model, model), ("data", "model"), axis_types=auto)
lies = {"w1": NamedSharding(mesh, P(None, "model")), "w2": NamedSharding(mesh, P())}
keys = jax.random.split(jax.random.key(0), 3)
params = {"w1": jax.random.normal(keys[0], (16, 64)) / 4, "w2": jnp.zeros((64, 8))}
params = jax.device_put(params, lies)
x = jax.device_put(jax.random.normal(keys[1], (256, 16)), NamedSharding(mesh, P("data")))
y = jnp.sin(x @ jax.random.normal(keys[2], (16, 8)))
tx = atx.chain(atx.clip_by_global_norm(1.0), atx.stored(atx.adamw(0.01), 8))
state_lies = atx.state_sharding(tx, params, lies, zero="data")
state = jax.jit(tx.init, out_shardings=state_lies)(params)


def loss(params, x, y):
    return jnp.mean((jnp.tanh(x @ params["w1"]) @ params["w2"] - y) ** 2)


def step(params, state, x, y):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    updates, state = tx.update(grads, state, params)
    return optax.apply_updates(params, updates), state, value


step = jax.jit(step, donate_argnums=(0, 1), out_shardings=(lies, state_lies, None))
for i in range(200):
    params, state, value = step(params, state, x, y)
    print(f"step {i}: loss {value:.4f}")
