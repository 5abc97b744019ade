"""A small decoder-only transformer of characters: each one of a window from those before it.

    x      = embedding/characters[input] + embedding/places
    x      = x + attention(norm(x))             causal, scaled dot products, two heads
    x      = x + relu(norm(x) up)^2 down        both in each of two layers
    logits = norm(x) head

A norm divides by the root mean square; there are no biases. What is added to x starts smaller by the root
of the number of such terms, so that x has about the same size whatever the depth. The loss is in nats a
character.

Vaswani et al., Attention Is All You Need, 2017, arXiv:1706.03762; norms before the maps: Radford et al.,
Language Models are Unsupervised Multitask Learners, 2019; the squared relu: So et al., Primer, 2021,
arXiv:2109.08668, which costs half of what a GELU does here.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.tune.tasks.models import OUTPUT_LIMIT, Model, uniform
from adaptive_tx.tune.tasks.task import Split, Task, classifier
from adaptive_tx.tune.tasks.text import TRAINED, written

CONTEXT = 32  # characters
WIDTH, INNER = 32, 64  # features of a place, and of the layer between up and down
HEADS, LAYERS = 2, 2
EVERY = 16  # characters from where one window begins to where the next one does
EVALUATED = 256  # windows in each of the other parts, evenly spread
HIDDEN = r"/(attention|mlp)/"  # found in the paths of the matrices between embedding and head
MATRICES = r"^embedding/|/(attention|mlp)/|^head$"  # and in those of all: of what is no scale
NEVER = -1e30  # a score for what lies ahead


class Windows(NamedTuple):
    """The text in windows: `inputs` uint8[n, CONTEXT]; `targets` int32[n, CONTEXT], one place further.

    No window reaches over the cut behind the training part, and none of the others overlaps another.
    """

    vocabulary: str  # every character of the text, each once; a number is a place in it
    train: Split
    validation: Split  # to choose by
    test: Split  # to report


@functools.cache
def load_windows() -> Windows:
    """The text, its first part to train on, and of the rest every other window for each use."""
    text = written()
    vocabulary = "".join(sorted(set(text)))
    place = {character: i for i, character in enumerate(vocabulary)}
    numbers = np.array([place[character] for character in text], np.uint8)
    cut = int(TRAINED * len(numbers))
    train, rest = _windows(numbers[:cut]), _windows(numbers[cut:])
    few = np.linspace(0, len(rest.targets) - 1, 2 * EVALUATED).astype(int)
    validation, test = (Split(*(x[few[i::2]] for x in rest)) for i in (0, 1))
    return Windows(vocabulary, train, validation, test)


def _windows(numbers: np.ndarray) -> Split:
    windows = np.lib.stride_tricks.sliding_window_view(numbers, CONTEXT + 1)[::EVERY]
    return Split(jnp.asarray(windows[:, :-1]), jnp.asarray(windows[:, 1:], jnp.int32))


def model(vocabulary: int) -> Model:
    """The parameters by their paths; outputs are float32[window, place, character]."""
    matrices = _matrices(vocabulary)
    norms = [
        "norm",
        *(f"layers_{i}/{of}_norm" for i in range(LAYERS) for of in ("attention", "mlp")),
    ]

    def init(key):
        drawn = dict(zip(matrices, uniform(key, *matrices.values()), strict=True))
        return _nested(drawn | {path: jnp.ones(WIDTH) for path in norms})

    return Model(init, logits)


def _matrices(vocabulary: int) -> dict[str, tuple[int, int, float]]:
    """Rows, columns and limit of each matrix: units of mean square 1 stay so from layer to layer."""
    d, unit = WIDTH, (3 / WIDTH) ** 0.5
    added = (2 * LAYERS) ** -0.5
    matrices = {"embedding/characters": (vocabulary, d, 1.0), "embedding/places": (CONTEXT, d, 1.0)}
    for layer in (f"layers_{i}" for i in range(LAYERS)):
        matrices |= {
            f"{layer}/attention/{name}": (d, d, unit) for name in ("query", "key", "value")
        }
        matrices[f"{layer}/attention/out"] = d, d, added * unit
        matrices[f"{layer}/mlp/up"] = d, INNER, unit
        matrices[f"{layer}/mlp/down"] = INNER, d, added * (3 / INNER) ** 0.5
    return matrices | {"head": (d, vocabulary, OUTPUT_LIMIT)}


def _nested(by_path: dict[str, jax.Array]) -> dict[str, Any]:
    """The same leaves as dicts of dicts."""
    tree: dict[str, Any] = {}
    for path, leaf in by_path.items():
        *folders, name = path.split("/")
        functools.reduce(lambda at, folder: at.setdefault(folder, {}), folders, tree)[name] = leaf
    return tree


def logits(params, inputs) -> jax.Array:
    """Of every next character, given those up to its place."""
    embedding = params["embedding"]
    x = embedding["characters"][inputs.astype(jnp.int32)]
    x = x + jnp.broadcast_to(embedding["places"], x.shape)
    for layer in (params[f"layers_{i}"] for i in range(LAYERS)):
        x = x + attention(layer["attention"], normed(x, layer["attention_norm"]))
        hidden = jax.nn.relu(normed(x, layer["mlp_norm"]) @ layer["mlp"]["up"])
        x = x + jnp.square(hidden) @ layer["mlp"]["down"]
    return normed(x, params["norm"]) @ params["head"]


def attention(params, x) -> jax.Array:
    """What each place takes from itself and those before it, [window, place, feature].

    Written out, which on a CPU takes 0.7 of the time of `jax.nn.dot_product_attention`.
    """
    n, places, width = x.shape

    def heads(name):
        parts = (x @ params[name]).reshape(n, places, HEADS, width // HEADS)
        return parts.transpose(0, 2, 1, 3)

    query, key, value = map(heads, ("query", "key", "value"))
    scores = (width / HEADS) ** -0.5 * query @ key.transpose(0, 1, 3, 2)
    seen = jnp.broadcast_to(np.tri(places, dtype=bool), scores.shape)
    mixed = jax.nn.softmax(jnp.where(seen, scores, NEVER)) @ value
    return mixed.transpose(0, 2, 1, 3).reshape(x.shape) @ params["out"]


def normed(x, scale) -> jax.Array:
    """The last axis over its root mean square, times a scale for each feature."""
    over_rms = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), -1, keepdims=True) + 1e-6)
    return jnp.broadcast_to(scale, x.shape) * over_rms


def transformer(name: str, about: str) -> Task:
    """The task, evaluated on the validation part; the test part stays out of it."""
    data = load_windows()
    return classifier(name, about, model(len(data.vocabulary)), data.train, data.validation)
