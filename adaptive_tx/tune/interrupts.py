"""Ctrl-C, which waits until what is begun is whole."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """An interrupt is raised at the end of the block; a second one at once.

    Where Python does not raise interrupts itself (in other threads, or where they are ignored), nothing
    is changed.
    """
    act = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(act):
        yield
        return
    came = []

    def wait(number, frame):
        if came:
            act(number, frame)
        came.append((number, frame))

    signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, act)
    if came:
        act(*came[0])
