"""Where a state lies: by shapes alone, with eight devices, and in several processes."""

import os
import pathlib
import socket
import subprocess
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest
from catalogue import CATALOGUE
from jax import P
from one_of_several import optimizer, start, steps

import adaptive_tx as atx
from adaptive_tx.core.belonging import told_apart

pytestmark = pytest.mark.filterwarnings("error")
HERE = pathlib.Path(__file__).parent
MESH = jax.sharding.AbstractMesh((4, 2), ("data", "model"))
SPECS = {
    "enc": {"w": P("data", "model"), "b": P("model")},
    "w": P(None, "model"),
    "square": P("data", "model"),
    "scale": P(),
}


def shape(*dims):
    return jax.ShapeDtypeStruct(dims, jnp.float32)


PARAMS = {
    "enc": {"w": shape(256, 128), "b": shape(128)},
    "w": shape(8, 128),
    "square": shape(128, 128),
    "scale": shape(),
}
SHARDINGS = jax.tree.map(lambda spec: jax.NamedSharding(MESH, spec), SPECS)


def short(spec):
    """Without what it says of axes that are whole anyway."""
    entries = [*spec]
    while entries and entries[-1] is None:
        entries.pop()
    return P(*entries)


def specs(tx, params=PARAMS, shardings=SHARDINGS, **given):
    """The specs of a state, by the names of its leaves."""
    found = atx.state_sharding(tx, params, shardings, **given)
    assert jax.tree.structure(found) == jax.tree.structure(jax.eval_shape(tx.init, params))
    flat = jax.tree.leaves_with_path(found)
    return {jax.tree_util.keystr(path): short(sharding.spec) for path, sharding in flat}


def like_params(prefix, tree=SPECS):
    return {
        prefix + jax.tree_util.keystr(path): spec for path, spec in jax.tree.leaves_with_path(tree)
    }


def expected_of(path, leaf):
    """From the names and shapes of a state of ours, in another way than the library's."""
    found = {n: (s, PARAMS_BY_NAME[n].shape) for n, s in SPECS_BY_NAME.items() if path.endswith(n)}
    if not found or not leaf.shape:
        return P()
    spec, whole = found[max(found, key=len)]
    axes = (*spec, *(None,) * (len(whole) - len(spec)))
    return short(P(*(axis if n == m else None for axis, n, m in zip(axes, leaf.shape, whole))))


SPECS_BY_NAME, PARAMS_BY_NAME = like_params(""), like_params("", PARAMS)


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_every_row(row):
    tx = row()
    leaves = jax.tree.leaves_with_path(jax.eval_shape(tx.init, PARAMS))
    for (name, spec), (path, leaf) in zip(specs(tx).items(), leaves, strict=True):
        assert spec == expected_of(jax.tree_util.keystr(path), leaf), name


def direct():
    """A state that is itself a tree like the parameters."""
    return optax.GradientTransformation(
        lambda params: jax.tree.map(jnp.zeros_like, params),
        lambda u, state, params=None: (u, state),
    )


def with_gaps():
    """A state like that of a group: None where a leaf belongs to another."""
    return optax.GradientTransformation(
        lambda p: {"mu": {"enc": {"w": jnp.zeros_like(p["enc"]["w"]), "b": None}, "w": None}},
        lambda u, state, params=None: (u, state),
    )


def labels(params):
    return jax.tree.map(lambda p: "matrix" if p.ndim == 2 else "other", params)


