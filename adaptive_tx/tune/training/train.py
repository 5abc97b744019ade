"""Training every member of a sweep, with every seed, in one compiled program."""

import contextlib
import dataclasses
import functools
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adaptive_tx.tune.report.result import Result
from adaptive_tx.tune.sweeps.batches import as_key
from adaptive_tx.tune.sweeps.plan import plan
from adaptive_tx.tune.sweeps.sweep import Sweep
from adaptive_tx.tune.training.identity import identity
from adaptive_tx.tune.training.interrupts import unwinding
from adaptive_tx.tune.training.joined import as_result
from adaptive_tx.tune.training.kept import checked_keep
from adaptive_tx.tune.training.progress import progress_bar
from adaptive_tx.tune.training.search import Search
from adaptive_tx.tune.training.setup import setup
from adaptive_tx.tune.training.store import Store

WHO = "train"


def train(
    loss: Callable | None = None,
    params: Any = None,
    data: Any = None,
    sweep: Sweep | Mapping[str, Sweep] | None = None,
    *,
    steps: int,
    step: Callable | None = None,
    init: Callable | None = None,
    batch_size: int | None = None,
    seeds: int = 1,
    evaluate: Callable | None = None,
    evaluate_every: int | None = None,
    minimize: str | None = None,
    maximize: str | None = None,
    key: Any = None,
    at_once: int | None = None,
    halving: tuple[int, float] | None = None,
    points: int = 50,
    keep: int | str | Sequence[int] = 1,
    out: str | os.PathLike | None = None,
    version: int | str | None = None,
    progress: bool = True,
) -> Result:
    """Trains all members of a sweep, times seeds, and ranks them.

    All members of a seed start from the same parameters and see the same batches and keys. A member
    that diverges is marked, and spoils nothing. Several devices share the members, and on one CPU its
    cores do.

    Args:
      loss: `loss(params, batch)` or `loss(params, batch, key)`, a scalar, or a scalar and an aux. Scalars
        in an aux that is a dict are recorded beside the loss; any other aux is for others. Of a model
        with a state (statistics of batches, an average of weights, generators of random numbers)
        `loss(params, state, batch, key)`, or without the key, which returns `(loss, (state, aux))`.
        Arguments by name are axes of the sweep (`tune.sweep(..., of_loss=["smoothing"])`).
      params: a tree of initial parameters, the same for all seeds, or a function of a key that makes one;
        of a model with a state both, `(params, state)`. All parameters are trained; leaves that no
        gradient reaches are named in a warning.
      data: a tree of arrays with a first axis of examples, of which each epoch sees all in another
        order; or a function `(key) -> batch` that jax can trace, of which two keys give two batches; or
        a stream: any iterable of trees of NumPy arrays, one for each step and all of equal shapes, of
        which a thread reads some ahead and all runs see the same. Where `iter(data)` begins again, it is
        read epoch after epoch, and again for each sweep and chunk, and must give the same batches; an
        iterator that can be read once does for one of each, and to resume needs `state()` and
        `restore(state)` (or grain's `get_state` and `set_state`).
      sweep: what is tried (`tune.sweep`); or several by name, each an optimizer of its own. Each, and each
        combination of categories in one, compiles once.
      steps: updates of each member, >= 1.
      step: instead of loss and params, for what is no loss (two players, environments, several
        optimizers in turn): `step(tx, carry, batch, key) -> (carry, logged)`, or without the key, any
        function that jax can trace; `logged` is a dict of scalars. `tx` is the member's optimizer.
        `data` may be None, of which the batch is None.
      init: with step, `init(tx, key) -> carry`: parameters, the optimizer's state, whatever else.
      batch_size: examples in a batch, if `data` is arrays; without it each step sees all of them, in
        their order.
      seeds: runs of each member, >= 1, with other batches, keys, and (from a function) parameters.
      evaluate: `evaluate(params)`, `evaluate(params, state)` of a model with one, or `evaluate(carry)`
        beside a step: a scalar loss or a dict of scalars, computed for every member at its last step,
        and where members are dropped. Its params are an average, where the optimizer keeps one
        (`eval_params`). Without it the mean training loss over the last tenth of the steps counts.
      evaluate_every: steps between evaluations, >= 1, to see curves of them (`result.eval_curves`);
        by default only the end is evaluated.
      minimize: which number ranks, of those of `evaluate` or of the loss's aux (default: "loss").
      maximize: the same where more is better.
      key: an int or a `jax.random.key`; the default is the same every time.
      at_once: members trained at a time, each with all its seeds, to bound memory; the default is all.
        All chunks run the same compiled program, the last one filled up.
      halving: (every, keep): after each `every` steps only the best fraction `keep` of the members goes
        on; the others are computed no more. Without `at_once`, each smaller portion compiles again. Where
        an axis changes the shape of the rate (a warmup), none is dropped before the last warmup is over,
        then each is compared with those of its shape, and the table says so.
      points: of the recorded curves, about; each is the mean over an interval of steps.
      keep: how many of the best members of each sweep keep their trained parameters (`result.best.params`),
        "all", or the places of members in the result.
      out: a folder for results.json and results.csv and what is needed to go on: after an interrupt or a
        crash the same call resumes and ends with the same numbers (with other cores or devices, up to
        rounding). Ctrl-C and SIGTERM wait for the steps that are being made, and lose none; a crash may
        lose those of the last 20 seconds. A call is the same if its numbers are, and what its functions
        compute: the equations and the arrays that they close over, whatever they are called.
      version: with `out`, a number or word that you change whenever you change Python code that a
        function calls while it runs (`jax.pure_callback`), for jax shows nothing of it.
      progress: whether to show a bar (needs rich).

    Raises:
      TypeError, ValueError: for an argument that does not fit, before anything is trained; if `out` holds
        the training of another call, or is damaged; and if it needs a `version`.

    Source: halving is of Jamieson and Talwalkar, Non-stochastic Best Arm Identification, 2016,
    arXiv:1502.07943.
    """
    again = functools.partial(train, **locals())  # this very call, for `Result.confirm`
    sweeps = _by_name(sweep)
    if evaluate_every is not None and evaluate is None:
        raise TypeError(f"{WHO}: evaluate_every needs evaluate, a function of params.")
    places = checked_keep(WHO, keep, sum(map(len, sweeps.values())))
    kept = [_of_sweep(places, sweeps, name) for name in sweeps]
    shared = setup(
        WHO,
        {"loss": loss, "params": params, "step": step, "init": init, "evaluate": evaluate},
        data,
        sweeps,
        minimize=minimize,
        maximize=maximize,
        batch_size=batch_size,
        seeds=seeds,
        key=key,
        plan=plan(WHO, steps, points, halving, evaluate_every),
        at_once=at_once,
    )
    if shared.stream is not None and (why := _reads_again(sweeps, at_once)):
        shared.stream.read_again(why)
    if shared.traces.constant:
        warnings.warn(_without_gradient(shared.traces.constant), stacklevel=2)
    store = None
    if out is not None:
        asked = {
            "steps": steps,
            "batch_size": batch_size,
            "seeds": seeds,
            "by": list(shared.by),
            "key": as_key(WHO, key)[0],
            "at_once": at_once,
            "points": points,
            "evaluate_every": evaluate_every,
            "keep": keep if isinstance(keep, (int, str)) else list(keep),
            "halving": halving and list(halving),
        }
        store = Store(WHO, out, identity(WHO, shared, sweeps, version, asked), sweeps)
    with contextlib.ExitStack() as ends:
        if shared.stream is not None:
            ends.callback(shared.stream.close)
        searches = [
            Search(shared, one, name, store, kept[i])
            for i, (name, one) in enumerate(sweeps.items())
        ]
        ends.enter_context(unwinding() if store else contextlib.nullcontext())
        show = ends.enter_context(progress_bar(searches, shown=progress))
        for search in searches:
            search.train(lambda steps, search=search: show(search, steps))
            if store:
                so_far = dataclasses.replace(as_result(shared, searches), again=again)
                for name, text in so_far.files().items():
                    store.write_text(name, text)
    return dataclasses.replace(as_result(shared, searches), again=again)


