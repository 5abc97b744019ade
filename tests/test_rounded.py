"""bfloat16 parameters with more bits in the state: what is kept to the bit, what is lost and how much."""

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from harness import tree
from test_formats import within_five_standard_errors, words

import adaptive_tx as atx
from adaptive_tx.core import extra_bits

BF16, F32 = jnp.bfloat16, jnp.float32
N = 50_000


def of_bits(bits) -> jax.Array:
    return jax.lax.bitcast_convert_type(jnp.asarray(np.uint32(bits)), F32)


def floats(seed: int, low: float = -100.0, high: float = 120.0) -> np.ndarray:
    """Of every sign and size, in float32."""
    rng = np.random.RandomState(seed)
    return (rng.choice([-1, 1], N) * np.exp2(rng.uniform(low, high, N))).astype(np.float32)


def step_of(p, full, bits, word=None):
    """The next parameter, its extra bits, its full value, and the update."""
    update, extra = jax.jit(extra_bits.moved, static_argnums=2)(p, full, bits, word)
    q = p + update
    return q, extra, extra_bits.full_value(q, extra), update


def ulp(x, digits: int = 8) -> np.ndarray:
    """A unit in the last place of floats with so many binary digits."""
    x = np.abs(np.float64(x))
    return np.exp2(np.floor(np.log2(np.where(x > 0, x, 2.0**-140))) - digits + 1)


# One number. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16])
def test_every_code_stands_for_a_number_that_has_it(bits):
    """So nothing drifts where nothing moves, whatever the random bits. Subnormal ones a CPU has not."""
    p = np.arange(2**16, dtype=np.uint16).view(jnp.bfloat16)
    p = jnp.asarray(p[np.abs(p.astype(np.float32)) >= 2.0**-126])
    for low in (-(2 ** (bits - 1)), -77, -1, 0, 1, 77, 2 ** (bits - 1) - 1):
        extra = jnp.full(p.shape, low, extra_bits.DTYPES[bits])
        full = extra_bits.full_value(p, extra)
        q, same, _, update = step_of(p, full, bits, words(len(p)))
        np.testing.assert_array_equal(q, p)
        there = np.isfinite(np.float32(p))
        np.testing.assert_array_equal(np.float32(update)[there], 0)
        np.testing.assert_array_equal(np.asarray(same)[there], low)
        np.testing.assert_array_equal(np.asarray(same)[~there], 0)
        np.testing.assert_array_equal(full[~there], np.float32(p)[~there])


def test_where_the_difference_is_a_bfloat16_all_32_bits_are_kept():
    p = jnp.asarray(floats(0), BF16)
    near = np.float32(p) * np.random.RandomState(1).uniform(0.505, 1.98, N).astype(np.float32)
    steps = np.float32(p) * np.float32(1 + 2.0**-10)
    for full in (near, steps, np.float32(p)):
        q, _, kept, _ = step_of(p, jnp.asarray(full), 16)
        np.testing.assert_array_equal(kept, full)
        assert np.all(np.abs(np.float64(q) - full) <= ulp(q) / 2)  # it is its rounding
    from_zero = jnp.zeros(N, BF16)
    np.testing.assert_array_equal(step_of(from_zero, jnp.asarray(near), 16)[2], near)


@pytest.mark.parametrize("bits", [16, 8])
def test_elsewhere_half_a_last_digit_of_the_update_is_lost_at_most(bits):
    """And one of its own; with 8 bits a second, of their rounding. Where signs change it is indeed lost."""
    p = jnp.asarray(floats(2), BF16)
    ratio = np.exp2(np.random.RandomState(3).uniform(-12, 3, N)).astype(np.float32)
    for sign in (-1, 1):
        full = jnp.asarray(sign * np.float32(p) * ratio)
        q, _, kept, update = step_of(p, full, bits, words(N))
        error = np.abs(np.float64(kept) - np.float64(full))
        own = 16 // bits * ulp(np.maximum(np.abs(kept), np.abs(full)), bits + 8)
        assert np.all(error <= ulp(update) / 2 + own)
        assert np.all(error <= 2.0**-8 * np.abs(np.float64(update)) + own)
        assert np.max(error / ulp(update)) > 0.49
        assert np.all(np.float64(q) * np.float64(full) >= 0)


