"""Small models, each a pair of functions on a tree of parameters.

Output layers start near zero, so that a classifier starts at the loss of a uniform guess: what ends
above it has diverged, however small its rate. Many runs of a model are trained side by side, and
what costs most is often to compile it: there are one random draw, few leaves, and matrix products.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

OUTPUT_LIMIT = 0.01


class Model(NamedTuple):
    """`init(key)` makes the parameters; `outputs(params, inputs)` is float32[example, output]."""

    init: Callable[[jax.Array], Any]
    outputs: Callable[[Any, jax.Array], jax.Array]


def logistic(inputs: int, outputs: int) -> Model:
    """One linear map."""

    def init(key):
        (out,) = uniform(key, (inputs, outputs, OUTPUT_LIMIT))
        return {"out": with_bias(out)}

    return Model(init, lambda params, x: linear(params["out"], x))


def mlp(inputs: int, hidden: int, outputs: int) -> Model:
    """One hidden layer of rectified units."""

    def init(key):
        first, out = uniform(
            key, (inputs, hidden, relu_limit(inputs)), (hidden, outputs, OUTPUT_LIMIT)
        )
        return {"hidden": with_bias(first), "out": with_bias(out)}

    def apply(params, x):
        return linear(params["out"], jax.nn.relu(linear(params["hidden"], x)))

    return Model(init, apply)


def cnn(side: int, channels: tuple[int, int], outputs: int) -> Model:
    """Two convolutions of 3 x 3 on images of side x side pixels, halved in between."""
    one, two = channels
    pixels = (side // 2 - 2) ** 2

    def init(key):
        names = "conv1", "conv2", "out"
        layers = uniform(
            key,
            (9, one, relu_limit(9)),
            (9 * one, two, relu_limit(9 * one)),
            (pixels * two, outputs, OUTPUT_LIMIT),
        )
        return dict(zip(names, map(with_bias, layers)))

    def apply(params, images):
        x = images.reshape(-1, side, side, 1)
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = jax.nn.relu(linear(params["conv1"], patches(x)))
        x = x.reshape(-1, side // 2, 2, side // 2, 2, one).mean((2, 4))
        x = jax.nn.relu(linear(params["conv2"], patches(x)))
        return linear(params["out"], x.reshape(len(images), -1))

    return Model(init, apply)


def uniform(key, *matrices: tuple[int, int, float]) -> list[jax.Array]:
    """Matrices of (rows, columns, limit), uniform from -limit to limit, all of one random draw."""
    sizes = [rows * columns for rows, columns, _ in matrices]
    numbers = jax.random.uniform(key, (sum(sizes),), minval=-1.0, maxval=1.0)
    parts = jnp.split(numbers, np.cumsum(sizes)[:-1])
    return [
        limit * part.reshape(rows, columns)
        for part, (rows, columns, limit) in zip(parts, matrices, strict=True)
    ]


def relu_limit(inputs: int) -> float:
    """Gives weights of variance limit**2 / 3 = 2 / inputs, which a relu preserves (He et al. 2015)."""
    return (6 / inputs) ** 0.5


def with_bias(weights) -> dict[str, jax.Array]:
    """A linear map and its bias, two leaves: one array of both would be copied in every step."""
    return {"w": weights, "b": jnp.zeros(weights.shape[1])}


def linear(layer, x) -> jax.Array:
    """The map of `with_bias` applied to the last axis of x."""
    y = x @ layer["w"]
    return y + jnp.broadcast_to(layer["b"], y.shape)


def patches(x) -> jax.Array:
    """Every 3 x 3 window, laid out as a vector: a convolution is then a matrix product.

    Mapped over the runs, a product stays a batched product; a convolution would become a grouped
    one, which is slow on a CPU.
    """
    high, wide = x.shape[1] - 2, x.shape[2] - 2
    windows = [x[:, i : i + high, j : j + wide] for i in range(3) for j in range(3)]
    return jnp.concatenate(windows, axis=-1)