BY_LABEL = {"matrix": optax.adafactor(1e-3), "other": atx.adam(1e-3)}
MASK = {"enc": True, "w": False, "square": False, "scale": False}
OTHERS = {
    "chain": (
        optax.chain(optax.clip_by_global_norm(1.0), atx.adamw(1e-3), optax.trace(0.9)),
        like_params("[1][0].mu") | like_params("[2].trace") | {"[1][0].count": P()},
    ),
    "partition": (
        optax.partition(BY_LABEL, labels),
        {
            ".inner_states['matrix'].inner_state[0].v_row['square']": P("data"),
            ".inner_states['matrix'].inner_state[0].v['w']": P(None, "model"),
            ".inner_states['other'].inner_state[0].mu['enc']['b']": P("model"),
        },
    ),
    "adafactor": (  # its rows are along the shorter axis
        optax.adafactor(1e-3),
        {
            "[0].v_row['enc']['w']": P("model"),
            "[0].v_col['enc']['w']": P("data"),
            "[0].v['enc']['w']": P(),
            "[0].v_row['square']": P("data"),
            "[0].v_col['square']": P("model"),
            "[0].v['enc']['b']": P("model"),
        },
    ),
    "MultiSteps": (
        optax.MultiSteps(optax.adam(1e-3), 2),
        like_params(".acc_grads") | like_params(".inner_opt_state[0].nu") | {".mini_step": P()},
    ),
    "masked": (
        optax.masked(optax.adam(1e-3), MASK),
        {".inner_state[0].mu['enc']['w']": P("data", "model"), ".inner_state[0].count": P()},
    ),
    "inject_hyperparams": (
        optax.inject_hyperparams(optax.adam)(1e-3),
        like_params(".inner_state[0].mu") | {".hyperparams['learning_rate']": P()},
    ),
    "schedule_free": (optax.contrib.schedule_free_adamw(1e-3), like_params(".z")),
    "lbfgs": (  # of each parameter the last two, along an axis of their own
        optax.scale_by_lbfgs(2),
        {
            ".diff_params_memory['enc']['w']": P(None, "data", "model"),
            ".diff_params_memory['scale']": P(),
        },
    ),
    "sm3": (  # for each parameter, a list of one vector for each of its axes
        optax.sm3(1e-3),
        {"[0].mu['enc']['w'][1]": P("model"), "[0].mu['square'][0]": P("data")},
    ),
    "named like a parameter": (
        optax.named_chain(("enc", direct()), ("w", optax.trace(0.9))),
        like_params("['enc']") | like_params("['w'].trace"),
    ),
    "with gaps": (with_gaps(), {"['mu']['enc']['w']": P("data", "model")}),
    "guarded": (
        atx.guarded_by_percentile(optax.adam(1e-3)),
        like_params(".inner_state[0].mu") | {".history.values": P(), ".not_finite.grads": P()},
    ),
    "a key": (optax.add_noise(0.1, 0.5, jax.random.key(0)), {".rng_key": P()}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_libraries_and_wrappers(name):
    tx, expected = OTHERS[name]
    found = specs(tx)
    assert {key: found[key] for key in expected} == expected


class Model(NamedTuple):
    mu: jax.ShapeDtypeStruct
    count: jax.ShapeDtypeStruct


def test_a_model_whose_leaves_are_named_like_a_state_s():
    params = Model(shape(8, 4), shape(16))
    found = specs(atx.adam(0.1), params, jax.NamedSharding(MESH, P("data")))
    assert found["[0].mu.mu"] == found["[0].nu.count"] == P("data")
    assert found["[0].count"] == found["[1].count"] == P()


def test_a_part_named_like_a_group_of_parameters():
    """The state's ['enc']['w'] is the slot of ['w'], though ['enc']['w'] is a parameter of this shape."""
    params = {"enc": {"w": shape(8, 4)}, "w": shape(8, 4)}
    tree = {"enc": {"w": P("data")}, "w": P("model")}
    shardings = jax.tree.map(lambda spec: jax.NamedSharding(MESH, spec), tree)
    found = specs(optax.named_chain(("enc", direct())), params, shardings)
    assert found == {"['enc']['enc']['w']": P("data"), "['enc']['w']": P("model")}


def test_a_model_of_one_array():
    """Whose path is empty, and so the beginning and the end of every path."""
    found = specs(atx.adafactor(0.1), shape(8, 4), jax.NamedSharding(MESH, P("data", "model")))
    assert found["[0].row_var"] == P("data")
    assert found["[0].col_var"] == P(None, "model")
    assert found["[0].count"] == P()


ZERO = {  # a parameter's spec, its shape, and the spec of its moments
    "whole": (P(), (8, 3), P("data")),
    "the second axis": (P(), (3, 8), P(None, "data")),
    "beside another": (P(None, "model"), (8, 4), P("data", "model")),
    "not with another": (P(None, "model"), (3, 16), P(None, "model")),
    "split already": (P("data"), (8, 16), P("data")),
    "split already, with another": (P(("model", "data")), (8, 16), P(("model", "data"))),
    "no axis divides": (P("model"), (6, 3), P("model")),
    "no entries": (P(), (0, 3), P()),
    "a scalar": (P(), (), P()),
}


@pytest.mark.parametrize("name", ZERO)
def test_zero(name):
    spec, dims, expected = ZERO[name]
    sharding = {"w": jax.NamedSharding(MESH, spec)}
    assert (
        specs(atx.ema(b1=0.9), {"w": shape(*dims)}, sharding, zero="data")[".ema['w']"] == expected
    )


def test_zero_of_rows_and_columns_is_that_of_their_matrix():
    found = specs(
        atx.scale_by_factored_rms(),
        {"w": shape(8, 6)},
        jax.NamedSharding(MESH, P()),
        zero=("data", "model"),
    )
    assert found[".row_var['w']"] == P(("data", "model"))
    assert found[".col_var['w']"] == P()


@pytest.mark.parametrize("dims", [(8, 8), (8, 8, 9), (3, 4, 3), (2, 2, 2), (5,), ()])
def test_axes_told_apart_are_in_the_same_order(dims):
    """As a rule that sorts them sees it: equal ones keep theirs."""
    longer = told_apart(dims)
    assert len({*longer}) == len(longer)
    assert [*np.argsort(longer)] == [*np.argsort(dims, stable=True)]


def picky(params):
    """Vectors of a square matrix of this one size: asked for another, it refuses."""
    assert params["w"].shape in ((128, 128), (1024, 1024))
    return jnp.zeros(len(params["w"]))


def test_what_cannot_be_told_is_replicated_if_it_is_small():
    sharding = jax.NamedSharding(MESH, P("data", "model"))
    tx = optax.GradientTransformation(lambda p: {"w": picky(p)}, direct().update)
    assert specs(tx, {"w": shape(128, 128)}, {"w": sharding}) == {"['w']": P()}


def test_what_cannot_be_told_is_an_error_if_it_is_large():
    tx = optax.flatten(optax.adam(1e-3))
    why = r"^state_sharding: state\[0\].mu has shape \(1048576,\), .* split its 4,194,304 bytes"
    with pytest.raises(ValueError, match=why):
        specs(tx, {"w": shape(1024, 1024)}, jax.NamedSharding(MESH, P()))


def test_arrays_and_shapes_are_alike():
    mesh = jax.make_mesh((1,), ("data",))
    arrays = {"w": jnp.ones((4, 2)), "none": None}
    sharding = {"w": jax.NamedSharding(mesh, P("data")), "none": None}
    found = atx.state_sharding(atx.adam(0.1), arrays, sharding)
    assert found == atx.state_sharding(atx.adam(0.1), jax.eval_shape(lambda x: x, arrays), sharding)
    assert found[0].mu["w"] is sharding["w"]


ON_ANOTHER = jax.NamedSharding(jax.sharding.AbstractMesh((2,), ("x",)), P())


def test_what_is_kept_of_pairs_of_rows_and_columns():
    """An axis that is kept twice is split once; of several in one the first, and others are in front."""
    axes = {"w": ((0,), (1,)), "heads": ((0,), (2,)), "attention": ((0,), (1, 2))}
    params = {"w": shape(256, 128), "heads": shape(64, 8, 32), "attention": shape(64, 8, 32)}
    spec = {"w": P("data", "model"), "heads": P("data", "model"), "attention": P("data", "model")}
    lies = jax.tree.map(lambda spec: jax.NamedSharding(MESH, spec), spec)
    found = specs(atx.scale_by_soap(axes=lambda path, p: axes[path]), params, lies)
    for left, right in (("left", "right"), ("left_basis", "right_basis")):
        assert found[f".{left}['w']"] == P("data")
        assert found[f".{right}['w']"] == P(None, "model")
        assert found[f".{left}['heads']"] == P("model", "data")
        assert found[f".{right}['heads']"] == P("model")
        assert found[f".{left}['attention']"] == P("data")
        assert found[f".{right}['attention']"] == P("model")


ERRORS = {
    "no transformation": (
        TypeError,
        lambda: atx.state_sharding(atx.adam, PARAMS, SHARDINGS),
        "tx must be a gradient transformation, got <function adam",
    ),
    "a spec": (
        TypeError,
        lambda: atx.state_sharding(atx.adam(0.1), PARAMS, SPECS),
        r"param_shardings\['enc'\]\['b'\] must be a jax.sharding.NamedSharding, got P",
    ),
    "another tree": (
        ValueError,
        lambda: atx.state_sharding(atx.adam(0.1), PARAMS, SHARDINGS["enc"]),
        "param_shardings does not fit params: .*",
    ),
    "another shape": (
        ValueError,
        lambda: atx.state_sharding(
            atx.adam(0.1), {"w": shape(6)}, jax.NamedSharding(MESH, P("data"))
        ),
        r"the sharding of params\['w'\] does not fit it: .*",
    ),
    "two meshes": (
        ValueError,
        lambda: atx.state_sharding(atx.adam(0.1), PARAMS, {**SHARDINGS, "w": ON_ANOTHER}),
        r"param_shardings\['enc'\]\['b'\] and param_shardings\['w'\] are of different meshes",
    ),
    "no leaves": (
        ValueError,
        lambda: atx.state_sharding(atx.adam(0.1), {}, {}),
        "params has no leaves, so there is no mesh",
    ),
    "another axis": (
        ValueError,
        lambda: atx.state_sharding(atx.adam(0.1), PARAMS, SHARDINGS, zero="batch"),
        "zero is 'batch', but the axes of the mesh are 'data', 'model'",
    ),
    "no axis": (
        TypeError,
        lambda: atx.state_sharding(atx.adam(0.1), PARAMS, SHARDINGS, zero=True),
        "zero must be a string or a tuple of strings, got True",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    kind, call, why = ERRORS[name]
    with pytest.raises(kind, match=f"^state_sharding: {why}"):
        call()


def environment(**more):
    path = os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])
    return os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": path} | more


@pytest.mark.slow
def test_on_a_mesh_of_eight_devices():
    env = environment(XLA_FLAGS="--xla_force_host_platform_device_count=8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "on_a_mesh.py"]
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def by_processes(number, folder, first, last) -> list[np.ndarray]:
    """What so many processes have after training together from one step to another."""
    port, script = str(free_port()), str(HERE / "one_of_several.py")
    arguments = [str(number), port, str(folder), str(first), str(last)]
    started = [
        subprocess.Popen(
            [sys.executable, script, str(i), *arguments],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(number)
    ]
    try:
        said = [process.communicate(timeout=300)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0] * number, "\n".join(said)
    with np.load(folder / f"found{last}-by{number}.npz") as found:
        return [found[name] for name in found.files]


@pytest.mark.slow
def test_processes_train_together_and_restart_in_other_numbers(tmp_path):
    """Two, over loopback, save after three steps; one, two and four go on from there."""
    tx, (params, targets) = optimizer(), start()

    def expected(number):
        arrays = jax.tree.map(jnp.asarray, params)
        return jax.tree.leaves(steps(tx, arrays, tx.init(arrays), targets, number))

    def same(found, number):
        for a, b in zip(found, expected(number), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)

    same(by_processes(2, tmp_path, 0, 3), 3)
    for number in (1, 2, 4):
        same(by_processes(number, tmp_path, 3, 6), 6)