def test_a_parameter_much_larger_than_what_it_becomes():
    q, extra, kept, update = step_of(jnp.asarray(1.0, BF16), jnp.asarray(1e-3, F32), 16)
    assert (float(q), float(update)) == (0, -1) and abs(float(kept) - 1e-3) <= 2.0**-9
    q, _, kept, _ = step_of(q, jnp.asarray(1e-3, F32), 16)  # from 0 every bfloat16 can be reached
    assert float(kept) == np.float32(1e-3) and float(q) == float(BF16(1e-3))


def test_a_change_of_sign():
    p, full = jnp.asarray([1e-4, -1e-4], BF16), jnp.asarray([-9.03e-4, 9.03e-4], F32)
    q, _, kept, update = step_of(p, full, 16)
    assert np.all(np.sign(q) == np.sign(full))
    assert np.all(np.abs(np.float64(kept) - np.float64(full)) <= ulp(update) / 2)
    np.testing.assert_array_equal(kept[0], -kept[1])


def test_zero_has_extra_bits_of_either_sign():
    """2^-149 a unit: no bit of them runs into the sign or the exponent."""
    for p in (0.0, -0.0):
        for low in (-32768, -5, 0, 5, 32767):
            full = extra_bits.full_value(jnp.asarray(p, BF16), jnp.asarray(low, jnp.int16))
            bits = int(jax.lax.bitcast_convert_type(full, jnp.uint32))
            assert bits == (abs(low) | (low < 0) << 31)


def test_what_is_not_finite_stays_visible():
    p = jnp.asarray([1.0, 1.0, 1.0, -2.0], BF16)
    full = jnp.asarray([jnp.inf, -jnp.inf, jnp.nan, 3e38])
    q, extra, kept, _ = step_of(p, full, 16)
    np.testing.assert_array_equal(np.float32(q[:3]), np.float32([np.inf, -np.inf, np.nan]))
    np.testing.assert_array_equal(kept[:3], q[:3].astype(F32))
    np.testing.assert_array_equal(extra[:3], 0)
    assert np.isfinite(float(q[3]))
    beside = extra_bits.full_value(q[:3], jnp.full(3, -7, jnp.int16))
    np.testing.assert_array_equal(beside, q[:3].astype(F32))


def test_what_is_finite_stays_finite():
    largest = jnp.finfo(F32).max
    p = jnp.asarray([largest, -largest, 3e38, 0.0], F32).astype(BF16)
    p = jnp.where(jnp.isfinite(p), p, jnp.sign(p) * jnp.finfo(BF16).max)
    for bits in (0, 8, 16):
        q, _, kept, _ = step_of(
            p, jnp.asarray([largest, largest, -largest, largest]), bits, words(4)
        )
        assert np.all(np.isfinite(np.float32(q))) and np.all(np.isfinite(kept))


@pytest.mark.parametrize("x", [1.0, -0.1, 1.00390625, 1.9999999, 3e-30, -7e20])
@pytest.mark.parametrize("bits", [0, 8])
def test_rounding_at_random_is_right_in_the_mean(bits, x):
    x = float(np.float32(x) * np.float32(1.0012345))
    p, n = jnp.full(100_000, x, BF16), 100_000
    _, _, kept, _ = step_of(p, jnp.full(n, x, F32), bits, words(n))
    samples = np.float64(kept)
    within_five_standard_errors(samples, x)
    assert len(np.unique(samples)) == 2 and np.all(np.abs(samples - x) < ulp(x, 8 + bits))


def test_signs_are_treated_alike():
    p, full = jnp.asarray(floats(4), BF16), jnp.asarray(floats(5))
    for bits in (0, 8, 16):
        q, extra, kept, _ = step_of(p, full, bits, words(N))
        r, same, opposite, _ = step_of(-p, -full, bits, words(N))
        np.testing.assert_array_equal(q, -r)
        np.testing.assert_array_equal(kept, -opposite)
        if bits:
            there = np.float32(q) != 0
            np.testing.assert_array_equal(np.asarray(extra)[there], np.asarray(same)[there])


