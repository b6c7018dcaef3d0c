"""Conversations by band, hour and outcome, and as a list: prepares rows of pipes and Postgres for drawing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from math import inf, nan
from typing import Final, get_args

import pandas as pd

from analytics.geo import countries
from analytics.geo.country_codes import folded
from analytics.kpis.intervals import wilson
from analytics.kpis.verdicts import Delta, Estimate, verdict_on
from analytics.scope import clock, weeks
from analytics.scope.periods import Period
from analytics.scope.selection import BAND_COUNT, BAND_SECONDS, DEFAULT_SORT, Measure, Sort
from analytics.scope.tiers import Comparability

_HOUR: Final = timedelta(hours=1)

PAGE_ROWS: Final = 25
"""Conversations on one page of the list."""

LISTED_COLUMNS: Final = (
    *("conversation_id", "started_at", "first_event_at", "response_seconds", "resolution_seconds"),
    *("handled_by", "resolved_by", "is_escalated", "is_known", "status", "is_waiting"),
    *("topic", "sentiment", "rating", "city", "country_code", "country"),
)


@dataclass(frozen=True, slots=True)
class Ratings:
    """The ratings that the list is sorted by.

    Attributes:
        by_id: Rating by conversation id, lowest first.
        is_cut: True when more conversations are rated than can be sorted: these have the lowest ratings, and all others are
            listed after them as if they had no rating.
    """

    by_id: Mapping[str, int]
    is_cut: bool

    @classmethod
    def of(cls, rated: pd.DataFrame, most: int, most_characters: int) -> Ratings:
        """Take as many of the rated conversations as one request may name.

        An id with a comma is left out: it would count as two ids, and Tinybird has no such id.

        Args:
            rated: As in `schemas.RATED_CONVERSATIONS`.
            most: Most conversations.
            most_characters: Most characters of all ids, commas included.

        >>> rated = pd.DataFrame({"id": ["aa", "b,", "cc", "dd"], "rating": [1, 1, 3, 5]})
        >>> Ratings.of(rated, 2, 100), Ratings.of(rated, 9, 7).is_cut
        (Ratings(by_id={'aa': 1, 'cc': 3}, is_cut=True), True)
        """
        whole = rated[~rated["id"].str.contains(",", regex=False)]
        fits = (whole["id"].str.len() + 1).cumsum() - 1 <= most_characters
        kept = whole[fits].head(most)
        by_id = {str(name): int(rating) for name, rating in zip(kept["id"], kept["rating"], strict=True)}
        return cls(by_id, is_cut=len(kept) < len(whole))


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of conversations.

    Attributes:
        rows: See `cached.conversation_list`.
        total: Number of conversations on all pages.
        page: Number of this page, from 1; the last one if a later one was requested.
        started_before: Number of conversations on all pages that started before the period.
        sort: The order of the rows; `newest` if ratings were requested and could not be read.
        ratings: The ratings that they are sorted by; None in another order.
    """

    rows: pd.DataFrame
    total: int
    page: int
    started_before: int = 0
    sort: Sort = DEFAULT_SORT
    ratings: Ratings | None = None

    @property
    def page_count(self) -> int:
        """Number of pages; 1 when there are no conversations."""
        return last_page(self.total)


@dataclass(frozen=True, slots=True)
class ConversationBreakdown:
    """The conversations of a period by time, hour and outcome. Do not change the frames: all viewers share them.

    Attributes:
        bands: Response and resolution times; see `bands`.
        hours: By hour of the week; see `hours`.
        handled: By who resolved them; see `handled`.
        escalated: Number of escalated conversations, and of all conversations, in the selection.
        total: Number of conversations in the selection: the total of their list.
    """

    bands: Mapping[Measure, pd.DataFrame]
    hours: pd.DataFrame
    handled: pd.DataFrame
    escalated: tuple[int, int]
    total: int


def breakdown(rows: pd.DataFrame, period: Period) -> ConversationBreakdown:
    """Prepare the rows of `schemas.CONVERSATION_BREAKDOWN` for a period."""
    return ConversationBreakdown(
        {measure: bands(rows, measure) for measure in get_args(Measure)},
        hours(rows, period),
        handled(rows),
        escalated_of(rows),
        total_of(rows),
    )


