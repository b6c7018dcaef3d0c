"""Inflates gzip bodies that strangers send, in bounded time and size. Pure."""

from __future__ import annotations

import zlib
from typing import Final

MOST_MEMBERS: Final = 1000
"""gzip streams in a row in one body. Writers make one, or one per block; an empty one is 20 bytes that cost some µs."""

_PIECE_BYTES: Final = 64 * 1024
"""Each member copies what is left of the piece that it ends in: with the whole body, time would grow with its square."""


class InflatedTooLarge(ValueError):
    """The content is larger than it may be."""


class BadGzip(ValueError):
    """The body is no gzip, is cut, or has more than `MOST_MEMBERS` members. The message says which."""


def inflated(body: bytes, most_bytes: int) -> bytes:
    """Inflates a gzip body, of one member or several; an empty body gives empty content.

    Args:
        body: The compressed bytes.
        most_bytes: Largest content.

    Raises:
        InflatedTooLarge: The content is larger than `most_bytes`.
        BadGzip: The body is no gzip, ends too early or has too many members.

    >>> import gzip
    >>> inflated(gzip.compress(b"one ") + gzip.compress(b"two"), 7)
    b'one two'
    """
    parts, size, at, members = [], 0, 0, 0
    rest = memoryview(body)
    while at < len(body):
        members += 1
        if members > MOST_MEMBERS:
            raise BadGzip(f"the body has more than {MOST_MEMBERS:,} gzip streams")
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            piece = rest[at : at + _PIECE_BYTES]
            if not piece:
                raise BadGzip("the gzip stream ends too early")
            try:
                part = stream.decompress(piece, most_bytes - size + 1)
            except zlib.error:
                raise BadGzip("the body is not the gzip that Content-Encoding says") from None
            size += len(part)
            if size > most_bytes:
                raise InflatedTooLarge(f"the content is larger than {most_bytes:,} bytes")
            parts.append(part)
            at += len(piece) - len(stream.unused_data)
    return b"".join(parts)