def test_derivatives_go_through_the_rounding():
    def loss(rate):
        tx = atx.rounded(atx.sgd(rate))
        w = jnp.full(3, 0.7, BF16)
        state = tx.init(w)
        for _ in range(3):
            update, state = tx.update(w, state, w)
            w = optax.apply_updates(w, update)
        return jnp.sum(atx.full_precision(w, state))

    exact = jax.grad(lambda rate: jnp.sum(0.7 * (1 - rate) ** 3 * jnp.ones(3)))(0.1)
    np.testing.assert_allclose(jax.grad(loss)(0.1), exact, rtol=0.02)


# A training. -------------------------------------------------------------------------------------


def problem():
    """A regression whose parameters pass through zero now and then."""
    rng = np.random.RandomState(0)
    x = jnp.asarray(rng.standard_normal((64, 8)), F32)
    y = jnp.tanh(x @ jnp.asarray(rng.standard_normal((8, 3)), F32))
    params = {"w": jnp.asarray(0.3 * rng.standard_normal((8, 3)), BF16), "b": jnp.zeros(3, BF16)}

    def loss(params):
        w, b = (params[name].astype(F32) for name in ("w", "b"))
        return jnp.mean((x @ w + b[None] - y) ** 2)

    return loss, params


def trained(tx, steps: int, apply=optax.apply_updates):
    """Parameters, their full values and how they should have moved, of every step."""
    loss, params = problem()

    @jax.jit
    def step(params, state):
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return apply(params, updates), state

    state, seen = tx.init(params), []
    for _ in range(steps):
        params, state = step(params, state)
        seen.append((params, atx.full_precision(params, state)))
    return seen


@pytest.mark.parametrize("make", [lambda: atx.adamw(0.01), lambda: atx.momentum(2.0**-6)], ids="ab")
def test_16_bits_are_a_master_copy_to_the_bit(make):
    """Against a loop of its own in float32, whose copy takes over what was lost where that is lost."""
    loss, params = problem()
    tx = make()
    master = jax.tree.map(lambda p: p.astype(F32), params)

    @jax.jit
    def step(master, state, low):
        grads = jax.tree.map(lambda g: g.astype(F32), jax.grad(loss)(low))
        updates, state = tx.update(grads, state, master)
        return jax.tree.map(jnp.add, master, updates), state

    state, low, lost, total = tx.init(master), params, 0, 0
    for params, full in trained(atx.rounded(tx, extra_bits=16), 400):
        old = low
        master, state = step(master, state, low)
        for name in full:
            x, m, p = (np.asarray(t[name], np.float64) for t in (full, master, old))
            same = x == m
            near = (m * p > 0) & (np.abs(m) > 0.505 * np.abs(p)) & (np.abs(m) < 1.98 * np.abs(p))
            assert np.all(same | ~near)
            assert np.all(np.abs(x - m) <= 2.0**-8 * np.abs(m - p))
            q = np.float64(np.float32(params[name]))
            assert np.all(~same | (np.abs(q - m) <= ulp(q) / 2))
            lost, total = lost + np.sum(~same), total + same.size
        master, low = full, params
    assert 0 < lost < 0.02 * total


def test_it_is_saved_where_plain_bfloat16_stands_still():
    """Steps of a thousandth of the weight: without extra bits each of them is lost."""
    target = jnp.linspace(0.5, 1.5, 64)

    def run(tx):
        w = jnp.ones(64, BF16)
        state = tx.init(w)

        @jax.jit
        def step(w, state):
            updates, state = tx.update(w - target.astype(BF16), state, w)
            return optax.apply_updates(w, updates), state

        for _ in range(2000):
            w, state = step(w, state)
        return float(jnp.mean((atx.full_precision(w, state) - target) ** 2))

    assert run(atx.sgd(1e-3)) > 0.02
    for bits, bound in ((0, 4e-3), (8, 3e-3), (16, 3e-3)):
        assert run(atx.rounded(atx.sgd(1e-3), extra_bits=bits)) < bound


