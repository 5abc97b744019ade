"""The task: 1,797 handwritten digits of 8 x 8 pixels, as they ship with scikit-learn."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

CLASSES = 10
SIDE = 8  # pixels


class Split(NamedTuple):
    """Images and what they show."""

    images: jax.Array  # float32[n, 64], mean 0 and standard deviation 1 over the training pixels
    labels: jax.Array  # int32[n], 0 to 9


class Digits(NamedTuple):
    """The three parts of the data, always the same."""

    train: Split
    validation: Split  # chooses the learning rate
    test: Split  # is reported


def load_digits() -> Digits:
    """60 % of the images to train, 20 % to validate, 20 % to test, each with all digits alike."""
    from sklearn import datasets, model_selection

    images, labels = map(np.asarray, datasets.load_digits(return_X_y=True))
    held_out = 2 * (len(labels) // 5)
    x_train, x_rest, y_train, y_rest = model_selection.train_test_split(
        images, labels, test_size=held_out, stratify=labels, random_state=0
    )
    x_valid, x_test, y_valid, y_test = model_selection.train_test_split(
        x_rest, y_rest, test_size=held_out // 2, stratify=y_rest, random_state=0
    )
    mean, std = np.mean(x_train), np.std(x_train)

    def split(x, y):
        return Split(jnp.asarray((x - mean) / std, jnp.float32), jnp.asarray(y, jnp.int32))

    return Digits(split(x_train, y_train), split(x_valid, y_valid), split(x_test, y_test))
