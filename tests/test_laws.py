"""The laws (DESIGN, section 3), each over the whole catalogue."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from catalogue import CATALOGUE, CLIPPING, DECAY, OPTIMIZERS, RULES, WRAPPED
from harness import DTYPES, constant, finite, run, run_optax, steps_of, tree, update_of

import adaptive_tx as atx
from adaptive_tx.core import numerics
from adaptive_tx.scale_by import radam

every = pytest.mark.parametrize("row", CATALOGUE, ids=str)
pytestmark = pytest.mark.filterwarnings("error")


def described(values):
    """Structure, shapes, dtypes and weak types."""
    return jax.tree.map(lambda x: (x.shape, x.dtype, getattr(x, "weak_type", False)), values)


def laws_of_layout(row, grad_dtype, param_dtype):
    """Laws 1 and 2, by shape inference alone."""
    tx, params, grads = row(), tree(0, param_dtype), tree(1, grad_dtype)
    state = jax.eval_shape(tx.init, params)
    direction, new_state = jax.eval_shape(update_of(tx), grads, state, params)
    assert described(state) == described(new_state)
    chex.assert_trees_all_equal_shapes_and_dtypes(direction, grads)


@every
def test_1_state_is_a_fixed_point_and_2_a_direction_is_like_its_gradient(row):
    for grad_dtype in DTYPES:
        for param_dtype in DTYPES:
            laws_of_layout(row, grad_dtype, param_dtype)


@every
def test_1_and_2_in_float64(row):
    with jax.enable_x64(True):
        laws_of_layout(row, "float64", "float64")
        laws_of_layout(row, "float32", "float64")


@every
def test_3_arithmetic_and_moments_are_float32(row):
    """Small gradients give, to the bit, the state of the same numbers in float32, and its directions.

    In a chain each part rounds its direction to the gradients' dtype, so there they differ by that; in
    a wrapper's state too.
    """
    for dtype in DTYPES[:2]:
        grads, params = tree(1, dtype, steps=3), tree(0, dtype)
        wide = jax.tree.map(lambda x: x.astype(jnp.float32), (grads, params))
        directions, state = run(row(), grads, params)
        wide_directions, wide_state = run(row(), *wide)
        eps = 3 * float(jnp.finfo(dtype).eps) if row in [*OPTIMIZERS, *WRAPPED] else 0.0
        in_state = eps if row in WRAPPED else 1e-6 if row.sums_leaves else 0.0
        chex.assert_trees_all_close(state, wide_state, rtol=in_state, atol=in_state / 100)
        narrowed = jax.tree.map(lambda x, like: x.astype(like.dtype), wide_directions, directions)
        chex.assert_trees_all_close(directions, narrowed, rtol=eps, atol=eps / 100)


def runs(tx, grads, params):
    """Several runs side by side: gradients with one more axis in front."""
    return jax.jit(jax.vmap(run, in_axes=(None, 0, None)))(tx, grads, params)


def stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@every
def test_4_finite_in_finite_out(row):
    def shocked(size):
        return jax.tree.map(lambda g: g.at[:3].set(size), tree(1, steps=20))

    with jax.debug_nans(True):
        assert finite(runs(row(), stacked(map(shocked, [0.0, 1e30, -1e30, 1e-30])), tree(0)))


@every
def test_4_finite_in_finite_out_in_float16(row):
    sizes = [0.0, 65504.0, -65504.0, 6e-8]
    grads = stacked(constant(size, "float16", steps=5) for size in sizes)
    with jax.debug_nans(True):
        assert finite(runs(row(), grads, tree(0, "float16")))


@every
def test_4_a_direction_recovers(row):
    """After a huge gradient and 300 usual ones, it is as if the huge one had not been."""
    if row.recovers is None:
        assert row.unrecovered
        pytest.skip(row.unrecovered)
    usual = tree(1, steps=301)
    shocked = jax.tree.map(lambda g: g.at[0].set(1e30), usual)
    tx = row(**row.recovers)
    after, _ = run(tx, shocked, tree(0))
    without, _ = run(tx, usual, tree(0))
    chex.assert_trees_all_close(steps_of(after, -1), steps_of(without, -1), rtol=1e-5, atol=1e-7)


SCALES = [1.0, 1e18, 1e30, 3e38]
SPIKES = [1e6, 1e30, -3e38]


@every
def test_4_a_direction_is_no_larger_for_large_gradients(row):
    """60 steps at any scale, or with one spike of any size: as large as at scale 1, or with a small one."""
    numbers = row.scale_free if row.bounded is None else row.bounded
    if numbers is None:
        pytest.skip("its directions grow with the gradients")
    usual = tree(1, steps=60)
    at_scale = [jax.tree.map(lambda g: size * jnp.sign(g), usual) for size in SCALES]  # noqa: B023
    with_spike = [jax.tree.map(lambda g: g.at[10].set(size), usual) for size in SPIKES]  # noqa: B023
    with jax.debug_nans(True):
        found = runs(row(**numbers), stacked([*at_scale, *with_spike]), tree(0))
    assert finite(found)
    sizes = [jnp.max(jnp.abs(d), axis=range(1, d.ndim)) for d in jax.tree.leaves(found[0])]
    largest = np.max(sizes, axis=0)
    assert all(largest[:4] <= 1.01 * largest[0]), largest
    assert all(largest[4:] <= 1.01 * largest[4]), largest


@every
def test_4_zero_gradients_at_the_smallest_eps(row):
    if "eps" not in row.numbers:
        pytest.skip("has no eps")
    zeros = stacked(constant(0.0, steps=2) for _ in range(4))
    eps = jnp.array([1.2e-38, 5e-38, 1e-37, 1e-36])
    txs = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(row(eps=float(x)) for x in eps))
    assert finite(jax.jit(jax.vmap(run, in_axes=(0, 0, None)))(txs, zeros, tree(0)))
    closed_over, _ = run_optax(row(eps=1.2e-38), steps_of(zeros, 0), tree(0))
    assert finite(closed_over)


EDGES = [{"b1": 0.0}, {"b1": 0.0, "b2": 0.0, "eps": 1e-16}]
AT_EDGES = [
    pytest.param(row, {k: v for k, v in edge.items() if k in row.numbers}, id=f"{row}-{i}")
    for row in CATALOGUE
    for i, edge in enumerate([{}, *(EDGES if "b1" in row.numbers else [])])
]


@pytest.mark.parametrize("row, changes", AT_EDGES)
def test_5_differentiable(row, changes):
    """In every gradient and every number; where all gradients are zero, too."""
    grads = stacked([tree(1, steps=3), constant(0.0, steps=3)])

    def total(tx, grads):
        directions, _ = run(tx, grads, tree(0))
        return sum(jnp.sum(jnp.sin(d)) for d in jax.tree.leaves(directions))

    slopes = jax.vmap(jax.grad(total, argnums=(0, 1)), in_axes=(None, 0))
    with jax.debug_nans(True):
        assert finite(jax.jit(slopes)(row(**changes), grads))


@every
def test_6_jit_equals_eager(row):
    tx, grads, params = row(), tree(1), tree(0)
    state = tx.init(params)
    eager = update_of(tx)(grads, state, params)
    compiled = jax.jit(update_of(tx))(grads, state, params)
    chex.assert_trees_all_close(eager, compiled, rtol=1e-6, atol=1e-7)


@every
def test_6_one_trace(row):
    chex.clear_trace_counter()
    tx, grads, params = row(), tree(1), tree(0)

    @jax.jit
    @chex.assert_max_traces(n=1)
    def step(state, grads, params):
        return update_of(tx)(grads, state, params)[1]

    state = tx.init(params)
    for _ in range(3):
        state = step(state, grads, params)


@every
def test_6_scan_equals_calls(row):
    tx, grads, params = (
        row(**row.exact()),
        tree(1, steps=4),
        tree(0),
    )  # passed and closed over: law 7
    directions, last = run(tx, grads, params)
    state, update = tx.init(params), jax.jit(update_of(tx))
    for i, g in enumerate(steps_of(grads)):
        direction, state = update(g, state, params)
        chex.assert_trees_all_close(direction, steps_of(directions, i), rtol=1e-6, atol=1e-7)
    chex.assert_trees_all_close(state, last, rtol=1e-6, atol=1e-7)


@every
def test_6_vmap_equals_a_loop(row):
    """Over models: one optimizer, a batch of parameters and gradients."""
    tx, grads, params = row(), tree(1, steps=3), tree(0, steps=3)
    state = jax.vmap(tx.init)(params)
    batch = jax.vmap(update_of(tx))(grads, state, params)
    for i, g in enumerate(steps_of(grads)):
        p = steps_of(params, i)
        alone = jax.jit(update_of(tx))(g, tx.init(p), p)
        chex.assert_trees_all_close(steps_of(batch, i), alone, rtol=1e-6, atol=1e-7)


@every
def test_6_a_leaf_alone_equals_it_in_a_tree(row):
    if not row.leafwise:
        pytest.skip("looks at the whole tree")
    tx, grads, params = row(), tree(1, steps=4), tree(0)
    together, _ = run(tx, grads, params)
    alone, _ = run(tx, grads["enc"], params["enc"])
    chex.assert_trees_all_equal(together["enc"], alone)


@every
def test_7_closed_over_passed_or_traced(row):
    """However its numbers come to it, a transformation gives the same ones, if float32 has them exactly.

    Closed over or passed, to the bit, but where the catalogue says why not; mapped over, XLA computes
    in another order.
    """
    tx, grads, params = row(**row.exact()), tree(1, steps=10), tree(0)
    passed = run(tx, grads, params)
    closed_over = run_optax(tx, grads, params)
    batch = jax.tree.map(lambda x: jnp.stack([jnp.float32(x)] * 2), tx)
    traced = jax.tree.map(
        lambda x: x[1], jax.jit(jax.vmap(run, in_axes=(0, None, None)))(batch, grads, params)
    )
    if row.last_bit:
        chex.assert_trees_all_close(passed, closed_over, rtol=1e-6, atol=1e-7)
    else:
        chex.assert_trees_all_equal(passed, closed_over)
    chex.assert_trees_all_close(passed, traced, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "row", [row for row in RULES if {"b1", "b2", "decay"} & {*row.numbers}], ids=str
)
def test_7_of_other_decay_rates_what_is_passed_is_what_float32_has_of_them(row):
    """Closed over, 1 - b is exact; passed, it is off by up to 6e-8 / (1 - b)."""
    tx, grads, params = row(), tree(1, steps=10), tree(0)
    least = min(1 - row.numbers[name] for name in ("b1", "b2", "decay") if name in row.numbers)
    directions = run(tx, grads, params)[0], run_optax(tx, grads, params)[0]
    chex.assert_trees_all_close(*directions, rtol=6e-8 / least, atol=1e-6)


@every
def test_8_sign(row):
    """Everything turned around, the direction turns around."""
    grads, params = tree(1, steps=5), tree(0)
    turned = jax.tree.map(jnp.negative, (grads, params))
    directions, _ = run(row(), grads, params)
    opposite, _ = run(row(), *turned)
    chex.assert_trees_all_equal(directions, jax.tree.map(jnp.negative, opposite))


@every
def test_8_rescaled_gradients(row):
    if row.scale_free is None:
        pytest.skip("not claimed")
    tx, grads, params = row(**row.scale_free), tree(1, steps=5), tree(0)
    larger = jax.tree.map(lambda g: 64 * g, grads)
    chex.assert_trees_all_close(
        run(tx, grads, params)[0], run(tx, larger, params)[0], rtol=1e-5, atol=1e-7
    )


def expected(row, grads, params, **changes):
    """The oracle's directions for stacked gradients."""
    arguments = {**row.numbers, **row.settings, **changes}
    flat, structure = jax.tree.flatten(grads)
    if not row.leafwise:
        columns = zip(*row.oracle(list(zip(*map(np.asarray, flat))), **arguments))
    else:
        n = len(flat[0])
        ps = [np.broadcast_to(np.asarray(p), (n, *p.shape)) for p in jax.tree.leaves(params)]
        pairs = zip(map(np.asarray, flat), ps)
        columns = (row.oracle(list(g), list(p), **arguments) for g, p in pairs)
    return structure.unflatten([np.stack(column) for column in columns])