@pytest.mark.parametrize("bits", [0, 8, 16])
def test_optax_equinox_and_ours_add_the_same(bits):
    """Compiled in one program with what adds it, where XLA may keep more digits, and alone."""
    tx = atx.rounded(atx.adamw(0.03), extra_bits=bits)
    ways = [optax.apply_updates, eqx.apply_updates, atx.apply_updates]
    for found in zip(*(trained(tx, 30, way) for way in ways)):
        chex.assert_trees_all_equal(*found)
        assert {x.dtype for x in jax.tree.leaves(found[0][0])} == {jnp.dtype(BF16)}


@pytest.mark.parametrize("bits", [0, 8, 16])
def test_steps_in_one_program_are_those_of_calls(bits):
    """Unrolled, where between the steps nothing needs to be rounded; in a scan; and one by one."""
    tx = atx.rounded(atx.sgd(2.0**-5), extra_bits=bits, seed=3)
    grads, params = tree(1, "bfloat16", 4), tree(0, "bfloat16")

    def step(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params)
        return (optax.apply_updates(params, updates), state), None

    def unrolled(params):
        carry = params, tx.init(params)
        for i in range(4):
            carry, _ = step(carry, jax.tree.map(lambda g: g[i], grads))  # noqa: B023
        return carry

    eager = unrolled(params)
    chex.assert_trees_all_equal(jax.jit(unrolled)(params), eager)
    start = (params, jax.jit(tx.init)(params))
    chex.assert_trees_all_equal(jax.jit(lambda: jax.lax.scan(step, start, grads)[0])(), eager)
    stacked = jax.tree.map(lambda p: jnp.stack([p, -p]), params)
    mapped, _ = jax.jit(jax.vmap(unrolled))(stacked)
    chex.assert_trees_all_equal(jax.tree.map(lambda x: x[0], mapped), eager[0])


def test_random_bits_differ_by_step_leaf_entry_and_seed():
    """Of 0.3 of the way between two bfloat16s; each mean is that of independent draws."""
    between = 1 + 0.3 * 2.0**-7
    params = {"a": jnp.ones(4096, BF16), "b": jnp.ones(4096, BF16)}
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 1 - between, F32), params)

    def up(seed, steps=1):
        tx = atx.rounded(atx.sgd(1.0), extra_bits=0, seed=seed)
        state = tx.init(params)
        for _ in range(steps):
            updates, state = tx.update(grads, state, params)
        return [np.asarray(updates[name], np.float64) > 0 for name in params]

    (a, b), (later, _), (other, _) = up(0), up(0, 2), up(1)
    np.testing.assert_array_equal(up(0)[0], a)
    for drawn in (a, b, later, other):
        assert abs(drawn.mean() - 0.3) < 5 * np.sqrt(0.21 / 4096)
    for one, two in ((a, b), (a, later), (a, other), (a[1:], a[:-1])):
        assert abs(np.mean(one & two) - 0.09) < 5 * np.sqrt(0.09 * 0.91 / 4096)


def test_members_of_a_sweep_have_seeds_of_their_own():
    w, g = jnp.ones(512, BF16), jnp.full(512, -0.003, F32)

    def step(tx):
        return tx.update(g, tx.init(w), w)[0].astype(F32)

    def make(seed):
        return atx.rounded(atx.sgd(1.0), extra_bits=0, seed=seed)

    one, two = jax.vmap(step)(jax.vmap(make)(jnp.arange(2.0)))
    assert 0.2 < np.mean(one != two) < 0.8
    np.testing.assert_array_equal(two, step(make(1)))


def test_a_parameter_that_somebody_else_changed():
    """What is in the state never makes it worse than its own last digit."""
    tx = atx.rounded(atx.sgd(0.1), extra_bits=16)
    _, params = problem()
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 0.01, BF16), params)
    _, state = tx.update(grads, tx.init(params), params)
    others = {"w": jnp.asarray(floats(6)[:24].reshape(8, 3), BF16), "b": jnp.zeros(3, BF16)}
    full = atx.full_precision(others, state)
    for name, p in others.items():
        assert np.any(np.asarray(state.extra[name]))
        error = np.abs(np.float64(full[name]) - np.float64(p))
        assert np.all(error <= np.maximum(ulp(p) / 2, 2.0**-133))
    updates, _ = tx.update(grads, state, others)
    moved = np.float64(optax.apply_updates(others, updates)["b"])
    np.testing.assert_allclose(moved, -0.001, rtol=2.0**-8)


