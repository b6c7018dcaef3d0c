"""Checks that each active website sends as usual: one line per website that stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pandas as pd

from analytics import sources
from analytics.errors import AnalyticsError
from analytics.health.website_flow import WebsiteState, website_state
from analytics.ingest.events.text import printable
from analytics.operations.doctor.finding import Area, Finding, failed, listed, not_checked
from analytics.operations.doctor.flow import age_text
from analytics.operations.purge import database
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird

MOST_NAMED: Final = 10
"""So many websites that stopped have a line each; the others are counted."""

_AREA: Final[Area] = "websites"
_STOPPED: Final = (
    "Check that the product still emits for it: its widget, the service that emits, and that service's spool "
    "(`inbox-analytics spool status`)."
)
_AHEAD: Final = "Check the clock of the machine that emits for it."
_WORDS: Final[dict[WebsiteState, str]] = {
    "stopped": "stopped",
    "quiet": "quiet for longer than usual",
    "none": "without an event in 30 days",
    "unknown": "with too few events to say",
    "usual": "flow as usual",
}


def sending(tinybird: Tinybird, postgres: Postgres | None, *, may_read: bool) -> tuple[Finding, ...]:
    """Makes a warning per website that stopped, at most `MOST_NAMED`, and a line that counts all."""
    if not may_read:
        return (not_checked(_AREA, "all", "TINYBIRD_READ_TOKEN has a problem"),)
    if postgres is None:
        return (not_checked(_AREA, "all", "Postgres names the websites, and it cannot be read"),)
    try:
        slugs = database.active_websites(postgres, sources.MOST_WEBSITES)
        answer = sources.website_freshness(tinybird)
    except AnalyticsError as error:
        return (failed(_AREA, "all", error),)
    seen = answer.value[answer.value["website_id"].isin(list(slugs))]
    ages = (pd.Timestamp(answer.read_at) - seen["newest_event"]).dt.total_seconds()
    states: dict[WebsiteState, int] = dict.fromkeys(_WORDS, 0)
    stopped: list[Finding] = []
    ahead: list[str] = []
    columns = (seen[name] for name in ("website_id", "usual_gap_seconds", "events", "ahead"))
    for age, website_id, gap, events, future in zip(ages, *columns, strict=True):
        state = website_state(None if pd.isna(age) else age, None if pd.isna(gap) else gap, int(events))
        states[state] += 1
        name = printable(slugs[website_id])
        if future:
            ahead.append(name)
        if state == "stopped":
            usual = f"usually not longer than {age_text(timedelta(seconds=gap))} without one"
            text = f"stopped: newest event {age_text(timedelta(seconds=age))} ago, {usual}"
            stopped.append(Finding(_AREA, name, "warning", text, _STOPPED))
    states["none"] += len(slugs) - len(seen)
    found = stopped[:MOST_NAMED]
    if len(stopped) > MOST_NAMED:
        more = f"{len(stopped) - MOST_NAMED:,} more stopped"
        found.append(Finding(_AREA, "others", "warning", more, "The page Data health lists all."))
    if ahead:
        found.append(
            Finding(_AREA, "clocks", "warning", f"events dated in the future: {listed(ahead)}", _AHEAD)
        )
    counts = ", ".join(f"{count:,} {_WORDS[state]}" for state, count in states.items() if count)
    return (*found, Finding(_AREA, "all", "ok", counts or "there is no active website"))
