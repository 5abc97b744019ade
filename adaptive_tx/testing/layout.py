"""Laws 1, 2, 11 and 12, and the buffers of law 10: what is seen without running a rule."""

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.testing.law import Broken, law
from adaptive_tx.testing.subject import Subject, tree, update

SMALL = ("float16", "bfloat16", "float32")
EVERY = (*SMALL, "float64")


def parameters_for(subject: Subject, dtype: str) -> list[str]:
    """The dtypes of parameters that gradients of this one are tried with."""
    every = ("float64", "float32") if dtype == "float64" else SMALL
    return [of_params for of_params in every if of_params not in subject.claims.refuses]


def inferred(subject: Subject, dtype: str, of_params: str):
    """The state before, the direction and the state after, as shapes and dtypes."""
    tx, params, grads = subject(), tree(0, of_params), tree(1, dtype)
    state = jax.eval_shape(tx.init, params)
    direction, new = jax.eval_shape(lambda *a: update(tx, *a), grads, state, params)
    return state, direction, new


def described(x) -> str:
    weak = ", weak" if getattr(x, "weak_type", False) else ""
    return f"{x.dtype.name}{list(x.shape)}{weak}"


def alike(found, wanted, what: str, of_params: str) -> None:
    """Of equal structure, shapes, dtypes and weak types."""
    given = f"(parameters in {of_params})"
    if jax.tree.structure(found) != jax.tree.structure(wanted):
        raise Broken(
            f"{what} has the structure {jax.tree.structure(found)}, "
            f"in place of {jax.tree.structure(wanted)} {given}"
        )
    for (path, x), y in zip(jax.tree.leaves_with_path(found), jax.tree.leaves(wanted)):
        if described(x) != described(y):
            where = what + jax.tree_util.keystr(path)
            raise Broken(f"{where} is {described(x)}, in place of {described(y)} {given}")


@law(11, "strict mode", *SMALL)
def runs_strictly(subject: Subject, dtype: str) -> None:
    """Under strict promotion of dtypes and with no promotion of ranks; warnings are errors."""
    for of_params in parameters_for(subject, dtype):
        inferred(subject, dtype, of_params)


@law(1, "state is a fixed point", *EVERY)
def state_is_a_fixed_point(subject: Subject, dtype: str) -> None:
    """`update` returns a state like `init`'s, for every mix of dtypes, so that it can be scanned."""
    for of_params in parameters_for(subject, dtype):
        state, _, new = inferred(subject, dtype, of_params)
        alike(new, state, "the next state", of_params)


@law(2, "a direction is like its gradient", *EVERY)
def direction_is_like_its_gradient(subject: Subject, dtype: str) -> None:
    """In structure, shape and dtype."""
    for of_params in parameters_for(subject, dtype):
        grads = jax.tree.map(lambda g: jax.ShapeDtypeStruct(g.shape, g.dtype), tree(1, dtype))
        _, direction, _ = inferred(subject, dtype, of_params)
        strong = jax.tree.map(lambda d: jax.ShapeDtypeStruct(d.shape, d.dtype), direction)
        alike(strong, grads, "the direction", of_params)


@law(10, "a state has buffers of its own")
def buffers_are_its_own(subject: Subject, dtype: str) -> None:
    """No two leaves of an eager `init` share one, nor one with a parameter: a step may overwrite them."""
    params = jax.tree.map(jnp.asarray, tree(0, dtype))
    owners: dict[int, str] = {}
    named = [("params", params), ("state", subject().init(params))]
    for what, values in named:
        for path, x in jax.tree.leaves_with_path(values):
            name = what + jax.tree_util.keystr(path)
            if x.size:
                other = owners.setdefault(x.unsafe_buffer_pointer(), name)
                if other != name:
                    raise Broken(f"{name} is {other}: one buffer for both")


def changed(values, **leaves):
    """A tree of gradients with other leaves beside `w`."""
    return {**values, "enc": {**values["enc"], **leaves}}


def keeps_slots(subject: Subject) -> bool:
    """Whether it must know a gradient of another layout: by its state, or by the parameters."""
    state = jax.eval_shape(subject().init, tree(0))
    return subject.claims.needs_params or any(x.shape == (4, 3) for x in jax.tree.leaves(state))


def must_raise(kinds: tuple[type[Exception], ...], naming: str, what: str, function, *arguments):
    """Raises `Broken` unless the call does raise, one of these, with that text in its message."""
    try:
        function(*arguments)
    except kinds as error:
        if naming not in str(error):
            raise Broken(f"{what}: the error does not name {naming}: {error}") from error
    except Exception as error:
        wanted = " or ".join(kind.__name__ for kind in kinds)
        name = type(error).__name__
        raise Broken(f"{what}: raises {name} in place of {wanted}: {error}") from error
    else:
        raise Broken(f"{what}: taken without an error")


@law(12, "bad input is an error")
def bad_input_is_an_error(subject: Subject, dtype: str) -> None:
    """Of gradients in another layout, of leaves that are no real numbers, and of numbers that are NaN."""
    tx, params, grads = subject(), tree(0), tree(1)
    state = tx.init(params)

    def infer(grads):
        return jax.eval_shape(lambda g: update(tx, g, state, params), grads)

    if keeps_slots(subject):
        where = "['enc']['w']"
        transposed = changed(grads, w=np.ones((3, 4), np.float32))
        must_raise((ValueError,), where, f"grads{where} transposed", infer, transposed)
        where = "['enc']['b']"
        named = "grads" if subject.claims.wraps else where  # a guard sees only how many there are
        must_raise((ValueError,), named, f"grads{where} missing", infer, changed(grads, b=None))
    whole = np.ones(3, np.int32)
    where = "['enc']['b']"
    must_raise((TypeError,), where, f"grads{where} in int32", infer, changed(grads, b=whole))
    must_raise((TypeError,), where, f"params{where} in int32", tx.init, changed(params, b=whole))
    for dtype in subject.claims.refuses:
        must_raise((TypeError,), dtype, f"params in {dtype}", tx.init, tree(0, dtype))
    for name in subject.claims.numbers:
        must_raise((ValueError,), name, f"{name}=nan", lambda name=name: subject(**{name: np.nan}))