# In its place. -----------------------------------------------------------------------------------


def mixed():
    return {
        "half": jnp.ones(3, BF16),
        "single": jnp.ones((2, 2), F32),
        "complex": jnp.ones(2, jnp.complex64),
        "none": None,
    }


def test_other_leaves_pass():
    tx, plain, params = atx.rounded(atx.adam(0.1)), atx.adam(0.1), mixed()
    grads = jax.tree.map(lambda p: jnp.full_like(p, 0.3), params)
    state = tx.init(params)
    assert state.extra["single"] is None and state.extra["half"].dtype == jnp.int8
    assert {x.dtype for x in jax.tree.leaves(state.inner_state[0].mu["half"])} == {jnp.dtype(F32)}
    updates, state = tx.update(grads, state, params)
    expected, _ = plain.update(grads, plain.init(params), params)
    for name in ("single", "complex"):
        chex.assert_trees_all_equal(updates[name], expected[name])
    full = atx.full_precision(optax.apply_updates(params, updates), state)
    assert [full[n].dtype for n in ("half", "single", "complex")] == [F32, F32, jnp.complex64]
    assert full["none"] is None


def test_updates_have_the_dtypes_of_their_parameters():
    params = mixed() | {"complex": None}
    for dtype in (BF16, jnp.float16, F32):
        grads = jax.tree.map(lambda p: jnp.full(p.shape, 0.3, dtype), params)  # noqa: B023
        tx = atx.rounded(atx.adam(0.1))
        updates, _ = tx.update(grads, tx.init(params), params)
        assert jax.tree.map(lambda u: u.dtype, updates) == jax.tree.map(lambda p: p.dtype, params)
    exact = atx.rounded(atx.sgd(0.3))
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 1 + 2.0**-7, BF16), params)
    updates, _ = exact.update(grads, exact.init(params), params)
    np.testing.assert_allclose(updates["single"], -0.3 * (1 + 2.0**-7), rtol=1e-6)
    with jax.enable_x64(True):
        grads = jax.tree.map(lambda p: jnp.full(p.shape, 0.3, jnp.float64), params)
        updates, _ = exact.update(grads, exact.init(params), params)
    assert jax.tree.map(lambda u: u.dtype, updates) == jax.tree.map(lambda p: p.dtype, params)


def test_a_skipped_step_leaves_every_byte():
    _, params = problem()
    tx = atx.guarded(atx.rounded(atx.stored(atx.adam(0.01), 8)))
    good = jax.tree.map(lambda p: jnp.full(p.shape, 0.1, BF16), params)
    updates, state = tx.update(good, tx.init(params), params)
    params = optax.apply_updates(params, updates)
    bad = jax.tree.map(lambda g: g.at[0].set(jnp.nan), good)
    updates, after = tx.update(bad, state, params)
    chex.assert_trees_all_equal(after.inner_state, state.inner_state)
    chex.assert_trees_all_equal(optax.apply_updates(params, updates), params)
    inside = atx.rounded(atx.guarded(atx.adam(0.01)))  # there nothing moves, either
    updates, state = inside.update(good, inside.init(params), params)
    params = optax.apply_updates(params, updates)
    updates, after = inside.update(bad, state, params)
    chex.assert_trees_all_equal(optax.apply_updates(params, updates), params)
    chex.assert_trees_all_equal(after.extra, state.extra)


