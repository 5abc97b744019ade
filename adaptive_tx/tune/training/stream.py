"""A stream of batches: any iterable of trees of NumPy arrays, read ahead of the steps by a thread.

All runs see the same batches. A pass is read once by all that train at a time; the next chunk, the next
sweep and a training that is resumed want it again from some batch on, which a stream gives in one of two
ways: by `iter()` that begins again, or by a state that can be restored.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from adaptive_tx.tune.sweeps.streams import read_once, restore, state_of
from adaptive_tx.tune.training.stream_pass import Pass

BLOCK = 2**26  # bytes of a block, about, of which steps are made by one call


class Stream:
    """Where the passes begin, and the one that is read now.

    `first` is the first batch, `batch` its shapes, `room` those of a block.
    """

    def __init__(self, who: str, data: Any, room: int):
        """Reads the first batch; a block has at most `room`.

        Raises:
          TypeError, ValueError: if there is none, or it is no tree of arrays.
        """
        self.who, self.data = who, data
        iterator = iter(data)
        self._begin = state_of(iterator)
        self._pass = self._passing(iterator, 0)
        self.first = self._pass.first()
        self.batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), self.first)
        size = sum(x.nbytes for x in jax.tree.leaves(self.first))
        self.block = max(1, min(room, BLOCK // max(size, 1)))
        self.room = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((self.block, *x.shape), x.dtype), self.first
        )
        self._saved: tuple[int, Any] = (0, None)  # a position, and the state there
        self._pass.expect(self.batch, self.block)

    @property
    def kind(self) -> str:
        """What it is."""
        return type(self.data).__name__

    def blocks(self, first: int, last: int) -> Iterator[tuple[int, int, Any]]:
        """(begin, end, batches [step, ...]) of the steps from `first` to before `last`."""
        self._seek(first)
        while first < last:
            end = min(first + self.block, last)
            yield first, end, self._stacked(self._pass.take(end - first))
            first = end

    def saving(self) -> dict[str, Any]:
        """How many batches of the pass were taken and the state there, as arrays to be kept."""
        text = json.dumps(self._pass.state_at, default=_as_json(self.who, self.kind))
        return {"stream at": self._pass.taken, "stream state": text}

    def found(self, saved: Mapping[str, Any]) -> None:
        """What was kept: from there the pass can go on."""
        state = json.loads(str(saved["stream state"]), object_hook=_from_json)
        self._saved = int(saved["stream at"]), state

    def close(self) -> None:
        """Ends the thread. An iterator that can is brought back to where it began: others may want it."""
        self._pass.close()
        if self._begin is not None and iter(self.data) is self.data:
            restore(self.data, self._begin)

    def read_again(self, why: str) -> None:
        """That it can be.

        Raises:
          ValueError: if it cannot, with what needs it.
        """
        if read_once(self.data):
            raise ValueError(self._refusal(f"is to be read again, {why}"))

    def _passing(self, iterator: Iterator, position: int) -> Pass:
        return Pass(self.who, self.kind, iterator, position, self._again)

    def _again(self) -> Iterator | None:
        """An iterator at the beginning, if there can be one."""
        if (iterator := iter(self.data)) is not self.data and iterator is not self._pass.iterator:
            return iterator
        if self._begin is not None:
            restore(iterator, self._begin)
            return iterator
        return None

    def _refusal(self, what: str) -> str:
        return (
            f"{self.who}: data, a {self.kind}, {what}, and cannot: give an iterable whose iter() begins "
            "again (a class with __iter__, no generator), or an iterator with state() and restore(state)."
        )

    def _stacked(self, batches: list) -> Any:
        """A block, filled up with zeros."""
        missing = self.block - len(batches)

        def stack(*xs):
            return np.concatenate([np.stack(xs), np.zeros((missing, *xs[0].shape), xs[0].dtype)])

        return jax.tree.map(stack, *batches)

    def _seek(self, position: int) -> None:
        """The pass at this batch."""
        if self._pass.taken == position:
            return
        self._pass.close()
        at, state = self._saved
        if at == position and state is not None:
            iterator, begin = iter(self.data), position
            restore(iterator, state)
        elif (iterator := self._again()) is not None:
            begin = 0
        else:
            raise ValueError(self._refusal(f"is to be read again from batch {position} on"))
        self._pass = self._passing(iterator, begin)
        self._pass.expect(self.batch, self.block)
        if begin == 0 and not _equal(self._pass.first(), self.first):
            raise ValueError(
                f"{self.who}: data, a {self.kind}, gives other batches when it is read again, so that "
                "sweeps, chunks and what is resumed would not be trained alike; let iter() begin with "
                "the same seed each time."
            )
        self._pass.take(position - begin, kept=False)


def _equal(one: Any, other: Any) -> bool:
    """Whether two batches are, to the bit."""
    leaves = [jax.tree.leaves(batch) for batch in (one, other)]
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") for a, b in zip(*leaves))


def _as_json(who: str, kind: str) -> Callable:
    """Writes what JSON does not know: bytes, and NumPy's numbers."""

    def written(x):
        if isinstance(x, bytes):
            return {"bytes": base64.b64encode(x).decode()}
        if isinstance(x, (np.generic, np.ndarray)):
            return x.tolist()
        raise TypeError(
            f"{who}: the state of data, a {kind}, holds a {type(x).__name__}; with out= it must be what "
            "JSON can write, or bytes."
        )

    return written


def _from_json(x: dict) -> Any:
    return base64.b64decode(x["bytes"]) if list(x) == ["bytes"] else x
