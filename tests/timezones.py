"""Timezones for tests: made-up ones, and those whose clocks are hard to get right."""

import struct
import zoneinfo
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from analytics.scope import clock

ODD_ZONES: Final = (
    "UTC",
    "Europe/London",
    "America/Vancouver",
    "Africa/Casablanca",
    "America/Winnipeg",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
"""Half and quarter hours, changes at midnight, of half an hour, of two hours, and zones of recent changes of law."""


def tzif(first_offset_seconds: int, changes: Sequence[tuple[int, int]]) -> bytes:
    """A timezone file (RFC 8536, version 2) with one offset, then others.

    Args:
        first_offset_seconds: The offset before the first change.
        changes: Unix seconds and the offset from then on, oldest first.
    """
    offsets = [first_offset_seconds, *(offset for _, offset in changes)]
    types = sorted(set(offsets))
    names = b"XXX\0"

    def block(form: str) -> bytes:
        header = struct.pack(
            ">4sc15x6l", b"TZif", b"2", 0, 0, 0, len(changes) + 1, len(types), len(names)
        )  # the first entry says what was before
        times = b"".join(struct.pack(f">{form}", at) for at in (-(2**31) + 1, *(at for at, _ in changes)))
        which = bytes(types.index(offset) for offset in offsets)
        return header + times + which + b"".join(struct.pack(">lbb", each, 0, 0) for each in types) + names

    return block("l") + block("q") + b"\n\n"


@contextmanager
def installed(directory: Path, name: str, content: bytes) -> Iterator[ZoneInfo]:
    """The zone of that name, as if the pinned database had it; it has all others as before.

    Each test takes a name of its own: pandas keeps what it learned of a name for as long as the process lives.
    """
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    _take((str(directory),))
    try:
        yield clock.parse_timezone(name)
    finally:
        _take(())


def _take(path: Sequence[str]) -> None:
    zoneinfo.reset_tzpath(to=path)
    ZoneInfo.clear_cache()
    clock._names.cache_clear()


def changes_after(instant: datetime, timezone: ZoneInfo) -> list[datetime]:
    """When the offset from UTC changes within 370 days, oldest first.

    Looks from day to day: from hour to hour, as `offset_spans` does, took two thirds of the time of the tests of periods.
    """
    days = [instant + timedelta(days=day) for day in range(371)]
    return [
        span.start
        for day, following in pairwise(days)
        if day.astimezone(timezone).utcoffset() != following.astimezone(timezone).utcoffset()
        for span in clock.offset_spans(day, following, timezone)[1:]
    ]