def test_groups_and_wrappers_around_it():
    """The same bits in a group as without; a guard and batches around it."""
    _, params = problem()
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 0.1, BF16), params)
    tx = atx.rounded(atx.adam(0.01))
    apart = atx.grouped(
        {"w": tx}, by={"w": "^w$"}, default=atx.rounded(atx.sgd(0.01), extra_bits=16)
    )
    updates, state = tx.update(grads, tx.init(params), params)
    others, state_apart = apart.update(grads, apart.init(params), params)
    chex.assert_trees_all_equal(updates["w"], others["w"])
    new = optax.apply_updates(params, others)
    full = atx.full_precision(new, state_apart)
    whole = atx.full_precision(optax.apply_updates(params, updates), state)
    np.testing.assert_array_equal(full["w"], whole["w"])
    np.testing.assert_array_equal(full["b"], np.float32(-0.01) * np.float32(BF16(0.1)))
    around = atx.measured(atx.accumulated(atx.guarded(tx), every=1))
    same, state = around.update(grads, around.init(params), params)
    chex.assert_trees_all_equal(same, updates)
    full = atx.full_precision(optax.apply_updates(params, same), state)
    chex.assert_trees_all_equal(full, whole)


def test_a_part_before_it_in_a_chain():
    _, params = problem()
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 8.0, BF16), params)
    tx = atx.chain(atx.clip_by_global_norm(1.0), atx.rounded(atx.adam(0.01)))
    inside = atx.rounded(atx.chain(atx.clip_by_global_norm(1.0), atx.adam(0.01)))
    found, _ = tx.update(grads, tx.init(params), params)
    wanted, _ = inside.update(grads, inside.init(params), params)
    chex.assert_trees_all_equal(found, wanted)


def test_in_nnx_with_a_donated_step():
    """The state in boxes, given away at each step."""
    model = nnx.Linear(4, 3, param_dtype=BF16, rngs=nnx.Rngs(0))
    params = jax.tree.map(jnp.array, nnx.state(model, nnx.Param))  # which the model will not change
    tx = atx.rounded(atx.adam(0.01), extra_bits=16)
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 0.1, BF16), params)
    optimizer.update(model, grads)
    full = atx.full_precision(nnx.state(model, nnx.Param), optimizer)
    step = jax.jit(tx.update, donate_argnums=1)
    updates, state = step(grads, tx.init(params), params)
    wanted = atx.full_precision(optax.apply_updates(params, updates), state)
    assert {x.dtype for x in jax.tree.leaves(full)} == {jnp.dtype(F32)}
    chex.assert_trees_all_close(jax.tree.leaves(full), jax.tree.leaves(wanted), rtol=1e-6)


def test_5_bytes_a_parameter():
    params = {"w": jax.ShapeDtypeStruct((512, 256), BF16)}
    tx = atx.rounded(atx.stored(atx.adamw(1e-3), 8))
    state = jax.eval_shape(tx.init, params)
    sizes = [x.size * x.dtype.itemsize for x in jax.tree.leaves(state) if x.ndim]
    assert sum(sizes) == 3 * 512 * 256
    (leaf,) = atx.describe(tx, params).leaves
    assert leaf.bytes == 3 * 512 * 256
    mesh = jax.sharding.AbstractMesh((4, 2), ("data", "model"))
    lies = atx.state_sharding(tx, params, jax.NamedSharding(mesh, jax.P("data", "model")))
    assert lies.extra["w"].spec == jax.P("data", "model")


def test_migrate_keeps_the_extra_bits():
    _, params = problem()
    tx, other = (atx.rounded(make(0.01)) for make in (atx.adam, atx.amsgrad))
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 0.1, BF16), params)
    _, state = tx.update(grads, tx.init(params), params)
    moved = atx.migrate(state, tx, other, params)
    chex.assert_trees_all_equal(moved.state.extra, state.extra)
    assert ".extra['w']" in moved.kept
    wider = atx.rounded(atx.adam(0.01), extra_bits=16)
    moved = atx.migrate(state, tx, wider, params)
    assert not jax.tree.reduce(lambda a, x: a | bool(jnp.any(x)), moved.state.extra, False)
    assert ".extra['w']" in moved.new and ".extra['w']" in moved.dropped


def test_what_is_evaluated_without_it():
    params = {"w": jnp.ones(3, BF16), "v": jnp.ones(3)}
    full = atx.full_precision(params, atx.adam(0.1).init(params))
    assert (full["w"].dtype, full["v"].dtype) == (F32, F32)
    none = atx.rounded(atx.sgd(0.1), extra_bits=0)
    chex.assert_trees_all_equal(atx.full_precision(params, none.init(params)), full)
    assert none.init(params).extra == {"w": None, "v": None}


