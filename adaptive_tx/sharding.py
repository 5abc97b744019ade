"""Where each leaf of a state lies on a mesh of devices: a moment like its parameter, a count everywhere.

    shape of a slot                 its sharding
    the parameter's                 the parameter's
    some axes gone, or of length 1  that of the axes it keeps: Adafactor's rows and columns
    more axes in front              these whole, the others as the parameter's: the history of L-BFGS
    a square of rows or columns     its one axis as the parameter's: the second moments of SOAP
    one number                      on all devices: a count, a rate, the norm of a leaf

A slot's parameter is found by its path, which goes on from where the state holds a tree like the
parameters: `state[0].mu['enc']['w']` belongs to ['enc']['w']. Such a tree may have gaps where leaves are
masked, or belong to another group.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import optax
from jax.sharding import NamedSharding, PartitionSpec

from adaptive_tx.core import checks
from adaptive_tx.core.belonging import Axes, Path, Shape, kept, owners, probed, told_apart
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.typing import AxisName, PyTree

WHO = "state_sharding"
SMALL = (
    2**20
)  # bytes: a guard's history, a key; more of what is not known would be felt on each device


class Place(NamedTuple):
    """A parameter, and where its slots lie."""

    shape: Shape
    sharding: NamedSharding


@explained
def state_sharding(
    tx: optax.GradientTransformation | optax.MultiSteps,
    params: PyTree,
    param_shardings: PyTree,
    *,
    zero: AxisName | None = None,
) -> PyTree:
    """The sharding of every leaf of the state that `tx.init(params)` makes; nothing is allocated.

    Args:
      tx: a transformation, ours or optax's: chains, groups, wrappers.
      params: the parameters, or their shapes and dtypes as `jax.ShapeDtypeStruct`s.
      param_shardings: a `jax.sharding.NamedSharding` for each parameter, all of one mesh. The tree may stop
        above the leaves: one sharding then stands for all that is below it.
      zero: the name(s) of mesh axes over which the slots of parameters that are replicated over them are
        split all the same, as in ZeRO-1: along the first axis of the parameter that is whole and whose
        length they divide. Without one, the slots lie as the parameter does.

    Give it to `jit`, as the `out_shardings` of init and of the state in a step, and to what restores a
    checkpoint. Slots like their parameters go there without it on a mesh with Auto axes, where
    `jax.jit(tx.init)` is enough; with `zero`, or for another library's slots, it is not.

    What belongs to no parameter (a guard's history, a key) is replicated, up to a mebibyte.

    >>> import jax, jax.numpy as jnp, adaptive_tx as atx
    >>> mesh = jax.sharding.AbstractMesh((4, 2), ("data", "model"))
    >>> params = {"w": jax.ShapeDtypeStruct((64, 32), jnp.float32)}
    >>> like = {"w": jax.NamedSharding(mesh, jax.P(None, "model"))}
    >>> tuple(atx.state_sharding(atx.scale_by_adam(), params, like).mu["w"].spec)
    (None, 'model')
    >>> tuple(atx.state_sharding(atx.scale_by_adam(), params, like, zero="data").mu["w"].spec)
    ('data', 'model')

    Raises:
      TypeError: for what is no transformation, or no NamedSharding.
      ValueError: for a parameter that its sharding does not fit, for several meshes or an axis that theirs
        has not, and for a slot of more than a mebibyte of which it cannot be told how to split it.
    """
    if not callable(getattr(tx, "init", None)):
        raise TypeError(f"{WHO}: tx must be a gradient transformation, got {tx!r}.")
    like = jax.eval_shape(lambda p: p, params)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), like)
    places = _places(shapes, param_shardings)
    everywhere = _everywhere(places)
    names = _axes(everywhere, zero)
    for path, (shape, sharding) in places.items():
        places[path] = Place(shape, _split_further(sharding, shape, names))
    flat, structure = jax.tree.flatten_with_path(jax.eval_shape(tx.init, shapes))
    longer = functools.cache(lambda: probed(tx.init, shapes, structure))
    shardings = []
    for i, likely in enumerate(owners([path for path, _ in flat], [*places])):
        path, leaf = flat[i]
        tried = (_like(leaf.shape, places[owner], lambda i=i: longer()[i]) for owner in likely)
        sharding = next(filter(None, tried), None)
        shardings.append(sharding or _of_no_parameter(path, leaf, everywhere))
    return structure.unflatten(shardings)


def _places(shapes: PyTree, param_shardings: PyTree) -> dict[Path, Place]:
    """Each parameter's by its path."""
    flat, structure = jax.tree.flatten_with_path(param_shardings)
    for path, sharding in flat:
        if not isinstance(sharding, NamedSharding):
            raise TypeError(
                f"{WHO}: {checks.keystr('param_shardings', path)} must be a jax.sharding.NamedSharding, "
                f"got {sharding!r}."
            )
    try:
        subtrees = structure.flatten_up_to(shapes)
    except ValueError as error:
        raise ValueError(f"{WHO}: param_shardings does not fit params: {error}") from error
    shardings = [s for (_, s), below in zip(flat, subtrees) for _ in jax.tree.leaves(below)]
    places = {}
    for (path, leaf), sharding in zip(jax.tree.leaves_with_path(shapes), shardings, strict=True):
        try:
            sharding.shard_shape(leaf.shape)
        except (ValueError, IndexError) as error:
            name = checks.keystr("params", path)
            raise ValueError(f"{WHO}: the sharding of {name} does not fit it: {error}") from error
        places[path] = Place(leaf.shape, sharding)
    return places


def _everywhere(places: dict[Path, Place]) -> NamedSharding:
    """The sharding of what is replicated."""
    if not places:
        raise ValueError(f"{WHO}: params has no leaves, so there is no mesh to lay a state out on.")
    (first, one), *others = places.items()
    for path, other in others:
        if other.sharding.mesh != one.sharding.mesh:
            names = [checks.keystr("param_shardings", p) for p in (first, path)]
            raise ValueError(
                f"{WHO}: {names[0]} and {names[1]} are of different meshes; a state lies on one."
            )
    return NamedSharding(one.sharding.mesh, PartitionSpec())


def _axes(everywhere: NamedSharding, zero: Any) -> tuple[str, ...]:
    """The axes that `zero` names."""
    checks.axis_names(WHO, "zero", zero)
    names = (zero,) if isinstance(zero, str) else zero or ()
    for name in names:
        if name not in everywhere.mesh.shape:
            known = ", ".join(map(repr, everywhere.mesh.shape))
            raise ValueError(f"{WHO}: zero is {zero!r}, but the axes of the mesh are {known}.")
    return names


def _split_further(sharding: NamedSharding, shape: Shape, names: Sequence[str]) -> NamedSharding:
    """One that also splits over those of these axes over which it does not.

    Of an array's axes it takes a whole one: what is split over some axes of a mesh and what is split over
    more of them do not meet in an operation where these are Explicit.
    """
    entries = _entries(sharding, shape)
    names = [name for name in names if not any(name in _names(entry) for entry in entries)]
    devices = math.prod(sharding.mesh.shape[name] for name in names)
    for i, (entry, length) in enumerate(zip(entries, shape)) if names else ():
        if not _names(entry) and length and length % devices == 0:
            spec = PartitionSpec(*entries[:i], (*names,), *entries[i + 1 :])
            return sharding.update(spec=spec)
    return sharding


def _entries(sharding: NamedSharding, shape: Shape) -> tuple[Any, ...]:
    """What a sharding says of each axis of an array."""
    return (*sharding.spec, *(None,) * (len(shape) - len(sharding.spec)))


def _names(entry: Any) -> tuple[str, ...]:
    """The axes of the mesh over which an axis of an array is split."""
    return (entry,) if isinstance(entry, str) else tuple(entry or ())


def _like(shape: Shape, place: Place, probed: Callable[[], Shape | None]) -> NamedSharding | None:
    """The sharding of a slot of this shape; None if such a slot cannot be the parameter's."""
    if shape == place.shape:
        return place.sharding
    entries = _entries(place.sharding, place.shape)

    def specs(candidates: Sequence[Axes]) -> set[tuple[Any, ...]]:
        return {tuple(None if i is None else entries[i] for i in axes) for axes in candidates}

    candidates = kept(shape, place.shape)
    if len(specs(candidates)) > 1 and (apart := probed()):
        known = kept(apart, told_apart(place.shape))
        candidates = [axes for axes in candidates if axes in known]
    found = specs(candidates)
    return place.sharding.update(spec=PartitionSpec(*found.pop())) if len(found) == 1 else None


def _of_no_parameter(path: Path, leaf: Any, everywhere: NamedSharding) -> NamedSharding:
    """A number, a history, a key: replicated, unless it is large."""
    size = math.prod(leaf.shape) * leaf.dtype.itemsize
    if size > SMALL:
        raise ValueError(
            f"{WHO}: {checks.keystr('state', path)} has shape {leaf.shape}, which follows from no "
            f"parameter at its path, so it is not known how to split its {size:,} bytes. Keep such slots "
            "as trees like the parameters, or write this state's shardings by hand."
        )
    return everywhere
