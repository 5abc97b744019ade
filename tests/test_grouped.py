"""Groups of parameters: each leaf is stepped on by its own transformation, and by no other."""

import chex
import equinox as eqx
import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from harness import run, run_optax

import adaptive_tx as atx
from adaptive_tx.core.paths import with_paths


def params():
    kernel, bias = jnp.full((3, 3), 0.5), jnp.full(3, 0.25)
    return {
        "embed": {"table": jnp.ones((5, 3))},
        "layer_0": {"kernel": kernel, "bias": bias},
        "layer_1": {"kernel": 2 * kernel, "bias": 3 * bias},
        "head": {"kernel": jnp.ones((3, 2))},
    }


def grads(steps=4):
    rng = np.random.RandomState(0)
    return jax.tree.map(lambda p: jnp.asarray(rng.randn(steps, *p.shape), "float32"), params())


def alone(tx, path):
    """A subtree under its own optimizer."""
    return run(tx, grads()[path], params()[path])[0]


def test_each_group_is_the_optimizer_alone():
    tx = atx.grouped(
        {"head": atx.lion(1e-2), "embed": {"learning_rate": 0.5, "weight_decay": 0.0}},
        by={"head": "^head/", "embed": "^embed/"},
        default=atx.adamw(1e-3),
    )
    updates, _ = run(tx, grads(), params())
    expected = {
        "head": alone(atx.lion(1e-2), "head"),
        "embed": alone(atx.adamw(0.5, weight_decay=0.0), "embed"),
        "layer_0": alone(atx.adamw(1e-3), "layer_0"),
        "layer_1": alone(atx.adamw(1e-3), "layer_1"),
    }
    chex.assert_trees_all_close(updates, expected, rtol=1e-6)


def test_it_equals_optax_partition():
    labels = {
        "embed": "a",
        "layer_0": {"kernel": "a", "bias": "b"},
        "layer_1": {"kernel": "a", "bias": "b"},
        "head": "b",
    }
    theirs = optax.partition({"a": optax.adam(1e-2), "b": optax.sgd(0.1)}, labels)
    ours = atx.grouped({"b": atx.sgd(0.1)}, by={"b": "bias$|^head"}, default=atx.adam(1e-2))
    with jax.numpy_dtype_promotion("standard"):
        expected, _ = run_optax(theirs, grads(), params())
    updates, _ = run(ours, grads(), params())
    chex.assert_trees_all_close(updates, expected, rtol=1e-4)


def test_a_frozen_group_keeps_nothing_and_does_not_move():
    tx = atx.grouped(
        {"body": atx.set_to_zero()}, by={"body": "^layer|^embed"}, default=atx.adam(1e-3)
    )
    state = tx.init(params())
    assert (
        sum(x.size for x in jax.tree.leaves(state)) == 2 * 6 + 3
    )  # moments of the head, and counts
    updates, _ = run(tx, grads(), params())
    assert not any(bool(jnp.any(u)) for u in jax.tree.leaves({**updates, "head": None}))


def test_a_multiplier_multiplies_updates_and_is_a_number():
    tx = atx.grouped({"slow": {"multiplier": 0.25}}, by={"slow": "^embed"}, default=atx.adamw(1e-2))
    updates, _ = run(tx, grads(), params())
    expected = jax.tree.map(lambda u: u / 4, alone(atx.adamw(1e-2), "embed"))
    chex.assert_trees_all_close(updates["embed"], expected, rtol=1e-6)
    assert tx.hyperparameters(tx.init(params()))["slow.3.multiplier"] == 0.25
    faster = tx.replace({"slow.3.multiplier": 1.0})
    plain, _ = run(atx.adamw(1e-2), grads(), params())
    chex.assert_trees_all_close(run(faster, grads(), params())[0], plain, rtol=1e-6)


def test_what_looks_at_the_tree_sees_its_group():
    tx = atx.grouped(
        {"head": atx.clip_by_global_norm(0.1)},
        by={"head": "^head"},
        default=atx.clip_by_global_norm(0.2),
    )
    updates, _ = tx.update(steps(0), tx.init(params()))
    assert optax.tree.norm(updates["head"]) == pytest.approx(0.1, rel=1e-5)
    rest = optax.tree.norm({**updates, "head": None})
    assert rest == pytest.approx(0.2, rel=1e-5)


def steps(i):
    return jax.tree.map(lambda g: g[i], grads())


