"""bfloat16 parameters that train as if they had more bits, which are kept in the state.

    F  = p and its extra bits             float32: what the inner optimizer sees
    F' = F + its update
    u, extra' = what takes p to F'        u in bfloat16, so that p + u is the same wherever it is added

A bfloat16 parameter alone loses every update that is below 2^-9 of it, and a training stops where its
steps are that small. With 16 extra bits it is the float32 master copy, in 4 bytes where a copy beside the
parameter takes 6; with 8, and with 0, F' is first rounded at random, right in the mean. How it is coded,
and what is lost where no update leads to the next parameter, is in `core/extra_bits.py`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core import checks, noise
from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.chain import what_ends
from adaptive_tx.core.extra_bits import DTYPES, full_value, moved, number_of_bits
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, widen
from adaptive_tx.core.paths import path_of, with_paths
from adaptive_tx.core.placing import laid_out, lying_as
from adaptive_tx.core.reading import kept_by_path
from adaptive_tx.core.seeds import seed_of
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, transformation_of, wrap
from adaptive_tx.core.typing import PyTree, ScalarOrSchedule

OWN_WORD = -1  # the number of a parameter's random bits; those of its slots count from 0


@exportable
class RoundedState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], finished updates
    extra: Any  # like params, int8 or int16: of bfloat16 leaves; None of others, and of 0 bits


@explained
def rounded(
    tx: optax.GradientTransformation, *, extra_bits: int = 8, seed: ScalarOrSchedule = 0
) -> Transformation:
    """The same optimizer for bfloat16 parameters, which train as if they had 8 or 16 more bits.

    Args:
      tx: the whole optimizer, rate included. It gets parameters and gradients in float32; its
        hyperparameters keep their names.
      extra_bits: of each bfloat16 parameter, kept in the state: 8; 16, which makes it the float32 of a
        master copy; or 0, which rounds parameters at random.
      seed: of the rounding to fewer than 16, in [0, 16777216], default 0: then it is a hyperparameter.
        Members of a sweep with equal seeds share their random bits.

    Updates have the dtypes of their parameters, whatever the gradients have. Parameters in float32 or
    float64 are stepped on as without it. `full_precision(params, state)` reads the parameters in float32.

    It must come last: what it returns is what is added to the parameters, as `optax.apply_updates` and
    `eqx.apply_updates` do. Around it may be only what passes updates on, or zeros in place of them: guards,
    measurements, `accumulated`, groups. If somebody else changes a parameter, it keeps its extra bits,
    which are less than its own last digit. An average goes inside, `rounded(averaged(tx))`; evaluate
    `eval_params(state, full_precision(params, state))`, and not the other way round, which would add the
    extra bits of the parameters to their average.

    Where in one step a parameter changes its sign, shrinks to less than half or grows to more than double,
    its full value may be off by half a unit in the last place of the update: 2^-8 of that at most.

    Raises:
      TypeError: from `init`, for parameters in float16 or 8 bits, whose range is not that of float32.
      ValueError: if `update` gets no parameters; if something follows in a chain; if `tx` is rounded.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx, w = rounded(atx.sgd(1e-3), extra_bits=16), jnp.ones((), jnp.bfloat16)
    >>> state = tx.init(w)
    >>> for _ in range(10):
    ...     update, state = tx.update(jnp.ones_like(w), state, w)
    ...     w = w + update
    >>> print(w, f"{full_precision(w, state):.4f}")
    0.988281 0.9900
    """
    who = "rounded"
    bits, number = number_of_bits(who, extra_bits), seed_of(who, seed)
    tx = transformation_of(who, "tx", tx)
    if what_ends(tx.update) == who:
        raise ValueError(f"{who}: tx is rounded already, or holds what is; once is enough.")
    numbers = {"seed": number} if bits < 16 else {}
    settings = {"extra_bits": bits}
    return wrap(who, _init, _update, tx, settings=settings, ends=True, **numbers)


@explained
def full_precision(params: PyTree, state: PyTree) -> PyTree:
    """The parameters in the precision that they are trained in, to evaluate and to export.

    Args:
      params: the parameters, after the last update.
      state: the state of an optimizer, or whatever holds it (a TrainState, an nnx.Optimizer).

    All bfloat16 leaves come in float32, with their extra bits where the state holds some, and others as
    they are, also what is no array; so one evaluation serves optimizers with `rounded` and without.
    Of an average inside, evaluate `eval_params(state, full_precision(params, state))`.

    Raises:
      ValueError: if the state holds extra bits of a leaf twice, or was made for other parameters.
    """
    call = "full_precision(params, state)"
    found = kept_by_path(call, RoundedState, "extra", state, params)

    def full(keys, p):
        extra = found.get(path_of(keys))
        if _has_extra(p):
            p = jnp.asarray(p)
            return full_value(p, None if extra is None else lying_as(extra, p))
        if extra is not None:
            kind = getattr(p, "dtype", type(p).__name__)
            raise ValueError(
                f"full_precision: the state holds extra bits of {path_of(keys)!r}, but it is in {kind}; "
                "give the parameters as they are trained, in bfloat16."
            )
        return p

    return jax.tree.map_with_path(full, params)


def _init(arguments: Arguments, params) -> RoundedState:
    _check_params(arguments.who, params)
    dtype = DTYPES.get(arguments.setting("extra_bits"))

    def zeros(p):
        return laid_out(jnp.zeros_like(p, dtype), p) if dtype and _has_extra(p) else None

    full = jax.tree.map(lambda p: full_value(p, None) if _has_extra(p) else p, params)
    count = jnp.zeros((), jnp.int32)
    return RoundedState(arguments.inner(full), count, jax.tree.map(zeros, params))


def _update(arguments: Arguments, grads, state, params=None, **extra_args):
    who, bits = arguments.who, arguments.setting("extra_bits")
    checks.state_type(who, RoundedState, state)
    checks.params_given(who, params)
    _check_params(who, params)
    checks.floating(who, "grads", grads)
    checks.same_layout(who, "grads", grads, "params has", params)
    _check_extra(who, bits, params, state.extra)

    params = jax.tree.map(_beside, params, state.extra)
    full = jax.tree.map(_full, params, state.extra)
    wide = jax.tree.map(_in_float32, grads)
    updates, inner_state = arguments.inner(wide, state.inner_state, full, **extra_args)
    t, key = incremented(state.count), None
    if bits < 16:
        key = noise.key_of(arguments.at(state.count)["seed"], t)

    def step(path: str, p, f, u):
        u = jnp.asarray(u)
        if not _has_extra(p):
            return narrow(u, jnp.result_type(p)), None
        to = lax.add(f, lax.convert_element_type(u, f.dtype))
        word = None if key is None else noise.word(key, noise.salt_of(path), to, OWN_WORD)
        return moved(p, to, bits, word)

    structure = jax.tree.structure(params)
    rows = zip(with_paths(params), *map(structure.flatten_up_to, (full, updates)))
    done = [step(path, p, f, u) for (path, p), f, u in rows]
    new, extra = (structure.unflatten(row[i] for row in done) for i in (0, 1))
    return new, RoundedState(inner_state, t, extra)


def _has_extra(p) -> bool:
    return getattr(p, "dtype", None) == jnp.bfloat16


def _beside(p, extra):
    """With ZeRO the extra bits are split over more devices than the parameter."""
    return p if extra is None else lying_as(jnp.asarray(p), extra)


def _full(p, extra):
    return full_value(jnp.asarray(p), extra) if _has_extra(p) else p


def _in_float32(g):
    """At least."""
    return widen(jnp.asarray(g), arithmetic_dtype(jnp.result_type(g)))


def _check_params(who: str, params) -> None:
    checks.floating(who, "params", params)
    for path, p in jax.tree.leaves_with_path(params):
        dtype = jnp.result_type(p)
        if dtype == jnp.float16 or dtype.itemsize == 1:
            raise TypeError(
                f"{who}: {checks.keystr('params', path)} is {dtype}, whose range is not that of float32; "
                "extra bits are for bfloat16. Make it that, or give such leaves a group without rounded."
            )


def _check_extra(who: str, bits: int, params, extra) -> None:
    """The state must hold extra bits of these parameters, and as many."""
    for path, leaf in jax.tree.leaves_with_path(extra):
        if (held := 8 * leaf.dtype.itemsize) != bits:
            at = checks.keystr("the state's extra", path)
            raise ValueError(
                f"{who}: {at} has {held} extra bits, and this is extra_bits={bits}. To go on, round "
                "full_precision(params, state) to bfloat16 and init anew; migrate keeps the rest."
            )
    kept = dict(jax.tree.leaves_with_path(extra))
    for path, p in jax.tree.leaves_with_path(params):
        at = f"{who}: {checks.keystr('params', path)} is {jnp.result_type(p)}, but the state "
        if path in kept and not _has_extra(p):
            raise ValueError(
                f"{at}was made for it in bfloat16, and holds its extra bits; give it so."
            )
        if bits and path not in kept and _has_extra(p):
            raise ValueError(
                f"{at}holds no extra bits of it: it was made for another dtype, for other parameters or "
                "with extra_bits=0. Make one for these: tx.init(params)."
            )
    like = jax.tree.map(lambda p: p if bits and _has_extra(p) else None, params)
    checks.same_layout(who, "bfloat16 params", like, "the state has extra bits of", extra)
