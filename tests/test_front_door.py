"""The way in: names, types, and an answer to the habits that torch, Keras and optax have left."""

import importlib
import inspect
import os
import pathlib
import pkgutil
import re
import shutil
import subprocess
import sys

import jax.numpy as jnp
import pytest
import strict_user

import adaptive_tx as atx
from adaptive_tx import schedules
from adaptive_tx.core import habits, modern_habits, schedule_habits

ROOT = pathlib.Path(atx.__file__).parent.parent
PARAMS = {"w": jnp.ones(3)}


def parameters():
    """As torch's model.parameters() is."""
    yield PARAMS["w"]


MISTAKES = {
    # torch
    "betas": (
        lambda: atx.adam(1e-3, betas=(0.9, 0.99)),
        "adam: There is no betas; write b1=0.9, b2=0.99.",
    ),
    "lr": (lambda: atx.adam(lr=1e-3), "adam: There is no lr; write learning_rate=0.001."),
    "amsgrad": (
        lambda: atx.adam(1e-3, amsgrad=True),
        "adam: There is no amsgrad; write amsgrad(0.001), an optimizer of its own.",
    ),
    "amsgrad off": (
        lambda: atx.adam(1e-3, amsgrad=False),
        "adam: There is no amsgrad; leave it out.",
    ),
    "momentum": (
        lambda: atx.sgd(0.1, momentum=0.9),
        "sgd: There is no momentum; write momentum(0.1, decay=0.9).",
    ),
    "nesterov": (
        lambda: atx.sgd(0.1, momentum=0.8, nesterov=True),
        "sgd: There is no nesterov; write nesterov(0.1, decay=0.8).",
    ),
    "momentum of momentum": (
        lambda: atx.momentum(0.1, momentum=0.8),
        "momentum: There is no momentum; write decay=0.8.",
    ),
    "momentum by position": (
        lambda: atx.sgd(0.1, 0.9),
        "sgd: It takes learning_rate only; write momentum(0.1, decay=0.9).",
    ),
    "alpha": (lambda: atx.rmsprop(1e-3, alpha=0.99), "rmsprop: There is no alpha; write b2=0.99."),
    "dampening": (
        lambda: atx.momentum(0.1, dampening=0.1),
        "momentum: There is no dampening; compat.torch.sgd has it; a mean in place of a sum is "
        "ema(b1).",
    ),
    "weight_decay": (
        lambda: atx.adam(1e-3, weight_decay=0.1),
        "adam: There is no weight_decay; write adamw(0.001, weight_decay=0.1), or for torch's L2 decay "
        "chain(add_l2(0.1), adam(0.001)).",
    ),
    "weight_decay of sgd": (
        lambda: atx.sgd(0.1, weight_decay=0.2),
        "sgd: There is no weight_decay; write chain(add_l2(0.2), sgd(0.1)), or for decoupled decay "
        "add_decayed_weights(0.2) after the rule and before scale_by_learning_rate(0.1).",
    ),
    "no weight_decay": (
        lambda: atx.sgd(0.1, weight_decay=0),
        "sgd: There is no weight_decay; leave it out.",
    ),
    "lr_decay": (
        lambda: atx.adagrad(0.1, lr_decay=1e-4),
        "adagrad: There is no lr_decay; write a schedule: adagrad(lambda count: 0.1 / (1 + 0.0001 * "
        "count)).",
    ),
    "maximize": (
        lambda: atx.adam(0.1, maximize=True),
        "adam: There is no maximize; take the gradient of minus what is to grow.",
    ),
    "foreach": (
        lambda: atx.adam(0.1, foreach=True),
        "adam: There is no foreach; leave it out: jax.jit compiles the whole step, and every step can be "
        "differentiated.",
    ),
    "parameters": (
        lambda: atx.adam(PARAMS),
        "adam: learning_rate must be a number or a schedule, got a dict. The parameters are given to "
        "init: tx = adam(1e-3), state = tx.init(params).",
    ),
    "parameters and a rate": (
        lambda: atx.adam(parameters(), 1e-3),
        "adam: The first argument is the learning rate; the parameters are given to init. Write "
        "tx = adam(0.001), state = tx.init(params).",
    ),
    "all of torch": (
        lambda: atx.adam(parameters(), lr=1e-3, betas=(0.9, 0.95), amsgrad=False),
        "adam: The first argument is the learning rate; the parameters are given to init. Write "
        "tx = adam(0.001), state = tx.init(params). There is no lr; write learning_rate=0.001. There is "
        "no betas; write b1=0.9, b2=0.95. There is no amsgrad; leave it out.",
    ),
    "params": (
        lambda: atx.adam(1e-3, params=PARAMS),
        "adam: There is no params; write state = adam(0.001).init(params).",
    ),
    "StepLR": (
        lambda: schedules.step_decay(0.1, step_size=30, gamma=0.1),
        "step_decay: There is no step_size; write every=30. There is no gamma; write factor=0.1.",
    ),
    "CosineAnnealingLR": (
        lambda: schedules.cosine(0.1, T_max=100, eta_min=1e-3),
        "cosine: There is no T_max; write steps=100. There is no eta_min; write floor=0.001.",
    ),
    "OneCycleLR": (
        lambda: schedules.one_cycle(max_lr=0.1, total_steps=100, pct_start=0.2),
        "one_cycle: There is no max_lr; write peak=0.1. There is no total_steps; write steps=100. There "
        "is no pct_start; write warm=0.2.",
    ),
    "clip_grad_norm_": (
        lambda: atx.clip_by_global_norm(PARAMS, 1.0),
        "clip_by_global_norm: What comes after max_norm is given by name, as its order differs "
        "elsewhere; write clip_by_global_norm(..., axis_name=..., sharded=...).",
    ),
    "ReduceLROnPlateau": (
        lambda: atx.reduce_on_plateau(mode="max", threshold=0.1, min_lr=0.1),
        'reduce_on_plateau: There is no mode; write maximize=True for mode="max". There is no threshold; '
        "write min_delta=0.1. There is no min_lr; write min_scale, the part of the rate that is left in "
        "the end.",
    ),
    # Keras
    "beta_1": (
        lambda: atx.adam(0.1, beta_1=0.9, epsilon=1e-7),
        "adam: There is no beta_1; write b1=0.9. There is no epsilon; write eps=1e-07.",
    ),
    "rho": (lambda: atx.adadelta(0.1, rho=0.9), "adadelta: There is no rho; write b2=0.9."),
    "decay": (
        lambda: atx.adam(1e-3, decay=1e-4),
        "adam: There is no decay; write a schedule: adam(lambda count: 0.001 / (1 + 0.0001 * count)).",
    ),
    "clipnorm": (
        lambda: atx.adam(1e-3, clipnorm=1.0),
        "adam: There is no clipnorm; write chain(clip_by_leaf_norm(1.0), adam(0.001)).",
    ),
    "global_clipnorm": (
        lambda: atx.adam(1e-3, global_clipnorm=1.0),
        "adam: There is no global_clipnorm; write chain(clip_by_global_norm(1.0), adam(0.001)).",
    ),
    "Keras' order": (
        lambda: atx.rmsprop(1e-3, 0.9, 0.0),
        "rmsprop: What comes after learning_rate is given by name, as its order differs elsewhere; write "
        "rmsprop(0.001, b2=..., eps=..., initial_accumulator_value=..., centered=..., eps_in_root=...).",
    ),
    "EarlyStopping": (
        lambda: atx.early_stopping(monitor="loss", start_from_epoch=5),
        "early_stopping: There is no monitor; the value that is watched is given to update. There is no "
        "start_from_epoch; write min_steps=5.",
    ),
    # optax
    "optax's order": (
        lambda: atx.adamw(1e-3, 0.9, 0.999, 1e-8, 1e-4),
        "adamw: What comes after learning_rate is given by name, as its order differs elsewhere; write "
        "adamw(0.001, b1=..., b2=..., eps=..., weight_decay=..., mask=..., only=...).",
    ),
    "eps_root": (
        lambda: atx.adam(1e-3, eps_root=1e-8),
        "adam: There is no eps_root; leave it out: derivatives are finite without it.",
    ),
    "decay of the mean square": (
        lambda: atx.rmsprop(1e-3, decay=0.9),
        "rmsprop: There is no decay; write b2=0.9.",
    ),
    "momentum of rmsprop": (
        lambda: atx.rmsprop(1e-3, momentum=0.9),
        "rmsprop: There is no momentum; write chain(rmsprop(0.001), trace(0.9)).",
    ),
    "cosine_decay_schedule": (
        lambda: schedules.cosine(init_value=0.1, decay_steps=10, alpha=0.1),
        "cosine: There is no init_value; write peak=0.1. There is no decay_steps; write steps=10. There "
        "is no alpha; write floor, which is alpha times the peak.",
    ),
    "apply_if_finite": (
        lambda: atx.guarded(inner=atx.sgd(0.1), max_consecutive_errors=5),
        "guarded: There is no inner; write tx=... There is no max_consecutive_errors; write "
        "max_in_a_row=5.",
    ),
    "lists of parts of a schedule": (
        lambda: schedules.join([schedules.constant(0.1), schedules.constant(0.2)], [5]),
        "join: Of schedules it takes one after the other; write join(*schedules, boundaries=...).",
    ),
    "what is for the optimizer": (
        lambda: schedules.cosine(0.1, 10, max_grad_norm=1.0),
        "cosine: There is no max_grad_norm; it is for the optimizer that the schedule is given to, "
        "adam(schedules.cosine(...)).",
    ),
    "a warmup of a schedule": (
        lambda: schedules.cosine(0.1, warmup_steps=5),
        "cosine: There is no warmup_steps; write schedules.with_warmup(schedules.cosine(...), 5).",
    ),
    "the end of an exponential": (
        lambda: schedules.exponential(0.1, 10, 0.5, end_value=0.01),
        "exponential: There is no end_value; write schedules.join(schedules.exponential(...), "
        "schedules.constant(0.01), boundaries=[last]).",
    ),
    "a rate given twice": (
        lambda: atx.adam(1e-3, lr=1e-3),
        "adam: There is no lr; leave it out: learning_rate is given.",
    ),
    "Adafactor of optax": (
        lambda: atx.adafactor(0.1, decay_rate=0.8, min_dim_size_to_factor=128),
        "adafactor: There is no decay_rate; write b2_decay=-0.8. There is no min_dim_size_to_factor; leave "
        "it out: every matrix is factored.",
    ),
    "what is on where nothing is said": (
        lambda: atx.adafactor(0.1, multiply_by_parameter_scale=False),
        "adafactor: There is no multiply_by_parameter_scale; adafactor has it; without it write "
        "chain(scale_by_factored_rms(), clip_by_rms(1.0), scale_by_learning_rate(0.1)).",
    ),
    "flip_sign": (
        lambda: atx.scale_by_learning_rate(0.1, flip_sign=False),
        "scale_by_learning_rate: There is no flip_sign; scale(0.1) keeps the sign.",
    ),
    "no_prox": (
        lambda: atx.adan(0.1, no_prox=True),
        "adan: There is no no_prox; leave it out: weight_decay is AdamW's, which no_prox=True says.",
    ),
    "decouple": (
        lambda: atx.adamw(0.1, decouple=True),
        "adamw: There is no decouple; leave it out: weight_decay, where it is offered, is decoupled.",
    ),
    "mu_dtype": (
        lambda: atx.lion(0.1, mu_dtype="bfloat16"),
        "lion: There is no mu_dtype; leave it out, a rule keeps float32; in 16 bits, rounded at random: "
        "stored(lion(0.1), 16).",
    ),
    "two bounds": (
        lambda: atx.clip_by_value(-1.0, 2.0),
        "clip_by_value: It takes max_value only; for -2.0 to 2.0 write clip_by_value(2.0).",
    ),
    "Nesterov by position": (
        lambda: atx.trace(0.9, True),
        "trace: It takes decay only; for Nesterov momentum write trace_nesterov(decay).",
    ),
    "momentum and Nesterov by position": (
        lambda: atx.sgd(0.1, 0.8, True),
        "sgd: It takes learning_rate only; write nesterov(0.1, decay=0.8).",
    ),
    "an argument of what has none": (
        lambda: atx.identity(1),
        "identity: It takes no arguments; write identity().",
    ),
    "clipping by another name": (
        lambda: atx.adam(0.1, grad_clip=1.0),
        "adam: There is no grad_clip; write chain(clip_by_global_norm(1.0), adam(0.1)).",
    ),
    # the modern family
    "iterations of Muon": (
        lambda: atx.muon(0.02, ns_steps=5),
        "muon: There is no ns_steps; coefficients has one triple (a, b, c) for each iteration, or is the "
        "name of a list.",
    ),
    "the Adam inside Muon": (
        lambda: atx.muon(0.02, adam_weight_decay=0.1),
        "muon: There is no adam_weight_decay; what is no matrix has an optimizer of its own: write "
        'grouped({"matrices": muon(0.02)}, by=matrices(but=...), default=adamw(...)).',
    ),
    "torch's factor": (
        lambda: atx.muon(0.02, adjust_lr_fn="match_rms_adamw"),
        "muon: There is no adjust_lr_fn; write factor='match_rms_adamw'.",
    ),
    "momentum of Scion": (
        lambda: atx.scion(0.02, momentum=0.1),
        "scion: There is no momentum; b1 is the part of the mean that is kept: 1 - 0.1 for momentum=0.1 of "
        "the authors, where it is the part of the gradient.",
    ),
    "momentum of what has none": (
        lambda: atx.orthogonalize(momentum=0.95),
        "orthogonalize: There is no momentum; write chain(ema_nesterov(0.95), orthogonalize()).",
    ),
    "NorMuon that does not look ahead": (
        lambda: atx.normuon(0.02, nesterov=False),
        "normuon: There is no nesterov; it looks ahead; a chain of ema(0.95), orthogonalize() and "
        "scale_by_normuon() does not.",
    ),
    "what SOAP's authors call otherwise": (
        lambda: atx.soap(0.003, precondition_frequency=10, shampoo_beta=0.9),
        "soap: There is no precondition_frequency; write every=10. There is no shampoo_beta; write b3=0.9.",
    ),
    "slow weights": (
        lambda: atx.lookahead(atx.sgd(0.1), k=5, alpha=0.5),
        "lookahead: There is no k; write every=5. There is no alpha; write pull=0.5.",
    ),
    "the average of an average": (
        lambda: atx.averaged(atx.sgd(0.1), ema_decay=0.99),
        "averaged: There is no ema_decay; write decay=0.99.",
    ),
    "a mean of three": (
        lambda: atx.ademamix(0.1, beta3=0.999, T_alpha=100),
        "ademamix: There is no beta3; write b3=0.999. There is no T_alpha; write "
        "alpha=schedules.linear(0.0, 5.0, 100).",
    ),
    # a direction as an optimizer
    "a rate for a direction": (
        lambda: atx.scale_by_adam(1e-3),
        "scale_by_adam: It has no learning rate, and takes its numbers by name; write "
        "scale_by_adam(b1=..., b2=..., eps=...), or the optimizer adam(0.001).",
    ),
    "a named rate for a direction": (
        lambda: atx.scale_by_adam(learning_rate=1e-3),
        "scale_by_adam: There is no learning_rate; it is a direction without a rate: write adam(0.001), "
        "or put scale_by_learning_rate(0.001) after it in a chain.",
    ),
    "a direction that is no optimizer": (
        lambda: atx.scale_by_nadam_scheduled(lr=1e-3),
        "scale_by_nadam_scheduled: There is no lr; write chain(scale_by_nadam_scheduled(...), "
        "scale_by_learning_rate(0.001)).",
    ),
    "a rate for a direction of another name": (
        lambda: atx.trace(learning_rate=0.1),
        "trace: There is no learning_rate; it is a direction without a rate: write momentum(0.1), or put "
        "scale_by_learning_rate(0.1) after it in a chain.",
    ),
    "a decay rate by position": (
        lambda: atx.scale_by_signum(0.9),
        "scale_by_signum: Its arguments are given by name, as their order differs elsewhere; write "
        "scale_by_signum(b1=...).",
    ),
    "numbers by position": (
        lambda: atx.scale_by_adam(0.9, 0.999),
        "scale_by_adam: Its arguments are given by name, as their order differs elsewhere; write "
        "scale_by_adam(b1=..., b2=..., eps=...).",
    ),
    # schedules
    "a number for a schedule": (
        lambda: schedules.with_warmup(0.1, 10),
        "with_warmup: schedule must be a schedule, a function of the count; got 0.1. Write "
        "schedules.constant(0.1).",
    ),
    "numbers for schedules": (
        lambda: schedules.join(0.1, 0.2, boundaries=[5]),
        "join: schedules must be a schedule, a function of the count; got 0.1. Write "
        "schedules.constant(0.1).",
    ),
    "warmup": (
        lambda: atx.adam(1e-3, warmup_steps=100),
        "adam: There is no warmup_steps; the learning rate may be a schedule: "
        "adam(schedules.cosine(0.001, steps)).",
    ),
    # what no table knows
    "no rate": (
        lambda: atx.adam(),
        "adam: The learning_rate is missing; write adam(1e-3), or give a schedule.",
    ),
    "a slip": (
        lambda: atx.adamw(1e-3, weigth_decay=0.1),
        "adamw: There is no weigth_decay; write weight_decay=0.1.",
    ),
    "nonsense": (
        lambda: atx.adam(1e-3, flux=3),
        "adam: There is no flux; it takes learning_rate, b1, b2, eps.",
    ),
    "twice": (
        lambda: atx.adam(1e-3, learning_rate=1e-3),
        "adam: multiple values for argument 'learning_rate'.",
    ),
    "nothing": (
        lambda: atx.clip_by_value(),
        "clip_by_value: missing a required argument: 'max_value'.",
    ),
}