def test_measured_sees_inside():
    """The quantiles of each group are those of its optimizer alone; clipping counts all entries once."""
    tx = atx.grouped(
        {"head": atx.chain(atx.clip_by_value(0.1), atx.adam(1e-3))},
        by={"head": "^head"},
        default=atx.adamw(1e-3),
    )
    seen = atx.measured(tx)
    updates, state = seen.update(steps(0), seen.init(params()), params())
    plain, _ = tx.update(steps(0), tx.init(params()), params())
    chex.assert_trees_all_equal(updates, plain)
    found = atx.metrics(state)
    rest = {k: v for k, v in params().items() if k != "head"}
    other = atx.measured(atx.adamw(1e-3))
    _, other_state = other.update({k: steps(0)[k] for k in rest}, other.init(rest), rest)
    expected = atx.metrics(other_state)
    for name in ("snr_median", "effective_step", "gradient_signal"):
        np.testing.assert_allclose(found[f"default.0.{name}"], expected[name], rtol=1e-6)
    assert found["head.1.0.effective_step"] == pytest.approx(1, rel=1e-3)
    beyond = np.abs(np.asarray(steps(0)["head"]["kernel"])) > 0.1
    np.testing.assert_allclose(found["clipped"], beyond.mean(), rtol=1e-6)


def test_guards_work_around_and_inside():
    bad = jax.tree.map(lambda g: g.at[(0,) * g.ndim].set(jnp.nan), steps(0)["head"])
    bad = {**steps(0), "head": bad}
    around = atx.guarded(
        atx.grouped({"head": atx.sgd(1.0)}, by={"head": "^head"}, default=atx.sgd(1.0))
    )
    updates, _ = around.update(bad, around.init(params()))
    assert not any(bool(jnp.any(u)) for u in jax.tree.leaves(updates))
    inside = atx.grouped(
        {"head": atx.guarded(atx.sgd(1.0))}, by={"head": "^head"}, default=atx.sgd(1.0)
    )
    updates, _ = inside.update(bad, inside.init(params()))
    assert not jnp.any(updates["head"]["kernel"]) and bool(jnp.all(updates["embed"]["table"]))


def test_a_function_may_look_at_the_array():
    tx = atx.grouped(
        {"vectors": atx.sgd(1.0)},
        by=lambda path, p: "vectors" if p.ndim < 2 else None,
        default=atx.sgd(0.0),
    )
    for given in (params(), None):
        updates, _ = tx.update(steps(0), tx.init(params()), given)
        assert bool(jnp.any(updates["layer_0"]["bias"])) and not jnp.any(
            updates["layer_0"]["kernel"]
        )


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2, name="head")(nn.Dense(3, name="body")(x))


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.body, self.head = nnx.Linear(2, 3, rngs=rngs), nnx.Linear(3, 2, rngs=rngs)


class Equinox(eqx.Module):
    body: eqx.nn.Linear
    head: eqx.nn.Linear


def haiku(x):
    return hk.Linear(2, name="head")(hk.Linear(3, name="body")(x))


def equinox():
    keys = jax.random.split(jax.random.key(0))
    return Equinox(eqx.nn.Linear(2, 3, key=keys[0]), eqx.nn.Linear(3, 2, key=keys[1]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linen().init(jax.random.key(0), jnp.ones(2))["params"],
        lambda: nnx.state(Nnx(nnx.Rngs(0)), nnx.Param),
        lambda: nnx.to_pure_dict(nnx.state(Nnx(nnx.Rngs(0)), nnx.Param)),
        lambda: eqx.filter(equinox(), eqx.is_array),
        lambda: hk.transform(haiku).init(jax.random.key(0), jnp.ones(2)),
    ],
    ids=["linen", "nnx", "nnx dict", "equinox", "haiku"],
)
def test_paths_are_alike(make):
    tree = make()
    paths = [path for path, _ in with_paths(tree)]
    assert [p.split("/")[0] for p in paths] == ["body", "body", "head", "head"]
    assert not any("value" in p for p in paths)
    tx = atx.grouped({"head": atx.sgd(1.0)}, by={"head": "^head/"}, default=atx.sgd(2.0))
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, tree), tx.init(tree))
    found = [float(u.ravel()[0]) for _, u in with_paths(updates)]
    assert found == [-2, -2, -1, -1]


