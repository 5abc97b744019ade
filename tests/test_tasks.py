"""The built-in tasks: what their examples are, where they start, and that they can be learnt."""

import functools
import math
import re
import socket
import sys
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax
from sklearn import datasets

import adaptive_tx as atx
from adaptive_tx.tune.tasks import TASKS, load, text, transformer
from adaptive_tx.tune.tasks.digits import load_digits
from adaptive_tx.tune.tasks.models import linear, mlp, patches, uniform

CLASSES = {"iris": 3, "wine": 3, "breast-cancer": 2} | {
    name: 10 for name in TASKS if name.startswith("digits")
}
NUMBERS = {"diabetes": 1, "linnerud": 3}
TEXTS = "characters", "characters-transformer"
TABLES = {  # of scikit-learn, and how many of their examples are used
    "iris": (datasets.load_iris, 150),
    "wine": (datasets.load_wine, 178),
    "breast-cancer": (datasets.load_breast_cancer, 569),
    "diabetes": (datasets.load_diabetes, 442),
    "linnerud": (datasets.load_linnerud, 20),
}
RNG = np.random.default_rng(0)


def test_every_task_is_of_one_kind():
    assert set(TASKS) == {*CLASSES, *NUMBERS, *TEXTS}
    assert set(TABLES) == {*NUMBERS, *CLASSES} - {n for n in TASKS if n.startswith("digits")}


# Every task. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_the_examples_are_arrays_alike(name):
    task = load(name)
    assert task.name == name
    assert task.about == TASKS[name].about
    for split in (task.data, task.held_out):
        assert len(split.inputs) == len(split.targets) > 0
        assert split.inputs.dtype == (jnp.uint8 if name in TEXTS else jnp.float32)
        assert split.targets.dtype == (jnp.float32 if name in NUMBERS else jnp.int32)
        chex.assert_tree_all_finite(split)
    assert task.data.inputs.shape[1:] == task.held_out.inputs.shape[1:]
    if name in NUMBERS:
        assert task.data.targets.shape[1:] == task.held_out.targets.shape[1:] == (NUMBERS[name],)
    if name in CLASSES:
        for split in (task.data, task.held_out):
            assert set(np.asarray(split.targets)) == set(range(CLASSES[name]))


class Model(NamedTuple):
    """A model of a task, and how well it does."""

    params: Any
    loss: jax.Array  # on (some of) the training examples
    metrics: dict[str, jax.Array]  # on the others


QUICK = {"xla_backend_optimization_level": 1}  # compiles in less time


def tried(task, params) -> Model:
    few = jax.tree.map(lambda x: x[:4096], task.data)
    return Model(params, task.loss(params, few), task.evaluate(params))


@functools.cache
def starts(name) -> list[Model]:
    """Of three seeds, the first two alike: one program for all that is asked of them."""
    task = load(name)
    start = jax.jit(lambda key: tried(task, task.init(key)), compiler_options=QUICK)
    return [start(jax.random.key(seed)) for seed in (0, 0, 1)]


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def trained(name, params) -> Model:
    """After a hundred steps of Adam."""
    task, tx = load(name), atx.adam(0.01)
    examples = len(task.data.targets)
    order = np.random.default_rng(0).integers(examples, size=(100, min(32, examples)))

    def step(carry, rows):
        params, state = carry
        grads = jax.grad(task.loss)(params, jax.tree.map(lambda x: x[rows], task.data))
        updates, state = tx.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = lax.scan(step, (params, tx.init(params)), order)
    return tried(task, params)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_starts_at_a_guess(name):
    """At the logarithm of the number of classes; or at the variance of the targets, 1."""
    start = starts(name)[0]
    guess = {
        **{name: math.log(count) for name, count in CLASSES.items()},
        **dict.fromkeys(TEXTS, math.log(len(text.load_text().vocabulary))),
        **dict.fromkeys(NUMBERS, 1.0),
    }[name]
    np.testing.assert_allclose(start.loss, guess, rtol=0.05)
    assert all(x.shape == () and x.dtype == jnp.float32 for x in start.metrics.values())
    if name not in NUMBERS:
        np.testing.assert_allclose(start.metrics["loss"], guess, rtol=0.05)
        assert 0 <= start.metrics["accuracy"] <= 1


@pytest.mark.parametrize("name", TASKS)
def test_seeds_start_elsewhere(name):
    first, again, other = (start.params for start in starts(name))
    chex.assert_trees_all_equal(first, again)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other)):
        assert a.dtype == np.float32
        assert not np.array_equal(a, b) or a.ndim == 1  # biases, and scales of norms


@pytest.mark.parametrize("name", TASKS)
def test_a_task_made_again_is_the_same(name):
    made = TASKS[name].load(name)
    chex.assert_trees_all_equal(made.data, load(name).data)
    chex.assert_trees_all_equal(made.held_out, load(name).held_out)
    assert load(name) is load(name)  # so that its programs are compiled once


