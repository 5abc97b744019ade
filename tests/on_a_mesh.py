"""What a mesh of eight devices is needed for: run by test_sharding.py, in a process that has them.

XLA_FLAGS=--xla_force_host_platform_device_count=8 pytest tests/on_a_mesh.py
"""

import functools
import pathlib
import re
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from catalogue import RULES
from jax import P, export, lax

import adaptive_tx as atx

pytestmark = pytest.mark.filterwarnings("error")
AUTO, EXPLICIT = jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit
STEPS = 5
ROOT = pathlib.Path(__file__).parent.parent


class Layout(NamedTuple):
    """How many devices there are along "data" and "model", and where the parameters lie."""

    devices: tuple[int, int]
    specs: dict[str, P]
    zero: str | None = None

    def mesh(self, kind):
        return jax.make_mesh(self.devices, ("data", "model"), axis_types=(kind,) * 2)


TENSOR = {"w1": P(None, "model"), "b1": P("model"), "w2": P("model")}
LAYOUTS = {
    "data": Layout((8, 1), {"w1": P(), "b1": P(), "w2": P()}),
    "tensor": Layout((1, 8), TENSOR),
    "fsdp": Layout((8, 1), {"w1": P("data"), "b1": P("data"), "w2": P("data")}),
    "2-D": Layout((4, 2), {"w1": P("data", "model"), "b1": P("model"), "w2": P("model", "data")}),
    "zero": Layout((8, 1), {"w1": P(), "b1": P(), "w2": P()}, "data"),
    "zero-tensor": Layout((4, 2), TENSOR, "data"),
}
OPTIMIZERS = {
    "clip-adamw": atx.chain(atx.clip_by_global_norm(0.5), atx.adamw(0.02, weight_decay=0.1)),
    "adafactor": atx.adafactor(0.02),
    "lamb": atx.lamb(0.02),
    "muon": atx.grouped(
        {"matrices": atx.normuon(0.02)}, by=atx.matrices(but=None), default=atx.adamw(0.02)
    ),
    "prodigy": atx.prodigy(d0=0.02, b2=0.9, weight_decay=0.1),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_kind = pytest.mark.parametrize("kind", [AUTO, EXPLICIT], ids=["auto", "explicit"])


def params_and_batch():
    rng = np.random.RandomState(0)
    shapes = {"w1": (16, 64), "b1": (64,), "w2": (64, 8)}
    params = {k: jnp.asarray(0.3 * rng.standard_normal(s), jnp.float32) for k, s in shapes.items()}
    batch = [jnp.asarray(rng.standard_normal((32, n)), jnp.float32) for n in (16, 8)]
    return params, batch


def dot(x, w):
    """Of a batch and a matrix; on Explicit axes it is said what is gathered, and where the result lies."""
    sharding = jax.typeof(w).sharding
    if sharding.mesh.empty or not sharding.mesh.are_all_axes_explicit:
        return x @ w
    rows, columns = (None if entry == "data" else entry for entry in (*sharding.spec, None)[:2])
    w = jax.reshard(w, jax.NamedSharding(sharding.mesh, P(rows, columns)))
    out = jax.NamedSharding(sharding.mesh, P("data", columns))
    return jnp.einsum("bi,io->bo", x, w, out_sharding=out)


def loss(params, x, y):
    bias = params["b1"][None]
    if not jax.typeof(bias).sharding.mesh.empty and jax.typeof(bias).sharding.spec[1] == "data":
        bias = jax.reshard(bias, jax.NamedSharding(jax.typeof(bias).sharding.mesh, P()))
    return jnp.mean((dot(jnp.tanh(dot(x, params["w1"]) + bias), params["w2"]) - y) ** 2)


@functools.cache
def on_one_device(name):
    params, batch = params_and_batch()
    tx = OPTIMIZERS[name]

    @jax.jit
    def run(params):
        def step(carry, _):
            params, state = carry
            updates, state = tx.update(jax.grad(loss)(params, *batch), state, params)
            return (optax.apply_updates(params, updates), state), None

        return lax.scan(step, (params, tx.init(params)), length=STEPS)[0]

    return run(params)


def put(layout, kind):
    """The parameters and the batch on the mesh, and where the parameters lie."""
    mesh = layout.mesh(kind)
    shardings = {k: jax.NamedSharding(mesh, spec) for k, spec in layout.specs.items()}
    params, batch = params_and_batch()
    batch = jax.device_put(batch, jax.NamedSharding(mesh, P("data")))
    return jax.device_put(params, shardings), batch, shardings


def stepper(tx, shardings, state_shardings, is_resharded):
    """A step as a user writes it. On Explicit axes ZeRO's updates are gathered by a word."""

    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        if is_resharded:
            updates = jax.reshard(updates, shardings)
        return optax.apply_updates(params, updates), state

    return step, dict(out_shardings=(shardings, state_shardings))


def same_places(tree, shardings):
    for (path, x), sharding in zip(jax.tree.leaves_with_path(tree), jax.tree.leaves(shardings)):
        assert x.sharding.is_equivalent_to(sharding, x.ndim), jax.tree_util.keystr(path)


def trained(name, layout, kind):
    params, batch, shardings = put(layout, kind)
    tx = OPTIMIZERS[name]
    lies = atx.state_sharding(tx, params, shardings, zero=layout.zero)
    is_resharded = kind is EXPLICIT and layout.zero is not None
    step, given = stepper(tx, shardings, lies, is_resharded)
    run = jax.jit(
        lambda p, s, *b: step(p, s, jax.grad(loss)(p, *b)), donate_argnums=(0, 1), **given
    )
    state = jax.jit(tx.init, out_shardings=lies)(params)
    for _ in range(STEPS):
        params, state = jax.block_until_ready(
            run(params, state, *batch)
        )  # several at once may lock
    same_places((params, state), (shardings, lies))
    return params, state


@every_kind
@every_layout
def test_a_training_is_that_of_one_device(layout, kind):
    expected = on_one_device("clip-adamw")
    found = trained("clip-adamw", LAYOUTS[layout], kind)
    chex.assert_trees_all_close(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("layout", ["2-D", "zero-tensor"])
@pytest.mark.parametrize("name", ["adafactor", "lamb"])
def test_what_looks_at_rows_and_norms_is_that_of_one_device(name, layout):
    expected = on_one_device(name)
    found = trained(name, LAYOUTS[layout], AUTO)
    chex.assert_trees_all_close(found, expected, rtol=1e-4, atol=1e-5)


@every_kind
@every_layout
def test_clipping_is_that_of_one_device(layout, kind):
    """By a norm that is summed in another order: within two units of the last place."""
    tx, params = atx.clip_by_global_norm(0.5), params_and_batch()[0]
    expected, _ = jax.jit(tx.update)(params, tx.init(params))
    grads, _, _ = put(LAYOUTS[layout], kind)
    found, _ = jax.jit(tx.update)(grads, tx.init(grads))
    for name in params:
        np.testing.assert_allclose(found[name], expected[name], rtol=2e-7, atol=0)


COLLECTIVE = re.compile(
    r"= (.*?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)


def collectives(text) -> dict[str, list[int]]:
    """Of a compiled program, how many entries the results of each have."""
    found: dict[str, list[int]] = {}
    for result, kind in COLLECTIVE.findall(text):
        shapes = re.findall(r"\w+\[([\d,]*)\]", result)
        sizes = [int(np.prod([int(n) for n in s.split(",") if n])) for s in shapes]
        found.setdefault(kind, []).extend(sizes)
    return found


def test_collectives_are_found():
    """The reader must see what the tests below say is not there."""
    mesh = LAYOUTS["fsdp"].mesh(AUTO)
    x = jax.device_put(jnp.ones((16, 4)), jax.NamedSharding(mesh, P("data")))
    gather = jax.jit(lambda x: x + 1, out_shardings=jax.NamedSharding(mesh, P()))
    assert collectives(gather.lower(x).compile().as_text()) == {"all-gather": [64]}


def compiled_step(name, layout, kind=AUTO):
    """The text of the optimizer's step alone: a gradient that lies as its parameter goes in."""
    params, _, shardings = put(layout, kind)
    tx = OPTIMIZERS[name]
    lies = atx.state_sharding(tx, params, shardings, zero=layout.zero)
    is_resharded = kind is EXPLICIT and layout.zero is not None
    step, given = stepper(tx, shardings, lies, is_resharded)
    state = jax.jit(tx.init, out_shardings=lies)(params)
    return jax.jit(step, **given).lower(params, state, params).compile().as_text()


# The entries of b1, w2 and w1, those of a device's part along "model"; b1 has no axis that is whole.
GATHERED = {"zero": [64, 512, 1024], "zero-tensor": [512 // 2, 1024 // 2]}


@every_kind
@every_layout
def test_moments_are_not_gathered(layout, kind):
    """A step exchanges a number for the norm; with `zero`, also the updates, each once."""
    found = collectives(compiled_step("clip-adamw", LAYOUTS[layout], kind))
    assert sorted(found.pop("all-gather", [])) == GATHERED.get(layout, [])
    assert found.keys() <= {"all-reduce"}
    assert max(found.get("all-reduce", [1])) == 1


@pytest.mark.parametrize("layout", ["tensor", "fsdp", "2-D"])
@pytest.mark.parametrize("name", ["adafactor", "lamb"])
def test_rows_and_norms_gather_nothing_else(name, layout):
    """They sum rows, columns and norms: of 64 entries at most."""
    found = collectives(compiled_step(name, LAYOUTS[layout]))
    assert found.keys() <= {"all-reduce"}
    assert max(found["all-reduce"]) <= 64


@every_kind
@pytest.mark.parametrize("layout", ["tensor", "fsdp", "2-D"])
def test_orthogonal_matrices_are_those_of_one_device(layout, kind):
    """They are gathered for it, and what comes out lies as before."""
    expected = on_one_device("muon")
    found = trained("muon", LAYOUTS[layout], kind)
    chex.assert_trees_all_close(found, expected, rtol=1e-3, atol=1e-4)


def of_stacks(stack_sharding):
    """The collectives of a step on twelve matrices that are split over eight devices, and its result."""
    mesh = LAYOUTS["fsdp"].mesh(AUTO)
    rng, split = np.random.RandomState(0), jax.NamedSharding(mesh, P("data"))
    grads = {f"{i}": jnp.asarray(rng.standard_normal((16, 32)), jnp.float32) for i in range(12)}
    grads = jax.device_put(grads, split)
    with jax.set_mesh(mesh):
        tx = atx.orthogonalize(stack_sharding=stack_sharding)
        step = jax.jit(tx.update, out_shardings=(split, None)).lower(grads, tx.init(grads))
        step = step.compile()
        return collectives(step.as_text()), jax.device_get(step(grads, tx.init(grads))[0])


def test_each_device_does_whole_matrices_of_a_stack():
    """With `stack_sharding` nothing is gathered: two matrices of sixteen (XLA pads) go to each device."""
    found, directions = of_stacks(P("data"))
    usual, expected = of_stacks(None)
    chex.assert_trees_all_close(directions, expected, rtol=0, atol=1e-5)
    sent = sum(map(sum, found.values()))
    assert found.get("all-gather", []) == [] and sent <= 4 * 16 * 16 * 32, found
    assert sent < sum(map(sum, usual.values())) / 2, usual


def test_the_code_of_the_documentation_runs():
    """docs/sharding.md, as one program; and the passage in the README."""
    for file in ("docs/sharding.md", "README.md"):
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)
        blocks = [b for b in blocks if "jax.make_mesh" in b or file != "README.md"]
        assert blocks
        with jax.numpy_rank_promotion("allow"):
            exec("\n".join(blocks), {"__name__": "documentation"})


def big(kind=AUTO):
    mesh = LAYOUTS["2-D"].mesh(kind)
    specs = {"w": P("data", "model"), "b": P("model"), "scale": P()}
    shapes = {"w": (512, 1024), "b": (1024,), "scale": ()}
    shardings = {k: jax.NamedSharding(mesh, spec) for k, spec in specs.items()}
    return {k: jax.device_put(jnp.zeros(shapes[k]), shardings[k]) for k in shapes}, shardings


def bytes_on_one(tree) -> int:
    first = jax.devices()[0]
    shards = [s for x in jax.tree.leaves(tree) for s in x.addressable_shards if s.device == first]
    return sum(s.data.nbytes for s in shards)


WITH_SLOTS = [row for row in RULES if len(row().init(jnp.zeros(3))) > 1]


@pytest.mark.parametrize("row", WITH_SLOTS, ids=str)
def test_init_under_jit_places_slots_like_their_parameters(row):
    """Those of their shape, without being told; of rows and columns XLA decides."""
    params, shardings = big()
    state = jax.jit(row().init)(params)
    pairs = zip(
        jax.tree.leaves(state), jax.tree.leaves(atx.state_sharding(row(), params, shardings))
    )
    shapes = {p.shape for p in params.values()}
    found, expected = zip(*((x, lies) for x, lies in pairs if x.shape in shapes))
    same_places(found, expected)


@every_kind
def test_a_device_holds_its_part_of_the_moments(kind):
    params, _ = big(kind)
    state = jax.jit(atx.scale_by_adam().init)(params)
    assert bytes_on_one(state.mu["w"]) == 262_144
    assert bytes_on_one(atx.scale_by_adam().init(params).mu["w"]) == 262_144


def test_models_in_a_stack_are_placed_too():
    _, shardings = big()
    split = jax.NamedSharding(shardings["w"].mesh, P(None, "data", "model"))
    stacked = {"w": jax.device_put(jnp.zeros((3, 512, 1024)), split)}
    state = jax.jit(jax.vmap(atx.scale_by_adam().init))(stacked)
    assert bytes_on_one(state.mu["w"]) == 3 * 262_144


def test_init_is_exported_with_its_layout():
    params, shardings = big()
    exported = export.export(jax.jit(atx.adam(0.1).init))(params)
    again = export.deserialize(exported.serialize())
    state = jax.jit(again.call)(params)
    same_places(state, atx.state_sharding(atx.adam(0.1), params, shardings))


INSIDE = {
    "clip-adamw": lambda at: atx.chain(
        atx.clip_by_global_norm(0.5, **at), atx.adamw(0.02, weight_decay=0.1)
    ),
    "prodigy": lambda at: atx.prodigy(d0=0.02, b2=0.9, weight_decay=0.1, **at),
}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("manual", [{"data", "model"}, {"data"}], ids=["all", "one"])
@pytest.mark.parametrize("name", INSIDE)
def test_a_training_inside_shard_map(check, manual, name):
    """Each device has a part of the batch, and of the parameters, which are gathered for the loss."""
    tx = INSIDE[name]({"axis_name": "data", **({} if check else {"sharded": True})})
    params, batch, shardings = put(LAYOUTS["fsdp"], AUTO)
    specs = LAYOUTS["fsdp"].specs
    state_specs = jax.tree.map(lambda s: s.spec, atx.state_sharding(tx, params, shardings))

    def mean_loss(params, x, y):
        whole = jax.tree.map(lambda p: lax.all_gather(p, "data", tiled=True), params)
        return loss(whole, x, y) / lax.axis_size("data")

    def train(params, x, y):
        def step(carry, _):
            params, state = carry
            updates, state = tx.update(jax.grad(mean_loss)(params, x, y), state, params)
            return (optax.apply_updates(params, updates), state), None

        return lax.scan(step, (params, tx.init(params)), length=STEPS)[0]

    run = jax.shard_map(
        train,
        mesh=LAYOUTS["fsdp"].mesh(AUTO),
        in_specs=(specs, P("data"), P("data")),
        out_specs=(specs, state_specs),
        axis_names=manual,
        check_vma=check,
    )
    found, expected = jax.jit(run)(params, *batch), on_one_device(name)
    chex.assert_trees_all_close(found, expected, rtol=2e-5, atol=2e-6)


HALF = {bits: atx.rounded(atx.sgd(2.0**-6), extra_bits=bits) for bits in (0, 8, 16)}


def half_steps(tx, params, grads):
    """Some steps on bfloat16 parameters, from gradients that each number makes for itself."""

    def step(carry, _):
        params, state = carry
        own = jax.tree.map(lambda g, p: g + p.astype(g.dtype), grads, params)
        updates, state = tx.update(own, state, params)
        return (optax.apply_updates(params, updates), state), None

    return lax.scan(step, (params, tx.init(params)), length=STEPS)[0]


@every_kind
@pytest.mark.parametrize("bits", HALF)
def test_bits_beside_a_parameter_lie_and_are_as_on_one_device(bits, kind):
    """Rounded at random, too, to the bit."""
    whole, tx = params_and_batch()[0], HALF[bits]
    expected = jax.jit(half_steps, static_argnums=0)(
        tx, jax.tree.map(lambda p: p.astype(jnp.bfloat16), whole), whole
    )
    grads, _, shardings = put(LAYOUTS["2-D"], kind)
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), grads)
    lies = atx.state_sharding(tx, params, shardings)
    found = jax.jit(half_steps, static_argnums=0)(tx, params, grads)
    chex.assert_trees_all_equal(found, expected)
    same_places((found[0], jax.jit(tx.init)(params).extra), (shardings, lies.extra))


@pytest.mark.parametrize("bits", HALF)
def test_bits_beside_a_parameter_inside_shard_map(bits):
    """With 16 to the bit; what is rounded at random is rounded otherwise, and alike where it is whole."""
    grads, _, shardings = put(LAYOUTS["fsdp"], AUTO)
    tx, specs = HALF[bits], {**LAYOUTS["fsdp"].specs, "b1": P()}
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), grads)
    expected = jax.jit(half_steps, static_argnums=0)(tx, params, grads)
    lies = {k: jax.NamedSharding(shardings[k].mesh, spec) for k, spec in specs.items()}
    state_specs = jax.tree.map(lambda s: s.spec, atx.state_sharding(tx, params, lies))
    run = jax.shard_map(
        functools.partial(half_steps, tx),
        mesh=LAYOUTS["fsdp"].mesh(AUTO),
        in_specs=(specs, specs),
        out_specs=(specs, state_specs),
    )
    found = jax.jit(run)(params, grads)
    full, wanted = (atx.full_precision(*pair) for pair in (found, expected))
    np.testing.assert_array_equal(full["b1"], wanted["b1"])
    off = 0 if bits == 16 else 2.0 ** (-6 - bits)
    chex.assert_trees_all_close(full, wanted, rtol=off, atol=off)


