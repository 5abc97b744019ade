"""Numbers in few bits: every code, every kind of number, and the mean over many roundings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adaptive_tx.core import formats, noise, slots, storage

DRAWS = 100_000
SMALLEST = 2.0**-94
SQUARES = [1e-44, 1e-30, 5e-29, 6e-29, 1e-20, 3.3e-9, 0.1, 1.0, 1.2499999, 1.25, 1.9, 6.4e9]
SIXTEENS = [1e-42, -1e-39, 3e-38, 1e-12, 0.1, -1.0, 1.00390625, 1.9999999, -3e9, 3.38e38]


def words(n: int, seed: float = 0.0) -> jax.Array:
    key = noise.key_of(seed, jnp.asarray(1, jnp.int32))
    return noise.word(key, noise.salt_of("w"), jnp.zeros(n))


def within_five_standard_errors(samples: np.ndarray, x: float) -> None:
    """Of the mean. One in 1.7 million fails by chance; the seed is fixed."""
    samples = np.asarray(samples, np.float64)
    error = samples.std() / np.sqrt(len(samples))
    assert abs(samples.mean() - x) <= 5 * error + 1e-6 * abs(x) + SMALLEST / DRAWS, (
        samples.mean(),
        x,
        error,
    )


def roots_are_right(samples: jax.Array, x: float) -> None:
    """The fourth roots of what is rounded, in the mean, to second order in the distance of levels."""
    roots = (np.asarray(samples, np.float64) + SMALLEST) ** 0.25
    error, root = roots.std() / np.sqrt(len(roots)), (x + SMALLEST) ** 0.25
    assert abs(roots.mean() / root - 1) <= 5 * error / root + 1.5e-3, roots.mean() / root


@pytest.mark.parametrize("x", SIXTEENS)
def test_sixteen_bits_are_right_in_the_mean(x):
    x = float(np.float32(x))
    for high in (False, True):
        rounded = formats.sixteen(jnp.full(DRAWS, x), words(DRAWS), high)
        samples = np.asarray(rounded).astype(np.float64)
        within_five_standard_errors(samples, x)
        assert len(np.unique(samples)) <= 2
        assert np.all(np.abs(samples - x) < max(2.0**-7 * abs(x), 1e-40))


@pytest.mark.parametrize("x", SQUARES)
def test_roots_of_squares_are_right_in_the_mean(x):
    x = float(np.float32(x))
    rounded = formats.square_of(
        formats.square_code(jnp.full(DRAWS, x), words(DRAWS), formats.SQUARE), formats.SQUARE
    )
    roots_are_right(rounded, x)
    assert np.all(np.abs(np.asarray(rounded) - x) < max(0.5 * x, SMALLEST))


@pytest.mark.parametrize("nu", SQUARES)
@pytest.mark.parametrize("ratio", [0.0, 1e-4, 3e-3, -0.01, 0.3, -1.0, 7.3, 23.0, 100.0])
def test_pairs_are_right_in_the_mean(nu, ratio):
    nu = float(np.float32(nu))
    mu = float(np.float32(ratio * np.sqrt(nu)))
    codes = formats.pair_codes(jnp.full(DRAWS, mu), jnp.full(DRAWS, nu), words(DRAWS))
    means, squares = formats.pair_of(*codes)
    roots_are_right(squares, nu)
    assert np.all(np.abs(np.asarray(squares) - nu) < max(0.25 * nu, SMALLEST))
    if nu >= SMALLEST:
        within_five_standard_errors(means, mu)
        apart = max((0.25 if abs(ratio) < 10 else 1) * abs(mu), np.sqrt(1.25 * nu) / 32)
        assert np.all(np.abs(np.asarray(means) - mu) <= apart)
    else:
        assert np.all(np.asarray(means)[np.asarray(squares) == 0] == 0)


def test_every_code_stands_for_itself_whatever_the_noise():
    every = jnp.arange(2**16, dtype=jnp.uint32)
    first, second = ((every >> shift).astype(jnp.uint8) for shift in (8, 0))
    mu, nu = formats.pair_of(first, second)
    level, size = (np.asarray(every) & 511, np.asarray(every) >> 9 & 63)
    sign = np.asarray(every) >> 15
    # There is no level 511 of nu, nor 63 of mu; of level 0 the mean is 0; and -0 is NaN.
    proper = (level < 511) & (size < 63) & ((level > 0) | (size == 0)) & ((size > 0) | (sign == 0))
    assert proper.sum() == 510 * (2 * 62 + 1) + 1
    for seed in range(4):
        again = formats.pair_codes(mu, nu, words(2**16, float(seed)))
        for code, new in zip((first, second), again):
            np.testing.assert_array_equal(np.asarray(new)[proper], np.asarray(code)[proper])
        codes = jnp.arange(256, dtype=jnp.uint8)
        for levels in (formats.SQUARE, formats.SUM):
            numbers = formats.square_of(codes, levels)
            again = formats.square_code(numbers, words(256, float(seed)), levels)
            np.testing.assert_array_equal(again, codes)
        bits = jnp.arange(2**16, dtype=jnp.uint32).astype(jnp.uint16)
        numbers = jax.lax.bitcast_convert_type(bits, jnp.bfloat16).astype(jnp.float32)
        back = formats.sixteen(numbers, words(2**16, float(seed)))
        np.testing.assert_array_equal(back.astype(jnp.float32), numbers)


GRADIENTS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "laplace": lambda rng, shape: rng.laplace(size=shape),
    "rare": lambda rng, shape: rng.standard_normal(shape) * (rng.random(shape) < 0.1),
    "constant": lambda rng, shape: np.ones(shape),
}


@pytest.mark.parametrize("kind", GRADIENTS)
def test_a_stored_average_does_not_raise_the_rate(kind):
    """1 / sqrt(nu), of an average in 8 bits, is in the mean what it is in float32: see formats."""
    steps, entries, b2 = 1500, 4096, 0.99
    grads = GRADIENTS[kind](np.random.default_rng(0), (steps, entries)).astype(np.float32)

    def step(nus, both):
        t, g = both
        square, stored_pair, exact = nus
        word = noise.word(noise.key_of(0.0, t), noise.salt_of("w"), g)
        _, nu = formats.pair_of(*stored_pair)
        news = [
            b2 * x + (1 - b2) * g * g
            for x in (formats.square_of(square, formats.SQUARE), nu, exact)
        ]
        kept = (
            formats.square_code(news[0], word, formats.SQUARE),
            formats.pair_codes(g * 0, news[1], word),
            news[2],
        )
        sizes = [jnp.mean(1 / jnp.sqrt(x)) for x in news]
        return kept, jnp.stack([sizes[0] / sizes[2], sizes[1] / sizes[2]])

    zeros = jnp.zeros(entries, jnp.uint8)
    ratios = jax.jit(
        lambda g: jax.lax.scan(step, (zeros, (zeros, zeros), jnp.zeros(entries)), g)[1]
    )
    found = ratios((jnp.arange(1, steps + 1, dtype=jnp.int32), jnp.asarray(grads)))
    atol = [0.02, 0.004] if kind == "rare" else 0.004  # of 8 bits and of 9
    assert np.all(np.abs(found[steps // 2 :].mean(axis=0) - 1) < atol)


def test_every_nan_is_one_in_sixteen_bits():
    """Also one whose digits are all cut off, or carried into the sign."""
    bits = jnp.asarray([0x7F800001, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF], jnp.uint32)
    numbers = jax.lax.bitcast_convert_type(bits, jnp.float32)
    for word in (None, jnp.full(4, 2**32 - 1, jnp.uint32), jnp.zeros(4, jnp.uint32)):
        assert np.all(np.isnan(np.asarray(formats.sixteen(numbers, word)).astype(np.float32)))


def test_a_mean_too_large_for_its_square_is_the_largest():
    codes = formats.pair_codes(jnp.asarray([1e4, -1e4, 1e30]), jnp.ones(3), words(3))
    mu, nu = formats.pair_of(*codes)
    np.testing.assert_array_equal(mu, np.asarray([1, -1, 1], np.float32) * 255.75)
    np.testing.assert_array_equal(nu, np.ones(3, np.float32))


def test_two_slots_are_not_rounded_alike():
    x = jnp.full(1000, 1.005)
    first, second = storage.encoded(("16", "16"), [x, x], lambda number: words(1000))
    assert (
        abs(np.corrcoef(*(np.asarray(s).astype(np.float32) for s in (first, second)))[0, 1]) < 0.2
    )


def test_a_pair_is_of_slots_that_may_be_kept_in_8_bits():
    declared = {
        "mu": slots.mean_of_gradients("b1", least_bits=16),
        "nu": slots.mean_of_squares("b2"),
    }
    with pytest.raises(ValueError, match="^stored: rule keeps mu in 16 bits at least"):
        storage.formats_of("rule", tuple(declared.items()), 8)
