"""Checkpoints: a run that was saved goes on to the bit, and what does not fit is an error that names it."""

import gc
import os
import pathlib
import random
import re
import signal
import subprocess
import sys

import chex
import jax
import jax.export
import jax.numpy as jnp
import killed
import optax
import orbax.checkpoint as ocp
import pytest
from catalogue import CATALOGUE
from flax import serialization

import adaptive_tx as atx
from adaptive_tx import schedules

HERE = pathlib.Path(__file__).parent
ENV = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE), str(HERE / "golden")]),
}
PARAMS = {"w": jnp.ones((2, 3)), "b": jnp.ones(3)}


def saved(path, values):
    checkpointer = ocp.StandardCheckpointer()
    checkpointer.save(path, values)
    checkpointer.wait_until_finished()
    return path


@pytest.mark.slow
def test_every_run_goes_on_in_a_new_process(tmp_path):
    """Two steps, a checkpoint, two more: here from flax's, there from Orbax', as if there had been none."""
    import checkpointed

    half = checkpointed.trained(checkpointed.start(), 2)
    saved(tmp_path / "orbax", half)
    whole = checkpointed.trained(half, 2)

    restored = serialization.from_bytes(checkpointed.start(), serialization.to_bytes(half))
    chex.assert_trees_all_equal_structs(restored, half)
    chex.assert_trees_all_equal(checkpointed.trained(restored, 2), whole)

    script = [sys.executable, HERE / "checkpointed.py", tmp_path]
    subprocess.run(script, check=True, env=ENV, timeout=300)
    after = serialization.from_bytes(whole, (tmp_path / "after.msgpack").read_bytes())
    chex.assert_trees_all_equal(after, whole)


# An optimizer inside. -----------------------------------------------------------------------------

SCHEDULED = atx.chain(
    atx.clip_by_global_norm(schedules.linear(1.0, 2.0, 10)),
    atx.adamw(schedules.with_warmup(schedules.cosine(0.1, 10), steps=3), mask={"w": True, "b": False}),
)  # fmt: skip
VALUES = {f"{i}-{row}": row() for i, row in enumerate(CATALOGUE)} | {
    "scheduled": SCHEDULED,
    "a function": atx.adam(killed.rate),
    "wrapped": atx.guarded_by_z_score(atx.measured(SCHEDULED, by="leaf")),
    "swept": jax.vmap(atx.adam)(jnp.array([0.1, 0.2])),
}


def with_other_numbers(tx):
    return jax.tree.map(lambda number: number * 0.5, tx)


def test_optimizers_in_a_checkpoint_of_orbax(tmp_path):
    saved(tmp_path / "values", VALUES)
    others = with_other_numbers(VALUES)
    assert others != VALUES
    restored = ocp.StandardCheckpointer().restore(tmp_path / "values", others)
    assert restored == VALUES


def test_optimizers_in_a_checkpoint_of_flax():
    data = serialization.to_bytes(VALUES)
    restored = serialization.from_bytes(with_other_numbers(VALUES), data)
    assert restored == VALUES
    kept = serialization.to_state_dict(atx.scale_by_adam())["update"]["1"]
    assert {name: kept[name] for name in ("b1", "b2", "eps")} == {
        "b1": 0.9, "b2": 0.999, "eps": 1e-8,
    }  # fmt: skip


def test_another_optimizer_in_a_checkpoint_of_flax():
    data = serialization.to_bytes(atx.adam(0.1))
    message = (
        r"scale_by_lion cannot be restored: it holds .*b1, b2, and what was saved .*b1, b2, eps;"
    )
    with pytest.raises(ValueError, match=message):
        serialization.from_bytes(
            atx.chain(atx.scale_by_lion(), atx.scale_by_learning_rate(0.1)), data
        )


def leaves_of(values):
    return {
        name: jnp.stack([jnp.max(x) for x in jax.tree.leaves(tx)]) for name, tx in values.items()
    }


def test_every_optimizer_is_an_argument_of_an_exported_function():
    """As it is, and with other numbers: the structure has survived."""
    values = jax.device_put({name: tx for name, tx in VALUES.items() if jax.tree.leaves(tx)})
    exported = jax.export.export(jax.jit(leaves_of))(values)
    restored = jax.export.deserialize(exported.serialize())
    assert restored.in_tree == jax.tree.structure((((values,)), {}))
    others = with_other_numbers(values)
    chex.assert_trees_all_equal(restored.call(others), leaves_of(others))


@pytest.mark.parametrize(
    "tx", [atx.adamw(0.1), SCHEDULED, VALUES["wrapped"]], ids=["adamw", "chain", "wrapped"]
)
def test_an_exported_step_takes_the_optimizer(tx):
    """One program for every rate, in another process too; this one has only its bytes."""

    def step(tx, grads, state, params):
        return tx.update(grads, state, params)

    state = tx.init(PARAMS)
    exported = jax.export.export(jax.jit(step))(tx, PARAMS, state, PARAMS)
    restored = jax.export.deserialize(exported.serialize())
    for other in (tx, with_other_numbers(tx)):
        found = restored.call(other, PARAMS, state, PARAMS)
        chex.assert_trees_all_close(found, jax.jit(step)(other, PARAMS, state, PARAMS), rtol=1e-6)
    assert isinstance(
        restored.in_tree.unflatten(jax.tree.leaves(((tx, PARAMS, state, PARAMS), {})))[0][0],
        atx.Transformation,
    )


