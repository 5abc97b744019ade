"""What makes two trainings the same one: content, at every depth, and not what it is called."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_tune import DATA, SGD, loss, make_params

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.tune.training.fingerprint import Fingerprint

HOW = {"steps": 2, "batch_size": 8, "progress": False}
WEIGHTS = np.float32([1, 1, 1])


def trained(loss=loss, init=make_params, data=DATA, sweep=SGD, **changes):
    return tune.train(loss, init, data, sweep, **{**HOW, **changes})


def scaled(by, shift=0.0):
    """A loss that closes over an array, and over one inside a function compiled on its own."""
    by = jnp.asarray(by, jnp.float32)

    @jax.jit
    def inside(error):
        return jax.lax.scan(lambda total, e: (total + e**2 * by[0] + shift, None), 0.0, error)[0]

    return lambda params, batch: inside(batch["x"] @ params["w"] - batch["y"]) + params["b"] ** 2


# A program by its content. -----------------------------------------------------------------------


def of(function, *args):
    return Fingerprint(jax.make_jaxpr(function)(*args))


def beneath(depth: str, array):
    """A function that closes over an array at some depth."""
    array = jnp.asarray(array)

    def plain(x):
        return x * array.astype(jnp.float32)

    def branch(x):
        return jax.lax.cond(x[0] > 0, plain, jnp.sin, x)

    @jax.custom_vjp
    def own(x):
        return x

    own.defvjp(lambda x: (x, None), lambda _, g: (plain(g),))
    return {
        "top": plain,
        "jit": jax.jit(plain),
        "twice": jax.jit(lambda x: jnp.cos(jax.jit(plain)(x))),
        "scan": lambda x: jax.lax.scan(lambda c, _: (plain(c), None), x, None, 2)[0],
        "cond": branch,
        "while": lambda x: jax.lax.while_loop(lambda x: x[0] < 9, plain, x),
        "vmap": lambda x: jax.vmap(lambda one: plain(jnp.stack([one] * 3)))(x).sum(0),
        "remat": jax.checkpoint(plain),
        "derivative": jax.grad(lambda x: own(x).sum()),
    }[depth]


DEPTHS = ["top", "jit", "twice", "scan", "cond", "while", "vmap", "remat", "derivative"]
X = np.float32([1, 2, 3])


@pytest.mark.parametrize("depth", DEPTHS)
def test_arrays_count_at_every_depth(depth):
    one, same, other, wider = (
        of(beneath(depth, array), X)
        for array in (X, X.copy(), X + [0, 0, 1e-7 * 3], X.astype(np.float16))
    )
    assert one.digest == same.digest
    assert one.digest != other.digest, "the last bit of one number"
    assert one.digest != wider.digest
    assert not one.hidden


@pytest.mark.parametrize("depth", DEPTHS)
def test_keys_are_arrays(depth):
    def noisy(seed):
        key = jax.random.key(seed)
        return lambda x: beneath(depth, X)(x) + jax.jit(lambda: jax.random.normal(key))()

    one, same, other = (of(noisy(seed), X) for seed in (1, 1, 2))
    assert one.digest == same.digest != other.digest
    assert not one.hidden


def test_constants_count_and_names_do_not():
    def first(x):
        return jax.nn.relu(x) * 2.0 + jax.random.gamma(jax.random.key(0), 2.0)

    def second(x):
        jax.debug.print("{}", x)
        return first(x)

    assert of(first, X).digest == of(second, X).digest == of(jax.jit(first).__wrapped__, X).digest
    assert of(jax.jit(first), X).digest == of(jax.jit(lambda x: first(x)), X).digest
    assert of(lambda x: x * 2.0, X).digest != of(lambda x: x * 2.5, X).digest
    assert of(lambda x: x - 1.0, X).digest != of(lambda x: 1.0 - x, X).digest
    assert not of(second, X).hidden


def test_what_jax_does_not_show_is_named():
    shape = jax.ShapeDtypeStruct((3,), np.float32)
    called = of(jax.jit(lambda x: jax.pure_callback(np.sin, shape, x)), X)
    assert called.hidden == {"pure_callback"}
    with_rule = jax.custom_batching.custom_vmap(lambda x: x)
    with_rule.def_vmap(lambda size, mapped, x: (x, mapped[0]))
    assert of(with_rule, X).hidden == {"custom_vmap_call"}


def test_the_library_has_nothing_to_hide():
    """Its rules for batches are known by its version."""

    def rule(size, mapped, x):
        return x, mapped[0]

    rule.__module__ = "adaptive_tx.core.linear_algebra"
    with_rule = jax.custom_batching.custom_vmap(lambda x: x)
    with_rule.def_vmap(rule)
    assert not of(with_rule, X).hidden


# A training by its content. ----------------------------------------------------------------------


def test_an_edited_array_is_another_training(tmp_path):
    """Both losses are called the same; the array is closed over inside a jit inside a scan."""
    trained(scaled(WEIGHTS), out=tmp_path)
    with pytest.raises(ValueError, match=r"holds another training \(another loss\)"):
        trained(scaled(2 * WEIGHTS), out=tmp_path)
    with pytest.raises(ValueError, match=r"holds another training \(another loss\)"):
        trained(scaled(WEIGHTS, shift=0.1), out=tmp_path)


@pytest.mark.slow
def test_every_function_counts(tmp_path):
    def called(scale=1.0, b1=0.9, rate=0.1, rows=8, eps=1e-8):
        def init(key):
            return {"w": scale * jax.random.normal(key, (3,)), "b": jnp.zeros(())}

        def draw(key):
            x = jnp.ones((rows, 3)) * jax.random.uniform(key)
            return {"x": x, "y": rate * x.sum(1)}

        def evaluate(params):
            return jnp.sum(params["w"]) * eps

        def make(learning_rate):
            schedule = lambda count: b1 * jnp.exp(-count.astype(float))  # noqa: E731, which is in no leaf
            return atx.chain(atx.adam(learning_rate, b1=b1), atx.scale_by_learning_rate(schedule))

        sweep = tune.sweep(make, learning_rate=[0.1, 0.2])
        how = {"evaluate": evaluate, "batch_size": None, "out": tmp_path}
        return trained(init=init, data=draw, sweep=sweep, **how)

    called()
    for changes, message in (
        ({"scale": 2.0}, "another params"),
        ({"b1": 0.8}, "another sweep make"),
        ({"rate": 0.2}, "another data"),
        ({"eps": 1e-7}, "another evaluate"),
    ):
        with pytest.raises(ValueError, match=rf"\({message}\)"):
            called(**changes)
    called()


def test_data_and_parameters_count_by_their_values(tmp_path):
    start = {"w": jnp.ones(3), "b": jnp.zeros(())}
    trained(init=start, out=tmp_path)
    trained(init=dict(start), data={k: x.copy() for k, x in DATA.items()}, out=tmp_path)
    with pytest.raises(ValueError, match=r"\(another data\)"):
        trained(init=start, data={**DATA, "y": DATA["y"] + 1}, out=tmp_path)
    with pytest.raises(ValueError, match=r"\(another params\)"):
        trained(init={**start, "b": jnp.ones(())}, out=tmp_path)


AGAIN = """
import sys, numpy as np
sys.path.insert(0, {tests!r})
import test_tune_content as content
from adaptive_tx.tune.training.chunk import Chunk

