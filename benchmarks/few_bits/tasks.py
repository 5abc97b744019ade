"""What is trained: three small models on data that needs no download.

    mlp          64-32-10, digits, cross entropy in nats
    autoencoder  64-32-8-32-64 with tanh, digits, mean squared error: deep, and hard to train
    characters   one layer of a transformer, width 32, on the topics of Python's `help()`: nats a character

What has a batch of examples in front is one array or tuple of arrays; a loss is a mean over the batch.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.tune.tasks.digits import load_digits
from adaptive_tx.tune.tasks.models import linear, uniform, with_bias
from adaptive_tx.tune.tasks.task import cross_entropy
from adaptive_tx.tune.tasks.text import TRAINED, written

CONTEXT = 32  # characters
WIDTH, HEADS = 32, 2
EVALUATED = 256  # windows of characters, evenly spread over the rest of the text


class Task(NamedTuple):
    """How a model starts, what it is to make small, and on which examples."""

    init: Callable[[jax.Array], Any]  # key -> parameters
    loss: Callable[[Any, Any], jax.Array]  # (parameters, examples) -> a mean
    data: Any  # [example, ...], to train on
    held_out: Any
    batch: int
    steps: int
    rates: tuple[float, ...]  # among which the best is looked for


def layers(*sizes: int) -> Callable[[jax.Array], list]:
    """The start of some linear maps, one after the other (Glorot and Bengio 2010)."""
    pairs = list(zip(sizes, sizes[1:]))
    limits = [(rows, columns, (6 / (rows + columns)) ** 0.5) for rows, columns in pairs]
    return lambda key: [with_bias(weights) for weights in uniform(key, *limits)]


def through(params: list, x: jax.Array, between: Callable) -> jax.Array:
    for layer in params[:-1]:
        x = between(linear(layer, x))
    return linear(params[-1], x)


def mlp() -> Task:
    data = load_digits()

    def loss(params, examples):
        return cross_entropy(through(params, examples.inputs, jax.nn.relu), examples.targets)

    rates = tuple(1e-3 * 2.0**i for i in range(6))
    return Task(layers(64, 32, 10), loss, data.train, data.validation, 64, 1000, rates)


def autoencoder() -> Task:
    data = load_digits()

    def loss(params, images):
        return jnp.mean(jnp.square(through(params, images, jnp.tanh) - images))

    init, rates = layers(64, 32, 8, 32, 64), tuple(2e-3 * 2.0**i for i in range(6))
    return Task(init, loss, data.train.inputs, data.validation.inputs, 64, 1000, rates)


def characters() -> Task:
    text = written()
    vocabulary = sorted(set(text))
    place = {character: i for i, character in enumerate(vocabulary)}
    numbers = np.array([place[character] for character in text], np.uint8)
    cut = int(TRAINED * len(numbers))

    def windows(part):
        return np.lib.stride_tricks.sliding_window_view(part, CONTEXT + 1)

    rest = windows(numbers[cut:])
    held_out = rest[np.linspace(0, len(rest) - 1, EVALUATED).astype(int)]

    def loss(params, examples):
        logits = transformer(params, examples[:, :-1])
        return cross_entropy(logits, examples[:, 1:].astype(jnp.int32))

    data, rates = jnp.asarray(windows(numbers[:cut])), tuple(1e-3 * 2.0**i for i in range(5))
    init = transformer_start(len(vocabulary))
    return Task(init, loss, data, jnp.asarray(held_out), 8, 1000, rates)


def transformer_start(vocabulary: int) -> Callable[[jax.Array], dict]:
    d = WIDTH
    matrices = {
        "embed": (vocabulary, d, 0.1),
        "place": (CONTEXT, d, 0.1),
        "out": (d, vocabulary, 0.01),
    }
    matrices |= {"qkv": (d, 3 * d, d**-0.5), "mix": (d, d, d**-0.5)}
    matrices |= {"up": (d, 4 * d, d**-0.5), "down": (4 * d, d, (4 * d) ** -0.5)}
    norms = {name: jnp.ones(d) for name in ("norm1", "norm2", "norm3")}
    return lambda key: dict(zip(matrices, uniform(key, *matrices.values()))) | norms


def transformer(params: dict, x: jax.Array) -> jax.Array:
    """Logits of each next character, [example, place, character]."""
    x = params["embed"][x] + params["place"]
    q, k, v = jnp.split(normed(x, params["norm1"]) @ params["qkv"], 3, axis=-1)
    q, k, v = (a.reshape(*a.shape[:2], HEADS, WIDTH // HEADS) for a in (q, k, v))
    mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    x = x + mixed.reshape(x.shape) @ params["mix"]
    x = x + jax.nn.gelu(normed(x, params["norm2"]) @ params["up"]) @ params["down"]
    return normed(x, params["norm3"]) @ params["out"]


def normed(x: jax.Array, scale: jax.Array) -> jax.Array:
    return scale * x * jax.lax.rsqrt(jnp.mean(jnp.square(x), -1, keepdims=True) + 1e-6)


TASKS = {"mlp": mlp, "autoencoder": autoencoder, "characters": characters}


@functools.cache
def task_named(name: str) -> Task:
    return TASKS[name]()
