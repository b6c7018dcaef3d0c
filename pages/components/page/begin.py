"""Begins a page: configuration, access, sidebar, header. `begin_page` is every page's first statement.

A page must stand alone: on a freshly started server a link straight to one runs its file without `app.py`, so
nothing here relies on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import cached
from analytics.cached import OpenedView
from analytics.errors import AnalyticsError
from analytics.scope import clock, tiers
from analytics.scope.access import Website
from analytics.scope.comparison import WEEKDAYS
from analytics.scope.periods import Period, Range
from analytics.scope.tiers import Comparability
from analytics.scope.views import ResolvedView
from pages.components import ASSETS, formatting
from pages.components.page import (
    audit_events,
    header,
    sidebar,
    sign_in,
    theme_watch,
    timing,
    url_state,
    website,
)
from pages.components.page.header import Data
from pages.components.page.panel import end_page, failure, forget_drawn

SIDEBAR_WIDTH_PX = 272


@dataclass(frozen=True, slots=True)
class Page:
    """What a page knows once it has begun: the opened view, and where its own controls go.

    `days` are the first and last day that its data covers, `compared` the period that it compares them with; None where
    it compares with nothing.
    """

    view: OpenedView
    toolbar: DeltaGenerator
    days: tuple[date, date]
    compared: Period | None
    data: Data

    @property
    def resolved(self) -> ResolvedView:
        """The website and the dates that are read and shown."""
        return self.view.resolved

    @property
    def website(self) -> Website:
        """The website looked at."""
        return self.resolved.website

    @property
    def timezone(self) -> str:
        """IANA name of the timezone that days and clock times are shown in."""
        return self.resolved.period.timezone.key

    @property
    def longer(self) -> Range | None:
        """The next longer range that ends today and holds the one shown, for a panel without data; None where data reaches no further."""
        first, _ = self.days
        today, _ = self.today
        reach = tiers.visitor_reach_days if self.data == "visitors" else tiers.TIER_DAYS.__getitem__
        return tiers.longer_range((today - first).days + 1, reach(self.website.tier))

    @property
    def today(self) -> tuple[date, date]:
        """The day of the page's run in its timezone, as first and last day of what is about now."""
        day = clock.local_day(self.resolved.now, self.resolved.period.timezone)
        return day, day


@timing.page_run
def begin_page(
    title: str, *, has_range: bool = True, has_age: bool = True, data: Data = "conversations"
) -> Page:
    """Configure the page, check access, draw sidebar and header; stop with a message where that cannot be done.

    Args:
        title: the page's name.
        data: what its dates are about: visitor data does not reach as far back.
        has_age: whether its header says when data was read and how old the newest event is.
        has_range: whether its header speaks of dates and its sidebar chooses them; the live page is always about now.
    """
    st.set_page_config(
        page_title=f"{title} · Inbox Analytics",
        page_icon=ASSETS / "icon.png",
        layout="wide",
        menu_items={},
        initial_sidebar_state=SIDEBAR_WIDTH_PX,
    )
    st.logo(ASSETS / "logo.svg", size="medium", icon_image=ASSETS / "icon.png")
    theme_watch.follow()
    if st.session_state.get("page") != title:
        forget_drawn()
        st.session_state["page"] = title
    now = datetime.now(UTC)
    notices: list[str] = []
    try:
        viewer = sign_in.viewer(now)
        websites = cached.websites(viewer, now)
        if not websites:
            sign_in.refuse(
                "No website yet", "Ask an owner of your organization to invite you, then reload this page."
            )
        chosen, websites = website.asked_for(viewer, websites, now)
        if chosen is None:
            website.draw_missing(title, viewer, websites)
        view = cached.open_view(sidebar.read(viewer, chosen, now, notices))
    except AnalyticsError as error:
        st.title(title, anchor=False)
        failure(error, "page")
        end_page()
    resolved = view.resolved
    sidebar.draw(view, websites, has_range=has_range)
    audit_events.looks_at(view.asked)
    sign_in.watch(viewer, websites)
    toolbar = header.draw(title, view, data, has_range=has_range, has_age=has_age)
    compared = header.compared(resolved, data) if has_range else None
    url_state.show((*notices, *(resolved.notices if has_range else ())))
    with st.container():  # reserved without a note too, as that of the notices
        if compared is not None:
            _note_comparison(resolved)
    return Page(view, toolbar, header.days(resolved, data), compared, data)


def _note_comparison(resolved: ResolvedView) -> None:
    """Say in which way the two periods are not alike; the same weekdays are one click away."""
    if resolved.difference is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="comparison-note"):
        st.caption(resolved.difference, width="content")
        if resolved.are_weekdays_offered:
            st.button(
                "Compare the same weekdays",
                key="same-weekdays",
                type="tertiary",
                on_click=url_state.write,
                args=("compare", str(WEEKDAYS)),
            )


def offer_comparable(comparability: Comparability) -> None:
    """Where a limit forbids the comparison: a button to the longest range that can be compared."""
    days = comparability.comparable.longest_days
    place = st.container()
    if comparability.is_compared and not comparability.comparable.is_ok and days is not None:
        longest = Range(days=days)
        place.button(
            f"Show the {longest.label[0].lower()}{longest.label[1:]}, the longest range that can be compared",
            key="longest-comparable",
            icon=":material/compare_arrows:",
            type="tertiary",
            on_click=url_state.write,
            args=("range", str(longest)),
        )


def page_link(
    path: str,
    label: str,
    query: Mapping[str, str] = MappingProxyType({}),
    *,
    icon: str | None = ":material/arrow_forward:",
    help: str | None = None,
) -> None:
    """Draw a link to another page that carries website, range, comparison and timezone along.

    Args:
        path: The page.
        label: Markdown.
        query: Other parameters of the page.
        icon: Before the label; None for none.
        help: What it leads to, on hover.
    """
    st.page_link(path, label=label, icon=icon, help=help, query_params=url_state.shared() | dict(query))


def refresh_sentence(seconds: float | None) -> str:
    """How often a live panel reads, in words.

    >>> refresh_sentence(15.0), refresh_sentence(60.0), refresh_sentence(None)
    ('refreshes every 15 s', 'refreshes every minute', "paused: today's queries are used up, it goes on at midnight UTC")
    """
    if seconds is None:
        return "paused: today's queries are used up, it goes on at midnight UTC"
    return "refreshes every minute" if seconds == 60 else f"refreshes every {formatting.duration(seconds)}"
