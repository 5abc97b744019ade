"""compat.keras against the trajectories of the real Keras 3.15 (tests/golden), for every setting.

float64: |ours - Keras| <= 1e-12 max(1, |Keras|) for every entry after every step; float32: 5e-6
likewise, states 3e-5. So an entry larger than 1 is compared relatively, a smaller one absolutely;
Ftrl's states, sums of unlike signs, with the largest entry of their leaf in place of 1.
The harness is that of `test_compat_torch`.

Keras takes Adafactor's means in float32 even for float64, so the real run is compared to 1e-6 in
float64 ("Adafactor"), and one with its means in float64 to 1e-12 ("Adafactor_full").
"""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import problems
import pytest
import store
import test_compat_torch as harness

from adaptive_tx.compat import keras

PARAMETERS, STATES = harness.PARAMETERS, harness.STATES
CASES = [
    (name, setting)
    for name in [*problems.KERAS, "Adafactor_full"]
    for setting in problems.KERAS[name.removesuffix("_full")]
]
RESUMED = [
    (name, setting)
    for name, setting in CASES
    if problems.KERAS[name.removesuffix("_full")][setting]["resume"]
]
FLOAT32_MEANS = {"f64": 1e-6, "f32": 5e-6}
# In float32 as well, but for `make check`: what is wrong is wrong in both.
every_precision = pytest.mark.parametrize(
    "precision", ["f64", pytest.param("f32", marks=pytest.mark.slow)]
)
WHOLE = ("Adafactor", "Adafactor_full", "Lamb")  # these see whole arrays


@functools.cache
def golden(name):
    return store.load(harness.FOLDER / f"keras_{name.lower()}.npz")


def snake(name):
    """PiecewiseConstantDecay -> piecewise_constant_decay."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def make(name, setting, **changes):
    """Our optimizer for a setting."""
    meta = golden(name)[setting].meta
    given = {**meta["kwargs"], **changes}
    if meta["schedule"] is not None:
        schedule, arguments = meta["schedule"]
        given["learning_rate"] = getattr(keras, snake(schedule))(**arguments)
    return getattr(keras, name.removesuffix("_full").lower())(**given)


def bounds(name):
    return FLOAT32_MEANS if name == "Adafactor" else PARAMETERS


@functools.cache
def problem(name, setting, precision):
    """Shapes to split by (or None), first parameters, and gradients, each a list of leaves.

    Where the rule acts entry by entry the leaves are joined, which compiles twice as fast.
    """
    dtype, shapes = {"f64": np.float64, "f32": np.float32}[precision], problems.SHAPES
    params = problems.initial_parameters(shapes, dtype)
    grads = problems.gradient_sequence(shapes, dtype)
    if name in WHOLE or "clipnorm" in golden(name)[setting].meta["kwargs"]:
        return None, params, grads
    grads = [np.concatenate([np.reshape(g, (problems.STEPS, -1)) for g in grads], 1)]
    return shapes, join(params), grads


def join(leaves):
    return [np.concatenate([np.ravel(leaf) for leaf in leaves])]


def join_state(state):
    """The state of one leaf from that of a list of leaves."""
    return tuple(
        part._replace(**{k: join(x) for k, x in part._asdict().items() if isinstance(x, list)})
        for part in state
    )


def advance(name, setting, precision, tx, params, state, start):
    """Ten steps from `start`: the next parameters and state, and the rows of both problems."""
    shapes, _, grads = problem(name, setting, precision)
    sequence = [jnp.asarray(g[start : start + 10]) for g in grads]
    (params, state), seen = harness.ten_steps(shapes, tx, params, state, sequence)
    return params, state, np.concatenate([np.reshape(x, (2, 10, -1)) for x in seen], -1)


@functools.cache
def run(name, setting, precision):
    """Our parameters after each step, (2, 30, N), and Keras' list of our state after 20 of "a"."""
    with jax.enable_x64(precision == "f64"):
        tx = make(name, setting)
        shapes, first, _ = problem(name, setting, precision)
        params = [jnp.stack([leaf, leaf]) for leaf in first]
        state, rows, kept = jax.vmap(tx.init)(params), [], []
        for start in (0, 10, 20):
            if start == problems.RESUME_STEP and golden(name)[setting].state is not None:
                one = jax.tree.map(lambda x: x[0], state)
                kept = keras.variables(tx, one, [p[0] for p in params])
            params, state, seen = advance(name, setting, precision, tx, params, state, start)
            rows.append(seen)
    return np.concatenate(rows, 1), kept


