"""State in few bits: what each rule keeps, how it is rounded, and that nothing else changes."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from catalogue import RULES
from harness import run, steps_of, tree, update_of

import adaptive_tx as atx
from adaptive_tx.compat import keras, torch
from adaptive_tx.compat import optax as of_optax
from adaptive_tx.core import noise
from adaptive_tx.core.debiasing import rule_state_of
from adaptive_tx.core.leafwise import rule_of
from adaptive_tx.testing.checking import check_laws

pytestmark = pytest.mark.filterwarnings("error")
DTYPES = {16: "bfloat16", 8: "uint8"}
LEAST = {  # bits of each rule that keeps something like its parameter
    32: {"scale_by_centered_rms", "scale_by_ftrl", "scale_by_prodigy", "scale_by_rprop"},
    16: {
        "scale_by_adabelief",
        "scale_by_adabelief_amsgrad",
        "scale_by_adabelief_rectified",
        "scale_by_adamax",
        "scale_by_adan",
        "scale_by_ademamix",
        "scale_by_mars",
        "scale_by_adopt",
        "scale_by_amsgrad",
        "ema",
        "ema_nesterov",
        "scale_by_laprop",
        "scale_by_lion",
        "scale_by_novograd",
        "scale_by_radam_amsgrad",
        "scale_by_signum",
        "trace",
        "trace_nesterov",
    },
    8: {
        "scale_by_adadelta",
        "scale_by_adagrad",
        "scale_by_adam",
        "scale_by_adam_eps_hat",
        "scale_by_adam_atan2",
        "scale_by_stable_adam",
        "scale_by_algoperf_nadam",
        "scale_by_nadam",
        "scale_by_nadam_scheduled",
        "scale_by_radam",
        "scale_by_rms",
        "scale_by_rms_debiased",
        "scale_by_yogi",
    },
}


def slots_of(row):
    """What a row's rule keeps of each leaf, like it."""
    rule = rule_of(row().update)
    return {} if rule is None else {n: s for n, s in rule.of_leaves.items() if s.shape is None}


KEEPING = [row for row in RULES if slots_of(row)]


def least_bits(row) -> int:
    return next(bits for bits, names in LEAST.items() if row.make.__name__ in names)


FIRST = atx.scale_by_adam  # the others in `make test`
STORED = [
    pytest.param(row, bits, id=f"{row}-{bits}", marks=() if row.make is FIRST else pytest.mark.slow)
    for row in KEEPING
    for bits in (16, 8)
    if bits >= least_bits(row)
]


@pytest.mark.parametrize("row", KEEPING, ids=str)
def test_the_fewest_bits_of_each_rule(row):
    """What they are follows from its slots; fewer are refused, and the error names rule, slot and bits."""
    for bits in (16, 8):
        if bits < least_bits(row):
            message = f"^stored: {row.make.__name__} keeps .* {least_bits(row)} bits at least, not {bits}: "
            with pytest.raises(ValueError, match=message):
                atx.stored(row(), bits)
            continue
        state = rule_state_of(jax.eval_shape(atx.stored(row(), bits).init, tree(0)))
        for name in slots_of(row):
            for slot, p in zip(jax.tree.leaves(getattr(state, name)), jax.tree.leaves(tree(0))):
                assert slot.dtype == DTYPES[bits], name
                assert slot.shape == p.shape
    assert atx.stored(row(), 32) == row()


LINEAR = {("mean", "gradient"), ("mean", "square"), ("mean", "change")}
LINEAR |= {("sum", "gradient"), ("sum", "square")}


