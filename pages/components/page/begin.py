"""Begins a page: configuration, access, sidebar, header. `begin_page` is every page's first statement.

Does not rely on `app.py`: on a newly started server, a link to a page runs the page's file alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import MappingProxyType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import cached
from analytics.cached import OpenedView
from analytics.errors import AnalyticsError
from analytics.scope import clock, tiers
from analytics.scope.access import Viewer, Website
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
    website,
)
from pages.components.page.header import Data
from pages.components.page.panel import end_page, failure, forget_drawn
from pages.components.selection import url_state

SIDEBAR_WIDTH_PX = 272


@dataclass(frozen=True, slots=True)
class Page:
    """The opened view of a page, and the container for the page's own controls.

    Attributes:
        view: The opened view.
        toolbar: Container for the page's own controls.
        days: First and last day that the page's data covers.
        compared: The period that it is compared with; None without a comparison.
        data: What the dates apply to.
        websites: Those that the viewer may see, by name.
        has_website: False for a page of all websites: `website` is then the one that decides about the dates.
    """

    view: OpenedView
    toolbar: DeltaGenerator
    days: tuple[date, date]
    compared: Period | None
    data: Data
    websites: tuple[Website, ...] = ()
    has_website: bool = True

    @property
    def resolved(self) -> ResolvedView:
        """The website and the dates that are read and shown."""
        return self.view.resolved

    @property
    def website(self) -> Website:
        """The website that the page shows."""
        return self.resolved.website

    @property
    def file_prefix(self) -> str:
        """First part of the names of the page's files."""
        return header.file_prefix(self.resolved, is_of_all=not self.has_website)

    @property
    def timezone(self) -> str:
        """IANA name of the timezone that days and clock times are shown in."""
        return self.resolved.period.timezone.key

    @property
    def longer(self) -> Range | None:
        """The next longer range that ends today and contains the current one; None if the plan has no older data."""
        first, _ = self.days
        today, _ = self.today
        reach = tiers.visitor_reach_days if self.data == "visitors" else tiers.TIER_DAYS.__getitem__
        return tiers.longer_range((today - first).days + 1, reach(self.website.tier))

    @property
    def today(self) -> tuple[date, date]:
        """The current day in the page's timezone, as (first, last) day."""
        day = clock.local_day(self.resolved.now, self.resolved.period.timezone)
        return day, day


@timing.page_run
def begin_page(
    title: str,
    *,
    has_range: bool = True,
    has_age: bool = True,
    has_website: bool = True,
    is_start: bool = False,
    data: Data = "conversations",
) -> Page:
    """Configure the page, check access, draw sidebar and header; on failure draw a message and stop the run.

    Visitor `data` does not reach as far back. `has_age` shows when data was read and how old the newest event is;
    `has_range` shows dates and offers them in the sidebar: the Live page always shows now. A page without `has_website` is
    about all websites: it ignores the website in the URL and writes none, viewers with one get to Overview instead, and dates are offered by the
    plan that reaches back longest.
    On the page that `is_start`, a URL without a website leads staff to All websites.
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
    with cached.waiting_together() as waits:
        try:
            viewer = sign_in.viewer(now)
            websites = cached.websites(viewer, now)
            if not websites:
                sign_in.refuse(
                    "No website yet",
                    "Ask an owner of your organization to invite you, then reload this page.",
                )
            _lead_on(viewer, websites, has_website=has_website, is_start=is_start)
            chosen: Website | None
            if has_website:
                chosen, websites = website.asked_for(viewer, websites, now)
                if chosen is None:
                    website.draw_missing(title, viewer, websites)
            else:
                chosen = max(websites, key=lambda each: tiers.TIER_DAYS[each.tier])
            url_state.note_unknown(notices)
            asked = sidebar.read(viewer, chosen, now, notices, has_website=has_website)
            if not has_website:
                asked = replace(asked, bucket=None)
            view = cached.open_view(asked)
        except AnalyticsError as error:
            st.title(title, anchor=False)
            failure(error, "page")
            end_page(waits.unsettled)
    resolved = view.resolved
    sidebar.draw(view, websites, has_range=has_range, has_website=has_website)
    audit_events.looks_at(view.asked)
    sign_in.watch(viewer, websites)
    toolbar = header.draw(
        title,
        view,
        data,
        has_range=has_range,
        has_age=has_age,
        websites=None if has_website else len(websites),
    )
    compared = header.compared(resolved, data) if has_range else None
    url_state.show((*notices, *(resolved.notices if has_range else ())))
    with st.container():  # Always there, so that elements below keep their position with and without a note.
        if compared is not None:
            _note_comparison(resolved)
    return Page(view, toolbar, header.days(resolved, data), compared, data, websites, has_website)


def _lead_on(viewer: Viewer, websites: Sequence[Website], *, has_website: bool, is_start: bool) -> None:
    """Switch to the page that is for this viewer, if it is not this one."""
    if not has_website and len(websites) < 2:
        st.switch_page(sidebar.DEFAULT, query_params=sidebar.carried_to_one(websites))
    if is_start and viewer.is_staff and len(websites) > 1 and url_state.value("website") is None:
        st.switch_page(sidebar.ALL_WEBSITES, query_params=url_state.shared())


def _note_comparison(resolved: ResolvedView) -> None:
    """Draw how the two periods differ, and a button to compare the same weekdays."""
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
    """Draw a button to the longest comparable range, where the plan's limit rules out a comparison."""
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
    """Draw a link to another page that keeps website, range, comparison and timezone, with the parameters of `query`."""
    st.page_link(path, label=label, icon=icon, help=help, query_params=url_state.shared() | dict(query))


def refresh_sentence(seconds: float | None) -> str:
    """The refresh interval of a live panel as text; None means paused.

    >>> refresh_sentence(15.0), refresh_sentence(60.0), refresh_sentence(None)
    ('refreshes every 15 s', 'refreshes every minute', 'paused until midnight UTC: the queries left are for other pages')
    """
    if seconds is None:
        return "paused until midnight UTC: the queries left are for other pages"
    return "refreshes every minute" if seconds == 60 else f"refreshes every {formatting.duration(seconds)}"
