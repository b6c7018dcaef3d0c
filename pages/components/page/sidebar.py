"""The sidebar: pages, website, range, comparison, timezone, and the signed-in viewer.

Each control shows the value in the URL, and writes the URL when it changes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import streamlit as st

from analytics import cached
from analytics.cached import OpenedView
from analytics.scope import clock, comparison, tiers
from analytics.scope.access import Viewer, Website
from analytics.scope.buckets import bucket_for, offered_buckets
from analytics.scope.clock import Bucket
from analytics.scope.comparison import BEFORE, Comparison
from analytics.scope.periods import DEFAULT_RANGE, Range
from analytics.scope.views import ResolvedView, View
from pages.components import formatting
from pages.components.page import sign_in
from pages.components.selection import url_state

PAGES = (
    ("pages/all_websites.py", "All websites", ":material/view_list:"),
    ("pages/overview.py", "Overview", ":material/monitoring:"),
    ("pages/conversations.py", "Conversations", ":material/forum:"),
    ("pages/ai_and_people.py", "AI and people", ":material/smart_toy:"),
    ("pages/waiting.py", "Waiting", ":material/hourglass_empty:"),
    ("pages/satisfaction.py", "Satisfaction", ":material/sentiment_satisfied:"),
    ("pages/visitors.py", "Visitors", ":material/group:"),
    ("pages/live.py", "Live", ":material/public:"),
    ("pages/data_health.py", "Data health", ":material/monitor_heart:"),
)
DEFAULT = "pages/overview.py"
"""The page at `/`."""

ALL_WEBSITES = "pages/all_websites.py"
"""The page for viewers of several websites; where staff start."""

STAFF_ONLY = frozenset({"pages/data_health.py"})
IN_REACH = ("today", "yesterday", "this-week", "last-week", "7d", "30d", "this-month", "last-month")
"""Ranges shown as buttons; the others are in the menu "More"."""

COMPARED = {
    "before": "Period before",
    "weekdays": "Same weekdays, weeks earlier",
    "chosen": "Chosen start",
    "off": "Nothing",
}
_OPENED = "opened-website"
DAY_WIDTH_PX = 132
BUCKETS: tuple[Bucket, ...] = ("hour", "day", "week")


def read(
    viewer: Viewer, website: Website, now: datetime, notices: list[str], *, has_website: bool = True
) -> View:
    """Read the view from the URL; invalid values fall back to the default, with a notice appended to `notices`.

    Writes the website into a URL that has none, on pages of one website.
    """
    browser = _browser_timezone()
    timezone = url_state.read("tz", browser or "UTC", _timezone, notices)
    if browser is None and url_state.value("tz") is None:
        notices.append(_no_browser_timezone())
    selected = url_state.read("range", DEFAULT_RANGE, Range.parse, notices)
    compared = url_state.read("compare", BEFORE, Comparison.parse, notices)
    bucket = url_state.read("bucket", None, url_state.choice(BUCKETS), notices)
    if has_website and url_state.value("website") is None:
        url_state.change({"website": website.slug}, keeps_unknown=True)
    return View(viewer, website.id, selected, timezone, now, compared, bucket)


def draw(view: OpenedView, websites: Sequence[Website], *, has_range: bool, has_website: bool) -> None:
    """Draw the sidebar with the values that the page shows, which may differ from the URL after a fallback."""
    viewer, resolved = view.asked.viewer, view.resolved
    with st.sidebar:
        _navigation(viewer, websites, url_state.shared() if has_website else carried_to_one(websites))
        if has_website:
            _website_control(resolved.website, websites)
        else:
            _website_control(None, websites, lambda: open_website(str(st.session_state["website_widget"])))
        if has_range:
            _range_control(resolved)
            _compare_control(resolved)
        if has_range and has_website:
            _bucket_control(resolved)
        _timezone_control(resolved.period.timezone.key)
        _signed_in(viewer, resolved.website if has_website else None)


def draw_choice(viewer: Viewer, websites: Sequence[Website]) -> None:
    """Draw the sidebar of a page without a website: navigation, the choice of a website, the signed-in viewer."""
    with st.sidebar:
        _navigation(viewer, websites, url_state.shared())
        _website_control(None, websites)
        _signed_in(viewer, None)


def carried_to_one(websites: Sequence[Website]) -> dict[str, str]:
    """The parameters that a link from a page of all websites to one of a website keeps.

    The website is that of the URL if the viewer may see it, else the first: without one, Overview leads staff back.
    """
    shared = url_state.shared()
    slugs = [website.slug for website in websites]
    return shared | {"website": shared["website"] if shared.get("website") in slugs else slugs[0]}


def _navigation(viewer: Viewer, websites: Sequence[Website], carried: Mapping[str, str]) -> None:
    """Draw the links to the pages; those to other pages have the parameters `carried`."""
    with st.container(gap="xsmall", key="navigation"):
        for path, label, icon in PAGES:
            if (path in STAFF_ONLY and not viewer.is_staff) or (path == ALL_WEBSITES and len(websites) < 2):
                continue
            query = url_state.everything() if label == st.session_state["page"] else dict(carried)
            st.page_link(path, label=label, icon=icon, query_params=query, width="stretch")
    st.space("xxsmall")


def open_website(slug: str) -> None:
    """Let the next run of a page of all websites switch to this website's Overview: a callback cannot switch pages."""
    st.session_state[_OPENED] = slug