def _reads_again(sweeps: dict[str, Sweep], at_once: int | None) -> str | None:
    """What reads a stream more than once."""
    if len(sweeps) > 1:
        return f"by each of {len(sweeps)} sweeps"
    chunked = at_once is not None and at_once < max(map(len, sweeps.values()))
    return f"by each {at_once} members (at_once)" if chunked else None


def _of_sweep(keep: Any, sweeps: dict[str, Sweep], name: str) -> Any:
    """What of `keep` is in one sweep: places in the result become rows of it."""
    if not isinstance(keep, tuple):
        return keep
    first = 0
    for one, sweep in sweeps.items():
        if one == name:
            return tuple(i - first for i in keep if first <= i < first + len(sweep))
        first += len(sweep)
    raise AssertionError(name)


def _by_name(sweep: Any) -> dict[str, Sweep]:
    sweeps = dict(sweep) if isinstance(sweep, Mapping) else {getattr(sweep, "name", ""): sweep}
    if not sweeps or not all(isinstance(one, Sweep) for one in sweeps.values()):
        raise TypeError(
            f"{WHO}: sweep must be made by tune.sweep, or several by name; got {sweep!r}."
        )
    for name in sweeps:
        if not isinstance(name, str) or os.path.basename(name) != name:
            raise ValueError(f"{WHO}: {name!r} cannot name a sweep: it must do as a file's name.")
    parts = [(name + label, part) for name in sweeps for label, part in sweeps[name].parts.items()]
    return dict(parts)


def _without_gradient(leaves: tuple[str, ...]) -> str:
    """The warning that names them."""
    named = ", ".join(leaves[:4]) + (f" and {len(leaves) - 4} more" if len(leaves) > 4 else "")
    return (
        f"{WHO}: no gradient reaches {named}: no step changes them, weight decay apart, and members are "
        "ranked with their initial values. If they are statistics of batches, make them the "
        "state, loss(params, state, batch, key) -> (loss, (state, aux)); if they are meant to stay fixed, "
        "close over them."
    )