def test_what_cannot_be_exported():
    for tx in (atx.adam(lambda count: 0.1), atx.chain(optax.scale(2.0), atx.sgd(0.1))):
        exported = jax.export.export(jax.jit(lambda tx: jnp.ones(())))(tx)
        with pytest.raises(
            ValueError, match="a lambda, .* or a part of optax in it cannot be serialized"
        ):
            exported.serialize()


# What does not fit. -------------------------------------------------------------------------------


def cut(path: pathlib.Path) -> pathlib.Path:
    """The file, or the largest in the folder, cut to half."""
    file = max((p for p in [path, *path.rglob("*")] if p.is_file()), key=lambda p: p.stat().st_size)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


# Where one leaf cannot be read, Orbax leaves the others' coroutines behind.
left_behind = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@left_behind
def test_a_foreign_checkpoint(tmp_path):
    """Of another rule, and of other parameters: each says which leaf, at the latest in the first step."""
    adam, lion = atx.adam(0.1), atx.lion(0.1)
    state, data = adam.init(PARAMS), serialization.to_bytes(adam.init(PARAMS))
    restore = ocp.StandardCheckpointer().restore
    path = saved(tmp_path / "adam", state)
    with pytest.raises(ValueError, match="nu"):
        restore(path, lion.init(PARAMS))
    with pytest.raises(ValueError, match="nu"):
        serialization.from_bytes(lion.init(PARAMS), data)
    other = {"w": jnp.ones((2, 4)), "b": jnp.ones(3)}
    with pytest.raises(ValueError, match=r"Requested shape: \(2, 4\) is not compatible"):
        restore(path, adam.init(other))  # which leaf, the function in docs/checkpoints.md tells
    with pytest.raises(
        ValueError, match=r"grads\['w'\] has shape \(2, 4\), but the state was made for \(2, 3\)"
    ):
        adam.update(other, serialization.from_bytes(adam.init(other), data), other)
    gc.collect()


def causes(error: BaseException | None) -> str:
    """All that an error says, with what it came from."""
    if error is None:
        return ""
    inside = getattr(error, "exceptions", ())
    return " ".join([str(error), *map(causes, inside), causes(error.__cause__)])


@left_behind
def test_a_truncated_checkpoint(tmp_path):
    """Orbax names the array that is cut off, params.w being the largest; flax knows that it is cut off."""
    state = killed.start()
    path = saved(tmp_path / "state", state)
    assert cut(path).is_relative_to(path)
    with pytest.raises(Exception, match="reading array") as raised:
        ocp.StandardCheckpointer().restore(path, state)
    text = causes(raised.value)
    assert re.search(r'reading "(params|state)\.[\w.]+/.*not valid for value of size', text)
    del raised
    gc.collect()  # what is left behind is told here, and in no later test
    data = serialization.to_bytes(state)
    with pytest.raises(ValueError, match="incomplete input"):
        serialization.from_bytes(state, data[: len(data) // 2])


def test_the_documentation():
    """Its code runs, and its function names the leaf that does not fit."""
    text = (HERE.parent / "docs" / "checkpoints.md").read_text()
    names = {"__name__": "checkpoints"}
    exec("".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), names)
    state = names["run"]["state"]
    tree = names["checkpointer"].metadata(names["folder"] / "run").item_metadata.tree["state"]
    for params, message in (
        (
            {"w": jnp.ones((3, 4)), "b": jnp.ones(2)},
            r"1/0/mu/w is uint8\(3, 2\), and must be uint8\(3, 4\)",
        ),
        ({"w": jnp.ones((3, 2))}, r"1/0/mu/b is uint8\(2,\), and must be None"),
    ):
        for found in (tree, state):
            with pytest.raises(ValueError, match=message):
                names["check"](found, names["tx"].init(params))
    wide = atx.stored(names["tx"], 16).init(names["params"])
    with pytest.raises(ValueError, match=r"1/0/mu/b is uint8\(2,\), and must be bfloat16\(2,\)"):
        names["check"](tree, wide)


# Killed while saving. -----------------------------------------------------------------------------


def killed_after(folder: pathlib.Path, seconds: float) -> None:
    """A run from the last checkpoint, killed so long after it has begun to step."""
    script = [sys.executable, str(HERE / "killed.py"), str(folder)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, env=ENV) as process:
        assert process.stdout.readline() == b"ready\n"
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL  # it has not ended by itself


@pytest.mark.parametrize(
    "kills",
    [pytest.param(5, marks=pytest.mark.slow), pytest.param(45, marks=pytest.mark.exhaustive)],
)
def test_killed_while_saving(tmp_path, kills):
    """Whenever it is killed, the last complete checkpoint is a state of the run, to the bit."""
    draw, reference, steps = random.Random(kills), killed.start(), 0
    for _ in range(kills):
        killed_after(tmp_path, draw.uniform(0.2, 1.5))
        with killed.manager(tmp_path) as checkpoints:
            found = killed.restored(checkpoints)
        count = int(found["state"].count)
        assert count >= steps  # none is lost that was complete
        while steps < count:
            reference, steps = killed.step(reference), steps + 1
        chex.assert_trees_all_equal(found, reference)
        if (file := tmp_path / "run.msgpack").exists():
            by_flax = serialization.from_bytes(killed.start(), file.read_bytes())
            ahead = reference
            for _ in range(int(by_flax["state"].count) - steps):
                ahead = killed.step(ahead)
            chex.assert_trees_all_equal(by_flax, ahead)
    assert steps > 0 and file.exists()
