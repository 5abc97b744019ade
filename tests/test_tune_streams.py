"""Streams: any iterable of batches trains as the same batches in arrays do, resumed or not."""

import threading

import chex
import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from harness import interrupted

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.tune.training import stream as streams
from adaptive_tx.tune.training.chunk import Chunk

RNG = np.random.RandomState(0)
ROWS = RNG.standard_normal((60, 4))  # float64, as loaders have it
SWEEP = tune.sweep(atx.adam, learning_rate=[0.05, 0.1, 0.2])
HOW = {"steps": 13, "points": 4, "progress": False}
START = {"w": jnp.zeros(3)}


def loss(params, batch):
    return jnp.mean((batch["x"] @ params["w"] - batch["y"]) ** 2)


def batch(rows):
    return {"x": rows[:, :3], "y": rows[:, 3]}


class Restorable:
    """An iterator that is read once, and tells where it is."""

    def __init__(self):
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        return batch(ROWS[6 * (self.at - 1) % 60 :][:6])

    def state(self):
        return {"at": self.at, "raw": b"\x00\xff"}

    def restore(self, state):
        assert state["raw"] == b"\x00\xff"
        self.at = state["at"]


class Replayed:
    """A loader of ten batches, which begins again with each `iter()`."""

    def __iter__(self):
        return (batch(ROWS[i : i + 6]) for i in range(0, 60, 6))


def of_grain():
    source = grain.MapDataset.source(ROWS).batch(6).map(batch).repeat()
    return source.to_iter_dataset()


def once():
    return (batch(ROWS[6 * i % 60 :][:6]) for i in range(100))


STREAMS = {"restorable": Restorable, "replayed": Replayed, "grain": of_grain, "once": once}


@pytest.fixture(scope="module")
def expected():
    """The same batches as rows of arrays: each step sees all of a function's."""
    table = jnp.asarray(ROWS.reshape(10, 6, 4), jnp.float32)

    def init(tx, key):
        return START, tx.init(START), jnp.int32(0)

    def step(tx, carry, nothing):

        params, state, t = carry
        value, grads = jax.value_and_grad(loss)(params, batch(table[t % 10]))
        updates, state = tx.update(grads, state, params)
        return (atx.apply_updates(params, updates), state, t + 1), {"loss": value}

    return tune.train(step=step, init=init, sweep=SWEEP, **HOW).curves["loss"]


def trained(data, **changes):
    return tune.train(loss, START, data, SWEEP, **{**HOW, **changes})


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_trains_as_its_batches_do(name, expected):
    np.testing.assert_allclose(trained(STREAMS[name]()).curves["loss"], expected, rtol=1e-4)
    assert not any(thread.name == "stream" for thread in threading.enumerate())


@pytest.mark.parametrize("name", ["restorable", "replayed", "grain"])
def test_chunks_and_sweeps_read_a_stream_again(name, expected):
    two = tune.train(
        loss, START, STREAMS[name](), {"a": SWEEP, "b": SWEEP}, at_once=2, seeds=2, **HOW
    )
    for member in range(6):
        for seed in range(2):
            np.testing.assert_allclose(
                two.curves["loss"][member, seed], expected[member % 3, 0], rtol=1e-4
            )


def test_blocks_of_any_size_change_nothing(expected, monkeypatch):
    monkeypatch.setattr(streams, "BLOCK", 2 * 6 * 4 * 4)
    np.testing.assert_allclose(trained(Replayed()).curves["loss"], expected, rtol=1e-4)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_resumed_or_says_that_it_cannot_be(name, tmp_path):
    with interrupted(Chunk, "advance", 3):
        trained(STREAMS[name](), out=tmp_path)
    if name == "once":
        with pytest.raises(
            ValueError, match=r"data, a generator, is to be read again from batch 8 on, an"
        ):
            trained(once(), out=tmp_path)
        return
    resumed = trained(STREAMS[name](), out=tmp_path)
    chex.assert_trees_all_equal(resumed.curves, trained(STREAMS[name]()).curves)


@pytest.mark.parametrize(
    ("data", "how", "message"),
    [
        (lambda: iter(()), {}, "data, a tuple_iterator, gives no batch"),
        (
            lambda: iter([batch(ROWS[:6])] * 3),
            {},
            "a list_iterator, ended after 3 batches and cannot",
        ),
        (
            lambda: iter([batch(ROWS[:6]), batch(ROWS[:4])]),
            {},
            r"batch 1 of data\['x'\] is float32\[4, 3\], the first was float32\[6, 3\]; all must be eq",
        ),
        (lambda: iter([batch(ROWS[:6]), ROWS]), {}, "batch 1 of data has another structure"),
        (
            lambda: iter([{"x": "no", "y": 0}]),
            {},
            r"batch 0 of data\['x'\] is a str, which is no array",
        ),
        (once, {"batch_size": 6}, "batch_size is for arrays; data is a stream, of batches"),
        (once, {"at_once": 2}, r"is to be read again, by each 2 members \(at_once\), and cannot"),
    ],
    ids=["empty", "short", "ragged", "structure", "words", "batch_size", "chunks"],
)
def test_a_wrong_stream_is_refused(data, how, message):
    with pytest.raises((ValueError, TypeError), match=message):
        trained(data(), **how)
    assert not any(thread.name == "stream" for thread in threading.enumerate())


def test_an_error_of_the_loader_is_raised_as_it_is():
    def broken():
        yield batch(ROWS[:6])
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        trained(broken())


def test_a_loader_may_fill_one_array_again_and_again(expected):
    """Batches are read ahead: each is copied before the next one."""

    class Filling:
        def __iter__(self):
            kept = batch(np.zeros((6, 4), np.float32))  # of jax's own dtype: no conversion copies
            for i in range(0, 60, 6):
                for name, x in batch(ROWS[i : i + 6]).items():
                    kept[name][...] = x
                yield kept

    np.testing.assert_allclose(trained(Filling()).curves["loss"], expected, rtol=1e-4)


def test_a_stream_is_the_same_for_each_training(expected):
    """One that tells where it is begins again; one that cannot is refused where it would go on."""
    data = Restorable()
    first = trained(data)
    assert data.at == 0
    again = first.confirm(top=1, seeds=1).best
    np.testing.assert_allclose(again.scores, first.scores[first.best.index], rtol=1e-5)
    with pytest.raises(ValueError, match="confirm: data is an iterator that was read; give train"):
        trained(once()).confirm(top=1, seeds=1)


def test_a_stream_that_shuffles_anew_is_refused_where_it_is_read_again():
    class Shuffling:
        rng = np.random.default_rng(0)

        def __iter__(self):
            return (batch(ROWS[self.rng.permutation(60)[:6]]) for _ in range(20))

    trained(Shuffling())
    with pytest.raises(ValueError, match="a Shuffling, gives other batches when it is read again"):
        trained(Shuffling(), at_once=2)