def test_layerwise_decay():
    tx = atx.grouped(**atx.layerwise_decay(0.5, layers=2), default=atx.sgd(1.0))
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, params()), tx.init(params()))
    found = {path: -float(u.ravel()[0]) for path, u in with_paths(updates)}
    assert found == {
        "embed/table": 0.125,
        "head/kernel": 1,
        "layer_0/bias": 0.25,
        "layer_0/kernel": 0.25,
        "layer_1/bias": 0.5,
        "layer_1/kernel": 0.5,
    }
    by = atx.layerwise_decay(0.5, layers=12)["by"]
    paths = {
        "h/1/w": "layer_1",
        "h/11/w": "layer_11",
        "TransformerBlock_0/w": "layer_0",
        "layers_2/sublayers_1/w": "layer_2",
        "layers_0/pos_embed": "layer_0",
        "patch_0/w": None,
        "classifier_h_1/w": None,
        "unembed/w": None,
        "token_embed/w": "first",
        "wte/embedding": "first",
    }
    assert {path: by(path, jnp.ones(2)) for path in paths} == paths
    with pytest.raises(
        TypeError, match="^grouped: by must return one of 'layer_0', .*got 'layer_1'"
    ):
        atx.grouped(**atx.layerwise_decay(0.5, layers=1), default=atx.sgd(1.0)).init(params())
    with pytest.raises(ValueError, match="^layerwise_decay: factor must lie in"):
        atx.layerwise_decay(-1.0, layers=2)
    with pytest.raises(ValueError, match="^layerwise_decay: layer must have one group"):
        atx.layerwise_decay(0.5, layers=2, layer="block")
    with pytest.raises(ValueError, match=r"^grouped: the group 'layer_2' is empty"):
        atx.grouped(**atx.layerwise_decay(0.5, layers=3), default=atx.sgd(1.0)).init(params())


@pytest.mark.parametrize(
    "path, shape, decays",
    [
        ("layers_0/kernel", (3, 3), True),
        ("layers_0/bias", (3,), False),
        ("encoder/self_attention/query/bias", (12, 64), False),
        ("encoder/LayerNorm_0/scale", (2, 3), False),
        ("blocks/3/ln_1/w", (2, 3), False),
        ("blocks/ln1/w", (2, 3), False),
        ("blocks/3/bn/w", (2, 3), False),
        ("inner/kernel", (3, 3), True),
        ("kiln/kernel", (3, 3), True),
        ("biased/kernel", (3, 3), True),
        ("PreNorm_0/Dense_0/kernel", (3, 3), True),
        ("normal_head/kernel", (3, 3), True),
        ("norm1/scale", (2, 3), False),
        ("gn/scale", (2, 3), False),
        ("conv/b", (2, 3), False),
        ("wte/embedding", (5, 3), True),
    ],
)
def test_no_decay(path, shape, decays):
    assert atx.no_decay()(path, jnp.ones(shape)) == (None if decays else "no_decay")


def test_embeddings_if_asked():
    for path in ("wte/embedding", "shared/wpe", "embed/table"):
        assert atx.no_decay(embeddings=True)(path, jnp.ones((2, 3))) == "no_decay"
    assert atx.no_decay(embeddings=True)("dense/kernel", jnp.ones((2, 3))) is None


def test_masked_equals_optax_masked_and_keeps_less():
    tx = atx.masked(atx.adam(1e-2), only="kernel$")
    mask = jax.tree.map_with_path(lambda path, _: path[-1].key == "kernel", params())
    theirs = optax.masked(optax.adam(1e-2), mask)
    with jax.numpy_dtype_promotion("standard"):
        expected, _ = run_optax(theirs, grads(), params())
    for ours in (
        tx,
        atx.masked(atx.adam(1e-2), mask=mask),
        atx.masked(atx.adam(1e-2), mask=lambda _: mask),
    ):
        updates, state = run(ours, grads(), params())
        chex.assert_trees_all_close(updates, expected, rtol=1e-4)
    kernels = 9 + 9 + 6
    assert sum(x.size for x in jax.tree.leaves(tx.init(params()))) == 2 * kernels + 2


def test_what_is_outside_may_be_anything():
    """An integer table beside the weights: it is in no group that looks at it."""
    tree = {"ids": jnp.arange(3), "w": jnp.ones(2)}
    tx = atx.masked(atx.adam(1.0), only="w")
    updates, _ = tx.update({"ids": jnp.zeros(3, int), "w": jnp.ones(2)}, tx.init(tree))
    assert updates["ids"].dtype == jnp.int32 and float(updates["w"][0]) == pytest.approx(-1)


