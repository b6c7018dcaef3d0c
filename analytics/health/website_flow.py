"""Finds websites that stopped sending events, by each one's own usual gap between events. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, get_args

import pandas as pd

from analytics.health.source_health import ENOUGH_EVENTS, LEAST_UNUSUAL_SECONDS, UNUSUAL_FACTOR
from analytics.scope.access import Website

WebsiteState = Literal["stopped", "quiet", "none", "unknown", "usual", "inactive"]
"""Worst first."""

STOPPED_FACTOR: Final = 3.0
"""A website has stopped when the age of its newest event exceeds its usual gap this many times."""

LEAST_STOPPED_SECONDS: Final = 3_600.0
"""A website whose newest event is younger than this has not stopped, however busy it is."""


def website_state(age_seconds: float | None, usual_gap_seconds: float | None, events: int) -> WebsiteState:
    """Judges whether a website sends as usual, by its second longest gap and its events in 30 days; None: not known.

    >>> website_state(600, 300, 500), website_state(1_000, 300, 500), website_state(4_000, 300, 500)
    ('usual', 'quiet', 'stopped')
    >>> website_state(4_000, 3_000, 500), website_state(4_000, 60, 5), website_state(None, None, 0)
    ('usual', 'unknown', 'none')
    """
    if age_seconds is None or not events:
        return "none"
    if usual_gap_seconds is None or events < ENOUGH_EVENTS:
        return "unknown"
    if age_seconds > max(STOPPED_FACTOR * usual_gap_seconds, LEAST_STOPPED_SECONDS):
        return "stopped"
    is_quiet = age_seconds > max(UNUSUAL_FACTOR * usual_gap_seconds, LEAST_UNUSUAL_SECONDS)
    return "quiet" if is_quiet else "usual"


def website_flow(freshness: pd.DataFrame, websites: Sequence[Website], as_of: datetime) -> pd.DataFrame:
    """State of each website: one row per website, worst first, then by age of the newest event in usual gaps.

    A website without a row in `freshness` has no event in 30 days. Where `freshness` was cut at its limit that is not
    known, and the website is left out.

    Columns:
        website_id, name, domain (string): name and domain are untrusted text.
        state (string): as `WebsiteState`; inactive for a website that is switched off, even when it sends.
        newest_event (datetime, UTC): NaT when there was none in 30 days.
        age_seconds (float, seconds): from the newest event to `as_of`; NaN without one.
        usual_gap_seconds (float, seconds): NaN when not known.
        events (int): in the last 30 days.
        ahead (int): rows dated more than a minute in the future.

    Args:
        freshness: `sources.website_freshness`.
        websites: The websites to judge; others in `freshness` are left out.
        as_of: When the freshness was read, aware.
    """
    known = pd.DataFrame(
        {
            "website_id": pd.Series([website.id for website in websites], dtype="str"),
            "name": pd.Series([website.name for website in websites], dtype="str"),
            "domain": pd.Series([website.domain for website in websites], dtype="str"),
            "is_active": pd.Series([website.is_active for website in websites], dtype="bool"),
        }
    )
    is_cut = len(freshness) > 0 and int(freshness["websites"].iloc[0]) > len(freshness)
    flow = known.merge(freshness.drop(columns="websites"), on="website_id", how="inner" if is_cut else "left")
    counted = {
        "events": flow["events"].fillna(0).astype("int64"),
        "ahead": flow["ahead"].fillna(0).astype("int64"),
    }
    ages = (pd.Timestamp(as_of) - flow["newest_event"]).dt.total_seconds()
    flow = flow.assign(**counted, age_seconds=ages)
    flow["state"] = pd.Series(
        [
            website_state(None if pd.isna(age) else age, None if pd.isna(gap) else gap, events)
            if is_active
            else "inactive"
            for age, gap, events, is_active in zip(
                flow["age_seconds"], flow["usual_gap_seconds"], flow["events"], flow["is_active"], strict=True
            )
        ],
        dtype="str",
    )
    rank = flow["state"].map({state: place for place, state in enumerate(get_args(WebsiteState))})
    late = flow["age_seconds"] / flow["usual_gap_seconds"].clip(lower=60)
    flow = flow.assign(rank=rank, late=late.fillna(0))
    flow = flow.sort_values(["rank", "late", "name"], ascending=[True, False, True], kind="stable")
    columns = ["website_id", "name", "domain", "state", "newest_event", "age_seconds", "usual_gap_seconds"]
    return flow[[*columns, "events", "ahead"]].reset_index(drop=True)
