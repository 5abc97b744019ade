"""The small tables that ship with scikit-learn: three of classes, two of numbers."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from adaptive_tx.tune.tasks.models import mlp
from adaptive_tx.tune.tasks.task import (
    Split,
    Task,
    classifier,
    regression,
    scikit_learn,
    standardised,
)

HIDDEN = 32
HELD_OUT = 0.3  # of the examples


def classes(name: str, about: str, table: str) -> Task:
    """`load_iris`, `load_wine` or `load_breast_cancer`, with the classes alike in both parts."""
    x_train, x_rest, y_train, y_rest = _parts(name, table, stratified=True)

    def split(x, y):
        return Split(standardised(x, x_train), jnp.asarray(y, jnp.int32))

    model = mlp(x_train.shape[1], HIDDEN, int(y_train.max()) + 1)
    return classifier(name, about, model, split(x_train, y_train), split(x_rest, y_rest))


def numbers(name: str, about: str, table: str) -> Task:
    """`load_diabetes` or `load_linnerud`; targets are standardised as inputs are."""
    x_train, x_rest, y_train, y_rest = _parts(name, table, stratified=False)
    y_train, y_rest = (y.reshape(len(y), -1) for y in (y_train, y_rest))

    def split(x, y):
        return Split(standardised(x, x_train), standardised(y, y_train))

    model = mlp(x_train.shape[1], HIDDEN, y_train.shape[1])
    return regression(name, about, model, split(x_train, y_train), split(x_rest, y_rest))


def _parts(name: str, table: str, stratified: bool) -> tuple[Any, Any, Any, Any]:
    datasets, model_selection = scikit_learn(name)
    x, y = map(np.asarray, getattr(datasets, table)(return_X_y=True))
    alike = y if stratified else None
    return tuple(
        model_selection.train_test_split(x, y, test_size=HELD_OUT, stratify=alike, random_state=0)
    )
