"""The two problems and the settings behind the golden trajectories (NumPy only).

Problem "a" feeds a fixed gradient sequence, whatever the parameters are; problem "b" feeds the
gradient of a small non-convex function at the parameters. Every number given here (parameters,
gradients, constants of the function) is exact in float32, so that the float32 and the float64
runs start from the same values.
"""

import numpy as np

STEPS = 30
RESUME_STEP = 20  # the optimizer's state is stored after this many steps
FLOAT32_STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30)
PROBLEMS = ("a", "b")

SHAPES = ((), (3,), (4, 5), (2, 3, 4))
MATRIX_SHAPES = ((4, 5), (5, 4), (6, 3))  # Muon takes matrices only

# Per leaf: curvature, height of the bump, centre of the bowl.
CONSTANTS = ((1.0, 2.0, 0.25), (0.5, 1.0, -0.25), (2.0, 3.0, 0.125), (0.25, 0.5, 0.5))

MIN_EXPONENT, MAX_EXPONENT = -6, 3  # the scales of problem "a" along the last axis
ZERO_FRACTION = 0.15  # of the entries of problem "a", at each step
ZERO_LEAF = 1  # this leaf's gradient is all zero ...
ZERO_STEPS = (1, 2, 9, 17)  # ... at these steps, counted from 1


def shapes_of(optimizer):
    """The shapes of the leaves that this optimizer is run on."""
    return MATRIX_SHAPES if optimizer.startswith("Muon") else SHAPES


def initial_parameters(shapes, dtype=np.float64):
    """The parameters before the first step: one array per shape, in [-2, 2].

    The seed keeps all of them, and their gradients in problem "b", away from zero: a step like
    g / |g| would otherwise be ill-conditioned in float32.
    """
    random = np.random.RandomState(846)
    return [np.asarray(random.uniform(-2, 2, s), np.float32).astype(dtype) for s in shapes]


def _scales(shape):
    """Powers of ten from 1e-6 to 1e3 along the last axis; 1 for a scalar."""
    if not shape:
        return 1.0
    return 10.0 ** np.linspace(MIN_EXPONENT, MAX_EXPONENT, shape[-1])


def _leaf_sequence(random, index, shape):
    """The gradients of one leaf in problem "a": an array of shape (STEPS, *shape)."""
    sequence = random.standard_normal((STEPS, *shape)) * _scales(shape)
    sequence[random.uniform(size=sequence.shape) < ZERO_FRACTION] = 0.0
    if index == ZERO_LEAF:
        sequence[[step - 1 for step in ZERO_STEPS]] = 0.0
    if index == len(SHAPES) - 1:
        sequence[..., 0, 0] = 0.0  # these entries never see a gradient
    return sequence.astype(np.float32)


def gradient_sequence(shapes, dtype=np.float64):
    """Problem "a": one array of shape (STEPS, *shape) per leaf; row t - 1 belongs to step t."""
    random = np.random.RandomState(2)
    return [_leaf_sequence(random, i, s).astype(dtype) for i, s in enumerate(shapes)]


def objective(parameters):
    """Problem "b": the sum over all entries of a (p - s)^2 / 2 + b / (1 + p^2).

    Only operators are used, here and in `objective_gradient`, so both take arrays of NumPy, JAX
    or torch and compute in their dtype. The function has two valleys where 2 b > a, and its
    gradient grows no faster than a |p|.
    """
    return sum(
        (0.5 * a * (p - s) * (p - s) + b / (1.0 + p * p)).sum()
        for p, (a, b, s) in zip(parameters, CONSTANTS, strict=False)
    )


def objective_gradient(parameters):
    """The gradient of `objective`, leaf by leaf: a (p - s) - 2 b p / (1 + p^2)^2."""
    return [
        a * (p - s) - 2.0 * b * p / ((1.0 + p * p) * (1.0 + p * p))
        for p, (a, b, s) in zip(parameters, CONSTANTS, strict=False)
    ]


def gradients(problem, step, parameters, sequence):
    """The gradients of `problem` at `step` (from 1); `sequence` is `gradient_sequence(...)`."""
    if problem == "a":
        return [leaf[step - 1] for leaf in sequence]
    return objective_gradient(parameters)


