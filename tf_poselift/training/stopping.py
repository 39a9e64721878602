"""Ends a run at the next call boundary when it is asked to stop."""

import contextlib
import signal
import threading
from collections.abc import Callable
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def on_request() -> Iterator[Callable[[], bool]]:
    """Yields a function that tells whether Ctrl-C or SIGTERM has come.

    A step that is cut in the middle has changed some weights and not others,
    so that the run must end between calls. A second signal acts as usual.
    Outside of the main thread, where Python allows no handlers, it is always
    False.
    """
    asked = threading.Event()
    before = {}

    def restore() -> None:
        while before:
            signal.signal(*before.popitem())

    def ask(*_) -> None:
        asked.set()
        restore()

    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            before[number] = signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        restore()
