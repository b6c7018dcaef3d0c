"""Dead letters: events that cannot be delivered, kept with the reason, ready to be sent again.

One file per refusal. Its first line says why, in JSON; the others are the events as they were sent. What a crash left
of a line is kept as a JSON text, to be looked at; it is no event and is never sent.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from analytics.errors import ConfigError
from analytics.ingest.spool.files import lock, write_whole
from analytics.ingest.spool.segment import SUFFIX, DamagedLine, Segment, new_name, sound_lines

FOLDER: Final = "refused"
RefusalKind = Literal["refused", "quarantined", "unconfirmed", "damaged"]
MAX_DAMAGE_BYTES: Final = 10_000
"""Bytes kept of a damaged line."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why some events are kept aside.

    Attributes:
        kind: refused (Tinybird answered no) | quarantined (it put them aside itself) | unconfirmed (it confirmed fewer
            than were sent) | damaged (the file was).
        events: How many are concerned. The file holds more of them when it is not known which ones they are.
        reason: In plain words, for staff: it may name columns.
        status: The HTTP status; None when no answer is the cause.
    """

    kind: RefusalKind
    events: int
    reason: str
    status: int | None
    refused_at: str


@dataclass(frozen=True, slots=True)
class Resent:
    """Result of sending dead letters again.

    Attributes:
        events: Back in the spool.
        left: Damaged lines, which stay where they are.
        again: How many of the events Tinybird has stored already: the good ones of a batch of which it was not known which were
            refused.
        unreadable: Files and folders that this process may not read, and left where they are.
    """

    events: int
    left: int
    again: int = 0
    unreadable: int = 0


def keep(
    spool: Path,
    datasource: str,
    kind: RefusalKind,
    lines: bytes,
    events: int,
    reason: str,
    status: int | None,
) -> None:
    """Keeps events aside.

    Raises:
        OSError: The disk does not take them.
    """
    header = Refusal(kind, events, reason, status, datetime.now(UTC).isoformat(timespec="seconds"))
    folder = spool / FOLDER / datasource
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(folder / new_name(), json.dumps(asdict(header)).encode() + b"\n" + lines)


def keep_damaged(spool: Path, datasource: str, damaged: Sequence[DamagedLine]) -> None:
    """Keeps damaged lines aside; nothing for none.

    Raises:
        OSError: The disk does not take them.
    """
    if not damaged:
        return
    texts = [
        json.dumps(
            {
                "reason": each.reason,
                "bytes": len(each.line),
                "line": each.line[:MAX_DAMAGE_BYTES].decode("utf-8", "backslashreplace"),
            }
        )
        for each in damaged
    ]
    lines = "".join(f"{text}\n" for text in texts).encode()
    keep(spool, datasource, "damaged", lines, len(damaged), damaged[0].reason, None)


def refusals(spool: Path, unreadable: set[Path] | None = None) -> Iterator[tuple[Path, Refusal]]:
    """Lists the dead letters, oldest first per data source. A file without a readable first line counts as one damaged event.

    Files and folders that this process may not read are left out, and added to `unreadable`.
    """
    unknown = set[Path]() if unreadable is None else unreadable
    for path in (file for folder in _listed(spool / FOLDER, unknown) for file in _listed(folder, unknown)):
        if path.suffix != SUFFIX:
            continue
        try:
            with path.open("rb") as file:
                header = file.readline()
        except FileNotFoundError:  # sent again meanwhile
            continue
        except OSError:
            unknown.add(path)
            continue
        yield path, _refusal(header)


def _listed(folder: Path, unreadable: set[Path]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        unreadable.add(folder)
        return []


def resend(spool: Path) -> Resent:
    """Puts dead letters back into the spool, where the next sender finds them. Safe beside running emitters.

    A crash in between leaves events in both places: they are sent twice, never lost.

    The good events of a batch that was kept aside whole, because without an admin token it was not known which of it were
    quarantined, go a second time.

    Raises:
        ConfigError: The disk does not take them, or does not give them.
    """
    try:
        return _resend(spool)
    except OSError as error:
        raise ConfigError(
            f"What is kept aside cannot be put back into the spool ({error.strerror}).",
            "Check INBOX_ANALYTICS_SPOOL_DIR, who may write there, and whether its disk is full.",
        ) from None


def _resend(spool: Path) -> Resent:
    events = left = again = 0
    unreadable = set[Path]()
    for path, refusal in refusals(spool, unreadable):
        if refusal.kind == "damaged":
            left += refusal.events
            continue
        # What cannot be taken away here would be sent, stay, and be sent again.
        if not os.access(path.parent, os.W_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            if not lock(file.fileno()) or not path.exists():  # another process sends it again
                continue
            file.readline()
            lines, damaged = sound_lines(file.read())
            keep_damaged(spool, path.parent.name, damaged)
            if lines:
                segment = Segment.create(spool / path.parent.name)
                try:
                    segment.append(lines)
                except OSError:
                    segment.remove()
                    raise
                segment.close()
            path.unlink()
            found = lines.count(b"\n")
            events, left = events + found, left + len(damaged)
            again += max(0, found - refusal.events)
    return Resent(events, left, again, len(unreadable))


def _refusal(header: bytes) -> Refusal:
    try:
        said = json.loads(header)
        return Refusal(
            said["kind"], int(said["events"]), str(said["reason"]), said["status"], str(said["refused_at"])
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return Refusal("damaged", 1, "the file's first line does not say why it is here", None, "")