@pytest.mark.parametrize("row, bits", STORED)
def test_slots_are_right_in_the_mean(row, bits):
    """After 60 steps, over 1,000 seeds: rounding adds up to nothing. In 8 bits, of squares, 1 / sqrt is."""
    grads, params = tree(1, steps=60), tree(0)
    tx = atx.stored(row(), bits)

    @jax.jit
    @jax.vmap
    def slots(seed):
        tx_ = tx.replace(seed=seed)
        _, state = run(tx_, grads, params)
        return rule_state_of(atx.decoded(tx, state))

    start = atx.decoded(tx, tx.init(params))  # a slot may start at what 8 bits have not
    found = slots(jnp.arange(1000.0))
    wanted = rule_state_of(run(row(), grads, params, start)[1])
    checked = [name for name, slot in slots_of(row).items() if (slot.kind, slot.of) in LINEAR]
    for name in checked:
        pairs = zip(jax.tree.leaves(getattr(found, name)), jax.tree.leaves(getattr(wanted, name)))
        for samples, x in pairs:
            samples, x = np.asarray(samples, np.float64), np.asarray(x, np.float64)
            off = 1e-6
            if bits == 8 and slots_of(row)[name].of == "square":
                samples, x, off = 1 / np.sqrt(samples), 1 / np.sqrt(x), 0.02
            error = samples.std(axis=0) / np.sqrt(len(samples))
            assert np.all(np.abs(samples.mean(axis=0) - x) <= 5 * error + off * np.abs(x)), name
            assert np.all(error > 0), name  # there was something to round
    assert checked or not LINEAR & {(s.kind, s.of) for s in slots_of(row).values()}


@pytest.mark.exhaustive
@pytest.mark.parametrize("row, bits", STORED)
def test_every_law(row, bits):
    """All but the comparisons with what is not rounded."""

    def stored(seed, **arguments):
        return atx.stored(row.make(**arguments), bits, seed=seed)

    names = (
        "needs_params",
        "sums_leaves",
        "leafwise",
        "scale_free",
        "bounded",
        "recovers",
        "last_bit",
    )
    claims = {name: getattr(row, name) for name in names}
    check_laws(stored, {**row.numbers, "seed": 0.0}, row.settings, **claims)


ADAM = atx.adam(0.1)
EIGHT = atx.stored(ADAM, 8)


def after(tx, n=5, params=None, seed=1):
    """The directions and the last state of a short run."""
    return run(tx, tree(seed, steps=n), tree(0) if params is None else params)


def assert_same(found, wanted):
    chex.assert_trees_all_equal(found, wanted)
    chex.assert_trees_all_equal_dtypes(found, wanted)


