"""A language model of characters on the English text that ships with Python: the topics of `help()`.

The next character is predicted from the last `CONTEXT` ones: each is a vector, these side by side go
through one hidden layer. The loss is in nats per character. The text differs a little between
versions of Python, and so do the numbers.

Source: Bengio et al., A Neural Probabilistic Language Model, 2003 (without its direct connections).
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from adaptive_tx.tune.tasks.models import OUTPUT_LIMIT, Model, linear, uniform, with_bias
from adaptive_tx.tune.tasks.task import Split, Task, classifier

CONTEXT = 12  # characters
FEATURES = 12  # of a character
HIDDEN = 96
TRAINED = 0.9  # of the text, from its beginning
EVALUATED = 4096  # characters of the rest, evenly spread


class Text(NamedTuple):
    """The text as examples: `inputs` uint8[n, CONTEXT], what comes before; `targets` int32[n]."""

    vocabulary: str  # every character of the text, each once; a number is a place in it
    train: Split
    validation: Split  # all of the rest


def load_text() -> Text:
    """The text, its first part to train on; no example reaches over the cut."""
    text = written()
    vocabulary = "".join(sorted(set(text)))
    index = {character: i for i, character in enumerate(vocabulary)}
    numbers = np.array([index[character] for character in text], np.uint8)
    cut = int(TRAINED * len(numbers))
    return Text(vocabulary, _examples(numbers[:cut]), _examples(numbers[cut:]))


def written() -> str:
    """All topics, one after the other."""
    from pydoc_data import topics

    return "\n\n".join(topics.topics.values())


def _examples(numbers: np.ndarray) -> Split:
    windows = np.lib.stride_tricks.sliding_window_view(numbers, CONTEXT + 1)
    return Split(jnp.asarray(windows[:, :-1]), jnp.asarray(windows[:, -1], jnp.int32))


def model(vocabulary: int) -> Model:
    """Vectors of characters, and a hidden layer of tanh units on `CONTEXT` of them."""
    inputs = CONTEXT * FEATURES

    def init(key):
        vectors, hidden, out = uniform(
            key,
            (vocabulary, FEATURES, 1.0),
            (inputs, HIDDEN, (9 / inputs) ** 0.5),  # units of variance 1, as vectors have 1 / 3
            (HIDDEN, vocabulary, OUTPUT_LIMIT),
        )
        return {"vectors": vectors, "hidden": with_bias(hidden), "out": with_bias(out)}

    def apply(params, contexts):
        x = params["vectors"][contexts.astype(jnp.int32)]
        x = jnp.tanh(linear(params["hidden"], x.reshape(len(contexts), inputs)))
        return linear(params["out"], x)

    return Model(init, apply)


def characters(name: str, about: str) -> Task:
    """The task; `evaluate` also gives the loss in bits per character."""
    text = load_text()
    step = len(text.validation.targets) // EVALUATED
    held_out = Split(*(x[::step][:EVALUATED] for x in text.validation))
    task = classifier(name, about, model(len(text.vocabulary)), text.train, held_out)

    def evaluate(params):
        metrics = task.evaluate(params)
        return {**metrics, "bits_per_character": metrics["loss"] / math.log(2)}

    return task._replace(evaluate=evaluate)
