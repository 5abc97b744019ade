"""1,797 handwritten digits of 8 x 8 pixels, as they ship with scikit-learn."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from adaptive_tx.tune.tasks.models import cnn, logistic, mlp
from adaptive_tx.tune.tasks.task import Split, Task, classifier, scikit_learn, standardised

CLASSES = 10
SIDE = 8  # pixels
MODELS = {
    "logistic": logistic(SIDE**2, CLASSES),
    "mlp": mlp(SIDE**2, 64, CLASSES),
    "cnn": cnn(SIDE, (8, 16), CLASSES),
}


class Digits(NamedTuple):
    """The three parts of the data, always the same.

    Inputs are float32[n, 64], of mean 0 and standard deviation 1 over all training pixels.
    """

    train: Split
    validation: Split  # to choose by
    test: Split  # to report


def load_digits() -> Digits:
    """60 % of the images to train, 20 % to validate, 20 % to test, each with all digits alike."""
    datasets, model_selection = scikit_learn("digits")
    images, labels = map(np.asarray, datasets.load_digits(return_X_y=True))
    held_out = 2 * (len(labels) // 5)
    x_train, x_rest, y_train, y_rest = model_selection.train_test_split(
        images, labels, test_size=held_out, stratify=labels, random_state=0
    )
    x_valid, x_test, y_valid, y_test = model_selection.train_test_split(
        x_rest, y_rest, test_size=held_out // 2, stratify=y_rest, random_state=0
    )

    def split(x, y):
        return Split(standardised(x, x_train, axis=None), jnp.asarray(y, jnp.int32))

    return Digits(split(x_train, y_train), split(x_valid, y_valid), split(x_test, y_test))


def digits(name: str, about: str, model: str) -> Task:
    """The task for one of `MODELS`; the test images stay out of it."""
    data = load_digits()
    return classifier(name, about, MODELS[model], data.train, data.validation)
