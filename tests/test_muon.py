"""Muon's family as people use it: docs/muon.md runs, recipes are their authors', stacks change nothing."""

import pathlib
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import adaptive_tx as atx

DOCS = (pathlib.Path(__file__).parent.parent / "docs/muon.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
JORDAN = ((3.4445, -4.775, 2.0315),) * 5
SHAPES = {"embed": (7, 4), "up": (4, 6), "gate": (4, 6), "down": (6, 4), "scale": (4,)}
STEPS = 20


@pytest.fixture(scope="module")
def documented():
    """What the examples of the page define, one after the other; the first prints a table."""
    names = {"__name__": "docs"}
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        for example in EXAMPLES:
            exec(example, names)
    return names


def test_the_page_runs_and_prints_what_it_says(documented, capsys):
    exec(EXAMPLES[0], dict(documented))
    printed = capsys.readouterr().out
    table = re.search(r"```\n(path .*?)```", DOCS, re.DOTALL)[1]
    assert printed == table


def trained(tx, seed=0):
    """The parameters after some steps on random gradients, in float64; and what they were, by leaf."""
    rng = np.random.RandomState(seed)
    params = {k: rng.standard_normal(s) for k, s in SHAPES.items()}
    grads = [{k: rng.standard_normal(s) for k, s in SHAPES.items()} for _ in range(STEPS)]
    with jax.enable_x64(True):
        p = jax.tree.map(jnp.asarray, params)
        state, update = tx.init(p), jax.jit(tx.update)
        for g in grads:
            u, state = update(jax.tree.map(jnp.asarray, g), state, p)
            p = atx.apply_updates(p, u)
    return params, grads, jax.device_get(p)


def looped(params, grads, step):
    """The same by a loop: `step(name, p, g, state, t)` returns the next parameter, and may change state."""
    ends = {}
    for name, p in params.items():
        state = {}
        for t, g in enumerate(grads, 1):
            p = step(name, p, g[name], state, t)
        ends[name] = p
    return ends


def adam(g, state, t, b1, b2, eps, hat):
    state["mu"] = b1 * state.get("mu", 0) + (1 - b1) * g
    state["nu"] = b2 * state.get("nu", 0) + (1 - b2) * g * g
    c1, c2 = 1 - b1**t, 1 - b2**t
    if hat:  # eps beside the uncorrected root
        return state["mu"] / (np.sqrt(state["nu"]) + eps) * np.sqrt(c2) / c1
    return state["mu"] / c1 / (np.sqrt(state["nu"] / c2) + eps)


MATRICES = ("up", "gate", "down")


def test_muon_with_an_auxiliary_adam_is_jordans():
    """As in his code: mu.lerp(g, 1 - b), g.lerp(mu, b), and max(1, out / in)^.5; decay before the step."""

    def step(name, p, g, state, t):
        if name not in MATRICES:
            return p - 3e-4 * adam(g, state, t, 0.9, 0.95, 1e-10, hat=False)
        state["mu"] = 0.95 * state.get("mu", 0) + 0.05 * g
        m = 0.05 * g + 0.95 * state["mu"]
        u = max(1, p.shape[1] / p.shape[0]) ** 0.5 * oracles.polar(m, JORDAN, 1.0, 1e-7)
        return p * (1 - 0.02 * 0.1) - 0.02 * u

    tx = atx.grouped(
        {"matrices": atx.muon(0.02, weight_decay=0.1)},
        by=atx.matrices(but="embed"),
        default=atx.adam(3e-4, b1=0.9, b2=0.95, eps=1e-10),
    )
    params, grads, ends = trained(tx)
    chex.assert_trees_all_close(ends, looped(params, grads, step), rtol=0, atol=1e-11)


def test_the_recipe_of_moonlight_is_moonlights(documented):
    def step(name, p, g, state, t):
        if name not in MATRICES:
            u = adam(g, state, t, 0.9, 0.95, 1e-8, hat=True)
            return p * (1 - 2e-3 * 0.1) - 2e-3 * u
        state["mu"] = 0.95 * state.get("mu", 0) + g
        x = oracles.polar(g + 0.95 * state["mu"], JORDAN, 1.0, 1e-7)
        return p * (1 - 2e-3 * 0.1) - 2e-3 * 0.2 * max(p.shape) ** 0.5 * x

    params, grads, ends = trained(documented["moonlight"](2e-3, but="embed"))
    chex.assert_trees_all_close(ends, looped(params, grads, step), rtol=0, atol=1e-11)


def test_normuon_is_its_authors():
    """In their code weights are (out, in): here the transposes are."""

    def step(name, p, g, state, t):
        if name not in MATRICES:
            return p
        p, g = p.T, g.T
        state["mu"] = 0.95 * state.get("mu", 0) + 0.05 * g
        x = oracles.polar(0.05 * g + 0.95 * state["mu"], JORDAN, 1.0, 1e-7)
        before = np.linalg.norm(x)
        state["nu"] = 0.9 * state.get("nu", 0) + 0.1 * np.mean(x * x, axis=-1, keepdims=True)
        x = x / (np.sqrt(state["nu"]) + 1e-10)
        x = x * before / (np.linalg.norm(x) + 1e-10) * max(1, g.shape[0] / g.shape[1]) ** 0.5
        return (p * (1 - 0.02 * 0.1) - 0.02 * x).T

    tx = atx.grouped(
        {"matrices": atx.normuon(0.02, b2=0.9, weight_decay=0.1)},
        by=atx.matrices(but="embed"),
        default=atx.set_to_zero(),
    )
    params, grads, ends = trained(tx)
    chex.assert_trees_all_close(ends, looped(params, grads, step), rtol=0, atol=1e-11)


def test_scion_is_its_authors():
    """Constrained: p (1 - lr) - lr scale lmo(m), m <- (1 - .1) m + .1 g."""

    def step(name, p, g, state, t):
        state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
        m = state["m"]
        if name == "embed":
            u = m / (np.sqrt(np.mean(m * m, axis=1, keepdims=True)) + 1e-8)
        elif name in MATRICES:
            u = (p.shape[1] / p.shape[0]) ** 0.5 * oracles.polar(m, JORDAN, 1.0, 1e-7)
        else:
            u = m / (np.sqrt(np.mean(m * m)) + 1e-8)
        return p * (1 - 0.01) - 0.01 * 50 * u

    tx = atx.grouped(
        {"matrices": atx.scion(0.01), "embed": atx.scion(0.01, norm="inputs")},
        by=lambda path, p: "embed" if path == "embed" else atx.matrices(but=None)(path, p),
        default=atx.scion(0.01, norm="rms"),
    )
    params, grads, ends = trained(tx)
    chex.assert_trees_all_close(ends, looped(params, grads, step), rtol=0, atol=1e-10)


# From the tables of what the polynomials do to singular values, measured on a grid of 1,000 of them.
ENDS = {
    "jordan": (0.68, 1.13, 0.47, 1.20),
    "polar_express": (0.86, 1.14, 0.85, 1.14),
    "deepseek": (0.999, 1.001, 0.999, 1.001),
    "converged": (0.999, 1.001, 0.999, 1.001),
}


@pytest.mark.parametrize("name", ENDS)
def test_where_singular_values_end(name):
    """Of diagonal matrices of norm 1: from [0.01, 1] and from [0.001, 1]."""
    low, high, lower, higher = ENDS[name]
    tx = atx.orthogonalize(coefficients=name, eps=1e-30)
    for least, bounds in ((0.01, (low, high)), (0.001, (lower, higher))):
        values = np.geomspace(least, 1, 60)
        rest = np.sqrt(np.maximum(1 - values**2, 0))  # the other singular value, for a norm of 1
        grads = {
            f"{i:02d}": jnp.diag(jnp.array([s, r])) for i, (s, r) in enumerate(zip(values, rest))
        }
        directions, _ = tx.update(grads, tx.init(grads))
        ends = np.array([d[0, 0] for d in directions.values()])
        assert bounds[0] - 0.01 < ends.min() and ends.max() < bounds[1] + 0.01, (
            ends.min(),
            ends.max(),
        )
        assert abs(ends.min() - bounds[0]) < 0.02 and abs(ends.max() - bounds[1]) < 0.02


def grads_of(shapes, seed=0):
    rng = np.random.RandomState(seed)
    return {k: jnp.asarray(rng.standard_normal(s), jnp.float32) for k, s in shapes.items()}


def test_stacks_change_nothing():
    """Equal matrices of several leaves, scanned layers among them, are as each alone."""
    grads = grads_of({"a": (4, 6), "b": (4, 6), "c": (6, 4), "s": (3, 4, 6), "t": (2, 2, 6, 4)})
    tx = atx.orthogonalize(axes="last_two")
    together, _ = jax.jit(tx.update)(grads, tx.init(grads))
    for name, g in grads.items():
        matrices = g.reshape(-1, *g.shape[-2:])
        alone = [tx.update(m, tx.init(m))[0] for m in matrices]
        chex.assert_trees_all_close(
            together[name], jnp.stack(alone).reshape(g.shape), rtol=0, atol=2e-6
        )


def test_one_stack_of_each_size():
    """The iteration is in the program once for each size, however many leaves there are."""
    grads = grads_of({f"{i}": (4, 6) for i in range(6)} | {"c": (6, 4), "d": (5, 5)})
    tx = atx.orthogonalize()
    text = jax.jit(tx.update).lower(grads, tx.init(grads)).as_text()
    assert text.count("stablehlo.dot_general") == 3 * 5 * 3  # sizes, iterations, products
    (stacks,) = [set(re.findall(r"tensor<(\d)x\d+x\d+xf32>", text))]
    assert {"1", "6"} <= stacks


AXES = {
    "attention's queries": ((6, 2, 3), "first_in", (6, 6)),
    "attention's output": ((2, 3, 4), "last_out", (6, 4)),
    "a convolution": ((3, 3, 2, 5), "last_out", (18, 5)),
}


@pytest.mark.parametrize("what", AXES)
def test_axes(what):
    shape, axes, matrix = AXES[what]
    grads = grads_of({"w": shape})
    tx, plain = atx.muon(0.02, axes=axes), atx.muon(0.02)
    found, _ = tx.update(grads, tx.init(grads), grads)
    flat = {"w": grads["w"].reshape(matrix)}
    wanted, _ = plain.update(flat, plain.init(flat), flat)
    chex.assert_trees_all_close(found["w"], wanted["w"].reshape(shape), rtol=0, atol=1e-7)


def test_torchs_weights_and_heads():
    """(out, in) is the transpose, and head by head is each head's matrix."""
    grads = grads_of({"w": (4, 6)})
    tx, plain = atx.muon(0.02, axes=lambda path, p: ((1,), (0,))), atx.muon(0.02)
    turned = {"w": grads["w"].T}
    found, wanted = (t.update(g, t.init(g))[0]["w"] for t, g in ((tx, grads), (plain, turned)))
    chex.assert_trees_all_close(found, wanted.T, rtol=0, atol=1e-7)
    grads = grads_of({"q": (6, 2, 3)})
    tx = atx.normuon(0.02, axes=lambda path, p: ((0,), (2,)))
    found, state = tx.update(grads, tx.init(grads))
    assert state[2].nu["q"].shape == (2, 1, 3)
    for head in range(2):
        one = {"q": grads["q"][:, head]}
        wanted, _ = atx.normuon(0.02).update(one, atx.normuon(0.02).init(one))
        chex.assert_trees_all_close(found["q"][:, head], wanted["q"], rtol=0, atol=1e-6)


def test_axes_in_any_order():
    """Outputs first, inputs last, and what counts between them: an order that is not its own inverse."""
    grads = grads_of({"w": (4, 2, 6)})
    tx, plain = atx.muon(0.02, axes=lambda path, p: ((2,), (0,))), atx.muon(0.02)
    found, _ = tx.update(grads, tx.init(grads))
    for i in range(2):
        one = {"w": grads["w"][:, i].T}
        wanted, _ = plain.update(one, plain.init(one))
        chex.assert_trees_all_close(found["w"][:, i], wanted["w"].T, rtol=0, atol=1e-6)


def test_weights_of_equinox_and_torch():
    """The axes of the page, given to both, are those of the transposed weights, and leave biases out."""
    axes = eval(re.search(r"torch: .*`(lambda.*?)`", DOCS)[1])
    g = {"w": jnp.asarray(np.random.RandomState(0).standard_normal((5, 3)), jnp.float32)}
    g["b"] = jnp.ones(5)
    by = atx.matrices(but=None, axes=axes)
    tx = atx.grouped({"matrices": atx.muon(0.1, axes=axes)}, by=by, default=atx.sgd(0.2))
    found = tx.update(g, tx.init(g))[0]
    alone = atx.muon(0.1)
    wanted = alone.update(g["w"].T, alone.init(g["w"].T))[0].T
    chex.assert_trees_all_close(found, {"w": wanted, "b": jnp.full(5, -0.2)}, atol=1e-6)


def test_what_is_no_matrix_is_named():
    params = {"layer": {"bias": jnp.ones(3)}, "embed": jnp.ones((3, 2))}
    with pytest.raises(
        ValueError, match=r"orthogonalize: params\['layer'\]\['bias'\], of shape \(3,\), is no"
    ):
        atx.muon(0.1).init(params)
    with pytest.raises(
        TypeError, match=r"^matrices: but must be a regular expression or None, got \['"
    ):
        atx.matrices(but=["embed", "head"])  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        ValueError, match=r"^matrices: but='embed\(' is no regular expression: missing"
    ):
        atx.matrices(but="embed(")
    router = atx.matrices(but="embedd")
    tx = atx.grouped({"matrices": atx.muon(0.1)}, by=router, default=atx.adam(0.1))
    with pytest.raises(
        ValueError, match="matrices: but='embedd' is found in no path of embed, layer/bias"
    ):
        tx.init(params)
    for axes, kind, what in (
        (lambda path, p: ((0,), (0,)), ValueError, "are not 2 axes"),
        (lambda path, p: "rows", TypeError, "must be one of 'matrices'"),
        (lambda path, p: ((), (0,)), TypeError, "must be one of 'matrices'"),
    ):
        with pytest.raises(kind, match=rf"orthogonalize: axes, at params\['embed'\].*{what}"):
            atx.orthogonalize(axes=axes).init({"embed": params["embed"]})
    with pytest.raises(ValueError, match="orthogonalize: axes must be one of matrices, last_two"):
        atx.orthogonalize(axes="rows")
    with pytest.raises(ValueError, match="orthogonalize: coefficients must be one of 'jordan'"):
        atx.orthogonalize(coefficients=[(1.0, 2.0)])
    with pytest.raises(TypeError, match="stack_sharding must be a NamedSharding"):
        atx.orthogonalize(stack_sharding="data")


def test_low_precision_is_near():
    """In bfloat16 a step is some per cent of its norm away, and no more."""
    grads = grads_of({"w": (32, 64)})
    exact, rounded = (
        tx.update(grads, tx.init(grads))[0]["w"]
        for tx in (atx.orthogonalize(), atx.orthogonalize(precision="bfloat16"))
    )
    off = float(jnp.linalg.norm(exact - rounded) / jnp.linalg.norm(exact))
    assert 1e-3 < off < 0.06
