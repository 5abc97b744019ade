"""Write the golden trajectories with the real torch and the real Keras.

    python3.11 -m venv /tmp/g && /tmp/g/bin/pip install torch==2.13.0 keras jax numpy
    /tmp/g/bin/python tests/golden/generate.py [--out DIR] [--only NAME]

Keras runs on its JAX backend: there the optimizers run as written in keras/src/optimizers (the
torch backend replaces seven of them by multi-tensor versions with another order of operations),
and float64 works throughout. `floatx` follows the dtype of the run, because Keras keeps the
learning rate and the results of schedules in floatx. torch's default dtype follows it as well,
because NAdam keeps the product of its momenta in the default dtype, also for float64 parameters.
"""

import argparse
import contextlib
import json
import os
import platform
from pathlib import Path
from unittest import mock

os.environ.update(KERAS_BACKEND="jax", JAX_ENABLE_X64="1", JAX_PLATFORMS="cpu")

import as_shipped
import jax
import keras
import keras_excluded
import numpy as np
import problems
import store
import torch
import torch_complex
import torch_named

DTYPES = {"f64": "float64", "f32": "float32"}


def flatten(leaves):
    """Join all leaves into one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in leaves])


class TorchRun:
    """One torch optimizer on its parameters."""

    def __init__(self, name, case, shapes, dtype):
        """Build the parameters, the optimizer and its schedule."""
        torch.set_default_dtype(getattr(torch, dtype))
        self.parameters = [
            torch.nn.Parameter(torch.tensor(leaf))
            for leaf in problems.initial_parameters(shapes, dtype)
        ]
        loop = {} if name == "Muon" else {"foreach": False}
        self.optimizer = getattr(torch.optim, name)(self.parameters, **case["kwargs"], **loop)
        self.scheduler = self._scheduler(case["schedule"])

    def _scheduler(self, schedule):
        """The learning-rate scheduler, if the setting has one."""
        if schedule is None:
            return None
        name, kwargs = schedule
        return getattr(torch.optim.lr_scheduler, name)(self.optimizer, **kwargs)

    def values(self):
        """Copies of the parameters as NumPy arrays."""
        return [np.array(leaf.detach().numpy()) for leaf in self.parameters]

    def rate(self):
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self, gradients):
        """Apply one step."""
        for leaf, gradient in zip(self.parameters, gradients, strict=True):
            leaf.grad = torch.tensor(gradient)
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()

    def state(self):
        """The entries of state_dict()["state"]: ((leaf, name), array)."""
        return [
            ((leaf, name), np.array(value.numpy() if torch.is_tensor(value) else value))
            for leaf, entries in self.optimizer.state_dict()["state"].items()
            for name, value in entries.items()
            if value is not None
        ]

    def groups(self):
        """What state_dict()["param_groups"] says of the one group."""
        return self.optimizer.state_dict()["param_groups"][0]


class KerasRun:
    """One Keras optimizer on its variables."""

    def __init__(self, name, case, shapes, dtype):
        """Build the parameters, the optimizer and its schedule."""
        keras.config.set_floatx(dtype)
        keras.utils.clear_session()
        leaves = problems.initial_parameters(shapes, dtype)
        self.variables = [
            keras.Variable(leaf, dtype=dtype, name=f"leaf{i}") for i, leaf in enumerate(leaves)
        ]
        kwargs = case["kwargs"] | self._schedule(case["schedule"])
        self.optimizer = getattr(keras.optimizers, name)(**kwargs)
        self.optimizer.build(self.variables)

    @staticmethod
    def _schedule(schedule):
        """The learning-rate schedule as a constructor argument, if the setting has one."""
        if schedule is None:
            return {}
        name, kwargs = schedule
        return {"learning_rate": getattr(keras.optimizers.schedules, name)(**kwargs)}

    def values(self):
        """Copies of the variables as NumPy arrays."""
        return [np.array(variable.numpy()) for variable in self.variables]

    def rate(self):
        """The learning rate of the next step."""
        return float(self.optimizer.learning_rate)

    def step(self, gradients):
        """Apply one step."""
        tensors = [keras.ops.convert_to_tensor(g, dtype=g.dtype) for g in gradients]
        self.optimizer.apply(tensors, self.variables)

    def state(self):
        """All variables of the optimizer: (path, array), in the optimizer's own order."""
        return [(v.path, np.array(v.numpy())) for v in self.optimizer.variables]

    @staticmethod
    def groups():
        """Keras has no parameter groups."""
        return None


