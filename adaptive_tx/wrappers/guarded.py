"""An optimizer that takes no bad step: it skips gradients that are not finite, and spikes.

    guarded(tx)                  skips what is not finite: gradients, the loss, or the updates
    guarded_by_z_score(tx)       and a norm or a loss many standard deviations above its running mean
    guarded_by_percentile(tx)    and one above a multiple of a percentile of the last ones

A skipped step changes nothing: its updates are zero, and the inner state is what it was, its count too.
Spikes do not enter the history that they are compared with. After `max_in_a_row` skips in a row the
state says `too_many`: the next finite step is then taken, and the history starts anew, because a level
that stays is no spike. What is not finite is never applied, however long it lasts.

Inside `shard_map`, with the axes named over which leaves are split, all devices take one decision, and the
norm is that of all of them together.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import axes, checks
from adaptive_tx.core.arguments import Static
from adaptive_tx.core.finding import states_of, unboxed
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.ranges import Range, at_least_one, decay_rate, positive
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.core.typing import AxisName, PyTree, ScalarOrSchedule
from adaptive_tx.wrappers import guard_step, spike_history

percentage = Range(0.0, 100.0, "[]")


@explained
def guarded(
    tx: optax.GradientTransformation, *, max_in_a_row: int = 10, axis_name: AxisName | None = None
) -> Transformation:
    """Skips steps that are not finite: gradients, updates, or the loss if `update` gets `value=loss`.

    Args:
      tx: the transformation; its hyperparameters keep their names.
      max_in_a_row: after so many skips in a row the state's `too_many` is True, at least 1. A loop can
        stop there; the guard itself goes on skipping what is not finite.
      axis_name: inside `shard_map` or `pmap`, the name(s) of the axes whose devices skip together. The
        value must be the same on all of them.

    The state's fields `skipped`, `in_a_row`, `too_many` can be read inside a jit; `guard_report` also
    names the first bad leaf. Without a bad step the updates are those of `tx`.
    """
    return _guard("guarded", tx, None, max_in_a_row, axes.settings("guarded", axis_name))


@explained
def guarded_by_z_score(
    tx: optax.GradientTransformation,
    *,
    max_z: ScalarOrSchedule = 6.0,
    of: Literal["norm", "loss"] = "norm",
    history_decay: ScalarOrSchedule = 0.99,
    warmup: int = 20,
    max_in_a_row: int = 10,
    axis_name: AxisName | None = None,
    sharded: PyTree | None = None,
) -> Transformation:
    """Skips, besides what `guarded` skips, steps that stand out of their history by their z-score.

    Args:
      tx: the transformation; its hyperparameters keep their names.
      max_z: the largest (x - mean) / std that is no spike, > 0. For a norm x is its logarithm, and std
        at least 0.1: 6 lets at least 1.8 times the usual norm pass. For a loss, std is at least 1 % of
        the mean.
      of: "norm", the global norm of the gradients, or "loss", what `update` gets as `value=`.
      history_decay: decay of the mean and the variance, in [0, 1).
      warmup: how many steps enter the history before it is used, at least 1.
      max_in_a_row: after so many skips in a row the next finite step is taken, and the history starts
        anew; at least 1.
      axis_name: as in `guarded`; the squares of split leaves are summed over these axes.
      sharded: which leaves are split over them, where JAX does not know it, as in `clip_by_global_norm`.

    A norm of zero is no spike and does not enter the history.

    Raises:
      TypeError: if `of` is "loss" and `update` gets no value.
    """
    who = "guarded_by_z_score"
    checks.choice(who, "of", of, spike_history.OF)
    return _guard(
        who,
        tx,
        spike_history.ByZScore(of),
        max_in_a_row,
        axes.settings(who, axis_name, sharded),
        warmup,
        max_z=positive(max_z),
        history_decay=decay_rate(history_decay),
    )


@explained
def guarded_by_percentile(
    tx: optax.GradientTransformation,
    *,
    percentile: ScalarOrSchedule = 99.0,
    max_ratio: ScalarOrSchedule = 2.0,
    of: Literal["norm", "loss"] = "norm",
    window: int = 128,
    warmup: int = 20,
    max_in_a_row: int = 10,
    axis_name: AxisName | None = None,
    sharded: PyTree | None = None,
) -> Transformation:
    """Skips, besides what `guarded` skips, steps far above a percentile of the last ones.

    Args:
      tx: the transformation; its hyperparameters keep their names.
      percentile: which one, in [0, 100]; 50 is the median.
      max_ratio: how many times that is no spike, >= 1. For a loss p < 0, up to p + (max_ratio - 1) |p|.
      of: "norm", the global norm of the gradients, or "loss", what `update` gets as `value=`.
      window: how many values it is a percentile of, at least 1.
      warmup: how many steps enter the history before it is used, at least 1 and at most window.
      max_in_a_row: after so many skips in a row the next finite step is taken, and the history starts
        anew; at least 1.
      axis_name: as in `guarded`; the squares of split leaves are summed over these axes.
      sharded: which leaves are split over them, where JAX does not know it, as in `clip_by_global_norm`.

    A norm of zero is no spike and does not enter the history.

    Raises:
      TypeError: if `of` is "loss" and `update` gets no value.
    """
    who = "guarded_by_percentile"
    checks.choice(who, "of", of, spike_history.OF)
    window = checks.whole(who, "window", window, 1)
    if checks.whole(who, "warmup", warmup, 1) > window:
        raise ValueError(f"{who}: warmup must be at most window, {window}, got {warmup}.")
    return _guard(
        who,
        tx,
        spike_history.ByPercentile(of, window),
        max_in_a_row,
        axes.settings(who, axis_name, sharded),
        warmup,
        percentile=percentage(percentile),
        max_ratio=at_least_one(max_ratio),
    )


@explained
def guard_report(state: PyTree, params: PyTree) -> dict[str, Any]:
    """What a guard has done so far, as Python numbers.

    Args:
      state: the state of an optimizer with a guard anywhere in it, or whatever holds that.
      params: the parameters, or any tree like them: it names the leaves.

    Returns `count` (updates asked for), `skipped`, `in_a_row`, `too_many`, and `not_finite`: the first
    place that was not finite the last time, such as "grads['enc']['w']", "updates['enc']['w']" or
    "value"; None if there was none. Of several guards, the outermost.

    Raises:
      ValueError: if there is no guard in the state, it is that of several runs, or params has other leaves.
    """
    found = states_of(guard_step.GuardedState, state)
    if not found:
        raise ValueError(
            "guard_report: no guard in this state; make the optimizer with guarded(tx), and its state "
            "with that one's init. Of flax.nnx give the optimizer, or its opt_state."
        )
    guard = found[0][1]
    counts, flags = unboxed(guard[1:5]), unboxed(guard.not_finite)
    if jnp.ndim(counts[0]):
        raise ValueError("guard_report: takes the state of one run at one step; index it first.")
    paths = [path for path, _ in jax.tree.leaves_with_path(params)]
    if len(paths) != flags.grads.size:
        raise ValueError(
            f"guard_report: params has {len(paths)} leaves, but the guard has seen "
            f"{flags.grads.size}; give params as its init got them."
        )
    places = ["value"] if flags.value else []
    for what in ("grads", "updates"):
        bad = zip(paths, getattr(flags, what))
        places += [checks.keystr(what, path) for path, is_bad in bad if is_bad]
    return {
        **{name: number.item() for name, number in zip(guard._fields[1:5], counts)},
        "not_finite": places[0] if places else None,
    }


def _guard(who: str, tx, history, max_in_a_row, over: dict, warmup: int | None = None, **numbers):
    """A guard with a history, or without."""
    settings = {"max_in_a_row": checks.whole(who, "max_in_a_row", max_in_a_row, 1)} | over
    if history is not None:
        settings |= {"warmup": checks.whole(who, "warmup", warmup, 1), **vars(history)}
    return wrap(
        who, guard_step.init, guard_step.update, tx, Static(history), settings=settings, **numbers
    )