def test_no_task_needs_a_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a task opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    with socket.socket() as one, pytest.raises(AssertionError):
        one.connect(("127.0.0.1", 9))
    for name, row in TASKS.items():
        row.load(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_short_training_learns(name):
    """The loss on what is trained falls by a quarter; and on the others, where it can be learnt."""
    start = starts(name)[0]
    end = trained(name, start.params)
    assert end.loss < 0.75 * start.loss
    if name != "linnerud":  # 14 examples to learn from
        assert end.metrics["loss"] < 0.75 * start.metrics["loss"]


def test_an_unknown_task_is_answered_with_all_the_known():
    with pytest.raises(ValueError, match="load: there is no task 'mnist'; choose from digits-log"):
        load("mnist")


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"iris needs scikit-learn: pip install .*\[demo\]"):
        TASKS["iris"].load("iris")
    TASKS["characters"].load("characters")


# Tables. -----------------------------------------------------------------------------------------


def test_the_digits_are_split_alike():
    data = load_digits()
    assert [len(split.targets) for split in data] == [1079, 359, 359]
    for split in data:
        share = np.bincount(split.targets, minlength=10) / len(split.targets)
        np.testing.assert_allclose(share, 0.1, atol=0.01)
    pixels = np.asarray(data.train.inputs)
    np.testing.assert_allclose([pixels.mean(), pixels.std()], [0, 1], atol=1e-5)
    assert_all_once([split.inputs for split in data], datasets.load_digits().data, axis=None)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_is_in_one_part(name):
    task, (table, count) = load(name), TABLES[name]
    inputs, targets = map(np.asarray, table(return_X_y=True))
    assert len(task.data.targets) + len(task.held_out.targets) == count == len(inputs)
    assert 0.65 < len(task.data.targets) / count < 0.75
    assert_all_once([task.data.inputs, task.held_out.inputs], inputs, axis=0)
    if name in NUMBERS:
        targets = targets.reshape(count, -1)
        assert_all_once([task.data.targets, task.held_out.targets], targets, axis=0)


def assert_all_once(parts, whole, axis):
    """The parts hold each row of a whole once, up to a shift and a scale of its columns.

    Neither changes the order of the rows, sorted by the first column, then the second, and so on.
    """
    together = np.concatenate([np.asarray(part, np.float64) for part in parts])
    one, other = (x[np.lexsort(x.T[::-1].round(4))] for x in (together, whole.astype(float)))
    one, other = ((x - x.mean(axis)) / (x.std(axis) + 1e-9) for x in (one, other))
    np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("name", TABLES)
def test_only_training_examples_set_the_scale(name):
    task = load(name)
    for x, held_out in zip(task.data, task.held_out):
        if x.dtype == jnp.float32:
            np.testing.assert_allclose(np.mean(x, 0), 0, atol=1e-5)
            np.testing.assert_allclose(np.std(x, 0), 1, atol=1e-5)
            assert np.abs(np.mean(held_out, 0)).max() > 1e-4


@pytest.mark.parametrize("name", sorted(set(TABLES) - set(NUMBERS)))
def test_classes_are_alike_in_both_parts(name):
    task = load(name)
    one, other = (np.bincount(s.targets) / len(s.targets) for s in (task.data, task.held_out))
    np.testing.assert_allclose(one, other, atol=1 / len(task.held_out.targets))


def test_r2_of_the_mean_is_about_zero():
    task = load("diabetes")
    params = jax.tree.map(jnp.zeros_like, starts("diabetes")[0].params)
    metrics = task.evaluate(params)
    targets = np.asarray(task.held_out.targets)
    np.testing.assert_allclose(metrics["loss"], np.mean(targets**2), rtol=1e-5)
    np.testing.assert_allclose(metrics["r2"], 1 - np.mean(targets**2) / targets.var(), rtol=1e-3)


# Text. -------------------------------------------------------------------------------------------


def test_the_vocabulary_covers_the_text():
    data, written = text.load_text(), text.written()
    assert "".join(sorted(set(written))) == data.vocabulary
    assert len(data.vocabulary) < 128
    train, rest = (read(data, split) for split in (data.train, data.validation))
    assert train + rest == written  # so no example reaches over the cut
    assert 0.89 < len(train) / len(written) < 0.91


def read(data, split) -> str:
    """The text of which the examples are windows."""
    numbers = np.concatenate([np.asarray(split.inputs[0], np.int32), np.asarray(split.targets)])
    first, last = np.asarray(split.inputs[0]), np.asarray(split.inputs[-1], np.int32)
    assert np.array_equal(numbers[: len(first)], first)
    assert np.array_equal(numbers[-len(last) - 1 : -1], last)
    return "".join(data.vocabulary[i] for i in numbers)


