"""Begins a page: configuration, access, sidebar, header. `begin_page` is every page's first statement.

A page must stand alone: on a freshly started server a link straight to one runs its file without `app.py`, so
nothing here relies on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import cached, clock, periods, tiers
from analytics.access import Viewer, Website
from analytics.errors import AnalyticsError
from analytics.periods import DEFAULT_RANGE, Range
from analytics.verdicts import Gate
from analytics.views import ResolvedView, View
from pages.components import audited, formatting, sign_in, timing, url_state
from pages.components.panel import end_page, failure, forget_drawn

ASSETS = Path(__file__).parents[2] / "static"
PAGES = (
    ("pages/overview.py", "Overview", ":material/monitoring:"),
    ("pages/conversations.py", "Conversations", ":material/forum:"),
    ("pages/satisfaction.py", "Satisfaction", ":material/sentiment_satisfied:"),
    ("pages/visitors.py", "Visitors", ":material/group:"),
    ("pages/live.py", "Live", ":material/public:"),
    ("pages/data_health.py", "Data health", ":material/monitor_heart:"),
)
STAFF_ONLY = frozenset({"pages/data_health.py"})
SHARED = ("website", "range", "compare", "tz", "window")
SIDEBAR_WIDTH_PX = 320
LONGEST_NAME = 60
CUSTOM = "custom"
RENEWAL_SECONDS = 30
COMPARE = {"on": "on", "off": "off"}
Data = Literal["conversations", "visitors"]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page knows once it has begun: what is asked, what that means in dates, and where its own controls go."""

    view: View
    resolved: ResolvedView
    toolbar: DeltaGenerator
    days: tuple[date, date]

    def at(self, now: datetime) -> "Page":
        """The same at another moment: that of a panel which is drawn anew without its page."""
        return replace(self, view=replace(self.view, now=now))

    @property
    def website(self) -> Website:
        """The website looked at."""
        return self.resolved.website

    @property
    def timezone(self) -> str:
        """IANA name of the timezone that days and clock times are shown in."""
        return self.view.timezone

    @property
    def today(self) -> tuple[date, date]:
        """The day of the page's run in its timezone, as first and last day of what is about now."""
        day = self.view.now.astimezone(clock.parse_timezone(self.timezone)).date()
        return day, day


@timing.page_run
def begin_page(title: str, *, has_range: bool = True, data: Data = "conversations") -> Page:
    """Configure the page, check access, draw sidebar and header; stop with a message where that cannot be done.

    Args:
        title: the page's name.
        data: what its dates are about: visitor data does not reach as far back.
        has_range: whether its header speaks of dates and its sidebar chooses them; the live page is always about now.
    """
    st.set_page_config(
        page_title=f"{title} · Inbox Analytics",
        page_icon=ASSETS / "icon.png",
        layout="wide",
        menu_items={},
        initial_sidebar_state=SIDEBAR_WIDTH_PX,
    )
    st.html(ASSETS / "style.css")
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
        view = _sidebar(viewer, websites, now, notices, has_range=has_range)
        resolved = cached.resolve_view(view)
    except AnalyticsError as error:
        st.title(title, anchor=False)
        failure(error, "page")
        end_page()
    audited.looks_at(view)
    sign_in.watch(viewer, websites)
    toolbar = _header(title, view, resolved, data, has_range=has_range)
    for notice in (*notices, *(resolved.notices if has_range else ())):
        st.info(notice, icon=":material/info:")
    return Page(view, resolved, toolbar, _days(resolved, data))


@st.fragment(run_every=RENEWAL_SECONDS, parallel=True)
def _as_of(view: View) -> None:
    """When the page was read and how old the newest event is.

    It renews itself, and a screen left open moves on with the clock: once the 5-minute grid has moved, the whole
    page runs again.
    """
    now = datetime.now(UTC)
    if periods.floor_to_grid(now) != periods.floor_to_grid(view.now):
        st.rerun()
    try:
        words = [f"As of {formatting.clock(cached.kpis(view).as_of, view.timezone)}"]
        newest = cached.newest_event(view.viewer, view.website_id, now)
        words.append(_newest(newest, now))
    except AnalyticsError as error:
        words = [formatting.markdown(error.message)]
    st.markdown(f":gray[:small[{' · '.join(words)}]]", width="content")


def _newest(reading: cached.Reading[datetime | None], now: datetime) -> str:
    """How old the newest event known is now, and whether the source that would know a newer one does not answer."""
    if reading.value is None:
        return "no events in the last 30 days"
    age = formatting.ago(now - reading.value)
    return f"newest event {age}" + (" (stale)" if reading.is_stale else "")