def _case(schedule=None, resume=False, **kwargs):
    """One setting: constructor arguments, a schedule (name, arguments), state stored or not."""
    return {"kwargs": kwargs, "schedule": schedule, "resume": resume}


DEFAULTS = _case(resume=True)

# Of torch.optim.lr_scheduler, stepped after every optimizer step.
STEP_LR = ("StepLR", {"step_size": 4, "gamma": 0.5})
EXPONENTIAL_LR = ("ExponentialLR", {"gamma": 0.9})
COSINE_LR = ("CosineAnnealingLR", {"T_max": 40, "eta_min": 0.0001})

TORCH = {
    "SGD": {
        "defaults": DEFAULTS,
        "nesterov": _case(lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1, resume=True),
        "dampening": _case(lr=0.02, momentum=0.8, dampening=0.5, weight_decay=0.05, maximize=True),
        "schedule": _case(STEP_LR, lr=0.1, momentum=0.9),
    },
    "Adagrad": {
        "defaults": DEFAULTS,
        "initial": _case(
            lr=0.1,
            lr_decay=0.1,
            initial_accumulator_value=0.1,
            eps=1e-7,
            weight_decay=0.1,
            resume=True,
        ),
        "maximize": _case(lr=0.05, eps=1e-3, maximize=True),
        "schedule": _case(STEP_LR, lr=0.5, lr_decay=0.01),
    },
    "RMSprop": {
        "defaults": DEFAULTS,
        "centered": _case(
            lr=0.003, alpha=0.9, momentum=0.9, centered=True, weight_decay=0.1, resume=True
        ),
        "momentum": _case(lr=0.005, alpha=0.95, eps=1e-3, momentum=0.5, maximize=True),
        "centered_plain": _case(lr=0.005, centered=True),
        "schedule": _case(STEP_LR, lr=0.02, alpha=0.9, momentum=0.8),
    },
    "Adadelta": {
        "defaults": DEFAULTS,
        "decay": _case(lr=0.5, rho=0.95, eps=1e-4, weight_decay=0.1, resume=True),
        "maximize": _case(lr=0.3, rho=0.8, eps=1e-4, maximize=True),
        "schedule": _case(EXPONENTIAL_LR, lr=2.0, eps=1e-5),
    },
    "Adam": {
        "defaults": DEFAULTS,
        "amsgrad": _case(lr=0.01, betas=[0.8, 0.9], weight_decay=0.1, amsgrad=True, resume=True),
        "decoupled": _case(
            lr=0.02, betas=[0.95, 0.99], eps=1e-4, weight_decay=0.5, decoupled_weight_decay=True
        ),
        "maximize": _case(lr=0.005, betas=[0.0, 0.99], eps=1e-6, amsgrad=True, maximize=True),
        "schedule": _case(STEP_LR, lr=0.05, betas=[0.9, 0.9999]),
    },
    "AdamW": {
        "defaults": DEFAULTS,
        "amsgrad": _case(lr=0.02, betas=[0.9, 0.95], weight_decay=0.2, amsgrad=True, resume=True),
        "maximize": _case(lr=0.01, eps=1e-3, weight_decay=0.0, maximize=True),
        "schedule": _case(COSINE_LR, lr=0.05, betas=[0.8, 0.99], weight_decay=0.1),
    },
    "NAdam": {
        "defaults": DEFAULTS,
        "decay": _case(
            lr=0.01, betas=[0.8, 0.9], weight_decay=0.1, momentum_decay=0.1, resume=True
        ),
        "decoupled": _case(
            lr=0.02,
            betas=[0.95, 0.99],
            eps=1e-4,
            weight_decay=0.5,
            momentum_decay=1.0,
            decoupled_weight_decay=True,
        ),
        "maximize": _case(lr=0.005, maximize=True),
        "schedule": _case(STEP_LR, lr=0.05),
    },
    "RAdam": {
        "defaults": DEFAULTS,
        "decay": _case(lr=0.01, betas=[0.8, 0.99], weight_decay=0.1, resume=True),
        "decoupled": _case(
            lr=0.02, betas=[0.95, 0.9], eps=1e-4, weight_decay=0.5, decoupled_weight_decay=True
        ),
        "maximize": _case(lr=0.002, betas=[0.9, 0.9999], eps=1e-3, maximize=True),
        "unrectified": _case(lr=0.001, betas=[0.9, 0.5]),
        "schedule": _case(STEP_LR, lr=0.02),
    },
    "Adamax": {
        "defaults": DEFAULTS,
        "decay": _case(lr=0.01, betas=[0.8, 0.9], weight_decay=0.1, resume=True),
        "maximize": _case(betas=[0.95, 0.99], eps=1e-3, maximize=True),
        "schedule": _case(EXPONENTIAL_LR, lr=0.05),
    },
    "Rprop": {
        "defaults": DEFAULTS,
        "etas": _case(lr=0.02, etas=[0.3, 1.5], step_sizes=[1e-3, 0.05], resume=True),
        "maximize": _case(lr=0.001, maximize=True),
        "schedule": _case(STEP_LR, lr=0.05, etas=[0.5, 1.1]),
    },
    "ASGD": {
        "defaults": DEFAULTS,
        "averaged": _case(lr=0.05, lambd=0.1, alpha=0.5, t0=10, weight_decay=0.1, resume=True),
        "maximize": _case(lr=0.02, lambd=0.01, alpha=1.0, t0=0, maximize=True, resume=True),
        "schedule": _case(STEP_LR, lr=0.2, lambd=0.05, t0=-2.5),
    },
    "Adafactor": {
        "defaults": DEFAULTS,
        "decay": _case(
            lr=0.5, beta2_decay=-0.5, eps=[1.0, 0.01], d=2.0, weight_decay=0.1, resume=True
        ),
        "maximize": _case(lr=0.05, beta2_decay=-1.0, maximize=True),
        "schedule": _case(STEP_LR, lr=0.2, weight_decay=0.01),
    },
    "Muon": {
        "defaults": DEFAULTS,
        "match_rms": _case(
            lr=0.02,
            weight_decay=0.0,
            momentum=0.8,
            nesterov=False,
            adjust_lr_fn="match_rms_adamw",
            resume=True,
        ),
        "coefficients": _case(
            lr=0.02,
            momentum=0.9,
            ns_coefficients=[2.0, -1.5, 0.5],
            ns_steps=8,
            eps=1e-3,
            adjust_lr_fn="original",
        ),
        "schedule": _case(STEP_LR, lr=0.05, nesterov=False),
    },
}