def test_what_is_held_out_is_spread_over_the_rest():
    held_out, rest = load("characters").held_out, text.load_text().validation
    step = len(rest.targets) // text.EVALUATED
    assert len(held_out.targets) == text.EVALUATED
    assert np.array_equal(held_out.inputs[-1], rest.inputs[step * (text.EVALUATED - 1)])
    assert step * text.EVALUATED > 0.9 * len(rest.targets)


def test_bits_are_nats_over_the_logarithm_of_two():
    metrics = starts("characters")[0].metrics
    bits = metrics["loss"] / np.log(2)
    np.testing.assert_allclose(metrics["bits_per_character"], bits, rtol=1e-6)


def test_a_character_counts_by_its_place():
    """The vectors stand side by side: another order of the context is another prediction."""
    model = text.model(103)
    params = jax.jit(model.init)(jax.random.key(0))
    contexts = jnp.arange(text.CONTEXT, dtype=jnp.uint8)[None]
    outputs = jax.jit(model.outputs)
    forward, backward = (outputs(params, x) for x in (contexts, contexts[:, ::-1]))
    assert forward.shape == (1, 103)
    assert not np.allclose(forward, backward)


def test_the_windows_of_a_text_lie_in_one_part():
    """And those of the parts to choose by and to report hold no character in common."""
    data, written = transformer.load_windows(), text.written()
    cut = int(transformer.TRAINED * len(written))
    for part, of in ((data.train, written[:cut]), (data.validation, written[cut:])):
        for i in (0, -1):
            inputs = "".join(data.vocabulary[c] for c in part.inputs[i])
            targets = "".join(data.vocabulary[c] for c in part.targets[i])
            assert inputs[1:] == targets[:-1]
            assert inputs + targets[-1] in of
    windows = (len(written) - cut - transformer.CONTEXT - 1) // transformer.EVERY + 1
    apart = (windows - 1) // (2 * transformer.EVALUATED - 1) * transformer.EVERY
    assert apart > transformer.CONTEXT
    assert not np.array_equal(data.validation.inputs, data.test.inputs)
    assert len(data.validation.inputs) == len(data.test.inputs) == transformer.EVALUATED


def test_a_transformer_sees_no_character_before_its_time():
    params = starts("characters-transformer")[0].params
    one = np.arange(transformer.CONTEXT, dtype=np.uint8)[None]
    other = np.where(np.arange(transformer.CONTEXT) < 20, one, one + 40)
    logits = jax.jit(transformer.logits)
    first, second = (np.asarray(logits(params, x)[0]) for x in (one, other))
    np.testing.assert_array_equal(first[:20], second[:20])
    assert all(not np.allclose(a, b, atol=1e-4) for a, b in zip(first[20:], second[20:]))


def test_the_matrices_of_a_transformer_are_told_by_their_paths():
    params = starts("characters-transformer")[0].params
    shapes = {
        "/".join(key.key for key in keys): leaf.shape
        for keys, leaf in jax.tree.leaves_with_path(params)
    }
    hidden, matrices = (
        {path for path in shapes if re.search(pattern, path)}
        for pattern in (transformer.HIDDEN, transformer.MATRICES)
    )
    assert matrices == {path for path, shape in shapes.items() if len(shape) == 2}
    assert matrices - hidden == {"embedding/characters", "embedding/places", "head"}
    assert len(hidden) == 6 * transformer.LAYERS


# Models. -----------------------------------------------------------------------------------------


def test_one_draw_makes_all_matrices():
    sizes = (50, 40, 0.1), (30, 100, 2.0)
    small, large = jax.jit(lambda key: uniform(key, *sizes))(jax.random.key(0))
    assert (small.shape, large.shape) == ((50, 40), (30, 100))
    for x, limit in ((small, 0.1), (large, 2.0)):
        assert 0.99 * limit < np.abs(x).max() <= limit * (1 + 1e-6)
        np.testing.assert_allclose(np.std(x), limit / 3**0.5, rtol=0.05)
    correlation = np.corrcoef(np.ravel(small), np.ravel(large)[: small.size])[0, 1]
    assert abs(correlation) < 0.1


def test_a_hidden_layer_keeps_the_variance():
    params = jax.jit(mlp(64, 512, 10).init)(jax.random.key(0))
    x = RNG.normal(size=(1000, 64)).astype(np.float32)
    y = np.maximum(linear(params["hidden"], x), 0)
    np.testing.assert_allclose(np.mean(np.square(y)), 1.0, rtol=0.1)


def test_patches_make_a_convolution():
    x = RNG.normal(size=(2, 6, 6, 3)).astype(np.float32)
    kernel = RNG.normal(size=(3, 3, 3, 5)).astype(np.float32)
    as_product = np.asarray(jax.jit(patches)(x)) @ kernel.reshape(27, 5)
    names = ("NHWC", "HWIO", "NHWC")
    convolved = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=names)
    np.testing.assert_allclose(as_product, convolved, rtol=1e-4, atol=1e-4)
