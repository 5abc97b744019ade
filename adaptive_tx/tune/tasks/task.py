"""A task: initial parameters, a loss, examples to train on, and a verdict on others."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from adaptive_tx.tune.tasks.models import Model


class Split(NamedTuple):
    """Some of the examples."""

    inputs: jax.Array  # [example, ...]
    targets: jax.Array  # int32[example], a class; or float32[example, output], what to predict


class Task(NamedTuple):
    """What `tune.train` needs: `train(task.loss, task.init, task.data, sweep, evaluate=task.evaluate)`."""

    name: str
    about: str
    init: Callable[[jax.Array], Any]  # key -> parameters
    loss: Callable[[Any, Split], jax.Array]  # (params, batch) -> a mean over the batch
    data: Split  # to train on
    held_out: Split  # the others
    evaluate: Callable[[Any], dict[str, jax.Array]]  # params -> "loss" and more, on `held_out`


def classifier(name: str, about: str, model: Model, data: Split, held_out: Split) -> Task:
    """A task of classes: the loss is the cross entropy, in nats."""

    def loss(params, batch: Split):
        return cross_entropy(model.outputs(params, batch.inputs), batch.targets)

    def evaluate(params):
        logits = model.outputs(params, held_out.inputs)
        return {
            "loss": cross_entropy(logits, held_out.targets),
            "accuracy": accuracy(logits, held_out.targets),
        }

    return Task(name, about, model.init, loss, data, held_out, evaluate)


def regression(name: str, about: str, model: Model, data: Split, held_out: Split) -> Task:
    """A task of numbers: the loss is the mean squared error, 1 for the mean of the training targets."""

    def loss(params, batch: Split):
        return jnp.mean(jnp.square(model.outputs(params, batch.inputs) - batch.targets))

    def evaluate(params):
        mse = loss(params, held_out)
        return {"loss": mse, "r2": 1.0 - mse / jnp.mean(jnp.var(held_out.targets, axis=0))}

    return Task(name, about, model.init, loss, data, held_out, evaluate)


def cross_entropy(logits, labels) -> jax.Array:
    """Mean over the examples, in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def accuracy(logits, labels) -> jax.Array:
    """The share of examples whose class has the largest logit, 0 to 1."""
    return jnp.mean(jnp.argmax(logits, -1) == labels)


def standardised(x: np.ndarray, of: np.ndarray, axis: int | None = 0) -> jax.Array:
    """`x` with the mean and standard deviation of the training examples `of` brought to 0 and 1."""
    return jnp.asarray((x - np.mean(of, axis)) / np.std(of, axis), jnp.float32)


def scikit_learn(task: str) -> tuple[ModuleType, ModuleType]:
    """Its data sets, and how to split them.

    Raises:
      ImportError: naming the extra, if it is not there.
    """
    try:
        from sklearn import datasets, model_selection
    except ImportError:
        raise ImportError(
            f"load: {task} needs scikit-learn: pip install adaptive-tx[demo]."
        ) from None
    return datasets, model_selection