def test_the_seed_is_a_hyperparameter():
    tx = atx.rounded(atx.adamw(1e-3), seed=3)
    assert jax.tree.leaves(tx).count(3.0) == 1 and tx.replace(seed=4) == atx.rounded(
        atx.adamw(1e-3), seed=4
    )
    assert "seed" not in atx.rounded(atx.sgd(0.1), extra_bits=16).hyperparameters(
        atx.rounded(atx.sgd(0.1)).init(jnp.ones(3))
    )
    for seed in (-1, 2**25):
        with pytest.raises(ValueError, match="^rounded: seed must lie in"):
            atx.rounded(atx.sgd(0.1), seed=seed)


def test_an_average_goes_inside():
    """It is of the full parameters; around it, it would be of the bfloat16 ones."""
    _, params = problem()
    inner = atx.averaged(atx.adam(2.0**-10), decay=0.5)
    tx = atx.rounded(inner, extra_bits=16)
    master = jax.tree.map(lambda p: p.astype(F32), params)
    state, alone = tx.init(params), inner.init(master)
    grads = jax.tree.map(lambda p: jnp.full(p.shape, 0.125, BF16), params)
    for _ in range(3):
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        wide = jax.tree.map(lambda g: g.astype(F32), grads)
        updates, alone = inner.update(wide, alone, master)
        master = optax.apply_updates(master, updates)
    found = atx.eval_params(state, atx.full_precision(params, state))
    wanted = atx.eval_params(alone, master)
    chex.assert_trees_all_close(found, wanted, rtol=1e-6)
    assert not np.array_equal(found["w"], found["w"].astype(BF16).astype(F32))


def test_an_average_around_it_is_refused():
    tx, other = atx.rounded(atx.sgd(0.1)), atx.adam(0.1)
    groups = atx.grouped({"w": other}, by={"w": "^w$"}, default=tx)
    last = atx.chain(atx.clip_by_global_norm(1.0), tx)
    for inside in (tx, atx.guarded(tx), atx.accumulated(tx, every=2), groups, last):
        with pytest.raises(
            ValueError, match=r"^averaged: tx is rounded, or .*rounded\(averaged\(tx\)\)"
        ):
            atx.averaged(inside)
        with pytest.raises(ValueError, match="^rounded: tx is rounded already"):
            atx.rounded(inside)


def test_leaves_that_are_no_arrays_come_back_as_they_are():
    model = eqx.nn.MLP(2, 1, 4, 1, dtype=BF16, key=jax.random.key(0))
    tx = atx.rounded(atx.sgd(2.0**-10))
    params = eqx.filter(model, eqx.is_array)
    updates, state = tx.update(params, tx.init(params), params)
    model = eqx.apply_updates(model, updates)
    full = atx.full_precision(model, state)
    assert full.activation is model.activation and full.layers[0].in_features == 2
    arrays = eqx.filter(model, eqx.is_array)
    chex.assert_trees_all_equal(eqx.filter(full, eqx.is_array), atx.full_precision(arrays, state))
    others = {"name": "linear", "act": jnp.tanh, "none": None, "n": 3, "key": jax.random.key(0)}
    found = atx.full_precision(others, ())
    assert all(found[name] is leaf for name, leaf in others.items())


@pytest.mark.parametrize("given", [np.int64(8), np.uint8(8), jnp.int32(8)], ids=repr)
def test_any_whole_number_says_how_many_bits(given):
    tx = atx.rounded(atx.sgd(0.1), extra_bits=given)
    assert tx == atx.rounded(atx.sgd(0.1), extra_bits=8) and "extra_bits=8" in repr(
        atx.rounded(atx.sgd(0.1), extra_bits=given)
    )


