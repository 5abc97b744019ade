"""What the real Keras' schedules give, and the signatures of its optimizers and schedules.

`generate_schedules.py` writes it to `keras_schedules.json`:
- `schedules`: [name, keyword arguments, the rates at counts 0 ... 49, in float64];
- `signatures`: class -> [[argument, repr of its default or null], ...].
"""

import inspect
import os

os.environ.update(KERAS_BACKEND="jax", JAX_ENABLE_X64="1", JAX_PLATFORMS="cpu")

import keras

STEPS = 50

SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.3, "staircase": True},
    ),
    ("PiecewiseConstantDecay", {"boundaries": [5, 15], "values": [0.02, 0.002, 0.01]}),
    ("PiecewiseConstantDecay", {"boundaries": [20], "values": [1.0, 0.5]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20}),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 30, "end_learning_rate": 0.01, "power": 2.5},
    ),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 12, "power": 0.5, "cycle": True},
    ),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.2, "decay_steps": 9, "cycle": True, "end_learning_rate": 0.02},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5, "staircase": True},
    ),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 30}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.1}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.01,
            "decay_steps": 25,
            "alpha": 0.05,
            "warmup_target": 0.1,
            "warmup_steps": 10,
        },
    ),
    ("CosineDecay", {"initial_learning_rate": 0.01, "decay_steps": 25, "warmup_target": 0.1}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5}),
    (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.1,
            "first_decay_steps": 8,
            "t_mul": 1.0,
            "m_mul": 0.8,
            "alpha": 0.1,
        },
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 6, "t_mul": 1.5, "m_mul": 0.9},
    ),
]
OPTIMIZERS = (
    "SGD",
    "Adagrad",
    "RMSprop",
    "Adadelta",
    "Adam",
    "AdamW",
    "Nadam",
    "Adamax",
    "Lion",
    "Lamb",
    "Ftrl",
    "Adafactor",
)


def rates(name, kwargs):
    """The schedule at each count, with Keras' numbers in float64."""
    schedule = getattr(keras.optimizers.schedules, name)(**kwargs)
    return [float(schedule(count)) for count in range(STEPS)]


def signature(cls):
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [
        [p.name, None if p.default is p.empty else repr(p.default)]
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    ]


def content():
    keras.config.set_floatx("float64")
    names = dict.fromkeys(name for name, _ in SCHEDULES)
    classes = [getattr(keras.optimizers, name) for name in OPTIMIZERS]
    classes += [getattr(keras.optimizers.schedules, name) for name in names]
    return {
        "keras": keras.__version__,
        "signatures": {c.__name__: signature(c) for c in classes},
        "schedules": [[name, kwargs, rates(name, kwargs)] for name, kwargs in SCHEDULES],
    }
