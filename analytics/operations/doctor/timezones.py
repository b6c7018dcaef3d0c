"""Compares the engine's timezone database with ours, and finds which is older.

No pipe uses the engine's: they get instants and offsets. It decides for SQL that names a timezone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Final

from pydantic import TypeAdapter

from analytics.errors import AnalyticsError
from analytics.operations.doctor.finding import Finding, failed, listed, not_checked
from analytics.scope import clock
from analytics.scope.tiers import TIER_DAYS
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import mismatch

REACH: Final = timedelta(days=max(TIER_DAYS.values()))
AHEAD: Final = timedelta(days=182)
"""Compared from the first day that may be read to half a year ahead, every `STEP`."""

STEP: Final = timedelta(days=7)
_YEAR: Final = timedelta(days=364)
_ZONES_A_QUERY: Final = 60
"""Their statement fits into the address of a request."""

_SUBJECT: Final = "timezones"
_RESOURCE: Final = "timezone_offsets"
_SECONDS: Final = TypeAdapter(list[int])


def compared(tinybird: Tinybird, *, may_query: bool) -> Finding:
    """Compares the offsets of all timezones in the engine with ours; ok where nothing has to be done.

    `may_query` says whether there is an admin token that works.
    """
    if not may_query:
        return not_checked("clocks", _SUBJECT, "SQL needs TINYBIRD_ADMIN_TOKEN")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    instants = [now - REACH + STEP * step for step in range((REACH + AHEAD) // STEP)]
    zones = distinct_zones()
    try:
        theirs: dict[str, Sequence[int]] = {}
        for first in range(0, len(zones), _ZONES_A_QUERY):
            theirs |= _offsets_in_engine(tinybird, zones[first : first + _ZONES_A_QUERY], instants)
    except AnalyticsError as error:
        return failed("clocks", _SUBJECT, error)
    return judged(theirs, instants)


def judged(theirs: Mapping[str, Sequence[int]], instants: Sequence[datetime]) -> Finding:
    """Judges the engine's offsets at these instants.

    A database is the older one where it goes on as a year before and the other does not.

    `theirs` holds seconds east of UTC by timezone, one for each instant.
    """
    differing, ours_is_older, theirs_is_older = [], 0, 0
    for name, offsets in theirs.items():
        ours = _offsets(name, instants)
        if list(offsets) == ours:
            continue
        differing.append(name)
        before = _offsets(name, [instant - _YEAR for instant in instants])
        apart = [
            (one, other, was) for one, other, was in zip(ours, offsets, before, strict=True) if one != other
        ]
        ours_is_older += sum(one == was for one, _, was in apart)
        theirs_is_older += sum(other == was for _, other, was in apart)
    version = clock.database_version()
    if not differing:
        return Finding("clocks", _SUBJECT, "ok", f"the engine's local clocks are those of tzdata {version}")
    text = f"the engine has other local clocks than tzdata {version} for {listed(sorted(differing))}"
    if ours_is_older > theirs_is_older:
        remedy = "Update the tzdata package, here and in requirements.lock, and start again."
        return Finding("clocks", _SUBJECT, "warning", f"{text}: ours are older", remedy)
    which = "the engine's are older" if theirs_is_older > ours_is_older else "which are older is not clear"
    return Finding(
        "clocks", _SUBJECT, "ok", f"{text}: {which}; no page uses them, only SQL that names a timezone"
    )


def distinct_zones() -> tuple[str, ...]:
    """Lists one name for each set of rules in the pinned database, by name."""
    by_rules: dict[bytes, str] = {}
    for name in sorted(clock.timezone_names()):
        by_rules.setdefault(files("tzdata").joinpath("zoneinfo", name).read_bytes(), name)
    return tuple(by_rules.values())


def _offsets(name: str, instants: Sequence[datetime]) -> list[int]:
    zone = clock.parse_timezone(name)
    return [clock.offset_spans(instant, instant, zone)[0].offset_seconds for instant in instants]


def _offsets_in_engine(
    tinybird: Tinybird, zones: Sequence[str], instants: Sequence[datetime]
) -> dict[str, Sequence[int]]:
    start, step = int(instants[0].timestamp()), int(STEP.total_seconds())
    columns = (
        f"toString(arrayMap(at -> timezoneOffset(toDateTime(at, '{name}')), instants)) AS z{number}"
        for number, name in enumerate(zones)
    )
    # Nothing of a request is in it: numbers, and names of the pinned database.
    statement = (
        f"WITH range({start}, {start + step * len(instants)}, {step}) AS instants SELECT {', '.join(columns)}"
    )
    rows = tinybird.query_sql(_RESOURCE, statement).rows
    try:
        (row,) = rows
        offsets: dict[str, Sequence[int]] = {
            name: _SECONDS.validate_json(str(row[f"z{number}"])) for number, name in enumerate(zones)
        }
    except (KeyError, ValueError):
        raise mismatch(_RESOURCE, "it does not hold the offsets of timezones") from None
    if any(len(each) != len(instants) for each in offsets.values()):
        raise mismatch(_RESOURCE, "it does not hold an offset for each instant")
    return offsets