# Of keras.optimizers.schedules, called with the number of steps already done.
EXPONENTIAL = (
    "ExponentialDecay",
    {"initial_learning_rate": 0.05, "decay_steps": 10, "decay_rate": 0.5},
)
STAIRCASE = (
    "ExponentialDecay",
    {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5, "staircase": True},
)
PIECEWISE = ("PiecewiseConstantDecay", {"boundaries": [5, 15], "values": [0.02, 0.002, 0.01]})

KERAS = {
    "SGD": {
        "defaults": DEFAULTS,
        "nesterov": _case(
            learning_rate=0.02, momentum=0.9, nesterov=True, weight_decay=0.1, resume=True
        ),
        "momentum": _case(learning_rate=0.05, momentum=0.5),
        "schedule": _case(STAIRCASE, momentum=0.9),
    },
    "Adagrad": {
        "defaults": DEFAULTS,
        "decay": _case(
            learning_rate=0.1, initial_accumulator_value=0.5, weight_decay=0.1, resume=True
        ),
        "no_accumulator": _case(learning_rate=0.05, initial_accumulator_value=0.0, epsilon=1e-3),
        "schedule": _case(STAIRCASE),
    },
    "RMSprop": {
        "defaults": DEFAULTS,
        "centered": _case(
            learning_rate=0.003,
            rho=0.95,
            momentum=0.9,
            centered=True,
            weight_decay=0.1,
            resume=True,
        ),
        "momentum": _case(learning_rate=0.01, momentum=0.5, epsilon=1e-3),
        "centered_plain": _case(learning_rate=0.002, rho=0.8, centered=True),
        "schedule": _case(PIECEWISE, momentum=0.8),
    },
    "Adadelta": {
        "defaults": DEFAULTS,
        "decay": _case(learning_rate=0.5, rho=0.9, epsilon=1e-4, weight_decay=0.1, resume=True),
        "torch_like": _case(learning_rate=1.0, rho=0.9, epsilon=1e-6),
        "schedule": _case(STAIRCASE, epsilon=1e-3),
    },
    "Adam": {
        "defaults": DEFAULTS,
        "amsgrad": _case(
            learning_rate=0.01,
            beta_1=0.8,
            beta_2=0.9,
            weight_decay=0.1,
            amsgrad=True,
            resume=True,
        ),
        "clipnorm": _case(learning_rate=0.02, beta_2=0.99, epsilon=1e-3, clipnorm=0.5),
        "global_clipnorm": _case(
            learning_rate=0.02, beta_2=0.98, epsilon=1e-4, global_clipnorm=2.0
        ),
        "clipvalue": _case(learning_rate=0.02, beta_2=0.99, epsilon=1e-3, clipvalue=0.25),
        "schedule": _case(EXPONENTIAL, beta_2=0.99),
    },
    "AdamW": {
        "defaults": DEFAULTS,
        "amsgrad": _case(
            learning_rate=0.02, weight_decay=0.2, beta_2=0.95, amsgrad=True, resume=True
        ),
        "no_decay": _case(learning_rate=0.005, weight_decay=0.0, beta_1=0.5, epsilon=1e-3),
        "schedule": _case(PIECEWISE, weight_decay=0.1, beta_2=0.99),
    },
    "Nadam": {
        "defaults": DEFAULTS,
        "decay": _case(learning_rate=0.01, beta_1=0.8, beta_2=0.9, weight_decay=0.1, resume=True),
        "epsilon": _case(learning_rate=0.02, beta_1=0.95, epsilon=1e-3),
        "schedule": _case(EXPONENTIAL),
    },
    "Adamax": {
        "defaults": DEFAULTS,
        "decay": _case(learning_rate=0.01, beta_1=0.8, beta_2=0.9, weight_decay=0.1, resume=True),
        "epsilon": _case(learning_rate=0.02, beta_2=0.99, epsilon=1e-3),
        "schedule": _case(EXPONENTIAL),
    },
    "Lion": {
        "defaults": DEFAULTS,
        "decay": _case(learning_rate=0.01, beta_1=0.95, beta_2=0.98, weight_decay=0.1, resume=True),
        "slow": _case(learning_rate=0.003, beta_1=0.5, beta_2=0.9),
        "schedule": _case(STAIRCASE),
    },
    "Lamb": {
        "defaults": DEFAULTS,
        "decay": _case(learning_rate=0.01, beta_1=0.8, beta_2=0.9, weight_decay=0.1, resume=True),
        "epsilon": _case(learning_rate=0.02, beta_2=0.99, epsilon=1e-3),
        "schedule": _case(EXPONENTIAL),
    },
    "Ftrl": {
        "defaults": DEFAULTS,
        "regularized": _case(
            learning_rate=0.1,
            l1_regularization_strength=0.1,
            l2_regularization_strength=0.2,
            l2_shrinkage_regularization_strength=0.05,
            beta=0.1,
            weight_decay=0.1,
            resume=True,
        ),
        "power": _case(
            learning_rate=0.05, learning_rate_power=-0.75, initial_accumulator_value=1.0
        ),
        "schedule": _case(EXPONENTIAL),
    },
    "Adafactor": {
        "defaults": DEFAULTS,
        "decay": _case(
            learning_rate=0.3,
            beta_2_decay=-0.5,
            epsilon_1=1.0,
            epsilon_2=0.01,
            clip_threshold=2.0,
            weight_decay=0.1,
            resume=True,
        ),
        "no_relative_step": _case(learning_rate=0.5, epsilon_1=1.0, relative_step=False),
        "schedule": _case(STAIRCASE),
    },
}

SETTINGS = {"torch": TORCH, "keras": KERAS}
