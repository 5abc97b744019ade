"""Write the golden learning rates, plateaus and clipped gradients with the real torch and Keras.

    /tmp/g/bin/python tests/golden/generate_schedules.py [--out DIR]

`keras_schedules.py` says what `keras_schedules.json` holds; `torch_lr_scheduler.json`, in float64:
- `schedules`: [name, keyword arguments, the rates of 50 steps, (with a cycled momentum) its
values];
  the arguments are torch's, with the base rate 0.1 set on the optimizer; `sequential_lr` has instead
  [[name, arguments], ...] and milestones;
- `plateaus`: [keyword arguments, metrics, the rate after each], the rate being 0.1 before the
first; - `clipped`: [keyword arguments, gradients, clipped gradients] as lists of leaves.
"""

import argparse
import inspect
import json
import math
import warnings
from pathlib import Path

import keras_schedules
import numpy as np
import torch
from torch.optim import lr_scheduler

LR, STEPS = 0.1, 50

SCHEDULES = [
    ("StepLR", {"step_size": 4, "gamma": 0.5}),
    ("StepLR", {"step_size": 7}),
    ("MultiStepLR", {"milestones": [3, 11, 30], "gamma": 0.3}),
    ("MultiStepLR", {"milestones": [20, 5, 5]}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 12}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.6, "total_iters": 30}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 20}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 40, "power": 2.5}),
    ("CosineAnnealingLR", {"T_max": 20}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 10}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.001}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 50}),
    (
        "OneCycleLR",
        {
            "max_lr": 0.5,
            "epochs": 5,
            "steps_per_epoch": 10,
            "pct_start": 0.25,
            "anneal_strategy": "linear",
            "div_factor": 10.0,
            "final_div_factor": 100.0,
        },
    ),
    ("OneCycleLR", {"max_lr": 0.2, "total_steps": 60, "three_phase": True}),
    (
        "OneCycleLR",
        {
            "max_lr": 0.2,
            "total_steps": 51,
            "three_phase": True,
            "pct_start": 0.4,
            "anneal_strategy": "linear",
        },
    ),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 8}),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.1,
            "step_size_up": 5,
            "step_size_down": 9,
            "mode": "triangular2",
        },
    ),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.1,
            "step_size_up": 6,
            "step_size_down": 3,
            "mode": "exp_range",
            "gamma": 0.97,
        },
    ),
]

SEQUENCES = [
    ([("LinearLR", {"total_iters": 10}), ("CosineAnnealingLR", {"T_max": 30})], [10]),
    ([("ConstantLR", {"total_iters": 50}), ("ExponentialLR", {"gamma": 0.9})], [20]),
    (
        [
            ("ExponentialLR", {"gamma": 0.8}),
            ("StepLR", {"step_size": 5}),
            ("PolynomialLR", {"total_iters": 12}),
        ],
        [7, 25],
    ),
    ([("CosineAnnealingWarmRestarts", {"T_0": 4}), ("MultiStepLR", {"milestones": [4, 9]})], [13]),
]

PLATEAUS = [
    {},
    {"patience": 2, "factor": 0.5},
    {"patience": 0, "factor": 0.3, "cooldown": 3, "min_lr": 0.004},
    {"mode": "max", "patience": 1, "factor": 0.7, "threshold": 0.2, "threshold_mode": "abs"},
    {"mode": "max", "patience": 1, "factor": 0.6, "threshold": 0.05, "cooldown": 1},
    {"patience": 1, "factor": 0.9, "threshold": 0.3, "threshold_mode": "abs", "eps": 0.004},
]
CLIPS = [
    {"max_norm": 1.0},
    {"max_norm": 100.0},
    {"max_norm": 0.5, "norm_type": 1.0},
    {"max_norm": 0.3, "norm_type": math.inf},
    {"max_norm": 1e-7},
]


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=LR, momentum=0.9)


def rates(optimizer, scheduler):
    """The rate and the momentum that each of 50 steps uses."""
    rows = []
    for _ in range(STEPS):
        group = optimizer.param_groups[0]
        rows.append((float(group["lr"]), float(group["momentum"])))
        optimizer.step()
        scheduler.step()
    return [list(column) for column in zip(*rows, strict=True)]


def schedule(name, kwargs):
    sgd = optimizer()
    rate, momentum = rates(sgd, getattr(lr_scheduler, name)(sgd, **kwargs))
    return [name, kwargs, rate, *([momentum] if len(set(momentum)) > 1 else [])]


def sequence(parts, milestones):
    sgd = optimizer()
    made = [getattr(lr_scheduler, name)(sgd, **kwargs) for name, kwargs in parts]
    scheduler = lr_scheduler.SequentialLR(sgd, made, milestones=milestones)
    return [
        "SequentialLR",
        {"schedulers": parts, "milestones": milestones},
        rates(sgd, scheduler)[0],
    ]


def plateau(kwargs, seed):
    random = np.random.RandomState(seed)
    metrics = np.exp(-np.arange(STEPS) / 8) + 0.1 * random.standard_normal(STEPS)
    metrics = -metrics if kwargs.get("mode") == "max" else metrics
    metrics[[9, 10, 30]] = math.nan, math.nan, math.inf
    sgd = optimizer()
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd, **kwargs)
    rate = []
    for metric in metrics:
        scheduler.step(float(metric))
        rate.append(float(sgd.param_groups[0]["lr"]))
    return [kwargs, metrics.tolist(), rate]


def clip(kwargs):
    random = np.random.RandomState(5)
    grads = [random.standard_normal(shape) * 3 for shape in ((), (3,), (4, 5))]
    leaves = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in grads]
    for leaf, g in zip(leaves, grads, strict=True):
        leaf.grad = torch.tensor(g)
    torch.nn.utils.clip_grad_norm_(leaves, **kwargs)
    return [kwargs, [np.asarray(g).tolist() for g in grads], [p.grad.tolist() for p in leaves]]


def signatures():
    """Every argument and its default, of optimizers and schedulers."""
    names = (
        "SGD",
        "ASGD",
        "Adagrad",
        "RMSprop",
        "Adadelta",
        "Adam",
        "AdamW",
        "NAdam",
        "RAdam",
        "Adamax",
        "Rprop",
        "Adafactor",
        "Muon",
    )
    classes = [getattr(torch.optim, name) for name in names]
    classes += [getattr(lr_scheduler, name) for name in dict.fromkeys(n for n, _ in SCHEDULES)]
    classes += [lr_scheduler.LambdaLR, lr_scheduler.SequentialLR, lr_scheduler.ReduceLROnPlateau]
    return {
        c.__name__: [
            [p.name, None if p.default is p.empty else repr(p.default)]
            for p in list(inspect.signature(c.__init__).parameters.values())[2:]
        ]
        for c in classes
    }


def main():
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    torch.set_default_dtype(torch.float64)
    warnings.filterwarnings("ignore", category=UserWarning)  # zero gradients, epochs
    content = {
        "torch": torch.__version__,
        "signatures": signatures(),
        "schedules": [schedule(*item) for item in SCHEDULES]
        + [sequence(*item) for item in SEQUENCES],
        "plateaus": [plateau(kwargs, seed) for seed, kwargs in enumerate(PLATEAUS)],
        "clipped": [clip(kwargs) for kwargs in CLIPS],
    }
    folder = parser.parse_args().out
    write(folder / "torch_lr_scheduler.json", content)
    write(folder / "keras_schedules.json", keras_schedules.content())


def write(path, content):
    lines = (
        json.dumps(content, indent=0).replace(",\n", ",").replace("[\n", "[").replace("\n]", "]")
    )
    path.write_text(lines + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
