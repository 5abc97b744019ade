"""What keras_excluded.json holds: variables that are excluded from weight decay.

In float64: the first variables and the gradients of `STEPS` steps by path, and for each of `CASES`,
[class, arguments, var_names, paths of var_list], the variables after each step.
"""

import keras
import numpy as np

STEPS = 5
SHAPES = {"dense/kernel": (3, 2), "dense/bias": (2,), "norm/gamma": (2,), "last/kernel": (2, 2)}
BY_NAME, BY_PATH = ["bias", "gamma|beta"], ["last/kernel"]
CASES = [
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.5}, BY_NAME, []),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.5}, [], BY_PATH),
    (
        "AdamW",
        {"learning_rate": 0.01, "weight_decay": 0.5},
        ["dense"],
        [],
    ),  # no name, but a layer's
    ("Adam", {"learning_rate": 0.01}, BY_NAME, []),  # there is no decay to exclude from
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.5}, BY_NAME, BY_PATH),
    (
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.5},
        BY_NAME,
        [],
    ),
    ("Lamb", {"learning_rate": 0.05, "weight_decay": 0.5}, BY_NAME, BY_PATH),
    ("Adafactor", {"learning_rate": 0.5, "weight_decay": 0.5}, BY_NAME, BY_PATH),
    (
        "Ftrl",
        {"learning_rate": 0.1, "weight_decay": 0.5, "l2_shrinkage_regularization_strength": 0.1},
        BY_NAME,
        BY_PATH,
    ),
]


def variable(path, value):
    scope, name = path.split("/")
    with keras.name_scope(scope):
        made = keras.Variable(value, dtype="float64", name=name)
    assert (made.path, made.name) == (path, name)
    return made


def record(name, kwargs, by_name, by_path, first, grads):
    """The variables after each step, by path."""
    variables = {path: variable(path, x) for path, x in first.items()}
    optimizer, rows = getattr(keras.optimizers, name)(**kwargs), []
    optimizer.exclude_from_weight_decay([variables[path] for path in by_path], by_name)
    optimizer.build(list(variables.values()))
    for step in range(STEPS):
        tensors = [keras.ops.convert_to_tensor(grads[path][step]) for path in variables]
        optimizer.apply(tensors, list(variables.values()))
        rows.append({path: np.array(v.numpy()).tolist() for path, v in variables.items()})
    return rows


def content():
    """What the file holds."""
    keras.config.set_floatx("float64")
    random = np.random.RandomState(8)
    first = {path: random.standard_normal(shape) for path, shape in SHAPES.items()}
    grads = {path: random.standard_normal((STEPS, *shape)) for path, shape in SHAPES.items()}
    return {
        "first": {path: x.tolist() for path, x in first.items()},
        "grads": {path: x.tolist() for path, x in grads.items()},
        "cases": [[*case, record(*case, first, grads)] for case in CASES],
    }
