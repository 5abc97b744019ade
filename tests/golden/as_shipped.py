"""What as_shipped.json holds: float64 parameters in a framework whose default dtype stays float32.

torch then keeps NAdam's `mu_product` and ASGD's `eta` and `mu` in float32; Keras (`floatx`) its learning
rate, whatever its optimizer. {framework: {optimizer: {setting: the largest difference from the stored
trajectories, whose runs are float64 throughout, relative to max(1, |p|)}}}.
"""

from pathlib import Path
from unittest import mock

import keras
import numpy as np
import problems
import store
import torch

FOLDER = Path(__file__).parent


def difference(run, problem, shapes, exact):
    """The largest over all steps of one problem."""
    sequence, worst = problems.gradient_sequence(shapes), 0.0
    for step, row in enumerate(exact, start=1):
        run.step(problems.gradients(problem, step, run.values(), sequence))
        values = np.concatenate([np.ravel(leaf) for leaf in run.values()])
        worst = max(worst, np.max(np.abs(values - row) / np.maximum(1, np.abs(row))))
    return float(worst)


def in_float32(framework, make, name, case, shapes):
    """One optimizer on float64 parameters, in a framework that computes in float32 unless told."""
    if framework == "torch":
        run = make(name, case, shapes, "float64")
        torch.set_default_dtype(torch.float32)
        return run
    keras.config.set_floatx("float32")
    with mock.patch.object(keras.config, "set_floatx"):
        return make(name, case, shapes, "float64")


def content(runs):
    """What the file holds; `runs` makes an optimizer of each framework."""
    found = {}
    for framework, optimizers in problems.SETTINGS.items():
        for name, cases in optimizers.items():
            stored = store.load(FOLDER / f"{framework}_{name.lower()}.npz")
            for setting, case in cases.items():
                shapes, rows = problems.shapes_of(name), stored[setting].trajectory
                worst = max(
                    difference(
                        in_float32(framework, runs[framework], name, case, shapes),
                        problem,
                        shapes,
                        rows[problem, "f64"],
                    )
                    for problem in problems.PROBLEMS
                )
                found.setdefault(framework, {}).setdefault(name, {})[setting] = float(
                    f"{worst:.1e}"
                )
    return found