@pytest.mark.parametrize("habit", MISTAKES)
def test_a_habit_is_told_what_to_write(habit):
    call, message = MISTAKES[habit]
    with pytest.raises(TypeError) as error:
        call()
    assert str(error.value) == message


def calls(text):
    """What is written out in full: names with balanced brackets after them."""
    for found in re.finditer(r"(?<![\w.])[a-z][\w.]*\(", text):
        depth, end = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if "..." not in text[found.start() : end]:
            yield text[found.start() : end]


@pytest.mark.parametrize("habit", MISTAKES)
def test_what_it_is_told_can_be_written(habit):
    names = {
        **vars(atx),
        "params": PARAMS,
        "tx": atx.sgd(0.1),
        "steps": 10,
        "b1": 0.9,
        "decay": 0.9,
    }
    for code in calls(MISTAKES[habit][1]):
        assert eval(code, dict(names)) is not None


FUNCTIONS = [
    *(f for f in vars(schedules).values() if inspect.isfunction(f)),
    *(f for n in atx.__all__ if inspect.isfunction(f := getattr(atx, n))),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_function_answers(function):
    """The decorator is on each, and `help` and type checkers see through it."""
    if function not in (atx.chain, atx.leafwise, atx.matrixwise):
        assert function.__wrapped__.__name__ == function.__name__
        with pytest.raises(TypeError, match=f"^{function.__name__}: There is no nonsense; "):
            function(nonsense=1)


def test_a_hint_is_for_what_there_is():
    """Names on the right of the tables exist, and those on the left do not where they are looked up."""
    arguments = {f.__name__: {*inspect.signature(f).parameters} for f in FUNCTIONS}
    for name, ours in [
        *habits.RENAMED.items(),
        *modern_habits.RENAMED.items(),
        *schedule_habits.RENAMED.items(),
    ]:
        for one in ours.split():
            assert any(one in names for names in arguments.values()), (name, one)
    for name, rows in [*habits.OTHERWISE.items(), *modern_habits.OTHERWISE.items()]:
        for who in rows.keys() - {"*"}:
            assert name not in arguments[who], (who, name)
    for rule, optimizer in habits.OPTIMIZER.items():
        assert rule in arguments and (not optimizer or optimizer in arguments)


def test_the_error_of_what_is_inside_comes_through():
    with pytest.raises(TypeError, match="^scale_by_learning_rate: learning_rate must be a number"):
        atx.adam("fast")
    with pytest.raises(TypeError, match=r"^add_decayed_weights: mask\['w'\] must be True or False"):
        atx.adamw(0.1, mask={"w": 1})


MODULES_APART = ["compat", "flax", "plots", "testing", "tune"]


def test_dir_shows_what_a_user_may_use():
    assert dir(atx) == sorted({*atx.__all__} | ({*MODULES_APART} & {*vars(atx)}))
    assert {"adam", "schedules", "leafwise", "slots", "ranges", "numerics"} <= {*dir(atx)}
    assert not {"clip", "decay", "core", "optimizers", "scale_by", "wrappers"} & {*dir(atx)}
    assert len({*atx.__all__}) == len(atx.__all__)


MODULES = [
    module.name
    for module in pkgutil.walk_packages(atx.__path__, "adaptive_tx.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_shadowed(name):
    """`import adaptive_tx.x.y` and `adaptive_tx.x.y` are one thing."""
    module = importlib.import_module(name)
    parent, _, last = name.rpartition(".")
    assert getattr(sys.modules[parent], last) is module


def test_help_names_the_types():
    assert str(inspect.signature(atx.momentum)) == (
        "(learning_rate: ScalarOrSchedule, *, decay: ScalarOrSchedule = 0.9) -> "
        "adaptive_tx.core.transformation.Transformation"
    )


def test_the_whole_api_runs(capsys):
    strict_user.main()
    assert "guarded(measured(chain(" in capsys.readouterr().out


def test_the_whole_api_is_in_the_script():
    text = pathlib.Path(strict_user.__file__).read_text()
    for name in atx.__all__:
        assert re.search(rf"\b{name}\b", text) or name[0].isupper(), name
    for name, value in vars(schedules).items():
        assert not inspect.isfunction(value) or f"schedules.{name}(" in text, name


@pytest.mark.slow
def test_a_strict_script_has_no_error_of_ours(tmp_path):
    """Outside the repository, so that the library is a package with `py.typed` and nothing is inferred."""
    shutil.copy(strict_user.__file__, tmp_path)
    done = subprocess.run(
        [
            shutil.which(
                "pyright", path=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
            ),
            "--pythonpath",
            sys.executable,
            "strict_user.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
