"""A run goes on with another optimizer: of its state all that still fits is kept, and the rest made anew.

    tx = chain(clip_by_global_norm(1.0), adam(cosine(1e-3, 10_000)))       it was adam(1e-3)
    moved = migrate(state, adam(1e-3), tx, params)
    print(moved)                                     what was kept, what is new, what was dropped
    state = moved.state

A part is known again by what it keeps, as its rule declares it (`slots`): a mean of gradients, a sum of
squares. Its name, its class and its place do not matter, nor do wrappers around it.

    a rule      goes on if all that it keeps was there. Adam is AMSGrad's beginning: nu_max starts at nu, so
                that no denominator is smaller than the last one. RMSProp is not Adam's: a mean that starts
                anew beside an old mean square would be taken for a small gradient; so Adam starts anew.
    a count     goes on with its rule. In a new part it is the count of the run, so that schedules go on;
                but 0 where the rule takes it for the age of its averages, 1 - b^t or t == 1; then the
                rule's own schedules begin anew, too. Corrections of scheduled decay rates are sums in the
                state, and need no age.
    a mean      that is divided by the sum of its weights keeps the quotient, if a decay rate is another,
                or is a schedule where it was a number, or the other way.
    a leaf      that is new, or has another shape, starts as init makes it. It has no count of its own:
                where means are debiased, its k-th step is up to (1 - b1^k) / sqrt(1 - b2^k) times as large
                as that of a fresh run, with Adam's numbers 3 at first and 7 after a dozen. Give it an
                optimizer of its own (`grouped`), or begin again with a small rate.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer

from adaptive_tx.core import checks, storage
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.transformation import transformation_of
from adaptive_tx.core.typing import PyTree
from adaptive_tx.migrating.carrying import Carrying
from adaptive_tx.migrating.records import Path, flat, records_of, written
from adaptive_tx.migrating.widths import converted, encoded
from adaptive_tx.storing import stored

WHO = "migrate"
AS_INIT = "as init makes it"


class Migration(NamedTuple):
    """The new state, and what became of every leaf; it prints as a table.

    Leaves are named by their paths in the state, such as "[0].mu['w']".
    """

    state: Any
    kept: Mapping[str, str]  # of the new state: where in the old one it was
    new: Mapping[str, str]  # of the new state: how it starts
    dropped: Mapping[str, str]  # of the old state: why

    def __repr__(self) -> str:
        """A row for each leaf; one for a slot of which the same is true of more than three."""
        moved = {path: "" if path == old else f"was {old}" for path, old in self.kept.items()}
        new = {path: "" if how == AS_INIT else how for path, how in self.new.items()}
        rows = [*_rows("kept", moved), *_rows("new", new), *_rows("dropped", self.dropped)]
        width = max((len(path) for _, path, _ in rows), default=0)
        return "\n".join(f"{word:8}{path:{width}}  {how}".rstrip() for word, path, how in rows)


@explained
def migrate(
    old_state: PyTree,
    old_tx: optax.GradientTransformation,
    new_tx: optax.GradientTransformation,
    params: PyTree,
    *,
    count: int | None = None,
) -> Migration:
    """The state of another optimizer, with everything of the old one that still fits.

    Args:
      old_state: the state to go on from.
      old_tx: the transformation that made it, as it was: it says what the state holds. Of optax's, and of
        parts of optax in a chain, states are read by the names of their fields; there the states of yogi
        and adamax look like Adam's, so name ours with the same rule in their place.
      new_tx: the transformation to go on with.
      params: the parameters to go on with; leaves may have come, gone or changed their shape.
      count: the number of finished updates, where nothing in old_state has counted them.

    Runs once, outside of jit. What is kept is to the bit what it was, but for means whose decay rate is
    another, and for what goes on in fewer bits (`stored`), which is rounded to the nearest.

    Raises:
      TypeError: if old_tx is no transformation, or inside jit.
      ValueError: if old_state is not one that old_tx makes, or a schedule needs a count that nobody knows.

    >>> import jax.numpy as jnp, adaptive_tx as atx
    >>> old, new, params = atx.adam(0.1), atx.amsgrad(0.1), {"w": jnp.ones(3)}
    >>> migrate(old.init(params), old, new, params)
    kept    [0].count
    kept    [0].mu['w']
    kept    [0].nu['w']
    kept    [1].count
    new     [0].nu_max['w']  at nu
    """
    old_tx, new_tx = _transformation("old_tx", old_tx), _transformation("new_tx", new_tx)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((old_state, params))):
        raise TypeError(
            f"{WHO}: runs outside of jit; its result is what the jitted step then gets."
        )
    if any(map(_is_boxed, jax.tree.leaves((old_state, params), is_leaf=_is_boxed))):
        raise TypeError(
            f"{WHO}: takes arrays, and flax.nnx has put them into boxes; give it "
            "jax.tree.map(lambda x: x[...], state, is_leaf=lambda x: isinstance(x, nnx.Variable)), and the "
            "same of the parameters."
        )
    if count is not None:
        checks.whole(WHO, "count", count, 0)
    checks.floating(WHO, "params", params)
    try:
        held = records_of(old_tx.update, old_state, params, "old_state")
        old_state = converted(storage.decoded, held, old_state, "old_state")
        old = records_of(stored(old_tx, 32).update, old_state, params, "old_state")
    except ValueError as error:
        raise ValueError(f"{WHO}: {error}; give the old_tx that made it.") from error
    wide = stored(new_tx, 32)
    start = wide.init(params)
    new = records_of(wide.update, start, params, "the state")
    carrying = Carrying(old, new, flat(old_state), flat(start), params, WHO)
    carrying.run(count)
    paths, structure = jax.tree.flatten_with_path(start)
    values = [carrying.values[written(path)] for path, _ in paths]
    return Migration(
        encoded(new_tx, structure.unflatten(_apart(values))),
        kept={_text(p): _text(q) for p, q in _in_order(carrying.values, carrying.kept)},
        new={
            _text(p): carrying.fresh.get(p, AS_INIT)
            for p in carrying.values
            if p not in carrying.kept
        },
        dropped={_text(p): _why(p, carrying) for p in carrying.leaves if p not in carrying.taken},
    )


def _transformation(what: str, tx):
    if tx is None and what == "old_tx":
        raise TypeError(
            f"{WHO}: old_tx is needed, as a state does not say what its arrays are: write the optimizer "
            "that made old_state as it was, ours or optax's."
        )
    return transformation_of(WHO, what, tx)


def _in_order(values: Mapping[Path, Any], kept: Mapping[Path, Path]) -> list[tuple[Path, Path]]:
    return [(path, kept[path]) for path in values if path in kept]


def _why(path: Path, carrying: Carrying) -> str:
    """Why a leaf of the old state was dropped."""
    like = carrying.values.get(path)
    value = carrying.leaves[path]
    if like is not None and path not in carrying.kept and like.shape != value.shape:
        return f"of shape {value.shape}, and now {like.shape}"
    return "nothing keeps it as it is"


def _text(path: Path) -> str:
    return "".join(path)


def _rows(word: str, leaves: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for path, how in leaves.items():
        groups.setdefault((_slot(path), _slot(how)), []).append(path)
    for (slot, how), paths in groups.items():
        if len(paths) > 3:
            yield word, f"{slot}: {len(paths)} leaves", how
        else:
            yield from ((word, path, leaves[path]) for path in paths)


def _slot(path: str) -> str:
    """Without the place in the parameters: [0].mu of [0].mu['enc']['w']."""
    return re.sub(r"(?<=\w)(\[[^]]*\])+$", "", path)


def _is_boxed(node: Any) -> bool:
    return type(node).__module__.startswith("flax.nnx") and not isinstance(node, Mapping)


def _apart(leaves: list[Any]) -> list[Any]:
    """Each with a buffer of its own, so that the state can be donated: a count may serve several groups."""
    seen: set[int] = set()
    apart = []
    for leaf in leaves:
        apart.append(jnp.array(leaf) if id(leaf) in seen else leaf)
        seen.add(id(leaf))
    return apart