@pytest.mark.parametrize("dtype", ["float16", "float8_e4m3fn", "float8_e5m2"])
def test_parameters_of_another_range_are_refused(dtype):
    tx, good = atx.rounded(atx.sgd(0.1)), {"w": jnp.ones(3, BF16)}
    bad = {"w": jnp.ones(3, dtype)}
    for call in (lambda: tx.init(bad), lambda: tx.update(bad, tx.init(good), bad)):
        with pytest.raises(TypeError, match=rf"^rounded: params\['w'\] is {dtype}, whose range"):
            call()


def test_another_number_of_bits_by_migrate():
    """As its error says: the rest of the state is kept."""
    _, params = problem()
    tx, wider = (atx.rounded(atx.adam(0.01), extra_bits=bits) for bits in (8, 16))
    _, state = tx.update(params, tx.init(params), params)
    moved = atx.migrate(state, tx, wider, params)
    chex.assert_trees_all_equal(moved.state.inner_state, state.inner_state)
    wider.update(params, moved.state, params)


def test_errors():
    tx, params = atx.rounded(atx.sgd(0.1)), {"w": jnp.ones(3, BF16)}
    state, grads = tx.init(params), params
    for bits in (4, 32, True, np.True_, None, 8.0, 8.5, "8"):
        with pytest.raises(ValueError, match="^rounded: extra_bits must be 0, 8 or 16"):
            atx.rounded(atx.sgd(0.1), extra_bits=bits)
    with pytest.raises(ValueError, match="^rounded: seed must lie in"):
        atx.rounded(atx.sgd(0.1), seed=-1)
    with pytest.raises(ValueError, match="^rounded: needs the parameters"):
        tx.update(grads, state)
    with pytest.raises(TypeError, match=r"^rounded: params\['w'\] is float16.*for bfloat16"):
        tx.init({"w": jnp.ones(3, jnp.float16)})
    with pytest.raises(
        ValueError, match=r"^rounded: params\['w'\] is float32, but the state was made .* bfloat16"
    ):
        tx.update({"w": jnp.ones(3)}, state, {"w": jnp.ones(3)})
    for old in (tx.init({"w": jnp.ones(3)}), atx.rounded(atx.sgd(0.1), extra_bits=0).init(params)):
        with pytest.raises(
            ValueError, match=r"^rounded: params\['w'\] is bfloat16.*no extra bits of it.*tx.init"
        ):
            tx.update(grads, old, params)
    with pytest.raises(ValueError, match=r"^rounded: bfloat16 params\['w'\] is missing"):
        tx.update({"w": None}, state, {"w": None})
    with pytest.raises(ValueError, match=r"^rounded: bfloat16 params\['w'\] has shape \(4,\)"):
        other = {"w": jnp.ones(4, BF16)}
        tx.update(other, state, other)
    with pytest.raises(
        ValueError,
        match=r"extra\['w'\] has 8 extra bits, and this is extra_bits=16.*full_precision.*init anew",
    ):
        atx.rounded(atx.sgd(0.1), extra_bits=16).update(grads, state, params)
    with pytest.raises(ValueError, match=r"^rounded: grads\['w'\] has shape \(4,\)"):
        tx.update({"w": jnp.ones(4)}, state, params)
    for part in (tx, atx.guarded(tx), atx.grouped({}, by={}, default=tx)):
        with pytest.raises(ValueError, match="^chain: part 0 is rounded, or holds it"):
            atx.chain(part, atx.scale(0.5))
    with pytest.raises(
        ValueError, match="has a multiplier, which rounded in default would not see"
    ):
        atx.grouped({"a": {"multiplier": 0.5}}, by={"a": "w"}, default=tx)
    with pytest.raises(TypeError, match="^full_precision: params holds a state"):
        atx.full_precision(state, params)
    with pytest.raises(ValueError, match="^full_precision: the state holds the extra of 'w'"):
        atx.full_precision({"v": params["w"]}, state)
    with pytest.raises(ValueError, match="^full_precision: .*'w', but it is in float32"):
        atx.full_precision({"w": jnp.ones(3)}, state)
    scalar = jnp.ones((), BF16)
    with pytest.raises(ValueError, match="^full_precision: .*of 'w', but it is in "):
        atx.full_precision({"w": jnp.tanh}, tx.init({"w": scalar}))