def parameter_difference(name, setting, precision):
    """Over all steps and both problems, between our parameters and Keras'."""
    ours, _ = run(name, setting, precision)
    kept = golden(name)[setting].trajectory
    rows = slice(None) if precision == "f64" else store.ROWS
    theirs = np.stack([kept[p, precision] for p in problems.PROBLEMS])
    return harness.difference(ours[:, rows], theirs)


def largest_differences():
    """{(file, setting): {"f64": ..., "f32": ...}}: what the table of who equals whom is made from."""
    return {case: {p: parameter_difference(*case, p) for p in PARAMETERS} for case in CASES}


@every_precision
@pytest.mark.parametrize("name, setting", CASES)
def test_parameters_equal_keras(name, setting, precision):
    found = parameter_difference(name, setting, precision)
    assert found <= bounds(name)[precision]
    assert harness.holds("Keras", name, setting, precision, found)  # docs/equality.md


def state_difference(name, setting, precision):
    """Between our state after 20 steps of problem "a", and Keras' in float64."""
    _, ours = run(name, setting, precision)
    theirs = golden(name)[setting].state
    if len(ours) < len(theirs):  # the leaves were joined: join theirs, slot by slot
        theirs = joined(theirs)
    pairs = [(a, b) for (_, a), (_, b) in zip(ours, theirs, strict=True)]
    sizes = [largest_of_leaf(b) if name == "Ftrl" else 0.0 for _, b in pairs]
    return max(harness.difference(*pair, size) for pair, size in zip(pairs, sizes))


def largest_of_leaf(array):
    """For each entry the largest of its leaf, where all leaves are joined."""
    if array.ndim == 0:
        return np.abs(array)
    leaves = harness.split(np.abs(array), problems.SHAPES)
    return np.concatenate([np.full(leaf.size, np.max(leaf)) for leaf in leaves])


def joined(variables):
    """Keras' variables with those of all leaves as one vector each."""
    columns = {}
    for path, array in variables:
        columns.setdefault(re.sub(r"leaf\d_", "leaf_", path), []).append(np.ravel(array))
    return [(k, np.concatenate(c) if "leaf" in k else c[0][0]) for k, c in columns.items()]


@every_precision
@pytest.mark.parametrize("name, setting", RESUMED)
def test_states_equal_keras(name, setting, precision):
    float32_means = name == "Adafactor" and precision == "f64"
    bound = FLOAT32_MEANS["f64"] if float32_means else STATES[precision]
    assert state_difference(name, setting, precision) <= bound


def loaded(name, setting):
    """Our optimizer, the parameters and the state of Keras after 20 steps."""
    kept = golden(name)[setting]
    leaves = store.split(kept.trajectory["a", "f64"][problems.RESUME_STEP - 1], problems.SHAPES)
    params = [jnp.asarray(leaf) for leaf in leaves]
    tx = make(name, setting)
    return tx, params, keras.load_variables(tx, params, kept.state)


@pytest.mark.parametrize("name, setting", RESUMED)
def test_variables_go_there_and_back(name, setting):
    """The arrays exactly, and the paths, but for AdamW's prefix and those that lack Keras' own."""
    with jax.enable_x64(True):
        tx, params, state = loaded(name, setting)
        ours, theirs = keras.variables(tx, state, params), golden(name)[setting].state
    for (path, array), (their_path, their_array) in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(array, their_array, rtol=1e-6 if name == "Adafactor" else 1e-14)
        their_path = their_path.replace("leaf", "")
        assert path.split("/")[-1] == their_path.split("/")[-1]
        assert path == their_path or name == "AdamW" or "/" not in their_path


@pytest.mark.parametrize("name, setting", RESUMED)
def test_a_run_of_keras_goes_on(name, setting):
    """20 steps in Keras, its variables loaded, 10 more: as if Keras had done all 30."""
    kept, start = golden(name)[setting], problems.RESUME_STEP
    with jax.enable_x64(True):
        tx, params, state = loaded(name, setting)
        assert {int(part.count) for part in state} == {start}
        if problem(name, setting, "f64")[0]:
            params, state = join(params), join_state(state)
        two = jax.tree.map(lambda x: jnp.stack([x, x]), (params, state))
        _, _, rows = advance(name, setting, "f64", tx, *two, start)
    assert harness.difference(rows[0], kept.trajectory["a", "f64"][start:]) <= bounds(name)["f64"]


if __name__ == "__main__":
    for (name, setting), found in largest_differences().items():
        print(f"{name:10} {setting:16} f64 {found['f64']:.1e}  f32 {found['f32']:.1e}")
