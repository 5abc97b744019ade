"""What an optimizer is said to do to each parameter, against what it does."""

import re

import jax
import jax.numpy as jnp
import optax
import pytest
from catalogue import CATALOGUE, OPTIMIZERS
from harness import tree

import adaptive_tx as atx
from adaptive_tx import schedules


def params():
    return {
        "embed": {"table": jnp.ones((5, 3))},
        "layer": {"kernel": jnp.ones((3, 3)), "bias": jnp.ones(3)},
        "head": {"kernel": jnp.ones((3, 2), jnp.bfloat16)},
    }


TABLE = """
path          shape  group    rule           rate          decay  clip              state
embed/table   (5,3)  frozen   set_to_zero    -             -      clip_by_value(1)  -
head/kernel   (3,2)  head     scale_by_lion  0.0001        -      clip_by_value(1)  1 float32: 24 B
layer/bias    (3,)   slow     scale_by_adam  cosine x 0.5  -      clip_by_value(1)  2 float32: 24 B
layer/kernel  (3,3)  default  scale_by_adam  cosine        0.01   clip_by_value(1)  2 float32: 72 B
4 parameters with 33 entries, 120 B; state 164 B, 5.0 bytes an entry
"""


def test_the_table():
    groups = {
        "head": atx.lion(1e-4),
        "slow": {"multiplier": 0.5, "weight_decay": 0.0},
        "frozen": atx.set_to_zero(),
    }
    by = {"head": "^head", "slow": "bias", "frozen": "^embed"}
    inner = atx.grouped(groups, by=by, default=atx.adamw(schedules.cosine(1e-2, 100)))
    tx = atx.chain(atx.clip_by_value(1.0), inner)
    assert str(atx.describe(tx, params())) == TABLE.strip()


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_bytes_are_those_of_the_state(row):
    described = atx.describe(row(), tree(0))
    state = row().init(tree(0))
    assert described.bytes == sum(x.nbytes for x in jax.tree.leaves(state))
    assert not any(leaf.shape and leaf.size > 64 for leaf in described.shared)


def test_nothing_is_allocated():
    shapes = {"w": jax.ShapeDtypeStruct((2**20, 2**20), jnp.float32)}
    assert "8 TiB, 8.0 bytes an entry" in str(atx.describe(atx.adam(1e-3), shapes))


@pytest.mark.parametrize("row", [row for row in OPTIMIZERS if not row.of_matrices], ids=str)
def test_the_named_optimizers_are_no_mistakes(row):
    """But for decay of biases, which they leave to the user."""
    warnings = atx.describe(row(), params()).warnings
    assert [w for w in warnings if not w.startswith("weight decay on biases")] == []


SGD = atx.sgd(1.0)


def test_biases_that_have_two_axes_are_no_matrices():
    """Those of attention's heads, and of layers that are scanned."""
    layers = {
        "attention": {"kernel": jnp.ones((8, 2, 4)), "bias": jnp.ones((2, 4))},
        "norm": {"scale": jnp.ones((3, 8))},
        "up": {"kernel": jnp.ones((8, 8))},
    }
    for but, warned in ((None, "attention/bias, norm/scale"), ("bias|norm", "")):
        by = atx.matrices(but=but, axes="first_in")
        tx = atx.grouped({"matrices": atx.muon(0.1, axes="first_in")}, by=by, default=SGD)
        (*_, text) = atx.describe(tx, layers).warnings or ("",)
        assert text.endswith(warned) and ("steps on biases" in text) == bool(warned)


@pytest.mark.parametrize(
    "tx, warning",
    [
        (
            atx.chain(SGD, atx.add_decayed_weights(0.1, only="kernel")),
            r"add_decayed_weights \(part 1\) comes after the learning rate.*: head/kernel, layer/kernel$",
        ),
        (
            atx.chain(atx.adam(0.1), SGD),
            r"two learning rates \(parts 0.1 and 1.0\) multiply each other",
        ),
        (atx.scale_by_adam(), "no learning rate"),
        (atx.masked(SGD, only="kernel"), "nothing acts on it.*: embed/table, layer/bias$"),
        (
            atx.chain(SGD, atx.scale_by_adam()),
            r"scale_by_adam \(part 1\) comes after the learning rate",
        ),
        (
            atx.chain(atx.scale_by_adam(), atx.clip_by_global_norm(1.0), SGD),
            r"clip_by_global_norm \(part 1\) clips what scale_by_adam made",
        ),
        (atx.adamw(0.1), "weight decay on biases and scales of norms .*: layer/bias$"),
        (
            atx.chain(atx.masked(atx.orthogonalize(), only="table|kernel"), SGD),
            r"orthogonalize \(part 0\) steps on an embedding.*: embed/table$",
        ),
    ],
)
def test_mistakes(tx, warning):

    for wrapped in (tx, atx.guarded(tx), atx.accumulated(tx, every=2)):
        found = atx.describe(wrapped, params()).warnings
        assert len(found) == 1 and re.search(warning, found[0]), found


def test_what_is_right_is_not_warned_of():
    spared = atx.grouped(
        {"no_decay": {"weight_decay": 0.0}}, by=atx.no_decay(), default=atx.adamw(1e-3)
    )
    last = atx.chain(SGD, atx.subtract_decayed_weights(0.1, only="kernel"))
    by_hand = atx.chain(atx.scale_by_adam(), atx.scale(-0.1))
    unseen = atx.chain(optax.zero_nans(), atx.clip_by_global_norm(1.0), atx.adam(0.1))
    for tx in (spared, last, by_hand, unseen, atx.adafactor(1e-3), optax.adam(1e-3), SGD):
        assert atx.describe(tx, params()).warnings == ()


def test_a_part_of_optax_and_a_schedule_of_ones_own():
    text = str(atx.describe(atx.chain(optax.scale_by_adam(), atx.sgd(lambda count: 0.1)), params()))
    assert "optax scale_by_adam  schedule" in text
    with pytest.raises(TypeError, match="^describe: tx must be a gradient transformation"):
        atx.describe(0.1, params())  # pyright: ignore[reportArgumentType]
