"""Halving where an axis changes the shape of the rate: late starters are not dropped unseen."""

import jax.numpy as jnp
import numpy as np
import pytest

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.schedules import constant, cosine, with_warmup
from adaptive_tx.tune.sweeps.plan import plan
from adaptive_tx.tune.sweeps.shapes import Shapes, shapes, shapes_over

STEPS = 40


def warmed(peak, warmup):
    return atx.sgd(with_warmup(constant(peak), warmup))


SWEEP = tune.sweep(warmed, peak=[0.1, 0.2, 0.3, 0.4], warmup=[1, 20])


def test_shapes_are_found():
    """Height does not count, a few steps of warmup neither; the last warm-up is over at 95 %."""
    found = shapes_over(SWEEP, STEPS)
    assert found.of.tolist() == [0, 1] * 4 and found.late == 20
    assert set(shapes_over(tune.sweep(warmed, peak=[0.1, 0.9], warmup=[1, 3]), STEPS).of) == {0}
    assert shapes_over(tune.sweep(atx.adam, learning_rate=[0.1, 0.2]), STEPS).late == 0
    decays = tune.sweep(
        lambda floor, b1: atx.adam(cosine(0.1, STEPS, floor=floor), b1=b1),
        floor=[0.0, 0.05],
        b1=[0.8, 0.9],
    )
    assert shapes_over(decays, STEPS).of.tolist() == [0, 0, 1, 1]
    inside = tune.sweep(lambda w: atx.guarded(atx.chain(warmed(0.1, w))), w=[1, 20])
    assert shapes_over(inside, STEPS).of.tolist() == [0, 1]
    assert shapes(SWEEP, plan("x", STEPS, 4, None)).late == 0


def test_survivors():
    how = plan("x", 100, 10, (20, 0.5))
    two = Shapes(np.array([0, 0, 0, 0, 1, 1, 1]), 35)
    alive, losses = np.arange(7), np.array([1.0, 2, 3, 4, 50, 60, 70])
    assert two.survivors(alive, losses, how, 0).tolist() == list(range(7))  # step 20
    assert two.survivors(alive, losses, how, 1).tolist() == [0, 1, 4, 5]  # step 40
    some = np.array([1, 3, 4, 6])
    assert two.survivors(some, np.array([2.0, 1, 9, 8]), how, 2).tolist() == [3, 6]
    assert two.work(how) == 7 * 40 + 4 * 20 + 2 * 20 + 2 * 20
    one = Shapes(np.zeros(7, int), 0)
    assert one.survivors(alive, -losses, how, 0).tolist() == [3, 4, 5, 6]
    assert one.work(how) == how.work(7)


@pytest.mark.parametrize("at_once", [None, 3])
def test_a_late_starter_is_trained_to_the_end(at_once):
    """The loss of a long warm-up is far behind at step 10; its best goes to the end, and is said."""

    def loss(params, batch):
        return jnp.sum((params["w"] - 1.0) ** 2) + 0 * batch.sum()

    def train(sweep):
        data, how = np.zeros((4, 1), np.float32), {"at_once": at_once, "progress": False}
        return tune.train(
            loss, {"w": jnp.zeros(3)}, data, sweep, steps=40, halving=(10, 0.5), **how
        )

    result = train(SWEEP)
    trained = dict(zip(zip(*(c.tolist() for c in result.settings.values())), result.trained))
    late = {peak: steps for (peak, warmup), steps in trained.items() if warmup == 20}
    soon = {peak: steps for (peak, warmup), steps in trained.items() if warmup == 1}
    assert sorted(late.values()) == sorted(soon.values()) == [20, 20, 30, 40]
    assert late[0.4] == 40
    assert "there are 2: halving dropped nothing before step 20" in result.table(plain=True)
    plain = train(tune.sweep(atx.sgd, learning_rate=[0.1, 0.2, 0.3, 0.4]))
    assert sorted(plain.trained) == [10, 10, 20, 40]
    assert "shape" not in plain.table(plain=True)
