"""What torch_complex.json holds: complex parameters, and betas that change, as torch takes them.

30 steps in double precision: of complex numbers under given gradients, and of real ones with both betas
set anew before each step, as OneCycleLR and CyclicLR set the first.
"""

import numpy as np
import torch

STEPS, SIZE = 30, 5
COMPLEX = {
    "SGD": {"momentum": 0.9},
    "Adam": {},
    "Adam-amsgrad": {"amsgrad": True},
    "AdamW": {},
    "NAdam": {},
    "RAdam": {},
    "Adamax": {},
    "Adagrad": {"initial_accumulator_value": 0.5},
    "RMSprop": {},
    "RMSprop-centered": {"centered": True},
    "Adadelta": {"lr": 0.5},
    "Rprop": {},
}
CHANGING = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax")


def betas(t):
    """Of the step t, from 0."""
    return 0.85 + 0.1 * t / STEPS, 0.9 + 0.09 * t / STEPS


def gradients():
    normal = np.random.RandomState(5).standard_normal((STEPS + 1, 2, SIZE))
    return normal[:, 0] + 1j * normal[:, 1]


def trajectory(kind, grads, start, changing=False, **arguments):
    """The parameters after each step."""
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, kind)([p], **arguments, foreach=False)
    seen = []
    for t, g in enumerate(grads):
        if changing:
            optimizer.param_groups[0]["betas"] = betas(t)
        p.grad = torch.tensor(g)
        optimizer.step()
        seen.append(p.detach().numpy().copy())
    return np.stack(seen)


def content():
    torch.set_default_dtype(torch.float64)
    start, *grads = gradients()
    found = {
        f"complex/{label}": trajectory(label.split("-")[0], grads, start, **arguments)
        for label, arguments in COMPLEX.items()
    }
    reals = [np.ascontiguousarray(g.real) for g in grads]
    for kind in CHANGING:
        found[f"betas/{kind}"] = trajectory(kind, reals, np.ascontiguousarray(start.real), True)
    return {
        label: {"real": x.real.tolist()} | ({"imag": x.imag.tolist()} if np.iscomplexobj(x) else {})
        for label, x in found.items()
    }