def opened() -> str | None:
    """The slug that `open_website` was called with, once; None without a call."""
    slug = st.session_state.pop(_OPENED, None)
    return None if slug is None else str(slug)


def _website_control(
    website: Website | None, websites: Sequence[Website], on_change: Callable[[], None] | None = None
) -> None:
    """Draw the choice of a website; by default the chosen one is written into the URL."""
    labels = [_website_label(each) for each in websites]
    # The browser sends the label back, so labels must be unique.
    names = {
        each.slug: label if labels.count(label) == 1 else f"{label} ({each.slug})"
        for each, label in zip(websites, labels, strict=True)
    }
    st.session_state["website_widget"] = None if website is None else website.slug
    st.selectbox(
        "Website",
        list(names),
        placeholder="Choose a website",
        format_func=lambda slug: names.get(slug, slug),
        key="website_widget",
        filter_mode="contains",
        on_change=on_change or url_state.follow("website", "website_widget", str),
    )


def _website_label(website: Website) -> str:
    """Name and domain, so that a search finds both; the domain is last because a narrow box cuts the end."""
    return f"{formatting.website_name(website)} · {formatting.plain(website.domain)}"


def _range_control(resolved: ResolvedView) -> None:
    zone, tier = resolved.period.timezone, resolved.website.tier
    offered = {
        str(each): each for each in tiers.offered_ranges(tier, resolved.now, zone, cached.week_start())
    }
    near = [name for name in IN_REACH if name in offered]
    chosen = str(resolved.range)
    _range_pills("Range", near, chosen, "range_widget")
    label = "More" if chosen in near else resolved.range.label
    kind: Literal["secondary", "tertiary"] = "tertiary" if chosen in near else "secondary"
    with st.popover(label, key="more-ranges", icon=":material/date_range:", type=kind):
        others = [name for name in offered if name not in near]
        # One key per value: a closed popover keeps its previous value in the browser and would send it again.
        _range_pills("More ranges", others, chosen, f"more-ranges-{chosen}")
        _days_form(resolved)
    st.caption(tiers.reach_sentence(tier, resolved.now, zone))


def _range_pills(label: str, names: list[str], chosen: str, key: str) -> None:
    st.session_state[key] = chosen if chosen in names else None
    st.pills(
        label,
        names,
        format_func=lambda name: _short(name) if name in names else name,
        key=key,
        required=True,
        wrap=True,
        on_change=url_state.follow("range", key, lambda name: None if name == str(DEFAULT_RANGE) else name),
    )


def _short(name: str) -> str:
    selected = Range.parse(name)
    return f"{selected.days} d" if selected.days not in (None, 1) else selected.label


