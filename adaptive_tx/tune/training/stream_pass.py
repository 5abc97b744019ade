"""One reading of a stream: a thread takes batches from it, checks them and keeps some ready."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.tune.sweeps.streams import state_of

AHEAD = 2, 256  # batches, at least and at most, that are read before they are wanted


class Pass:
    """One reading, from a batch on.

    `taken` batches were taken, and `state_at` is the iterator's state after them, None if it has none.
    """

    def __init__(self, who: str, kind: str, iterator: Iterator, taken: int, again: Callable):
        """`again` gives an iterator for the next epoch, or None."""
        self.who, self.kind, self.iterator, self.taken = who, kind, iterator, taken
        self._again = again
        self.state_at = state_of(iterator)
        self._thread: threading.Thread | None = None
        self._queue: queue.Queue = queue.Queue()
        self._closed = threading.Event()
        self._x64 = jax.dtypes.canonicalize_dtype(float) == np.float64
        self._pushed: list = []  # batches that were read before the thread
        self._like: Any = None  # the first batch, or its shapes

    def first(self) -> Any:
        """The first batch, which is read here and will be taken yet; call it before anything is taken.

        Raises:
          ValueError: if there is none.
        """
        try:
            self._pushed = [arrays(self.who, next(self.iterator), None, 0)]
        except StopIteration:
            raise ValueError(f"{self.who}: data, a {self.kind}, gives no batch.") from None
        return self._pushed[0]

    def expect(self, like: Any, room: int) -> None:
        """Batches are like this one, and `room` of them make a block."""
        least, most = AHEAD
        self._like, self._queue = like, queue.Queue(max(least, min(2 * room, most)))

    def take(self, count: int, kept: bool = True) -> list:
        """The next batches."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="stream", daemon=True)
            self._thread.start()
        batches = []
        for _ in range(count):
            batch, self.state_at, error = self._queue.get()
            if error is not None:
                raise error
            self.taken += 1
            if kept:
                batches.append(batch)
        return batches

    def close(self) -> None:
        """Ends the thread, after the batch that it reads."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        number = self.taken
        try:
            with jax.enable_x64(self._x64):  # which threads do not inherit
                self._read_all(number)
        except BaseException as error:
            self._put((None, None, error))

    def _read_all(self, number: int) -> None:
        for batch in self._batches():
            state = state_of(self.iterator)
            checked = arrays(self.who, batch, self._like, number)
            number += 1
            if not self._put((checked, state, None)):
                return
        ended = f"data, a {self.kind}, ended after {number} batches and cannot begin again"
        self._put((None, None, ValueError(f"{self.who}: {ended}; steps needs more.")))

    def _batches(self) -> Iterator:
        """Epoch after epoch."""
        yield from self._pushed
        while True:
            empty = not self._pushed
            for batch in self.iterator:
                empty = False
                yield batch
            iterator = None if empty else self._again()
            if iterator is None:
                return
            self._pushed, self.iterator = [], iterator

    def _put(self, item: tuple) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                pass  # is it closed by now?
        return False


def arrays(who: str, batch: Any, like: Any, number: int) -> Any:
    """A copy of a batch in jax's dtypes, of the same shapes as the first one.

    A copy, for a loader may fill the same array again for the next one.

    Raises:
      TypeError, ValueError: which names the leaf.
    """

    def array(path, leaf):
        name = checks.keystr(f"batch {number} of data", path)
        if not hasattr(leaf, "__array__") and not isinstance(leaf, (bool, int, float, complex)):
            raise TypeError(f"{who}: {name} is a {type(leaf).__name__}, which is no array.")
        x = np.asarray(leaf)
        if x.dtype.kind in "OSUMm":
            raise TypeError(f"{who}: {name} is an array of {x.dtype}, which are no numbers.")
        return np.array(x, jax.dtypes.canonicalize_dtype(x.dtype))

    batch = jax.tree.map_with_path(array, batch)
    if not jax.tree.leaves(batch):
        raise ValueError(f"{who}: batch {number} of data has no arrays.")
    if like is None:
        return batch
    if jax.tree.structure(batch) != jax.tree.structure(like):
        raise ValueError(f"{who}: batch {number} of data has another structure than the first.")
    for (path, x), first in zip(jax.tree.leaves_with_path(batch), jax.tree.leaves(like)):
        if (x.shape, x.dtype) != (first.shape, first.dtype):
            name = checks.keystr(f"batch {number} of data", path)
            raise ValueError(
                f"{who}: {name} is {x.dtype}{list(x.shape)}, the first was {first.dtype}"
                f"{list(first.shape)}; all must be equal (drop the rest at the end of an epoch)."
            )
    return batch
