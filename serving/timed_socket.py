"""A socket whose time does not begin anew with every byte.

With the time-out of a plain socket, a client that sends or takes one byte now
and then holds its thread for ever.
"""

import io
import socket
import time


class TimedSocket(io.RawIOBase):
    """Gives a connection a time for all reads and writes until `allow`."""

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """Starts the time anew; what goes past it raises TimeoutError."""
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self._set_timeout()
        return self._connection.recv_into(buffer)

    def write(self, content) -> int:
        self._set_timeout()
        return self._connection.send(content)

    def _set_timeout(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0.0:
            raise TimeoutError
        self._connection.settimeout(left)
