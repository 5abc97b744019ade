"""compat.torch against the trajectories of the real torch 2.13 (tests/golden), for every setting.

float64: |ours - torch| <= 1e-12 max(1, |torch|) for every entry after every step; float32: 5e-6
likewise, states 3e-5. So an entry larger than 1 is compared relatively, a smaller one absolutely.
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import problems
import pytest
import store
from claims import holds

import adaptive_tx as atx
from adaptive_tx.compat import torch

FOLDER = pathlib.Path(__file__).parent / "golden"
PARAMETERS = {"f64": 1e-12, "f32": 5e-6}
STATES = {"f64": 1e-12, "f32": 3e-5}
# In float32 as well, but for `make check`: what is wrong is wrong in both.
every_precision = pytest.mark.parametrize(
    "precision", ["f64", pytest.param("f32", marks=pytest.mark.slow)]
)
FILES = [*problems.TORCH, "Muon_full"]
CASES = [
    (name, setting) for name in FILES for setting in problems.TORCH[name.removesuffix("_full")]
]
SCHEDULERS = {
    "StepLR": torch.step_lr,
    "ExponentialLR": torch.exponential_lr,
    "CosineAnnealingLR": torch.cosine_annealing_lr,
}


@functools.cache
def golden(name):
    return store.load(FOLDER / f"torch_{name.lower()}.npz")


def make(name, setting):
    """Our optimizer for a setting, and its schedule if it has one."""
    meta = golden(name)[setting].meta
    maker = getattr(torch, name.removesuffix("_full").lower())
    given = dict(meta["kwargs"])
    schedule = None
    if meta["schedule"] is not None:
        scheduler, arguments = meta["schedule"]
        schedule = SCHEDULERS[scheduler](given["lr"], **arguments)
        given["lr"] = schedule
    if name == "Muon_full":
        given["full_precision"] = True
    return maker(**given), schedule


FACTORED = ("Adafactor", "Muon", "Muon_full")


@functools.partial(
    jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0}
)
def ten_steps(shapes, tx, params, state, sequence):
    """Ten steps of problem "a" (row 0 of params and state) and of problem "b" (row 1).

    `shapes` are those of the leaves, if params is the list of one vector that joins them.
    """

    def run(follows_sequence, params, state):
        def step(carry, given):
            params, state = carry
            computed = problems.objective_gradient(split(params[0], shapes) if shapes else params)
            if shapes:
                computed = [jnp.concatenate([jnp.ravel(leaf) for leaf in computed])]
            grads = [jnp.where(follows_sequence, g, c) for g, c in zip(given, computed)]
            updates, state = tx.update(grads, state, params)
            params = [p + u for p, u in zip(params, updates)]
            return (params, state), params

        return jax.lax.scan(step, (params, state), sequence)

    return jax.vmap(run)(jnp.array([True, False]), params, state)


def split(vector, shapes):
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [vector[e - int(np.prod(s)) : e].reshape(s) for s, e in zip(shapes, ends)]


@functools.cache
def problem(name, setting, precision):
    """Shapes to split by (or None), first parameters, and gradients, each a list of leaves.

    Where the rule acts entry by entry the leaves are joined, which compiles twice as fast; but not
    in float64 where a run is resumed.
    """
    dtype, shapes = {"f64": np.float64, "f32": np.float32}[precision], problems.shapes_of(name)
    params = problems.initial_parameters(shapes, dtype)
    grads = problems.gradient_sequence(shapes, dtype)
    resumed = golden(name)[setting].state is not None
    if name in FACTORED or (precision == "f64" and resumed):
        return None, params, grads
    grads = [np.concatenate([np.reshape(g, (problems.STEPS, -1)) for g in grads], 1)]
    return shapes, [np.concatenate([np.ravel(p) for p in params])], grads


def advance(name, setting, precision, tx, params, state, start):
    """Ten steps from `start`: the next parameters and state, and the rows of both problems."""
    shapes, _, grads = problem(name, setting, precision)
    sequence = [jnp.asarray(g[start : start + 10]) for g in grads]
    (params, state), seen = ten_steps(shapes, tx, params, state, sequence)
    return params, state, np.concatenate([np.reshape(x, (2, 10, -1)) for x in seen], -1)


@functools.cache
def run(name, setting, precision):
    """Our parameters after each step, (2, 30, N), and torch's name for our state after 20 of "a"."""
    with jax.enable_x64(precision == "f64"):
        tx, _ = make(name, setting)
        shapes, first, _ = problem(name, setting, precision)
        params = [jnp.stack([leaf, leaf]) for leaf in first]
        state, rows, kept = jax.vmap(tx.init)(params), [], {}
        for start in (0, 10, 20):
            if start == problems.RESUME_STEP and golden(name)[setting].state is not None:
                one = jax.tree.map(lambda x: x[0], state)
                kept = torch.state_dict(tx, one, [p[0] for p in params])["state"]
            params, state, seen = advance(name, setting, precision, tx, params, state, start)
            rows.append(seen)
    return np.concatenate(rows, 1), split_entries(kept, shapes)