def assert_alike(found, wanted):
    """But for the last digit, which XLA may round otherwise in another program."""
    chex.assert_trees_all_close(found, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("bits", [16, 8])
def test_it_commutes_with_chains_groups_and_wrappers(bits):
    """As a value, and in what it computes: a leaf's random bits follow from its path."""
    rule, clip = atx.scale_by_adam(), atx.clip_by_global_norm(1.0)
    stored = functools.partial(atx.stored, bits=bits)
    assert stored(atx.chain(clip, rule)) == atx.chain(clip, stored(rule))
    assert stored(clip) == clip
    for wrapper in (atx.measured, atx.guarded, lambda tx: atx.accumulated(tx, every=1)):
        inside, outside = wrapper(stored(rule)), stored(wrapper(rule))
        assert inside == outside
        assert_alike(after(outside)[0], after(stored(rule))[0])
    groups = atx.grouped({"default": rule, "w": rule}, by={"w": "enc/w"})
    assert_alike(after(stored(groups))[0], after(stored(rule))[0])


def test_it_can_be_stored_again():
    again = atx.stored(atx.stored(ADAM, 8, seed=7), 16, seed=9)
    assert again == atx.stored(ADAM, 16, seed=9)
    assert atx.stored(again, 32) == ADAM
    assert again.hyperparameters(again.init(tree(0)))["0.seed"] == 9
    assert repr(again).startswith(
        "chain(stored(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08), 16, seed=9.0)"
    )


def test_members_of_a_sweep_round_alike_unless_their_seeds_differ():
    def member(tx):
        return after(tx, 3)[1][0]

    same = jax.vmap(member)(jax.vmap(lambda rate: EIGHT.replace(learning_rate=rate))(jnp.ones(2)))
    chex.assert_trees_all_equal(*(steps_of(same, i) for i in range(2)))
    other = jax.vmap(member)(jax.vmap(lambda seed: EIGHT.replace(seed=seed))(jnp.arange(2.0)))
    first, second = (steps_of(other, i) for i in range(2))
    assert not np.array_equal(first.nu["enc"]["w"], second.nu["enc"]["w"])
    assert_same(first, member(EIGHT))


def test_random_bits_are_independent_over_entries_leaves_slots_and_steps():
    """Correlations of 100,000 pairs, of which 1 / sqrt(100,000) is one standard deviation."""
    n, like = 100_000, jnp.zeros((400, 250))

    def bits(t=1, leaf="w", seed=0.0, number=0):
        word = noise.word(noise.key_of(seed, jnp.asarray(t)), noise.salt_of(leaf), like, number)
        return np.asarray(word).ravel()

    first = bits()
    fields = [first >> shift & 0xFF for shift in (0, 8, 16, 24)]
    others = [bits(t=2), bits(t=3), bits(leaf="b"), bits(seed=1.0), bits(number=1)]
    moved = [np.roll(first, shift) for shift in (1, 2, 250, 400, 65536)]
    for other in (*others, *moved):
        for a in fields:
            for shift in (0, 8, 16, 24):
                found = np.corrcoef(a, other >> shift & 0xFF)[0, 1]
                assert abs(found) < 5 / np.sqrt(n)
    for a in fields:
        counts = np.bincount(a, minlength=256)
        assert abs(((counts - n / 256) ** 2 / (n / 256)).sum() - 255) < 5 * np.sqrt(2 * 255)


def test_an_average_goes_on_where_nearest_rounding_stops():
    """b2 = 0.999 moves by a thousandth of what lies between: less than half of what bfloat16 has."""
    params = {"w": jnp.zeros(4096)}
    grads = {"w": jnp.ones((3000, 4096))}
    wanted = 1 - 0.999**3000
    for bits in (16, 8):
        tx = atx.stored(atx.scale_by_adam(), bits)
        _, state = run(tx, grads, params)
        roots = atx.decoded(tx, state).nu["w"] ** 0.25
        assert abs(roots.mean() - wanted**0.25) < 4e-3

    def nearest(nu, g):
        return (0.999 * nu.astype(jnp.float32) + 0.001 * g * g).astype(jnp.bfloat16), None

    nu, _ = jax.lax.scan(nearest, jnp.zeros((), jnp.bfloat16), jnp.ones(3000))
    assert nu.astype(jnp.float32) < 0.6


def test_a_skipped_step_leaves_the_bytes():
    tx = atx.guarded(EIGHT)
    _, state = after(tx)
    bad = {**tree(2), "scale": jnp.asarray(jnp.nan)}
    updates, new = update_of(tx)(bad, state, tree(0))
    assert not any(np.any(u) for u in jax.tree.leaves(updates))
    assert_same(new.inner_state, state.inner_state)


@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(bits, bad):
    """In the state and in the next direction, and in this entry alone."""
    tx = atx.stored(atx.scale_by_adam(), bits)
    first = {"w": jnp.asarray([bad, 1.0])}
    _, state = tx.update(first, tx.init(first))
    wide = atx.decoded(tx, state)
    np.testing.assert_array_equal(np.isfinite(wide.mu["w"]), [False, True])
    direction, _ = tx.update({"w": jnp.ones(2)}, state)
    np.testing.assert_array_equal(np.isfinite(direction["w"]), [False, True])


@pytest.mark.parametrize("bits", [16, 8])
def test_zero_stays_zero(bits):
    tx = atx.stored(atx.scale_by_adam(), bits)
    zeros = {"w": jnp.zeros((60, 100))}
    directions, state = run(tx, zeros, {"w": jnp.zeros(100)})
    assert not np.any(directions["w"])
    assert not np.any(atx.decoded(tx, state).mu["w"])
    assert not np.any(atx.decoded(tx, state).nu["w"])


@pytest.mark.parametrize("make", [atx.scale_by_adam, atx.scale_by_rms, atx.scale_by_adagrad])
@pytest.mark.parametrize("size", [1e-4, 1e4, 1e8, 1e30])
def test_steps_are_as_large_for_gradients_of_any_size(make, size):
    """Those that 8 bits cannot keep squared are bounded first, all alike: none makes a larger step."""
    grads, params = {"w": jnp.full((1000, 64), size)}, {"w": jnp.zeros(64)}
    (wanted, _), (found, _) = (run(tx, grads, params) for tx in (make(), atx.stored(make(), 8)))
    np.testing.assert_allclose(found["w"][-1].mean(), wanted["w"][-1].mean(), rtol=0.05)


def test_only_what_is_asked_for_is_nan():
    """Operation by operation, too."""
    with jax.debug_nans(True):
        state = EIGHT.init(tree(0))
        atx.decoded(EIGHT, state)
        tx = atx.measured(EIGHT)
        tx.update(tree(1), tx.init(tree(0)), tree(0))


def test_a_state_of_another_width_is_refused_by_name():
    params = tree(0)
    for tx, other in ((EIGHT, ADAM), (ADAM, EIGHT), (EIGHT, atx.stored(ADAM, 16))):
        with pytest.raises(
            ValueError, match=r"scale_by_adam: state.mu\['enc'\]\['b'\] is in .*stored"
        ):
            tx.update(tree(1), other.init(params), params)


def test_decoded_and_encoded_are_each_others_way_back():
    inside = atx.grouped(
        {"default": atx.adamw(1e-3), "b": atx.adamax(1e-3, b1=lambda t: 0.9)}, by={"b": "b"}
    )
    for tx in (EIGHT, atx.stored(atx.measured(atx.guarded(inside)), 16)):
        _, state = after(tx)
        wide = atx.decoded(tx, state)
        assert jax.tree.structure(wide) == jax.tree.structure(atx.stored(tx, 32).init(tree(0)))
        assert not {"uint8", "bfloat16"} & {str(x.dtype) for x in jax.tree.leaves(wide)}
        assert_same(atx.encoded(tx, wide), state)
        assert_same(jax.jit(atx.encoded)(tx, jax.jit(atx.decoded)(tx, state)), state)
    _, plain = after(ADAM)
    assert atx.decoded(ADAM, plain) is not None
    assert_same(atx.decoded(ADAM, plain), plain)
    with pytest.raises(ValueError, match=r"decoded: state\[0\].mu\['enc'\]\['b'\] is in float32"):
        atx.decoded(EIGHT, plain)
    with pytest.raises(ValueError, match=r"encoded: state\[0\].mu\['enc'\]\['b'\] is in uint8"):
        atx.encoded(EIGHT, EIGHT.init(tree(0)))
    with pytest.raises(ValueError, match="decoded: state is a .*, which is not what chain keeps"):
        atx.decoded(EIGHT, ())


def test_encoded_rounds_to_the_nearest():
    state = atx.scale_by_adam().init({"w": jnp.zeros(3)})
    state = state._replace(mu={"w": jnp.asarray([1.0, -0.9, 0.13])}, nu={"w": jnp.ones(3) * 1.3})
    tx = atx.stored(atx.scale_by_adam(), 8)
    wide = atx.decoded(tx, atx.encoded(tx, state))
    np.testing.assert_array_equal(wide.nu["w"], np.full(3, 1.25, np.float32))
    np.testing.assert_array_equal(wide.mu["w"], np.asarray([1.0, -0.875, 0.125], np.float32))


def test_migrate_moves_between_widths():
    params, (_, state) = tree(0), after(EIGHT)
    wide = atx.migrate(state, EIGHT, ADAM, params).state
    assert_same(wide, atx.decoded(EIGHT, state))
    assert_same(atx.migrate(wide, ADAM, EIGHT, params).state, state)
    sixteen = atx.stored(atx.amsgrad(0.1), 16)
    moved = atx.migrate(state, EIGHT, sixteen, params)
    assert_same(atx.decoded(sixteen, moved.state)[0].mu, wide[0].mu)
    assert_same(atx.decoded(sixteen, moved.state)[0].nu_max, wide[0].nu)
    sgd = atx.momentum(0.1)
    for bits in (16, 8):  # what starts anew
        new = atx.stored(ADAM, bits)
        assert_same(atx.migrate(sgd.init(params), sgd, new, params).state, new.init(params))
        other = {"head": jnp.ones(3)}
        assert_same(atx.migrate(new.init(params), new, new, other).state, new.init(other))


def test_other_libraries_see_float32():
    params, theirs = [jnp.ones((3, 2)), jnp.ones(4)], torch.adamw(1e-3)
    grads = jax.tree.map(lambda p: 0.1 * p, params)
    tx = atx.stored(theirs, 8)
    _, state = tx.update(grads, tx.init(params), params)
    said = torch.state_dict(tx, state, params)
    assert said["state"][0]["exp_avg"].dtype == np.float32
    np.testing.assert_allclose(said["state"][0]["exp_avg"], 0.01, rtol=0.25)
    loaded, again = torch.load_state_dict(tx, params, said)
    assert loaded == tx
    assert_same(again, state)

    tx = atx.stored(keras.adam(1e-3), 8)
    _, state = tx.update(grads, tx.init(params), params)
    listed = keras.variables(tx, state, params)
    assert {str(x.dtype) for name, x in listed if "momentum" in name} == {"float32"}
    assert_same(keras.load_variables(tx, params, listed), state)

    tx = atx.stored(atx.adam(1e-3), 8)
    _, state = tx.update(grads, tx.init(params), params)
    start = optax.adam(1e-3).init(params)
    with pytest.raises(ValueError, match=r"to_optax: our mu\[0\] is in uint8, stored in few bits"):
        of_optax.to_optax(state, start)
    moved = of_optax.to_optax(atx.decoded(tx, state), start)
    assert_same(of_optax.from_optax(tx, params, moved), state)


def test_metrics_are_those_of_the_slots():
    """Of what they stand for, not of their bytes."""
    tx = atx.measured(atx.scale_by_adam())
    wanted, *others = (after(t)[1].metrics for t in (tx, atx.stored(tx, 16), atx.stored(tx, 8)))
    for found, rtol in zip(others, (0.02, 0.5)):
        assert found.keys() == wanted.keys()
        for name in ("effective_step", "grad_norm", "update_norm", "snr_median"):
            np.testing.assert_allclose(found[name], wanted[name], rtol=rtol, err_msg=name)


def slopes(tx, n):
    """Of the last of n directions, in the numbers: b1, b2, eps and the rate; without the seed's."""

    def loss(tx):
        return jnp.sum(jnp.sin(jax.tree.leaves(after(tx, n)[0])[0][-1]))

    return [float(x) for x in jax.tree.leaves(atx.stored(jax.grad(loss)(tx), 32))]


def test_derivatives_reach_through_one_step_and_in_16_bits_through_all():
    np.testing.assert_allclose(slopes(EIGHT, 1), slopes(ADAM, 1), rtol=1e-6, atol=1e-7)
    found, wanted = slopes(atx.stored(ADAM, 16), 8), slopes(ADAM, 8)
    of_b2 = found.pop(1), wanted.pop(1)
    np.testing.assert_allclose(found, wanted, rtol=0.03)
    assert abs(np.subtract(*of_b2)) < 0.4  # of sums of 1 / (1 - b2), which cancel


def test_shards_of_a_leaf_have_random_bits_of_their_own():
    """Replicas have the same. (A mesh of one device has the types all the same.)"""
    mesh = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    key, like = noise.key_of(0.0, jnp.asarray(1)), jnp.zeros(8)

    def words(x):
        return noise.word(key, noise.salt_of("w"), x)

    def on(spec):
        return jax.shard_map(words, mesh=mesh, in_specs=spec, out_specs=spec)(like)

    np.testing.assert_array_equal(on(jax.P()), words(like))
    assert not np.array_equal(on(jax.P("x")), words(like))


def test_what_cannot_be_stored_says_so():
    for bits in (4, 8.0, True, "8"):
        with pytest.raises(ValueError, match=f"^stored: bits must be .* 32, 16 or 8, got {bits!r}"):
            atx.stored(ADAM, bits)
    with pytest.raises(ValueError, match="^stored: seed must lie in"):
        atx.stored(ADAM, 8, seed=-1)
    with pytest.raises(TypeError, match="^stored: tx must be a gradient transformation"):
        atx.stored(0.1, 8)
    with pytest.raises(
        ValueError, match="^stored: part 0 is <optax scale_by_adam>, and what it keeps"
    ):
        atx.stored(atx.chain(optax.scale_by_adam(), atx.scale_by_learning_rate(0.1)), 8)
    stateless = atx.chain(optax.clip(1.0), atx.adam(0.1))
    assert_same(after(atx.stored(stateless, 8), 2)[1][1], after(atx.stored(stateless, 8), 2)[1][1])
    params = {"w": jnp.ones(2, jnp.complex64)}
    with pytest.raises(TypeError, match=r"^stored\(scale_by_adam, 8\): params\['w'\] is complex64"):
        EIGHT.init(params)


def test_a_tree_of_64_bits_is_stored_too():
    with jax.enable_x64(True):
        tx = atx.stored(atx.scale_by_adam(), 8)
        grads = tree(1, "float64")
        direction, state = tx.update(grads, tx.init(grads), grads)
        wanted, _ = atx.scale_by_adam().update(grads, atx.scale_by_adam().init(grads), grads)
        chex.assert_trees_all_close(direction, wanted, rtol=1e-12)
        assert state.mu["scale"].dtype == jnp.uint8
