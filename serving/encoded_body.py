"""The body of a request, which may be encoded with gzip."""

import zlib
from collections.abc import Sequence

_GZIP = 16 + zlib.MAX_WBITS  # its header and checksum, no other form


def decode(body: bytes, encodings: Sequence[str], max_bytes: int) -> bytes:
    """Returns what was encoded; never makes more than a byte too many.

    Args:
      body: as it came.
      encodings: the values of `Content-Encoding`, none for a plain body.
      max_bytes: of the result.

    Raises:
      ValueError: another encoding, no whole gzip, or more than `max_bytes`.
    """
    encoding = ",".join(encodings).strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise ValueError(f"Content-Encoding must be gzip, not {encoding}.")
    inflater = zlib.decompressobj(_GZIP)
    try:
        content = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise ValueError(
            f"With Content-Encoding gzip, the body must be gzip: {error}."
        ) from error
    if len(content) > max_bytes:
        raise ValueError(f"A gzip body must hold at most {max_bytes} bytes.")
    if not inflater.eof or inflater.unused_data:
        raise ValueError("A gzip body must be one whole stream.")
    return content