with_oracle = pytest.mark.parametrize("row", [*RULES, *CLIPPING, *DECAY], ids=str)


@with_oracle
@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-5), ("complex64", 2e-5)])
def test_9_equals_the_paper(row, dtype, rtol):
    grads, params = tree(1, dtype, steps=50), tree(0, dtype)
    directions, _ = run(row(), grads, params)
    chex.assert_trees_all_close(directions, expected(row, grads, params), rtol=rtol, atol=2e-6)


@with_oracle
def test_9_equals_the_paper_in_float64(row):
    with jax.enable_x64(True):
        grads, params = tree(1, "float64", steps=50), tree(0, "float64")
        directions, _ = run(row(), grads, params)
        chex.assert_trees_all_close(
            directions, expected(row, grads, params), rtol=1e-11, atol=1e-13
        )


def _falling(start, count):
    """A user's schedule: it gets an int32, and under strict promotion makes it a float itself."""
    return start * (1 - 0.02 * (count if isinstance(count, int) else count.astype(float)))


@with_oracle
def test_9_equals_the_paper_under_schedules(row):
    """Every number that `update` reads, as a schedule at once."""
    from_init = {"initial_accumulator_value"}
    moving = {
        k: functools.partial(_falling, v)
        for k, v in row.numbers.items()
        if k not in from_init | {"threshold", "eta_plus"}
    }
    grads, params = tree(1, steps=10), tree(0)
    directions, _ = run(row(**moving), grads, params)
    chex.assert_trees_all_close(
        directions, expected(row, grads, params, **moving), rtol=2e-5, atol=2e-6
    )


