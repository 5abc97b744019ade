"""`adaptive_tx.<name>` for a name that is optax's, or misspelt, says what to write here."""

import pathlib
import re

import jax.numpy as jnp
import optax
import optax.contrib
import pytest
from test_front_door import calls

import adaptive_tx as atx
from adaptive_tx import schedules
from adaptive_tx.core import names_elsewhere

PUBLIC = [name for name in (*optax.__all__, *dir(optax.contrib)) if not name.startswith("_")]


def answer(name: str) -> str:
    with pytest.raises(AttributeError) as error:
        getattr(atx, name)
    return str(error.value)


@pytest.mark.parametrize("name", sorted({*PUBLIC} - {*atx.__all__}))
def test_every_name_of_optax_is_answered(name):
    assert re.match(rf"adaptive_tx has no {name}; .{{12,}}\.$", answer(name))
    assert not hasattr(atx, name)


ANSWERS = {
    "linear_schedule": "write schedules.linear(start, end, steps)",
    "inject_hyperparams": "nothing is needed: the numbers of every optimizer are leaves, which are passed "
    "to a compiled step and changed by tx.replace(learning_rate=0.1)",
    "partition": "write grouped({...}, by=...)",
    "clip_by_block_rms": "write clip_by_rms(bound)",
    "Params": "it is a name for any tree of arrays: write optax.Params",
    "noisy_sgd": "write optax.noisy_sgd, which works with what is here",
    "sam": "write optax.contrib.sam, which works with what is here",
    "tree_utils": "write optax.tree_utils, which works with what is here",
    "AdamW": "write adamw",
    "AdamMini": "it shares moments by names of parameters; to save memory write stored(adamw(rate), 8)",
    "cosine": "write schedules.cosine",
    "with_warmups": "perhaps schedules.with_warmup is meant",
    "scale_by_adm": "perhaps scale_by_adam is meant",
    "xyz": "",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer(name):
    text = f"; {ANSWERS[name]}." if ANSWERS[name] else "."
    assert answer(name) == f"adaptive_tx has no {name}{text}"


def test_a_module_that_is_imported_apart():
    text = names_elsewhere.unknown_name("plots", atx.__all__)
    assert text == "adaptive_tx has no plots; it is a module of its own: import adaptive_tx.plots."


@pytest.mark.parametrize("name", names_elsewhere.INSTEAD)
def test_what_is_answered_can_be_written(name):
    """But for what another table asks: each call in an answer runs as it stands."""
    assert name not in atx.__all__
    numbers = dict(
        rate=0.1, start=0.1, peak=0.2, end=0.01, steps=100, warmup=10, factor=0.5, alpha=0.1
    )
    numbers |= dict(value=0.1, power=2.0, period=10, bound=1.0)
    names = {**vars(atx), "optax": optax, **numbers, "x": jnp.ones(2), "params": jnp.ones(2)}
    names |= dict(first=schedules.constant(0.1), second=schedules.constant(0.2), tx=atx.sgd(0.1))
    names |= dict(parts=(atx.sgd(0.1),), schedule=schedules.constant(0.1), new=jnp.ones(2))
    names |= dict(
        old=jnp.zeros(2), init=lambda params: (), update=lambda g, state, params: (g, state)
    )
    names |= dict(state=atx.measured(atx.sgd(0.1)).init(jnp.ones(2)))
    text = names_elsewhere.INSTEAD[name].format(name=name)
    text = text.replace("tx.replace", "atx.sgd(0.1).replace").replace(
        "tx.init", "atx.sgd(0.1).init"
    )
    for code in calls(text.replace("(*parts)", "(*parts)")):
        assert eval(code, {"atx": atx, **names}) is not None


def test_what_is_left_out_is_said_in_the_docs():
    page = (pathlib.Path(__file__).parent.parent / "docs/left_out.md").read_text().lower()
    for name in (
        "sophia",
        "galore",
        "apollo",
        "adam_mini",
        "d_adaptation",
        "grokfast",
        "came",
        "sm3",
    ):
        assert answer(name) and name.replace("_", "-") in page