RUNS = {"torch": TorchRun, "keras": KerasRun}
DOCUMENTS = {
    "torch_named": torch_named.content,
    "torch_complex": torch_complex.content,
    "keras_excluded": keras_excluded.content,
    "as_shipped": lambda: as_shipped.content(RUNS),
}


def trace(run, problem, sequence):
    """Run all steps; yields the rate used and a copy of the parameters after each."""
    for step in range(1, problems.STEPS + 1):
        rate = run.rate()
        run.step(problems.gradients(problem, step, run.values(), sequence))
        yield rate, run.values()


def record(framework, name, case, problem, short):
    """One run: its rates, its trajectory, and its state after RESUME_STEP steps."""
    shapes, dtype = problems.shapes_of(name), DTYPES[short]
    run = RUNS[framework](name, case, shapes, dtype)
    rates, rows, state = [], [], None
    steps = trace(run, problem, problems.gradient_sequence(shapes, dtype))
    for step, (rate, leaves) in enumerate(steps, start=1):
        rates.append(rate)
        rows.append(flatten(leaves))
        if step == problems.RESUME_STEP:
            state = run.state(), run.groups()
    values = np.stack(rows)
    assert values.dtype == dtype and np.isfinite(values).all(), (framework, name, case, problem)
    return rates, values, state


def record_setting(framework, optimizer, name, case):
    """All runs of one setting."""
    setting = store.Setting({"name": name, **case})
    rates = {}
    for problem in problems.PROBLEMS:
        for short in DTYPES:
            rates[short], values, state = record(framework, optimizer, case, problem, short)
            kept = values if short == "f64" else values[store.ROWS]
            setting.trajectory[problem, short] = kept
            if case["resume"] and (problem, short) == ("a", "f64"):
                setting.state, setting.groups = state
    if case["schedule"] is not None:
        setting.meta["rates"] = rates
    return setting


def full_precision():
    """Let torch's Muon iterate in the dtype of the gradient, not in bfloat16."""
    return mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone)


def full_precision_means():
    """Let Keras' Adafactor take its means in the dtype of the gradient, not in float32."""

    def mean(x, axis=None, keepdims=False):
        return jax.numpy.mean(keras.ops.convert_to_tensor(x), axis, keepdims=keepdims)

    return mock.patch("keras.src.backend.jax.numpy.mean", mean)


def write(folder, framework, optimizer, suffix="", context=contextlib.nullcontext):
    """Record one optimizer and write its file."""
    cases = problems.SETTINGS[framework][optimizer]
    with context():
        settings = [record_setting(framework, optimizer, *item) for item in cases.items()]
    path = folder / f"{framework}_{optimizer.lower()}{suffix}.npz"
    store.save(path, settings)
    print(f"{path.name:28} {len(settings)} settings, {path.stat().st_size:7} bytes", flush=True)


def versions():
    """What the trajectories were made with."""
    return {
        "torch": torch.__version__,
        "keras": keras.__version__,
        "keras backend": keras.backend.backend(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
    }


def main():
    """Write every file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", help="one optimizer, like ASGD, or JSON file, like torch_named")
    arguments = parser.parse_args()
    folder = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for framework, optimizers in problems.SETTINGS.items():
        for optimizer in optimizers:
            if arguments.only in (None, optimizer):
                write(folder, framework, optimizer)
    for name, content in DOCUMENTS.items():
        if arguments.only in (None, name):
            (folder / f"{name}.json").write_text(json.dumps(content()) + "\n")
    if arguments.only:
        return
    write(folder, "torch", "Muon", "_full", full_precision)
    write(folder, "keras", "Adafactor", "_full", full_precision_means)
    (folder / "versions.json").write_text(json.dumps(versions(), indent=2) + "\n")


if __name__ == "__main__":
    main()
