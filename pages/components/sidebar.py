"""The sidebar: pages, website, range, comparison, timezone, and who is signed in.

Each control shows what the URL says, and writes the URL when it changes.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import streamlit as st

from analytics import clock, tiers
from analytics.access import Viewer, Website
from analytics.periods import DEFAULT_RANGE, Range
from analytics.views import View
from pages.components import formatting, sign_in, url_state

PAGES = (
    ("pages/overview.py", "Overview", ":material/monitoring:"),
    ("pages/conversations.py", "Conversations", ":material/forum:"),
    ("pages/satisfaction.py", "Satisfaction", ":material/sentiment_satisfied:"),
    ("pages/visitors.py", "Visitors", ":material/group:"),
    ("pages/live.py", "Live", ":material/public:"),
    ("pages/data_health.py", "Data health", ":material/monitor_heart:"),
)
STAFF_ONLY = frozenset({"pages/data_health.py"})
CUSTOM = "custom"
COMPARE = {"on": "on", "off": "off"}


def draw(
    viewer: Viewer,
    websites: Sequence[Website],
    website: Website,
    now: datetime,
    notices: list[str],
    *,
    has_range: bool,
) -> View:
    """Draw the sidebar; what the URL asks for and cannot have falls back, and a notice says so.

    Args:
        viewer: who looks.
        websites: those that the viewer may open, at least one.
        website: the one looked at.
        now: the moment of this run, aware.
        notices: where fallbacks are reported.
        has_range: whether the page has dates to choose.
    """
    browser = _browser_timezone()
    timezone = url_state.read("tz", browser or "UTC", _timezone, notices)
    if browser is None and url_state.value("tz") is None:
        notices.append("Your browser does not say its timezone: days are those of UTC.")
    selected = url_state.read("range", DEFAULT_RANGE, Range.parse, notices)
    is_compared = url_state.read("compare", "on", url_state.choice(COMPARE), notices) == "on"
    if url_state.value("website") is None:
        url_state.write("website", website.slug)
    with st.sidebar:
        _navigation(viewer)
        _website_control(website, websites)
        if has_range:
            _range_control(selected, website, now, timezone)
            _compare_control(is_compared=is_compared)
        _timezone_control(timezone, browser)
        _signed_in(viewer, website)
    return View(viewer, website.id, selected, timezone, now, is_compared)


def draw_choice(viewer: Viewer, websites: Sequence[Website]) -> None:
    """Draw the sidebar of a page without a website: navigation, the choice of a website, who is signed in.

    Args:
        viewer: who looks.
        websites: those that the viewer may open.
    """
    with st.sidebar:
        _navigation(viewer)
        _website_control(None, websites)
        _signed_in(viewer, None)


def website_labels(websites: Sequence[Website]) -> dict[str, str]:
    """Slug to name and domain, no two alike: the browser answers with the label."""
    labels = [_website_label(each) for each in websites]
    return {
        each.slug: label if labels.count(label) == 1 else f"{label} ({each.slug})"
        for each, label in zip(websites, labels, strict=True)
    }


def _navigation(viewer: Viewer) -> None:
    with st.container(gap="xsmall", key="navigation"):
        for path, label, icon in PAGES:
            if path in STAFF_ONLY and not viewer.is_staff:
                continue
            carried = url_state.everything() if label == st.session_state["page"] else url_state.shared()
            st.page_link(path, label=label, icon=icon, query_params=carried, width="stretch")
    st.space("xxsmall")


def _website_control(website: Website | None, websites: Sequence[Website]) -> None:
    names = website_labels(websites)
    st.session_state["website_widget"] = None if website is None else website.slug
    st.selectbox(
        "Website",
        list(names),
        placeholder="Choose a website",
        format_func=lambda slug: names.get(slug, slug),
        key="website_widget",
        on_change=url_state.follow("website", "website_widget", str),
    )


def _website_label(website: Website) -> str:
    """Name and domain, so that a search finds both; where there is little room, the domain is what is cut."""
    return f"{formatting.website_name(website)} · {formatting.plain(website.domain)}"


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


def _signed_in(viewer: Viewer, website: Website | None) -> None:
    # style.css puts it at the lower end of the sidebar.
    with st.container(gap="xsmall", key="signed-in"):
        if website is not None:
            plan = f"{website.tier.capitalize()} plan"
            if (end := website.canceled_until) is not None:
                plan += f", canceled, ends {end.day} {end:%b %Y}"
            st.badge(plan, color="primary" if website.tier == "paid" and end is None else "gray")
        st.caption(f"Signed in as {formatting.markdown(viewer.name)}  \n{formatting.markdown(viewer.email)}")
        sign_in.offer_sign_out()