def grouped(groups, by, **default):
    return lambda: atx.grouped(groups, by=by, **default).init(params())


SGD = atx.sgd(1.0)


@pytest.mark.parametrize(
    "make, message",
    [
        (grouped({"a": SGD}, {"a": "head"}), "in no group: embed/table, .*; give default="),
        (
            grouped({"a": SGD, "b": SGD}, {"a": "head", "b": "kernel"}, default=SGD),
            r"in several groups: head/kernel \(a, b\)\.",
        ),
        (
            grouped({"a": SGD}, {"a": "tail"}, default=SGD),
            "the group 'a' is empty: 'tail' matches none of embed/table",
        ),
        (
            grouped({"a": {"beta": 1.0}}, {"a": "head"}, default=SGD),
            r"groups\['a'\]: .*no hyperparameter beta",
        ),
        (
            grouped({"a": {"learning_rate": -1.0}}, {"a": "head"}, default=SGD),
            r"groups\['a'\]: .*learning_rate must lie in",
        ),
        (grouped({"a": {"b1": 1.0}}, {"a": "head"}), r"groups\['a'\] changes numbers of default="),
        (
            grouped({"a": {"multiplier": 0.5}}, {"a": "head"}, default=atx.averaged(SGD)),
            r"groups\['a'\] has a multiplier, which averaged",
        ),
        (grouped({"a": SGD}, {"a": ["head"]}), r"by\['a'\] must be one regular expression"),
        (grouped({"a": SGD}, {"a": "("}), r"by\['a'\] must be a regular expression"),
        (grouped({"a": SGD}, {"b": "head"}), "by has no pattern for the group 'a'"),
        (grouped({"a": SGD}, {"a": "h", "b": "e"}), "by has a pattern for 'b'"),
        (grouped({"a": SGD}, "head"), "by must be a dict of regular expressions"),
        (
            grouped({"a": SGD}, lambda path, p: "z", default=SGD),
            "must return one of 'a', or None; got 'z'",
        ),
        (grouped({"a": 1.0}, {"a": "head"}), r"groups\['a'\] must be a gradient transformation"),
        (grouped({"a.b": SGD}, {"a.b": "head"}), "name must be a word"),
        (grouped([SGD], {"a": "head"}), "groups must be a dict"),
        (grouped({}, {}), "there is no group"),
        (grouped({"default": SGD}, {}, default=SGD), "not both"),
    ],
)
def test_errors(make, message):
    with pytest.raises((TypeError, ValueError), match=f"^grouped: .*{message}"):
        make()


def test_a_group_of_a_group_may_be_empty():
    """Patterns are asked of the whole tree, not of what another group has left of it."""
    inner = atx.grouped({"b": {"weight_decay": 0.0}}, by={"b": "bias$"}, default=atx.adamw(1e-3))
    tx = atx.grouped(
        {"head": {"multiplier": 0.5}}, by={"head": "^head"}, default=atx.adamw(1e-3, only="layer")
    )
    for one in (tx, atx.grouped({"head": SGD}, by={"head": "^head"}, default=inner)):
        updates, _ = one.update(steps(0), one.init(params()), params())
        assert bool(jnp.all(updates["head"]["kernel"] != 0))


def test_errors_of_masked():
    with pytest.raises(TypeError, match="^masked: give mask or only"):
        atx.masked(SGD)
    with pytest.raises(ValueError, match=r"^masked: only='\(' is no regular expression"):
        atx.masked(SGD, only="(")
    with pytest.raises(ValueError, match="^masked: only='tail' matches no path"):
        atx.masked(SGD, only="tail").init(params())


def test_a_state_of_other_groups():
    tx = atx.grouped({"a": SGD}, by={"a": "head"}, default=SGD)
    other = atx.grouped({"b": SGD}, by={"b": "head"}, default=SGD)
    with pytest.raises(
        ValueError, match="^grouped: the state has the groups b, default, not a, default"
    ):
        tx.update(steps(0), other.init(params()))


def test_decoupled_decays_take_patterns_too():
    tx = atx.chain(atx.add_decayed_weights(0.5, only="kernel$"), atx.scale_by_learning_rate(1.0))
    zeros = jax.tree.map(jnp.zeros_like, params())
    updates, _ = tx.update(zeros, tx.init(params()), params())
    assert not jnp.any(updates["layer_0"]["bias"]) and bool(
        jnp.all(updates["layer_0"]["kernel"] < 0)
    )
