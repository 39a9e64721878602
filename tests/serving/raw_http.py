"""HTTP by hand, for requests that no client library would send."""

import json
import re
import socket
import urllib.parse

SECONDS = 60.0


def connect(served) -> socket.socket:
    url = urllib.parse.urlsplit(served.rest)
    return socket.create_connection((url.hostname, url.port), SECONDS)


def request(
    body: bytes = b"",
    *,
    method: str = "POST",
    path: str = "/v1/models/lifter:predict",
    headers: tuple[bytes, ...] | None = None,
) -> bytes:
    """A request; its only header is the right length, if none are given."""
    if headers is None:
        headers = (b"Content-Length: %d" % len(body),) if body else ()
    line = f"{method} {path} HTTP/1.1".encode()
    return b"\r\n".join([line, *headers, b"", body])


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def answers(stream: bytes) -> list[tuple[int, object]]:
    """Status and JSON (or text) of every answer; fails on what is no HTTP."""
    found = []
    while stream:
        head, _, stream = stream.partition(b"\r\n\r\n")
        line, *headers = head.split(b"\r\n")
        status = int(re.fullmatch(rb"HTTP/1\.1 (\d{3}) [ -~]*", line)[1])
        fields = dict(header.split(b": ", 1) for header in headers)
        length = int(fields.get(b"Content-Length", 0))
        content, stream = stream[:length].decode(), stream[length:]
        assert len(content.encode()) == length
        if fields.get(b"Content-Type") == b"application/json":
            content = json.loads(content)
        found.append((status, content))
    return found


def exchange(served, *sent: bytes) -> list[tuple[int, object]]:
    """Sends bytes, ends the sending side, and returns the answers."""
    with connect(served) as connection:
        for part in sent:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return answers(read_all(connection))
