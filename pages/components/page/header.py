"""The header of a page: title, controls, and one line with website, dates, comparison and age of the data."""

from datetime import UTC, date, datetime, timedelta
from secrets import randbelow
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import cached
from analytics.cached import OpenedView
from analytics.errors import AnalyticsError
from analytics.scope import clock, periods
from analytics.scope.periods import Period
from analytics.scope.views import ResolvedView
from pages.components import formatting
from pages.components.page import copy_link, page_files

RENEWAL_SECONDS = 30
SPREAD_SECONDS = 60
"""Within which open pages are drawn again when their numbers are due: all of them at once would keep other viewers waiting."""

OFTEN = timedelta(minutes=5)
"""Numbers that are read this often need no word about it."""

Data = Literal["conversations", "visitors"]


def draw(
    title: str,
    view: OpenedView,
    data: Data,
    *,
    has_range: bool,
    has_age: bool,
    websites: int | None = None,
) -> DeltaGenerator:
    """Draw the header; returns the container for the page's own controls.

    `websites` is the number of websites on a page of all of them; None on a page of one.
    """
    resolved = view.resolved
    if websites is None:
        facts = [f"**{formatting.markdown(formatting.website_name(resolved.website))}**"]
    else:
        facts = [f"**{formatting.counted(websites, 'websites')}**"]
    if has_range:
        covered = days(resolved, data)
        facts.append(periods.days_label(*covered))
        if not resolved.range.is_custom and covered == resolved.period.local_days():
            facts.insert(1, resolved.range.label)
        if (before := compared(resolved, data)) is not None:
            both = before.local_days(), covered
            facts.append(f"vs {formatting.without_year(*(periods.days_label(*each) for each in both))}")
    with st.container(gap=None, key="header"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header-title"):
            st.title(title, anchor=False, width="content")
            if cached.is_demo():
                st.badge("Demo data", color="orange", help="Sample data; new events keep arriving.")
            st.space("stretch")
            toolbar = st.container(width="content")
            first, last = days(resolved, data) if has_range else (_today(resolved),) * 2
            page_files.offer(title, file_prefix(resolved, is_of_all=websites is not None), first, last)
            copy_link.offer(view, has_range=has_range, has_website=websites is None)
        with st.container(
            horizontal=True,
            horizontal_alignment="distribute",
            vertical_alignment="center",
            gap="small",
            key="header-facts",
        ):
            st.markdown(f":gray[{' · '.join(facts)}]", width="content")
            if has_age:
                with st.container(width="content"):
                    _as_of(view, has_range=has_range)
    return toolbar


def file_prefix(resolved: ResolvedView, *, is_of_all: bool) -> str:
    """First part of the names of a page's files: the website, or `all`."""
    return "all" if is_of_all else resolved.website.slug


def days(resolved: ResolvedView, data: Data) -> tuple[date, date]:
    """First and last day that a page's data covers; the requested days if it covers none."""
    if data == "visitors" and not resolved.visitor_period.is_empty:
        return resolved.visitor_period.local_days()
    return resolved.period.local_days()


def _today(resolved: ResolvedView) -> date:
    return clock.local_day(resolved.now, resolved.period.timezone)


def compared(resolved: ResolvedView, data: Data) -> Period | None:
    """The period that a page's data is compared with; None without a comparison."""
    return resolved.before if data == "conversations" else resolved.visitors_before


def own_delay() -> timedelta:
    """How long after its numbers are due this session's page is drawn again; less than `SPREAD_SECONDS`."""
    return timedelta(seconds=st.session_state.setdefault("delay-seconds", randbelow(SPREAD_SECONDS)))


@st.fragment(run_every=RENEWAL_SECONDS, parallel=True)
def _as_of(view: OpenedView, *, has_range: bool) -> None:
    """Draw when the data was read and how old the newest event is.

    Refreshed by a timer; reruns the whole page when its numbers are due to be read again, so that an open page stays current.
    """
    now, due = datetime.now(UTC), cached.next_read(view)
    if now >= due + own_delay():
        st.rerun()
    # Until its turn the page says what it said: a read would ask for the period that is over.
    if now < due or "age" not in st.session_state:
        st.session_state["age"] = _age(view, now, has_range=has_range)
    is_often = cached.numbers_ttl() <= OFTEN
    st.markdown(
        f":gray[:small[{st.session_state['age']}]]",
        width="content",
        help=None
        if is_often
        else f"Numbers are read again at {formatting.clock(due, view.resolved.period.timezone.key)}, or as soon as you choose "
        "something: Tinybird includes a limited number of queries a day.",
    )


def _age(view: OpenedView, now: datetime, *, has_range: bool) -> str:
    """When the data was read and how old the newest event is, or why that is not known."""
    zone = view.resolved.period.timezone.key
    try:
        newest = cached.newest_event(view, now)
        read = cached.kpis(view).as_of if has_range else newest.as_of
        return f"As of {formatting.clock(read, zone)} · {_newest(newest, now, zone)}"
    except AnalyticsError as error:
        return formatting.markdown(error.message)


def _newest(reading: cached.Reading[datetime | None], now: datetime, timezone: str) -> str:
    """When the newest event was; "(stale)" if its source does not answer, so that there may be a newer one."""
    if reading.value is None:
        return "no events in the last 30 days"
    if reading.is_stale:
        return f"newest event {formatting.ago(now - reading.value)} (stale)"
    return f"newest event {formatting.when(reading.value, reading.as_of, now, timezone)}"