def offer_comparable(gate: Gate) -> None:
    """Where a limit forbids the comparison: a button to the longest range that can be compared."""
    days = gate.comparable.longest_days
    if gate.is_compared and not gate.comparable.is_ok and days is not None:
        longest = Range(days=days)
        st.button(
            f"Show the {longest.label[0].lower()}{longest.label[1:]}, the longest range that can be compared",
            key="longest-comparable",
            icon=":material/compare_arrows:",
            type="tertiary",
            on_click=url_state.write,
            args=("range", str(longest)),
        )


def page_link(path: str, label: str) -> None:
    """A link to another page that carries website, range, comparison and timezone along."""
    st.page_link(path, label=label, icon=":material/arrow_forward:", query_params=url_state.shared(SHARED))


def refresh_sentence(seconds: float | None) -> str:
    """How often a live panel reads, in words.

    >>> refresh_sentence(15.0), refresh_sentence(None)
    ('refreshes every 15 s', "paused: today's queries are used up, it goes on at midnight UTC")
    """
    if seconds is None:
        return "paused: today's queries are used up, it goes on at midnight UTC"
    return f"refreshes every {formatting.duration(seconds)}"


def _sidebar(
    viewer: Viewer, websites: Sequence[Website], now: datetime, notices: list[str], *, has_range: bool
) -> View:
    browser = _browser_timezone()
    timezone = url_state.read("tz", browser or "UTC", _timezone, notices)
    if browser is None and "tz" not in st.query_params:
        notices.append("Your browser does not say its timezone: days are those of UTC.")
    website = _read_website(websites, notices)
    selected = url_state.read("range", DEFAULT_RANGE, Range.parse, notices)
    is_compared = url_state.read("compare", "on", url_state.choice(COMPARE), notices) == "on"
    if "website" not in st.query_params:
        url_state.write("website", website.slug)
    with st.sidebar:
        st.logo(ASSETS / "logo.svg", size="medium", icon_image=ASSETS / "icon.png")
        with st.container(gap="xsmall", key="navigation"):
            for path, label, icon in PAGES:
                if path in STAFF_ONLY and not viewer.is_staff:
                    continue
                st.page_link(
                    path, label=label, icon=icon, query_params=url_state.shared(SHARED), width="stretch"
                )
        st.space("xxsmall")
        _website_control(website, websites)
        if has_range:
            _range_control(selected, website, now, timezone)
            _compare_control(is_compared=is_compared)
        _timezone_control(timezone, browser)
        _signed_in(viewer, website)
    return View(viewer, website.id, selected, timezone, now, is_compared)


def _read_website(websites: Sequence[Website], notices: list[str]) -> Website:
    by_slug = {website.slug: website for website in websites}

    def parse(text: str) -> Website:
        if text not in by_slug:
            audited.refusal("This website does not exist or is not open to the viewer.", website=text)
            raise ValueError("It does not exist or is not open to you.")
        return by_slug[text]

    return url_state.read("website", websites[0], parse, notices)


def _website_control(website: Website, websites: Sequence[Website]) -> None:
    labels = [_website_label(each) for each in websites]
    # The browser answers with the label, so no two websites may share one.
    names = {
        each.slug: label if labels.count(label) == 1 else f"{label} ({each.slug})"
        for each, label in zip(websites, labels, strict=True)
    }
    st.session_state["website_widget"] = website.slug
    st.selectbox(
        "Website",
        list(names),
        format_func=lambda slug: names.get(slug, slug),
        key="website_widget",
        on_change=url_state.follow("website", "website_widget", str),
    )


def _website_label(website: Website) -> str:
    """Name and domain, so that a search finds both; where there is little room, the domain is what is cut."""
    return f"{_website_name(website)} · {formatting.plain(website.domain)}"


def _website_name(website: Website) -> str:
    return formatting.plain(website.name, LONGEST_NAME) or website.slug


def _range_control(selected: Range, website: Website, now: datetime, timezone: str) -> None:
    offered = {str(each): _short(each) for each in tiers.offered_ranges(website.tier)} | {CUSTOM: "Custom"}
    zone = clock.parse_timezone(timezone)
    today = now.astimezone(zone).date()
    is_custom = not selected.is_relative or str(selected) not in offered

    def text(choice: str) -> str | None:
        if choice == CUSTOM:
            return f"{today - timedelta(days=6)}..{today}"
        return None if choice == str(DEFAULT_RANGE) else choice

    st.session_state["range_widget"] = CUSTOM if is_custom else str(selected)
    st.pills(
        "Range",
        list(offered),
        format_func=lambda choice: offered.get(choice, choice),
        key="range_widget",
        required=True,
        wrap=True,
        on_change=url_state.follow("range", "range_widget", text),
    )
    if is_custom:
        _days_control(selected, website, today)
    st.caption(tiers.reach_sentence(website.tier, now, zone))


