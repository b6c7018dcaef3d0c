"""Above and below the table of all websites: the filters, the totals, what each plan's reach means, Explain.

Names and organizations are untrusted text.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Final

import streamlit as st

from analytics.cached import AllWebsites, Reading
from analytics.errors import NotYetAnswered
from analytics.kpis.all_websites import rows as kpis
from analytics.kpis.all_websites.order import Order, WebsiteFilter
from analytics.kpis.all_websites.rows import Total, WebsiteRow
from analytics.scope.access import Website
from analytics.scope.clock import parse_timezone
from analytics.scope.tiers import Tier
from analytics.scope.views import ResolvedView
from pages.components import formatting
from pages.components.metrics import changes, explain
from pages.components.panels.all_websites.file import PLANS, TITLE, notes
from pages.components.selection import url_state

TOTALS: Final[Mapping[Total, str]] = MappingProxyType(
    {
        "started": "Conversations started",
        "responded": "Answered",
        "resolved": "Resolved",
        "ai_resolved": "Resolved by AI",
        "unique_visitors": "Visitors",
    }
)
TOTAL_MIN_WIDTH_PX: Final = 130
LATE: Final = "Some websites have not answered yet: the sums follow when all have."
DEFINITION: Final = (
    "Each row has the numbers of the website's own Overview with the same dates, as far as its plan reaches. “Worst change” "
    "is the KPI that became worse by most: of the changes for the worse whose 95 % range leaves no change out, the one with the "
    "largest factor, by the end of the range that is nearest to no change. A value that halved is as bad as one that doubled, and a "
    "large change of few conversations does not come before a sure one of many. One of 40 changes is called worse by chance where "
    "nothing changed. Totals are sums of counts; medians and rates of websites do not add up."
)


def read_state(websites: Sequence[Website]) -> tuple[WebsiteFilter, Order, list[str]]:
    """The filter and the order in the URL, and notices; an invalid parameter is ignored, with a notice."""
    notices: list[str] = []
    organizations = {website.organization_id: "" for website in websites}
    only = WebsiteFilter(
        name=url_state.value("name"),
        organization_id=url_state.read("organization", None, url_state.choice(organizations), notices),
        plan=url_state.read("plan", None, url_state.choice(PLANS), notices),
    )
    return only, url_state.read("sort", Order(), Order.parse, notices), notices


def in_words(only: WebsiteFilter, websites: Sequence[Website]) -> dict[str, str]:
    """Text of each filter by URL parameter."""
    words = {"name": only.name} if only.name else {}
    for website in websites:
        if website.organization_id == only.organization_id:
            words["organization"] = website.organization_name
    return words | ({"plan": PLANS[only.plan]} if only.plan else {})


def draw_filters(only: WebsiteFilter, websites: Sequence[Website], notices: list[str]) -> None:
    """Draw the notices of `read_state` and the three filters."""
    url_state.show(notices)
    names = {
        website.organization_id: formatting.plain(website.organization_name) or website.organization_id
        for website in sorted(websites, key=lambda each: each.organization_name.casefold())
    }
    st.session_state["name_widget"] = only.name or ""
    st.session_state["organization_widget"] = only.organization_id
    st.session_state["plan_widget"] = only.plan
    has_plans = len({website.tier for website in websites}) > 1
    # style.css reserves the height of as many filters, of which a phone has two to a line.
    key = f"website-filters-{1 + (len(names) > 1) + has_plans}"
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key=key):
        st.text_input(
            "Name or domain",
            key="name_widget",
            width=240,
            max_chars=100,
            placeholder="Part of a name",
            on_change=url_state.follow("name", "name_widget", lambda text: str(text).strip() or None),
        )
        if len(names) > 1:
            st.selectbox(
                "Organization",
                list(names),
                format_func=lambda key: names.get(key, key),
                key="organization_widget",
                placeholder="All organizations",
                filter_mode="contains",
                width=240,
                on_change=url_state.follow("organization", "organization_widget", lambda key: key),
            )
        if has_plans:
            st.segmented_control(
                "Plan",
                list(PLANS),
                format_func=lambda plan: PLANS.get(plan, plan),
                key="plan_widget",
                on_change=url_state.follow("plan", "plan_widget", lambda plan: plan),
            )


def draw_totals(rows: Sequence[WebsiteRow], reading: Reading[AllWebsites]) -> None:
    """Draw the sums over the rows shown, and the notes.

    Each with that of the period before where all rows are compared; with how many rows it counts where some cannot be read. While
    some have not answered yet there are no sums: they would be others in a moment.
    """
    views, is_late = reading.value.views, _is_late(rows, reading)
    since = _visitors_since(rows, views)
    with st.grid(
        len(TOTALS), min_column_width=TOTAL_MIN_WIDTH_PX, gap="xsmall", border=True, key="website-totals"
    ) as grid:
        for name, (now, before) in kpis.totals(() if is_late else rows).items():
            first = since if name == "unique_visitors" and now is not None else None
            # A value with its start date is longer: style.css makes it smaller and lets it take two lines.
            key = None if first is None else "since-website-totals"
            with grid.cell(), st.container(gap="xsmall", key=key):
                value = formatting.MISSING if now is None else formatting.count(now)
                st.metric(TOTALS[name], changes.since_text(value, first))
                counted = sum(name in row.counts for row in rows)
                if 0 < counted < len(rows) and not is_late:
                    st.caption(f"of {formatting.count(counted)} of {formatting.count(len(rows))} websites")
                else:
                    st.caption("in this period" if before is None else f"was {formatting.count(before)}")
    with st.container():  # Always there, so that the table below keeps its position with and without notes.
        if said := [LATE] if is_late else totals_notes(rows, views):
            st.caption(" ".join(said))


def _is_late(rows: Sequence[WebsiteRow], reading: Reading[AllWebsites]) -> bool:
    """Whether rows are not read because their answer is still to come."""
    is_waited_for = any(
        isinstance(each, NotYetAnswered) and each.source == "tinybird" for each in reading.failures
    )
    return is_waited_for and not all(row.is_read for row in rows)


def totals_notes(rows: Sequence[WebsiteRow], views: Mapping[Tier, ResolvedView]) -> list[str]:
    """Which websites the sums leave out, and why there is no sum before; empty where nothing is missing."""
    read = [row for row in rows if row.is_read]
    said = []
    if len(read) < len(rows):
        said.append(
            f"Without {formatting.counted(len(rows) - len(read), 'websites')} that could not be read."
        )
    unseen = sum("unique_visitors" not in row.counts for row in read)
    if unseen:
        said.append(
            f"Visitors: without {formatting.counted(unseen, 'websites')} whose visitors are not kept."
        )
    tiers = {row.website.tier: views[row.website.tier] for row in read}
    whole = [tier for tier, each in tiers.items() if each.is_compared and not each.comparable.is_ok]
    visitors = [
        tier
        for tier, each in tiers.items()
        if tier not in whole and each.is_compared and not each.visitors_comparable.is_ok
    ]
    for words, found in (("Not compared", whole), ("Visitors are not compared", visitors)):
        if found:
            plans = " and ".join(f"the {PLANS[tier].lower()} plan" for tier in sorted(found))
            said.append(f"{words}, because of {plans}: see below the table.")
    return said


def _visitors_since(rows: Sequence[WebsiteRow], views: Mapping[Tier, ResolvedView]) -> date | None:
    """The first day that visitors are counted from, where that is later than the period begins on any plan of the rows."""
    tiers = {row.website.tier for row in rows if "unique_visitors" in row.counts}
    return min((day for tier in tiers if (day := views[tier].visitors_since) is not None), default=None)


def draw_notes(reading: Reading[AllWebsites], rows: Sequence[WebsiteRow], timezone: str) -> None:
    """Draw what is missing, how many of the rows' changes chance explains, each plan's reach, the time of the read, Explain."""
    for failure in reading.failures:
        st.caption(f":material/cloud_off: Some numbers are missing: {formatting.markdown(failure.message)}")
    if since := reading.value.goals_stale_since:
        since = since.astimezone(parse_timezone(timezone))
        st.caption(f":material/history: Goals{formatting.as_of(since, datetime.now(UTC))}")
    st.caption(
        "A click on a name opens its Overview, as does “Website” in the sidebar; one on a column's head sorts.  \n"
        + " ".join(filter(None, (chance_sentence(rows), *notes(reading.value))))
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"As of {formatting.clock(reading.as_of, timezone)}", width="content")
        explain.draw_definition("all-websites", TITLE, DEFINITION, [], list(reading.queries))


def chance_sentence(rows: Sequence[WebsiteRow]) -> str | None:
    """How many of the changes would be called worse by chance; None without a change."""
    tested, expected = kpis.chance(rows)
    if not tested:
        return None
    some = "about one" if round(expected) == 1 else f"some {formatting.count(round(expected))}"
    return (
        f"Of {formatting.counted(tested, 'changes')} compared, {'fewer than one' if expected < 1 else some} would be called worse "
        "by chance."
    )