def split_entries(entries, shapes):
    """The entries of one joined leaf as those of its parts."""
    if shapes is None or not entries:
        return entries
    parts = {k: split(x, shapes) if x.ndim else [x] * len(shapes) for k, x in entries[0].items()}
    return {i: {k: column[i] for k, column in parts.items()} for i in range(len(shapes))}


def torch_state(name, setting):
    """The golden state, as torch's state_dict has it."""
    kept = golden(name)[setting]
    state = {}
    for (leaf, entry), array in kept.state:
        state.setdefault(leaf, {})[entry] = array
    return {"state": state, "param_groups": [kept.groups]}


def difference(ours, theirs, size=0.0):
    """The largest |ours - theirs| / max(1, |theirs|, size)."""
    assert np.shape(ours) == np.shape(theirs)
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    scale = np.maximum(np.maximum(1, np.abs(theirs)), size)
    return float(np.max(np.abs(ours - theirs) / scale, initial=0))


def parameter_difference(name, setting, precision):
    """Over all steps and both problems, between our parameters and torch's."""
    ours, _ = run(name, setting, precision)
    rows = slice(None) if precision == "f64" else store.ROWS
    kept = golden(name)[setting].trajectory
    theirs = np.stack([kept[problem, precision] for problem in problems.PROBLEMS])
    if precision == "f64":
        return difference(ours[:, rows], theirs)
    largest = [np.maximum.accumulate(np.abs(kept[p, "f64"])) for p in problems.PROBLEMS]
    return difference(ours[:, rows], theirs, np.stack(largest)[:, rows])


def largest_differences():
    """{(file, setting): {"f64": ..., "f32": ...}}: what the table of who equals whom is made from."""
    return {case: {p: parameter_difference(*case, p) for p in PARAMETERS} for case in CASES}


BFLOAT16 = {"f64": 1e-2, "f32": 1e-2}


@every_precision
@pytest.mark.parametrize("name, setting", CASES)
def test_parameters_equal_torch(name, setting, precision):
    bound = BFLOAT16 if name == "Muon" else PARAMETERS
    found = parameter_difference(name, setting, precision)
    assert found <= bound[precision]
    if name != "Muon":  # which rounds to bfloat16, on each machine in its own way
        assert holds("torch", name, setting, precision, found)  # docs/equality.md


RESUMED = [
    (name, setting)
    for name, setting in CASES
    if problems.TORCH[name.removesuffix("_full")][setting]["resume"]
]


def state_difference(name, setting, precision):
    """Between our state after 20 steps of problem "a", and torch's in float64."""
    _, ours = run(name, setting, precision)
    theirs = torch_state(name, setting)["state"]
    assert {i: set(e) for i, e in ours.items()} == {i: set(e) for i, e in theirs.items()}
    pairs = [(ours[i][k], theirs[i][k]) for i in theirs for k in theirs[i]]
    return max((difference(*pair) for pair in pairs), default=0.0)


@every_precision
@pytest.mark.parametrize("name, setting", RESUMED)
def test_states_equal_torch(name, setting, precision):
    assert state_difference(name, setting, precision) <= STATES[precision]


@pytest.mark.parametrize("name, setting", RESUMED)
def test_a_run_of_torch_goes_on(name, setting):
    """20 steps in torch, its state loaded, 10 more: as if torch had done all 30."""
    kept, start = golden(name)[setting], problems.RESUME_STEP
    with jax.enable_x64(True):
        leaves = store.split(kept.trajectory["a", "f64"][start - 1], problems.shapes_of(name))
        params = [jnp.asarray(leaf) for leaf in leaves]
        maker = getattr(torch, name.removesuffix("_full").lower())
        flags = {k: v for k, v in kept.meta["kwargs"].items() if not is_number(v)}
        if name == "Muon_full":
            flags["full_precision"] = True
        tx, state = torch.load_state_dict(
            tx_of(maker, flags, kept), params, torch_state(name, setting)
        )
        assert {int(x) for x in counts(state)} <= {start, 1, 0}  # torch does not count SGD and Muon
        two = jax.tree.map(lambda x: jnp.stack([x, x]), (params, state))
        _, _, rows = advance(name, setting, "f64", tx, *two, start)
    bound = BFLOAT16 if name == "Muon" else PARAMETERS
    assert difference(rows[0], kept.trajectory["a", "f64"][start:]) <= bound["f64"]


def is_number(value):
    return isinstance(value, (float, list)) or type(value) is int


def tx_of(maker, flags, kept):
    """The optimizer with torch's switches but our default numbers, which the state must replace."""
    needed = {
        k: kept.meta["kwargs"][k]
        for k in ("momentum", "eps", "ns_steps")
        if k in kept.meta["kwargs"]
    }
    return maker(**flags, **needed)


def counts(state):
    return [part.count for part in state if hasattr(part, "count")]


def test_a_wrapper_has_no_torch_state():
    """Said before anything is written; what it wraps has one."""
    params = {"w": jnp.ones(3)}
    tx = atx.measured(torch.adam(1e-3))
    state = tx.init(params)
    with pytest.raises(TypeError, match="measured is a wrapper.*inner_state"):
        torch.state_dict(tx, state, params)


if __name__ == "__main__":
    for (name, setting), found in largest_differences().items():
        print(f"{name:10} {setting:15} f64 {found['f64']:.1e}  f32 {found['f32']:.1e}")
