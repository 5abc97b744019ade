"""Three small classifiers of digits, each a pair of functions on a tree of parameters.

Output layers start near zero, so that every run starts at the loss of a uniform guess: what ends
above it has diverged, however small its rate.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adaptive_tx.race.data import CLASSES, SIDE

HIDDEN = 64
CHANNELS = 8, 16
OUTPUT_LIMIT = 0.01


class Model(NamedTuple):
    """`init(key)` makes the parameters; `logits(params, images[n, 64])` is float32[n, 10]."""

    init: Callable[[jax.Array], Any]
    logits: Callable[[Any, jax.Array], jax.Array]


def _dense(key, inputs: int, outputs: int, limit: float) -> jax.Array:
    """A linear map as one array, its last row the bias: few leaves compile fast."""
    weights = jax.random.uniform(key, (inputs, outputs), minval=-limit, maxval=limit)
    return jnp.concatenate([weights, jnp.zeros((1, outputs))])


def _hidden(key, inputs: int, outputs: int) -> jax.Array:
    """Weights of variance limit**2 / 3 = 2 / inputs, which a relu preserves (He et al. 2015)."""
    return _dense(key, inputs, outputs, limit=(6 / inputs) ** 0.5)


def _output(key, inputs: int) -> jax.Array:
    return _dense(key, inputs, CLASSES, limit=OUTPUT_LIMIT)


def _apply(layer, x):
    y = x @ layer[:-1]
    return y + jnp.broadcast_to(layer[-1], y.shape)


def _init_logistic(key):
    return {"out": _output(key, SIDE**2)}


def _logistic(params, images):
    return _apply(params["out"], images)


def _init_mlp(key):
    hidden, out = jax.random.split(key)
    return {"hidden": _hidden(hidden, SIDE**2, HIDDEN), "out": _output(out, HIDDEN)}


def _mlp(params, images):
    return _apply(params["out"], jax.nn.relu(_apply(params["hidden"], images)))


def _init_cnn(key):
    first, second, out = jax.random.split(key, 3)
    pixels = (SIDE // 2 - 2) ** 2
    return {
        "conv1": _hidden(first, 9, CHANNELS[0]),
        "conv2": _hidden(second, 9 * CHANNELS[0], CHANNELS[1]),
        "out": _output(out, pixels * CHANNELS[1]),
    }


def _cnn(params, images):
    x = images.reshape(-1, SIDE, SIDE, 1)
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = jax.nn.relu(_apply(params["conv1"], _patches(x)))
    x = x.reshape(-1, SIDE // 2, 2, SIDE // 2, 2, CHANNELS[0]).mean((2, 4))
    x = jax.nn.relu(_apply(params["conv2"], _patches(x)))
    return _apply(params["out"], x.reshape(len(images), -1))


def _patches(x):
    """Every 3 x 3 window, laid out as a vector: a convolution is then a matrix product.

    Mapped over the runs, a product stays a batched product; a convolution would become a grouped
    one, which is slow on a CPU.
    """
    high, wide = x.shape[1] - 2, x.shape[2] - 2
    windows = [x[:, i : i + high, j : j + wide] for i in range(3) for j in range(3)]
    return jnp.concatenate(windows, axis=-1)


MODELS = {
    "logistic": Model(_init_logistic, _logistic),
    "mlp": Model(_init_mlp, _mlp),
    "cnn": Model(_init_cnn, _cnn),
}