def _short(offered: Range) -> str:
    return "Today" if offered.day_count == 1 else f"{offered.day_count} d"


def _days_control(selected: Range, website: Website, today: date) -> None:
    earliest = today - timedelta(days=tiers.TIER_DAYS[website.tier])
    first = selected.first or today - timedelta(days=selected.day_count - 1)
    last = selected.last or today
    chosen = (min(max(first, earliest), today), min(max(last, earliest), today))
    st.session_state["days_widget"] = chosen

    def text(days: tuple[date, ...]) -> str:
        # While only the first day is picked, the range stays as it is.
        return f"{days[0]}..{days[1]}" if len(days) == 2 else str(selected)

    st.date_input(
        "Days",
        min_value=earliest,
        max_value=today,
        key="days_widget",
        format="YYYY-MM-DD",
        on_change=url_state.follow("range", "days_widget", text),
    )


def _compare_control(*, is_compared: bool) -> None:
    st.session_state["compare_widget"] = is_compared
    st.toggle(
        "Compare with the period before",
        key="compare_widget",
        on_change=url_state.follow("compare", "compare_widget", lambda is_on: None if is_on else "off"),
    )


def _timezone_control(timezone: str, browser: str | None) -> None:
    first = browser or "UTC"
    names = [first, *sorted(clock.timezone_names() - {first})]
    st.session_state["tz_widget"] = timezone
    st.selectbox(
        "Timezone",
        names,
        format_func=lambda name: f"{name} (browser)" if name == browser else name,
        key="tz_widget",
        on_change=url_state.follow("tz", "tz_widget", lambda name: None if name == browser else str(name)),
    )


def _browser_timezone() -> str | None:
    """The timezone that the browser says; None where it says none, hides it, or names one that does not exist."""
    try:
        return _timezone(st.context.timezone or "")
    except ValueError:
        return None


def _timezone(text: str) -> str:
    return clock.parse_timezone(text).key


def _signed_in(viewer: Viewer, website: Website) -> None:
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="signed-in"):
        st.badge(f"{website.tier.capitalize()} plan", color="primary" if website.tier == "paid" else "gray")
    st.caption(f"Signed in as {formatting.markdown(viewer.name)}  \n{formatting.markdown(viewer.email)}")
    sign_in.offer_sign_out()


def _header(title: str, view: View, resolved: ResolvedView, data: Data, *, has_range: bool) -> DeltaGenerator:
    """Title and controls; under them one quiet line: website, dates, comparison, as of."""
    facts = [f"**{formatting.markdown(_website_name(resolved.website))}**"]
    if has_range:
        days = _days(resolved, data)
        facts.append(periods.days_label(*days))
        before = resolved.before if data == "conversations" else resolved.visitors_before
        if before is not None:
            both = before.local_days(), days
            facts.append(f"vs {formatting.without_year(*(periods.days_label(*each) for each in both))}")
    with st.container(gap=None, key="header"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header-title"):
            st.title(title, anchor=False, width="content")
            if cached.is_demo():
                st.badge(
                    "Demo data",
                    color="orange",
                    help="Made up for trying things out; it grows while you look.",
                )
            st.space("stretch")
            toolbar = st.container(width="content")
            _copy_link(view, resolved, has_range=has_range)
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header-facts"):
            st.markdown(f":gray[{' · '.join(facts)}]", width="content")
            if has_range:
                st.space("stretch")
                with st.container(width="content"):
                    _as_of(view)
    return toolbar


def _days(resolved: ResolvedView, data: Data) -> tuple[date, date]:
    """First and last day that the data of a page covers; those asked for where it covers none."""
    if data == "visitors" and not resolved.visitors.is_empty:
        return resolved.visitors.local_days()
    return resolved.conversations.local_days()


def _copy_link(view: View, resolved: ResolvedView, *, has_range: bool) -> None:
    """A link to what is shown now: with the dates themselves, so that it shows the same next week."""
    first, last = resolved.conversations.local_days()
    state = {name: st.query_params[name] for name in st.query_params}
    state |= {"website": resolved.website.slug, "tz": view.timezone}
    if view.is_compared:
        state.pop("compare", None)
    if has_range:
        state |= {"range": f"{first}..{last}"}
    with st.popover("Copy link", type="tertiary", icon=":material/link:", key="copy-link"):
        st.caption("This view with its dates fixed; who opens it needs access to the website.")
        st.code(
            f"{(st.context.url or '').split('?')[0]}?{urlencode(state, safe=':/')}",
            language=None,
            wrap_lines=True,
        )