def _days_form(resolved: ResolvedView) -> None:
    """Draw two dates with a button to apply them: closing the calendar with Escape changes nothing."""
    first, last = resolved.period.local_days()
    # The key contains the day: a day that was picked but not applied is dropped when other days are shown.
    keys = f"first-day-{first}", f"last-day-{last}"
    # In one row, so that an open calendar does not cover the button.
    with (
        st.form("days", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        for label, key, day in zip(("From", "To"), keys, (first, last), strict=True):
            _day_input(label, key, day, resolved, _today(resolved))
        st.form_submit_button("Apply", on_click=_apply_days, args=(keys,))


def _day_input(label: str, key: str, day: date, resolved: ResolvedView, latest: date) -> None:
    earliest = _today(resolved) - timedelta(days=tiers.TIER_DAYS[resolved.website.tier])
    latest = max(earliest, latest)
    st.date_input(
        label,
        min(max(day, earliest), latest),
        min_value=earliest,
        max_value=latest,
        key=key,
        format="YYYY-MM-DD",
        width=DAY_WIDTH_PX,
    )


def _apply_days(keys: tuple[str, str]) -> None:
    days = [st.session_state[key] for key in keys]
    if None not in days:
        url_state.write("range", f"{min(days)}..{max(days)}")


def _today(resolved: ResolvedView) -> date:
    return clock.local_day(resolved.now, resolved.period.timezone)


def _compare_control(resolved: ResolvedView) -> None:
    latest = comparison.latest_start(resolved.range, resolved.period, resolved.now)
    earliest = tiers.earliest_day(resolved.website.tier, resolved.now, resolved.period.timezone)
    texts: dict[str, str | None] = {"before": None, "chosen": str(latest)}
    chosen = resolved.comparison.kind
    st.session_state["compare_widget"] = chosen
    st.selectbox(
        "Compare with",
        # A chosen start is offered only if the plan keeps as many days before the range.
        [kind for kind in COMPARED if kind in ("off", "before", "weekdays", chosen) or latest >= earliest],
        format_func=lambda kind: COMPARED.get(str(kind), str(kind)),
        key="compare_widget",
        on_change=url_state.follow("compare", "compare_widget", lambda kind: texts.get(str(kind), str(kind))),
    )
    if resolved.comparison.first is not None and latest >= earliest:
        key = f"compared-day-{resolved.comparison.first}"
        with (
            st.form("compared-days", border=False),
            st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
        ):
            _day_input("Compare from", key, resolved.comparison.first, resolved, latest)
            st.form_submit_button("Apply", on_click=_apply_start, args=(key,))


def _apply_start(key: str) -> None:
    if (day := st.session_state[key]) is not None:
        url_state.write("compare", str(day))


def _bucket_control(resolved: ResolvedView) -> None:
    offered = offered_buckets(resolved.period)
    if len(offered) < 2:
        return
    automatic = bucket_for(resolved.period)
    st.session_state["bucket_widget"] = resolved.bucket
    st.segmented_control(
        "Charts by",
        list(offered),
        format_func=str.capitalize,
        key="bucket_widget",
        required=True,
        on_change=url_state.follow(
            "bucket", "bucket_widget", lambda bucket: None if bucket == automatic else bucket
        ),
    )


def _timezone_control(timezone: str) -> None:
    browser = _browser_timezone()
    first = browser or "UTC"
    names = [first, *sorted(clock.timezone_names() - {first})]
    st.session_state["tz_widget"] = timezone
    st.selectbox(
        "Timezone",
        names,
        # Without underscores, so that typing "new york" finds it.
        format_func=lambda name: name.replace("_", " ") + (" (browser)" if name == browser else ""),
        key="tz_widget",
        filter_mode="contains",
        on_change=url_state.follow("tz", "tz_widget", lambda name: None if name == browser else str(name)),
    )


def _no_browser_timezone() -> str:
    """The notice for a browser without a known timezone: times are in UTC."""
    said = formatting.plain(st.context.timezone or "")
    if not said:
        return "Your browser does not report its timezone. Times are in UTC; choose yours in the sidebar."
    shown = formatting.markdown(said, limit=40)
    return (
        f"Your browser's timezone “{shown}” is not known here. Times are in UTC; choose yours in the sidebar."
    )


def _browser_timezone() -> str | None:
    """The browser's timezone; None if it reports none or an unknown one."""
    try:
        return _timezone(st.context.timezone or "")
    except ValueError:
        return None


def _timezone(text: str) -> str:
    return clock.parse_timezone(text).key


def _signed_in(viewer: Viewer, website: Website | None) -> None:
    # style.css puts it at the bottom of the sidebar.
    with st.container(gap="xsmall", key="signed-in"):
        if website is not None:
            plan = f"{website.tier.capitalize()} plan"
            if (end := website.canceled_until) is not None:
                plan += f", canceled, ends {end.day} {end:%b %Y}"
            st.badge(plan, color="primary" if website.tier == "paid" and end is None else "gray")
        st.caption(f"Signed in as {formatting.markdown(viewer.name)}  \n{formatting.markdown(viewer.email)}")
        sign_in.offer_sign_out()