def refuse(*_):
    raise AssertionError("trained again")

Chunk.advance = refuse
renamed = content.scaled(np.ones(3))
result = content.trained(lambda p, b: renamed(p, b), out={out!r})
print(*(f"{{x:.9g}}" for x in result.scores.ravel()))
"""


@pytest.mark.slow
def test_an_equal_loss_defined_again_goes_on_in_another_process(tmp_path):
    here = trained(scaled(WEIGHTS), out=tmp_path)
    code = AGAIN.format(tests=os.path.dirname(__file__), out=str(tmp_path))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(np.array(out.stdout.split(), float), here.scores.ravel(), rtol=1e-7)


def test_python_inside_needs_a_version(tmp_path):
    def calls(params, batch):
        shape = jax.ShapeDtypeStruct((), np.float32)
        one = jax.pure_callback(lambda: np.float32(1), shape, vmap_method="sequential")
        return loss(params, batch) + one

    with pytest.raises(ValueError, match=r"train: loss \(pure_callback\) runs Python .* version="):
        trained(calls, out=tmp_path)
    assert not list(tmp_path.iterdir())
    trained(calls, out=tmp_path, version=1)
    trained(calls, out=tmp_path, version=1)
    with pytest.raises(TypeError, match="train: version must be an int or a string, got 1.5"):
        trained(calls, out=tmp_path, version=1.5)
    with pytest.raises(ValueError, match="version was 1, now 2"):
        trained(calls, out=tmp_path, version=2)
    trained(calls)


def test_a_function_is_what_it_is_now():
    """The same object, which reads a number that has changed since: jit alone would not see it."""
    read = {"scale": 1.0}

    def reading(params, batch):
        return read["scale"] * loss(params, batch)

    before = trained(reading)
    read["scale"] = 2.0
    after = trained(reading)
    np.testing.assert_allclose(
        after.curves["loss"][..., 0], 2 * before.curves["loss"][..., 0], rtol=1e-5
    )


# The folder. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["results.csv", "results.json", "sgd.npz"])
def test_what_another_run_left_is_left_alone(name, tmp_path):
    (tmp_path / "data.npz").write_text("no result")
    (tmp_path / name).write_text("mine")
    with pytest.raises(
        ValueError, match=f"train: .* holds {name} of another training, but no call"
    ):
        trained(out=tmp_path)
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / name).unlink()
    trained(out=tmp_path)


@pytest.mark.parametrize("name", ["call.json", "sgd.npz"])
@pytest.mark.parametrize("content", [b"", b"PK not a zip", b"[1, 2]", b"{}"])
def test_a_damaged_folder_is_refused(name, content, tmp_path):
    trained(out=tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"train: .*{name} is damaged .*delete the folder"):
        trained(out=tmp_path)


def test_half_a_file_is_damaged(tmp_path):
    trained(out=tmp_path)
    whole = (tmp_path / "sgd.npz").read_bytes()
    (tmp_path / "sgd.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"sgd.npz is damaged"):
        trained(out=tmp_path)
    np.savez(tmp_path / "sgd.npz", alive=np.arange(2))
    with pytest.raises(ValueError, match=r"sgd.npz is damaged"):
        trained(out=tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="train: cannot make the folder .*file: File exists"):
        trained(out=tmp_path / "file")
