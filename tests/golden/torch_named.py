"""What torch_named.json holds: parameters with names, several of one shape, one frozen, and param groups.

In float64: per case (`CASES`) the gradients of `STEPS` steps and the first parameters by torch's names,
`state_dict()` after `LOADED` steps as lists, and the parameters after each step.
"""

import numpy as np
import torch

STEPS, LOADED = 10, 5
SHAPES = {
    "q.weight": (3, 2),
    "q.bias": (2,),
    "k.weight": (3, 2),
    "k.bias": (2,),
    "v.weight": (3, 2),
    "v.bias": (2,),
    "frozen.weight": (3, 2),
}
FROZEN = "frozen.weight"
# How each case is split into groups: the names that are in each, and what is set there.
CASES = {
    "one group": [(list(SHAPES), {})],
    "equal groups": [(list(SHAPES)[4:], {}), (list(SHAPES)[:4], {})],
    "no decay": [
        ([name for name in SHAPES if name.endswith("weight")], {"weight_decay": 0.5}),
        ([name for name in SHAPES if name.endswith("bias")], {"weight_decay": 0.0, "lr": 0.02}),
    ],
}


def plain(value):
    """Tensors and tuples as lists."""
    if torch.is_tensor(value):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(x) for key, x in value.items()}
    return [plain(x) for x in value] if isinstance(value, (list, tuple)) else value


def record(groups):
    """One case: AdamW for ten steps."""
    random = np.random.RandomState(7)
    first = {name: random.standard_normal(shape) for name, shape in SHAPES.items()}
    grads = {name: random.standard_normal((STEPS, *shape)) for name, shape in SHAPES.items()}
    params = {name: torch.nn.Parameter(torch.tensor(x)) for name, x in first.items()}
    params[FROZEN].requires_grad_(False)
    named = [{"params": [(n, params[n]) for n in names], **given} for names, given in groups]
    optimizer, said, rows = torch.optim.AdamW(named, lr=0.01, foreach=False), None, []
    for step in range(STEPS):
        for name, parameter in params.items():
            parameter.grad = None if name == FROZEN else torch.tensor(grads[name][step])
        optimizer.step()
        rows.append(plain(params))
        if step + 1 == LOADED:
            said = plain(optimizer.state_dict())
    arrays = {name: x.tolist() for name, x in grads.items() if name != FROZEN}
    start = {name: x.tolist() for name, x in first.items()}
    return {"first": start, "grads": arrays, "state_dict": said, "params": rows}


def content():
    """What the file holds."""
    torch.set_default_dtype(torch.float64)
    return {name: record(groups) for name, groups in CASES.items()}
