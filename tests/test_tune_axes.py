"""What can be an axis: even in log(1 - b), integers, categories, numbers in wrappers; and what cannot."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.schedules import constant, linear, with_warmup
from adaptive_tx.tune.sweeps.forms import axis
from adaptive_tx.tune.training.chunk import Chunk

DATA = np.random.default_rng(0).standard_normal((16, 3)).astype(np.float32)
PARAMS = {"w": jnp.ones(3), "v": jnp.full(2, 0.5)}
HOW = {"steps": 6, "batch_size": 4, "progress": False, "evaluate": lambda p: loss(p, DATA)}


def loss(params, batch):
    return jnp.mean((batch @ params["w"] - 1) ** 2) + jnp.sum(params["v"] ** 2)


def trained(sweep, **how):
    return tune.train(loss, PARAMS, DATA, sweep, **{**HOW, **how})


# Ranges. -----------------------------------------------------------------------------------------


def test_even_in_the_logarithm_of_the_distance_from_one():
    four = tune.sweep(atx.adam, learning_rate=0.1, b2=tune.log_one_minus(0.9, 0.9999, 4))
    assert four.settings["b2"].tolist() == [0.9, 0.99, 0.999, 0.9999]
    close = tune.log_one_minus(0.99999, 0.9999999, 5).grid("", "")
    np.testing.assert_allclose(np.diff(np.log([1 - b for b in close])), -np.log(100) / 4, rtol=1e-3)
    assert close[2] == 0.999999 and len(set(close)) == 5
    drawn = tune.random(400, b2=tune.log_one_minus(0.0, 0.9999)).columns["b2"]
    far = np.log10([1 - b for b in drawn])
    assert -4 <= far.min() < -3.9 and -0.1 < far.max() <= 0
    np.testing.assert_allclose(far.mean(), -2, atol=0.2)
    assert max(len(repr(b)) for b in drawn) <= 12, "digits that mean nothing"
    assert axis("b2=0.9:0.9999:4:log_one_minus").values == tune.log_one_minus(0.9, 0.9999, 4)
    assert repr(tune.log_one_minus(0.9, 0.9999, 4)) == "log_one_minus(0.9, 0.9999, 4)"


def test_integers():
    assert tune.integers(0, 10, 5).grid("", "") == [0, 2, 5, 8, 10]
    assert tune.integers(1, 5, 20, log=True).grid("", "") == [1, 2, 3, 4, 5]
    drawn = tune.random(4000, n=tune.integers(1, 4), m=tune.integers(1, 1000, log=True)).columns
    assert all(type(n) is int for n in (*drawn["n"], *drawn["m"]))
    counts = np.bincount(drawn["n"])
    assert counts[0] == 0 and (abs(counts[1:] - 1000) < 120).all(), "each is as likely"
    assert np.median(drawn["m"]) < 60 and max(drawn["m"]) <= 1000
    assert axis("learning_rate=1:9:3:integers").values == tune.integers(1, 9, 3)
    assert repr(tune.integers(1, 9, 3, log=True)) == "integers(1, 9, 3, log=True)"

    def make(peak, warmup):
        assert type(warmup) is int
        return atx.sgd(with_warmup(constant(peak), warmup))

    sweep = tune.sweep(make, peak=[0.1], warmup=tune.integers(1, 4, 4))
    result = trained(sweep)
    assert type(result.best.settings["warmup"]) is int
    assert result.best.tx == make(**result.best.settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tune.log_one_minus(0.9, 1.0, 3), r"log_one_minus: high must lie in \[0, 1\)"),
        (lambda: tune.log_one_minus(0.99, 0.9), "low must be below high, got 0.99 and 0.9"),
        (lambda: tune.integers(0, 9, log=True), "integers: low must be at least 1, got 0"),
        (lambda: tune.integers(3, 3), "integers: high must be at least 4, got 3"),
        (lambda: tune.integers(0, 9, 1), "count must be at least 2"),
        (lambda: axis("b=0.5:9:integers"), "integers go from one integer to another, got 0.5"),
    ],
)
def test_a_wrong_range_is_refused(make, message):
    with pytest.raises(Exception, match=message):
        make()


# Categories. -------------------------------------------------------------------------------------


def momentum(learning_rate, nesterov, below):
    trace = (atx.trace_nesterov if nesterov else atx.trace)(decay=0.9)
    last = {"norm": [atx.clip_by_global_norm(1.0)], None: []}[below]
    return atx.chain(*last, trace, atx.sgd(learning_rate))


@pytest.fixture(scope="module")
def categories():
    return tune.sweep(
        momentum, learning_rate=[0.01, 0.1], nesterov=[True, False], below=["norm", None]
    )


def test_categories_are_sweeps_of_their_own(categories, monkeypatch, tmp_path):
    """One program for each, and the same numbers as by hand; words in tables and files."""
    assert len(categories) == 8 and len(categories.parts) == 4
    rows = [categories.setting(i) for i in range(8)]
    assert {(row["nesterov"], row["below"]) for row in rows} == {
        (nesterov, below) for nesterov in (True, False) for below in ("norm", None)
    }
    assert all(categories[i] == momentum(**rows[i]) for i in range(8))
    assert repr(categories).startswith("<sweep of 8 x momentum: learning_rate=2 values; 4 programs")
    made = []
    real = Chunk.__init__
    monkeypatch.setattr(
        Chunk, "__init__", lambda self, *args: made.append(len(args[2])) or real(self, *args)
    )
    result = trained(categories)
    assert made == [2, 2, 2, 2]
    assert "momentum, nesterov=True, below=norm" in result.sweeps
    best = result.best
    assert best.tx == momentum(**best.settings) and type(best.settings["nesterov"]) is bool
    alone = trained(tune.sweep(lambda learning_rate: momentum(learning_rate, False, None),
                               learning_rate=[0.01, 0.1]))  # fmt: skip
    of = [i for i, name in enumerate(result.names) if name.endswith("nesterov=False, below=None")]
    np.testing.assert_allclose(result.scores[of], alone.scores, rtol=1e-6)
    head, *lines = result.table(plain=True).splitlines()
    assert head.split()[:4] == ["optimizer", "nesterov", "below", "learning_rate"]
    assert sum("norm" in line.split("=norm")[-1] for line in lines) == 4
    result.to_csv(tmp_path / "a.csv")
    assert "nesterov,below,learning_rate" in (tmp_path / "a.csv").read_text()
    kept = json.loads(json.dumps(result.to_dict()))["members"]
    assert {one["settings"]["below"] for one in kept} == {"norm", None}
    result.plot().canvas.draw()


def test_functions_and_integers_that_change_the_parts():
    """Optimizers as an axis, and a setting that is a number: a program for each."""
    sweep = tune.sweep(
        lambda optimizer, rate: optimizer(rate), optimizer=[atx.sgd, atx.adam], rate=[0.1, 0.2]
    )
    assert list(sweep.parts) == [", optimizer=sgd", ", optimizer=adam"]
    assert sweep[0] == atx.sgd(0.1) and sweep[3] == atx.adam(0.2)
    bits = tune.sweep(lambda bits: atx.stored(atx.adam(0.1), bits), bits=[8, 16])
    assert list(bits.parts) == [", bits=8", ", bits=16"] and bits.setting(1) == {"bits": 16}
    schedules = tune.sweep(lambda rate: atx.sgd(rate), rate=[constant(0.1), linear(0.1, 0.0, 5)])
    assert schedules[1] == atx.sgd(linear(0.1, 0.0, 5))
    drawn = tune.random(20, nesterov=[True, False], learning_rate=tune.log_uniform(0.01, 0.1))
    mixed = tune.sweep(momentum, drawn, below=[None])
    assert [len(part) for part in mixed.parts.values()] == [
        sum(drawn.columns["nesterov"]),
        20 - sum(drawn.columns["nesterov"]),
    ] or drawn.columns["nesterov"][0] is False
    with pytest.raises(ValueError, match="nesterov has the same value twice"):
        tune.sweep(momentum, learning_rate=0.1, below=[None], nesterov=[True, True])
    with pytest.raises(ValueError, match="give the same optimizer"):
        tune.sweep(lambda rate, what: atx.sgd(rate), rate=0.1, what=["a", "b"])


# Numbers inside wrappers. ------------------------------------------------------------------------

WRAPPED = {
    "grouped": lambda x: atx.grouped({"w": atx.sgd(x)}, by={"w": "w"}, default=atx.adam(0.1)),
    "masked": lambda x: atx.chain(atx.masked(atx.scale_by_adam(b1=x), only="w"), atx.sgd(0.1)),
    "accumulated": lambda x: atx.accumulated(atx.adam(x), every=2),
    "schedule_free": lambda x: atx.schedule_free(atx.scale_by_adam(), x),
    "rounded": lambda x: atx.rounded(atx.adam(x)),
    "stored": lambda x: atx.stored(atx.adam(x), 16),
    "lookahead": lambda x: atx.lookahead(atx.adam(0.1), every=2, pull=x),
    "guarded": lambda x: atx.guarded(atx.adam(x)),
    "measured": lambda x: atx.measured(atx.adam(x)),
    "averaged": lambda x: atx.averaged(atx.adam(0.1), decay=x),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_numbers_inside_wrappers_are_swept(name):
    """One program for both, and one of them as by itself."""
    make = WRAPPED[name]
    sweep = tune.sweep(make, x=[0.1, 0.4])
    assert list(sweep.parts) == [""]
    result = trained(sweep)
    alone = trained(tune.sweep(make, x=[0.4]))
    np.testing.assert_allclose(result.curves["loss"][1], alone.curves["loss"][0], rtol=2e-5)
    np.testing.assert_allclose(result.scores[1], alone.scores[0], rtol=2e-5)
    assert not np.allclose(*result.scores, rtol=1e-3)


HIDDEN = {
    "masked": (lambda x: optax.masked(atx.adam(x), True), "adaptive_tx.masked"),
    "MultiSteps": (lambda x: optax.MultiSteps(atx.adam(x), 2), "adaptive_tx.accumulated"),
    "chain": (lambda x: optax.chain(atx.adam(x)), "adaptive_tx.chain"),
    "partition": (
        lambda x: optax.partition({"a": atx.adam(x)}, lambda p: "a"),
        "adaptive_tx.grouped",
    ),
    "apply_if_finite": (lambda x: optax.apply_if_finite(atx.adam(x), 3), "adaptive_tx.guarded"),
    "lookahead": (lambda x: optax.lookahead(atx.adam(x), 2, 0.5), "adaptive_tx.lookahead"),
    "flatten": (lambda x: optax.flatten(atx.adam(x)), "use transformations of adaptive_tx"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_closure_of_optax_is_named_and_ours_in_its_place(name):
    make, ours = HIDDEN[name]
    for whole in (make, lambda x: atx.chain(atx.clip_by_global_norm(1.0), make(x))):
        with pytest.raises((ValueError, TypeError)) as caught:
            tune.sweep(whole, x=[0.1, 0.2])
        assert f"hidden in the closure of optax.{name}" in str(caught.value)
        assert ours in str(caught.value)


def test_what_is_no_axis_says_what_to_write():
    with pytest.raises(TypeError, match=r"batch_size; .*\{n: train\(.*batch_size=n\) for n in"):
        tune.sweep(atx.adam, learning_rate=[0.1], batch_size=[32, 64])
    with pytest.raises(TypeError, match=r'dict of sweeps, train\(.*\{"adam": sweep\(adam'):
        tune.sweep(atx.adam, learning_rate=[0.1], optimizer=["adam", "lion"])


def test_parts_of_optax_beside_the_axis_are_no_programs_of_their_own():
    """Made anew for each row, they are equal to themselves alone; the numbers of ours are swept."""
    sweep = tune.sweep(lambda x: atx.chain(optax.clip(1.0), atx.adam(x)), x=[0.1, 0.2, 0.3])
    assert list(sweep.parts) == [""] and jax.tree.leaves(sweep.tx)[-1].shape == (3,)