@pytest.mark.parametrize("layout", ["zero", "zero-tensor"])
@pytest.mark.parametrize("bits", HALF)
def test_bits_beside_a_parameter_split_by_zero(bits, layout):
    """On Explicit axes: each device takes its part of the parameters, to the bit as on one device."""
    layout = LAYOUTS[layout]
    whole, tx = params_and_batch()[0], atx.rounded(atx.adam(2.0**-6), extra_bits=bits)
    small = jax.tree.map(lambda p: p.astype(jnp.bfloat16), whole)
    one, own = small, jax.jit(tx.init)(small)
    grads, _, shardings = put(layout, EXPLICIT)
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), grads)
    lies = atx.state_sharding(tx, params, shardings, zero=layout.zero)
    step, given = stepper(tx, shardings, lies, True)
    run, alone = jax.jit(step, **given), jax.jit(stepper(tx, shardings, lies, False)[0])
    state = jax.jit(tx.init, out_shardings=lies)(params)
    for _ in range(STEPS):
        params, state = jax.block_until_ready(run(params, state, grads))
        one, own = alone(one, own, whole)
    same_places((params, state), (shardings, lies))
    found, wanted = atx.full_precision(params, state), atx.full_precision(one, own)
    chex.assert_trees_all_equal((params, found), (one, wanted))
    chex.assert_trees_all_equal(jax.jit(atx.full_precision)(params, state), wanted)
    same_places(found, shardings)
