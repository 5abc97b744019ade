"""All laws over one rule, by one call."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optax import GradientTransformation

from adaptive_tx.testing import agreement as agreement
from adaptive_tx.testing import arithmetic as arithmetic
from adaptive_tx.testing import execution as execution
from adaptive_tx.testing import layout as layout
from adaptive_tx.testing.claims import Claims
from adaptive_tx.testing.law import LAWS, Law
from adaptive_tx.testing.subject import Subject


def laws_of(claims: Claims, without: Sequence[str] = ()) -> list[Law]:
    """Those that the rule must keep, in the order of their numbers.

    Raises:
      ValueError: for a title in `without` that no law has.
    """
    titles = [law.title for law in LAWS]
    if unknown := [title for title in without if title not in titles]:
        raise ValueError(f"check_laws: no law is titled {unknown[0]!r}; there are {titles}.")
    kept = [law for law in LAWS if law.claimed(claims) and law.title not in without]
    return sorted(kept, key=lambda law: law.number)


def check_laws(
    make: Callable[..., GradientTransformation],
    numbers: Mapping[str, float],
    settings: Mapping[str, Any] | None = None,
    *,
    oracle: Callable | None = None,
    optax: Callable[[], GradientTransformation] | None = None,
    optax_rtol: float = 1e-5,
    needs_params: bool = False,
    leafwise: bool = True,
    sums_leaves: bool = False,
    odd: bool = True,
    takes_complex: bool = True,
    takes_schedules: bool = True,
    scale_free: Mapping[str, float] | None = None,
    bounded: Mapping[str, float] | None = None,
    recovers: Mapping[str, float] | None = None,
    rounds: Sequence[str] = (),
    of_weights: bool = False,
    wraps: bool = False,
    last_bit: str = "",
    refuses: Sequence[str] = (),
    without: Sequence[str] = (),
) -> None:
    """Checks a rule against the laws (docs/design.md) that the library's own rules are tested with.

    Each that is broken is told in a line of its own, which names the law, the rule, the dtype and the
    leaf. It takes some seconds, in which some ten programs are compiled; it runs strictly, whatever the
    process does: no promotion of dtypes or ranks, and warnings are errors.

    Args:
      make: `make(**numbers, **settings)` returns the transformation: ours, optax's, or a
        `Transformation(init, update)`. What is passed as an argument, swept or differentiated are the
        numbers that are leaves of it.
      numbers: its numeric arguments, by name, as they are usually set.
      settings: its other arguments, by name.
      oracle: the paper's formula as a loop: `oracle(grads, params, **numbers, **settings)` gets the
        gradients and the parameters of all steps for one leaf, as lists of float64 (or complex) NumPy
        arrays, and returns or yields the directions. Under schedules a number is a function of the count.
        For a rule that is not leafwise: `oracle(grads, **numbers)`, with a tuple of all leaves a step; if
        it needs the parameters, `oracle(grads, params, **numbers)`, with tuples of both.
      optax: the same algorithm in optax, with the same numbers.
      optax_rtol: how far they may be apart; more where optax's float32 is known to be off.
      needs_params: whether `update` reads the parameters.
      leafwise: whether a leaf alone is treated as the same leaf inside a tree.
      sums_leaves: whether its state holds sums over a leaf, whose order of addition is XLA's.
      odd: whether turning the gradients and parameters around turns the direction around.
      takes_complex: whether the oracle holds for complex gradients.
      takes_schedules: whether each number that `update` reads may be a schedule.
      scale_free: the numbers to change so that rescaled gradients give the same directions (an eps near
        zero); None: they do not.
      bounded: the numbers to change so that the largest direction is the same at any scale of the
        gradients; None: as `scale_free`.
      recovers: the numbers to change so that it forgets a huge gradient within 300 steps; None: it never
        does.
      rounds: "directions", "state": what differs in a 16-bit dtype by the rounding between parts.
      of_weights: whether its state holds weights, and its updates are differences of such: they have the
        last digits of weights, however small they are.
      wraps: whether it wraps another, as `measured` does.
      last_bit: why closed over and passed it may differ in the last bit; empty: it may not.
      refuses: dtypes of parameters that it refuses by a TypeError, such as "float16".
      without: titles of laws that it does not keep.

    Raises:
      AssertionError: for the laws that are broken.
      ValueError: for a title in `without` that no law has.

    A rule of one's own, which takes what it should not:

    >>> import jax, numpy as np, optax
    >>> def signs(scale):
    ...     def update(grads, state, params=None):
    ...         return jax.tree.map(lambda g: scale * jax.numpy.sign(g), grads), state
    ...     return optax.GradientTransformation(lambda params: (), update)
    >>> def paper(grads, params, scale):
    ...     return [scale * np.sign(g) for g in grads]
    >>> check_laws(signs, {"scale": 2.0}, oracle=paper, scale_free={}, takes_schedules=False)
    Traceback (most recent call last):
    AssertionError: law 12 (bad input is an error): signs in float32: grads['enc']['b'] in int32: ...
    """
    claims = Claims(
        make,
        numbers,
        settings or {},
        oracle,
        optax,
        optax_rtol,
        needs_params=needs_params,
        sums_leaves=sums_leaves,
        leafwise=leafwise,
        odd=odd,
        takes_complex=takes_complex,
        takes_schedules=takes_schedules,
        scale_free=scale_free,
        bounded=bounded,
        recovers=recovers,
        rounds=tuple(rounds),
        of_weights=of_weights,
        wraps=wraps,
        last_bit=last_bit,
        refuses=tuple(refuses),
    )
    subject, broken = Subject(claims), []
    for law in laws_of(claims, without):
        try:
            law(subject)
        except AssertionError as error:
            broken.append(error)
    if broken:
        raise AssertionError("\n".join(map(str, broken))) from broken[0]