@every
def test_9_equals_optax(row):
    if row.optax is None:
        pytest.skip("optax has no such algorithm")
    grads, params = tree(1, steps=20), tree(0)
    ours, _ = run(row(), grads, params)
    theirs, _ = run_in_loose_mode(row.optax(), grads, params)
    chex.assert_trees_all_close(ours, theirs, rtol=row.optax_rtol, atol=1e-6)


def run_in_loose_mode(tx, grads, params):
    """optax does not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        return run_optax(tx, grads, params)


B2 = [0.6, 0.99, 0.999, 0.9999, 0.99999]


def a_thousand():
    normal = np.random.RandomState(0).standard_normal((1000, 16))
    return {"w": jnp.asarray(normal, jnp.float32)}, {"w": jnp.zeros(16)}


@pytest.mark.parametrize("b2", B2)
@pytest.mark.parametrize("name", ["scale_by_adam", "scale_by_radam"])
def test_9_a_thousand_steps(name, b2):
    """Passed: within 1e-5 of float64 for b2 as float32 represents it, from the first step on."""
    row, (grads, params) = rule(name), a_thousand()
    directions, _ = run(row(b2=b2), grads, params)
    exact = expected(row, grads, params, b1=float(np.float32(0.9)), b2=float(np.float32(b2)))
    chex.assert_trees_all_close(directions, exact, rtol=1e-5, atol=1e-6)


def rule(name):
    return next(row for row in RULES if row.make.__name__ == name)


@pytest.mark.parametrize("row", [row for row in RULES if "b2" in row.numbers], ids=str)
def test_9_a_thousand_steps_at_a_b2_near_1(row):
    """Closed over: within 1e-5 of float64 for b2 itself, of which float32(b2) is 7e-4 off."""
    grads, params = a_thousand()
    directions, _ = run_optax(row(b2=0.99999), grads, params)
    exact = expected(row, grads, params, b2=0.99999)
    chex.assert_trees_all_close(directions, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("b2", [0.6, 2 / 3])
def test_9_radam_never_adapts_where_it_would_only_by_rounding(b2):
    """rho_inf is 4 and 5 there, and rho_t below it, for ever."""
    t = jnp.arange(1.0, 3000.0)

    def rectifications(b2):
        decay = jax.tree.map(jnp.float32, numerics.Decay.of(b2))
        return jax.vmap(lambda t: radam.shared(t, b2=decay, threshold=5.0)["rectification"])(t)

    assert not jnp.any(jax.jit(lambda: rectifications(b2))())
    assert not jnp.any(jax.jit(rectifications)(b2))
    assert jnp.any(jax.jit(rectifications)(0.68))


def test_9_optax_radam_is_off_in_float32():
    """Documented in scale_by/radam.py: at b2 = 0.9999 optax adapts where it should not."""
    grads = {"w": jnp.ones((6, 1))}
    params = {"w": jnp.zeros(1)}
    exact = [1.0] * 5
    ours, _ = run(rule("scale_by_radam")(b2=0.9999), grads, params)
    theirs, _ = run_in_loose_mode(optax.scale_by_radam(b2=0.9999), grads, params)
    np.testing.assert_allclose(ours["w"][:5, 0], exact, rtol=1e-5)
    assert np.max(np.abs(theirs["w"][:5, 0] - 1)) > 0.9


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row not in WRAPPED], ids=str)
def test_10_wrappers_change_nothing(row):
    """Neither updates nor states, to the bit. As one program XLA may round otherwise: see law 6."""
    plain, params = row(), tree(0)
    wrapped = atx.guarded(atx.measured(plain))
    state, around = plain.init(params), wrapped.init(params)
    for g in steps_of(tree(1, steps=3)):
        updates, state = update_of(plain)(g, state, params)
        same, around = update_of(wrapped)(g, around, params)
        chex.assert_trees_all_equal(same, updates)
        chex.assert_trees_all_equal(around.inner_state.inner_state, state)
    assert around.skipped == 0


def test_12_non_finite_gradients_stay_where_they_are():
    """Clipping by a norm: the bad entries stay, the others shrink to nothing, and none becomes NaN."""
    for row in CLIPPING[1:]:
        for bad in (jnp.inf, -jnp.inf, jnp.nan):
            params, grads = tree(0), tree(1)
            grads["enc"]["w"] = grads["enc"]["w"].at[1, 2].set(bad)
            tx = row()
            clipped, _ = tx.update(grads, tx.init(params), params)
            entry = clipped["enc"]["w"][1, 2]
            assert jnp.array_equal(entry, jnp.asarray(bad), equal_nan=True), row
            rest = jax.tree.map(lambda x: x, clipped)
            rest["enc"]["w"] = rest["enc"]["w"].at[1, 2].set(0)
            assert finite(rest), row
            unit = rest["enc"]["w"][:, 2] if row.make.__name__ == "adaptive_grad_clip" else (
                rest["enc"]["w"])  # fmt: skip
            assert jnp.max(jnp.abs(unit)) < 1e-9, row


def test_oracles_agree_with_the_catalogue():
    """Every oracle for a rule is in the catalogue."""
    kinds = ("scale_by", "clip", "add_", "trace", "ema", "reduce")
    rules = {n for n in vars(oracles) if n.startswith(kinds)}
    assert rules <= {row.oracle.__name__ for row in [*RULES, *CLIPPING, *DECAY]}


@pytest.mark.parametrize("b2", [0.9999, 0.99999])
def test_9_bias_correction(b2):
    """1 - b2^t to 1e-6 relative over a thousand steps: of b2 closed over; passed, as float32 has it."""
    t = jnp.arange(1, 1001, dtype=jnp.float32)
    exact = -np.expm1(np.arange(1, 1001) * np.log(np.float64(np.float32(b2))))
    exactly = -np.expm1(np.arange(1, 1001) * np.log(b2))

    def correction(b2, t):
        return numerics.one_minus_power(jax.tree.map(jnp.float32, numerics.Decay.of(b2)), t)

    np.testing.assert_allclose(jax.jit(lambda t: correction(b2, t))(t), exactly, rtol=1e-6)
    closed_over = jax.jit(lambda t: correction(float(np.float32(b2)), t))(t)
    passed = jax.jit(correction)(b2, t)
    np.testing.assert_allclose(closed_over, exact, rtol=1e-6)
    np.testing.assert_allclose(passed, exact, rtol=1e-6)
    assert np.max(np.abs((1 - jnp.float32(b2) ** t) / exact - 1)) > 9e-5  # the literal formula
