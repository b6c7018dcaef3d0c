"""Makes identifiers, many at a time: ULIDs and nanoids from a random generator. Pure.

They are fixed-width byte arrays; `texts` makes Python strings of them, and `instant_texts` of instants.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.bytes_]
Seconds = npt.NDArray[np.int64]

CROCKFORD = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)
NANOID = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)


def ulids(random: np.random.Generator, created: Seconds) -> Bytes:
    """One 26-character ULID per element of `created` (UTC seconds): ten characters of time, sixteen random."""
    count = len(created)
    digits = np.empty((count, 26), dtype=np.uint8)
    milliseconds = created.astype(np.int64) * 1000 + random.integers(0, 1000, count)
    for position in range(9, -1, -1):
        digits[:, position] = milliseconds & 31
        milliseconds >>= 5
    digits[:, 10:] = random.integers(0, 32, (count, 16), dtype=np.uint8)
    return CROCKFORD[digits].view("S26").ravel()


def nanoids(random: np.random.Generator, count: int) -> Bytes:
    """`count` random 16-character nanoids."""
    return NANOID[random.integers(0, len(NANOID), (count, 16), dtype=np.uint8)].view("S16").ravel()


def texts(values: npt.NDArray[Any]) -> list[str]:
    """ASCII byte strings as Python strings."""
    texts: list[str] = values.astype("U").tolist()
    return texts


def instant_texts(instants: Seconds) -> list[str]:
    """`YYYY-MM-DDThh:mm:ss` of instants in UTC seconds.

    >>> instant_texts(np.array([1_795_000_000]))
    ['2026-11-18T11:06:40']
    """
    shown: list[str] = np.datetime_as_string(instants.astype("datetime64[s]")).tolist()
    return shown


def ulid(random: np.random.Generator, created: int) -> str:
    """One ULID as text."""
    return texts(ulids(random, np.array([created], dtype=np.int64)))[0]