def last_page(total: int) -> int:
    """The number of the last page of a list with `total` rows; 1 without rows.

    >>> last_page(0), last_page(25), last_page(26)
    (1, 1, 2)
    """
    return max(1, -(-total // PAGE_ROWS))


def bands(breakdown: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """The distribution of response or resolution times: one row per band, fastest first, including empty bands.

    Columns:
        band (int): 0 to `BAND_COUNT` - 1.
        longest_seconds (float, seconds): upper end, inclusive; infinite for the last.
        conversations (int)
        share_ratio, cumulative_ratio (float, 0..1): of all with that time, in this band and up to its end; NaN when
            there is none.

    Args:
        breakdown: As in `schemas.CONVERSATION_BREAKDOWN`.
        measure: Response or resolution.
    """
    rows = breakdown[breakdown["dimension"] == f"{measure}_band"]
    found = {str(key): int(n) for key, n in zip(rows["key"], rows["conversations"], strict=True)}
    counts = [found.get(str(band), 0) for band in range(BAND_COUNT)]
    total = sum(counts)
    return pd.DataFrame(
        {
            "band": range(BAND_COUNT),
            "longest_seconds": [*BAND_SECONDS, inf],
            "conversations": counts,
            "share_ratio": [count / total if total else nan for count in counts],
            "cumulative_ratio": [count / total if total else nan for count in accumulate(counts)],
        }
    )


def in_time(
    current: pd.DataFrame, previous: pd.DataFrame | None, band: int, comparability: Comparability, of: str
) -> Delta:
    """The change of the share of conversations up to the end of a band, from `bands`; more is better.

    `previous` is None when it was not read; `of` is the noun of the observations, plural.
    """

    def share(rows: pd.DataFrame) -> Estimate:
        n, fast = int(rows["conversations"].sum()), int(rows["conversations"].head(band + 1).sum())
        return Estimate(fast / n if n else None, n, wilson(fast, n))

    before = None if previous is None else share(previous)
    return verdict_on(share(current), before, comparability, unit="pp", direction="higher", of=of)


def hours(breakdown: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Conversations by hour of the week of their start: 168 rows, from the week's first midnight on, including empty hours.

    Columns:
        weekday (int): 1 Monday to 7.
        hour (int): 0 to 23, local time.
        hours_in_period (float, hours): total time of this hour of the week in the period, as in `hours_of_week`.
        conversations (int): started in that hour of the week, in the whole period.
        conversations_per_hour (float): their average; NaN when the period has no such hour.
        responded, resolved (int): of these, the number behind each median.
        median_response_seconds, median_resolution_seconds (float, seconds): NaN when there was none.

    Args:
        breakdown: As in `schemas.CONVERSATION_BREAKDOWN`.
        period: The period that it covers.
    """
    counts = ["conversations", "responded", "resolved"]
    medians = ["median_response_seconds", "median_resolution_seconds"]
    elapsed = hours_of_week(period)
    week = pd.DataFrame(elapsed.keys(), columns=["weekday", "hour"])
    rows = breakdown[breakdown["dimension"] == "hour_of_week"].set_index("key")[[*counts, *medians]]
    rows = rows.reindex([f"{weekday}-{hour}" for weekday, hour in elapsed]).reset_index(drop=True)
    rows[counts] = rows[counts].fillna(0).astype("int64")
    rows["hours_in_period"] = list(elapsed.values())
    rows["conversations_per_hour"] = rows["conversations"] / rows["hours_in_period"].where(
        lambda each: each > 0
    )
    ordered = ["hours_in_period", "conversations", "conversations_per_hour", *counts[1:], *medians]
    return pd.concat([week, rows[ordered]], axis=1)


def hours_of_week(period: Period) -> dict[tuple[int, int], float]:
    """The total time of each hour of the week in a period, in hours, from the week's first midnight on.

    An hour that a clock change repeats counts twice, one that it skips not at all, and one that the period cuts counts in
    part. The sum of all 168 is the period's duration.

    >>> from datetime import UTC, datetime
    >>> london = clock.parse_timezone("Europe/London")
    >>> start, end = (datetime(2026, 10, 25, hour, minute, tzinfo=UTC) for hour, minute in ((0, 0), (12, 45)))
    >>> [hours for hours in hours_of_week(Period(start, end, london)).items() if hours[1] not in (0, 1)]
    [((7, 1), 2.0), ((7, 12), 0.75)]
    """
    weekdays = weeks.weekdays(period.week_start)
    elapsed = {(weekday, hour): 0.0 for weekday in weekdays for hour in range(24)}
    spans = clock.offset_spans(period.start, period.end, period.timezone)
    ends = [*(span.start for span in spans[1:]), period.end]
    for span, end in zip(spans, ends, strict=True):
        offset = timedelta(seconds=span.offset_seconds)
        at, stop = span.start + offset, end + offset  # Local time as a UTC value.
        while at < stop:
            following = min(at.replace(minute=0, second=0, microsecond=0) + _HOUR, stop)
            elapsed[at.isoweekday(), at.hour] += (following - at) / _HOUR
            at = following
    return elapsed


def handled(breakdown: pd.DataFrame) -> pd.DataFrame:
    """AI-resolved and human-handled conversations: two rows, `ai` and `human`.

    Columns:
        handled_by (string)
        conversations (int): resolved in the period.
        share_ratio (float, 0..1): of all resolved; NaN when there is none.
        median_response_seconds, median_resolution_seconds (float, seconds): NaN when there was none.

    Args:
        breakdown: As in `schemas.CONVERSATION_BREAKDOWN`.
    """
    rows = breakdown[breakdown["dimension"] == "handled_by"].set_index("key").reindex(["ai", "human"])
    counts = rows["conversations"].fillna(0).astype("int64")
    total = int(counts.sum())
    return pd.DataFrame(
        {
            "handled_by": ["ai", "human"],
            "conversations": counts.to_numpy(),
            "share_ratio": (counts / total if total else counts.astype("float64") * float("nan")).to_numpy(),
            "median_response_seconds": rows["median_response_seconds"].to_numpy(),
            "median_resolution_seconds": rows["median_resolution_seconds"].to_numpy(),
        }
    )


def escalated_of(breakdown: pd.DataFrame) -> tuple[int, int]:
    """Number of escalated conversations, and of all conversations, in the selection; arguments as for `handled`."""
    rows = breakdown[breakdown["dimension"] == "escalation"].set_index("key")["conversations"]
    return int(rows.get("escalated", 0)), int(rows.sum())


def total_of(breakdown: pd.DataFrame) -> int:
    """Number of conversations in the selection; arguments as for `handled`."""
    return int(breakdown.loc[breakdown["dimension"] == "total", "conversations"].sum())


def listed(rows: pd.DataFrame, known: pd.DataFrame | None) -> pd.DataFrame:
    """Join the list of the pipe with the rows of Postgres, in the pipe's order; see `cached.conversation_list`.

    Args:
        rows: As in `schemas.CONVERSATION_LIST`.
        known: As in `schemas.CONVERSATIONS_BY_ID`; None when Postgres could not be read: its columns are then empty and no
            conversation is marked as deleted.
    """
    frame = rows.drop(columns=["total", "total_started_before"]).reset_index(drop=True)
    is_resolved, is_by_ai = frame["is_resolved"] == 1, frame["is_ai_resolved"] == 1
    frame["handled_by"] = pd.Series(None, index=frame.index, dtype="str")
    frame.loc[is_resolved, "handled_by"] = "human"
    frame.loc[is_by_ai, "handled_by"] = "ai"
    frame["is_escalated"] = frame["is_escalated"] == 1
    if known is None:
        for column in ("status", "resolved_by", "topic", "sentiment", "city", "country_code", "country"):
            frame[column] = pd.Series(None, index=frame.index, dtype="str")
        return frame.assign(is_known=True, is_waiting=False, rating=float("nan"))[list(LISTED_COLUMNS)]
    facts = known.rename(columns={"id": "conversation_id", "started_at": "known_start"})
    frame = frame.merge(facts, on="conversation_id", how="left", validate="one_to_one")
    frame["is_known"] = frame["status"].notna()
    is_open = frame["status"] == "open"
    frame["is_waiting"] = is_open & frame["first_response_at"].isna()
    for status, since in (("answered", "first_response_at"), ("escalated", "escalated_at")):
        frame["status"] = frame["status"].mask(is_open & frame[since].notna(), status)
    frame["resolved_by"] = frame["resolved_by"].where(frame["handled_by"] == "human")
    frame["started_at"] = frame["started_at"].fillna(frame["known_start"])
    codes = [folded(code) if isinstance(code, str) else "" for code in frame["country_code"]]
    frame["country_code"] = pd.Series([code or None for code in codes], index=frame.index, dtype="str")
    frame["country"] = pd.Series(
        [countries.name_of(code) if code else None for code in codes], index=frame.index, dtype="str"
    )
    return frame[list(LISTED_COLUMNS)]
