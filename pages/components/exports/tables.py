"""The content of the pages' files: one function per file, from a view to a table; `card_tables` has those of cards.

A file is made at the click, and access is checked then. So each function takes the view and its filters, and reads from the
same cache as its panel. Lists that a panel shows in part are complete here.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

import pandas as pd

from analytics import cached
from analytics.cached import OpenedView, Reading, VisitorFilters, Waits
from analytics.geo.cells import Cell
from analytics.kpis.all_websites.order import Order, WebsiteFilter
from analytics.kpis.satisfaction.attribution import Attribution
from analytics.kpis.visitor_breakdown import DIMENSIONS, DimensionName
from analytics.scope import tiers
from analytics.scope.selection import BAND_COUNT, Measure, Selection, Sort
from pages.components.charts import percentiles, rating_bars
from pages.components.exports import card_tables
from pages.components.exports.table import (
    Table,
    before_of,
    edges_of,
    in_buckets,
    last_days,
    of_conversations,
    of_list,
    of_now,
    of_visitors,
    visitors_note,
)
from pages.components.metrics import changes, goal_panel
from pages.components.metrics import goals as goal_words
from pages.components.panels import (
    backlog,
    funnel,
    source_health,
    time_bands,
    waiting,
    website_health,
)
from pages.components.panels import conversation_list as work_list
from pages.components.panels import live_visitors as visitors
from pages.components.panels.ai_and_people import cohort, sides, time_saved
from pages.components.panels.all_websites import file as websites_file
from pages.components.panels.satisfaction import comments, satisfaction_index
from pages.components.selection.conversation_filters import HANDLED, WEEKDAYS, band_label

IN_EACH_BUCKET: Final = "What happened to one conversation in two buckets counts in both."
SEEN_IN_EACH_BUCKET: Final = "A visitor or session of two buckets counts in both."
OF_STARTED: Final = "Each conversation that started in the period is judged by the goal that was valid then."
OF_ALL_WEBSITES: Final = "The rows are about all websites."
EVENT_DAYS: Final = 30


def all_websites(view: OpenedView, only: WebsiteFilter, order: str) -> Table:
    """The KPIs of every website that passes the filter, in the order of the page."""
    reading = cached.all_websites(view)
    frame, notes = websites_file.file(
        reading.value,
        only,
        Order.parse(order),
        is_compared=view.resolved.is_compared,
        has_goals=cached.has_store(),
    )
    said = (*notes, *_missing(reading))
    return replace(of_conversations(view.resolved, frame, *said), of=websites_file.TITLE)


def kpi_series(view: OpenedView) -> Table:
    """All KPIs over time."""
    resolved = view.resolved
    series = in_buckets(cached.kpi_timeseries(view).value)
    named = series.assign(
        satisfaction_missing=series["satisfaction_missing"].map(satisfaction_index.missing_words)
    )
    return of_conversations(resolved, named, IN_EACH_BUCKET, visitors_note(resolved))


def funnel_steps(view: OpenedView) -> Table:
    """The steps of the funnel; no rows if conversations could not be counted."""
    resolved, steps = view.resolved, cached.kpis(view).value.funnel
    table = pd.DataFrame(columns=["step"]) if steps is None else funnel.table(steps)
    return of_now(resolved, table.assign(step=table["step"].map(funnel.NAMES)))


def bands(view: OpenedView, measure: Measure, selection: Selection) -> Table:
    """Response or resolution times by band."""
    rows = cached.conversation_breakdown(view, selection).value.bands[measure]
    named = rows.assign(band=[band_label(band) for band in range(BAND_COUNT)])
    before = cached.conversation_breakdown_before(view, selection)
    if before is None:
        return of_now(view.resolved, named)
    compared = ["conversations", "share_ratio", "cumulative_ratio"]
    previous = before.value.bands[measure][compared].add_prefix("previous_")
    changed = time_bands.changes_table(
        rows, before.value.bands[measure], measure, view.resolved.comparability
    )
    return of_conversations(view.resolved, pd.concat([named, previous, changed], axis=1))


def percentiles_over_time(view: OpenedView, measure: Measure, selection: Selection) -> Table:
    """Median and 90th percentile of response or resolution time, over time."""
    series = percentiles.columns_of(cached.conversation_timeseries(view, selection).value, measure)
    counted = "responded_count" if measure == "response" else "resolved_count"
    table = in_buckets(series.rename(columns={"n": counted}))
    return of_conversations(view.resolved, table, IN_EACH_BUCKET)


def handled(view: OpenedView, selection: Selection) -> Table:
    """AI-resolved and human-handled conversations."""
    rows = cached.conversation_breakdown(view, selection).value.handled
    return of_now(view.resolved, rows.assign(handled_by=rows["handled_by"].map(HANDLED)))


def hours(view: OpenedView, selection: Selection) -> Table:
    """Conversations by hour of the week."""
    resolved = view.resolved
    rows = cached.conversation_breakdown(view, selection).value.hours
    named = rows.assign(weekday=[WEEKDAYS[day - 1] for day in rows["weekday"]])
    return of_now(resolved, named)


def conversation_list(view: OpenedView, selection: Selection, sort: Sort) -> Table:
    """Every selected conversation, in the order of the list."""
    resolved = view.resolved
    whole = cached.every_conversation(view, selection, sort)
    return of_list(resolved, whole, lambda rows: work_list.in_words(rows, resolved.website))


def ai_and_people(view: OpenedView, part: Literal["cohort", "time_saved", "sides", "likeness"]) -> Table:
    """The panels of AI and people: outcomes of the conversations, time saved, both sides compared, whether they are alike."""
    resolved = view.resolved
    if part == "time_saved":
        saved = cached.time_saved(view)
        return of_now(resolved, time_saved.table(saved.value), time_saved.FORMULA, *_missing(saved))
    if part == "likeness":
        likeness = cached.likeness_of_sides(view)
        return of_now(resolved, sides.likeness_table(likeness.value), *_missing(likeness))
    if part == "sides":
        both = cached.side_by_side(view)
        return of_conversations(
            resolved,
            sides.table(both.value, is_compared=resolved.is_compared),
            *_missing(both, cohort.NOT_KNOWN),
        )
    outcomes = cached.resolution_outcomes(view)
    return of_conversations(resolved, cohort.table(outcomes.value), *_missing(outcomes, cohort.NOT_KNOWN))


def _missing(reading: Reading[object], what: str = "Some numbers are missing.") -> tuple[str, ...]:
    """A note on each source that could not be read, with what is missing because of it; none where all were read."""
    return tuple(dict.fromkeys(f"{failure.message} {what}" for failure in reading.failures))


def waiting_list(view: OpenedView, waits_for: Waits) -> Table:
    """Every conversation that waits for an answer, or escalated one for a resolution, longest wait first."""
    resolved, now = view.resolved, view.resolved.now
    whole = cached.every_waiting(view, waits_for, now)
    as_of = whole.as_of
    pages, read = waiting.pages_of(view, now), goal_words.history_of(view)
    history = read.value if isinstance(read, Reading) else None
    notes = (waiting.reach_sentence(resolved.website), waiting.pages_note(pages), goal_words.note(read, view))
    return of_list(
        resolved,
        whole.value,
        lambda rows: waiting.in_words(rows, resolved.website, pages, waits_for, history, as_of),
        period=(tiers.earliest_conversations(resolved.website.tier, as_of), as_of),
        note=" ".join(filter(None, notes)),
    )


def goals(view: OpenedView) -> Table:
    """What the conversations of the period did against the goals of their time."""
    resolved = view.resolved
    table = goal_panel.table(cached.goal_results(view).value, resolved.comparability)
    return of_conversations(resolved, table, OF_STARTED)


def backlog_series(view: OpenedView) -> Table:
    """Open conversations at the end of each bucket, and how many started and were resolved in it."""
    return of_now(view.resolved, backlog.table(cached.backlog(view).value.series), backlog.LAST_STATE)


def visitor_series(view: OpenedView, filters: VisitorFilters) -> Table:
    """Visitors, sessions and page views over time."""
    series = in_buckets(cached.visitor_timeseries(view, filters).value)
    return of_visitors(view.resolved, series, SEEN_IN_EACH_BUCKET)


def visitor_values(view: OpenedView, dimension: DimensionName, filters: VisitorFilters) -> Table:
    """Every value of a dimension, most visitors first."""
    resolved = view.resolved
    is_compared = resolved.visitors_comparability.is_shown

    def shown(values: pd.DataFrame) -> pd.DataFrame:
        table = values[["value", *DIMENSIONS[dimension].place]].rename(columns={"value": dimension})
        if dimension != "country_code":
            table[dimension] = table[dimension].where(table[dimension] != "", "Unknown")
        counts = ["visitors", "visitors_ratio", "sessions", "page_views"]
        moved = ["change_ratio", "change_low_ratio", "change_high_ratio", "verdict"]
        compared = ["previous_visitors", *moved] if is_compared else []
        verdicts = (
            values["verdict"].map(lambda each: changes.verdict_text(each, "count"))
            if is_compared
            else values["verdict"]
        )
        return pd.concat([table, values.assign(verdict=verdicts)[counts + compared]], axis=1)

    table = of_list(
        resolved,
        cached.every_visitor_value(view, filters, dimension),
        shown,
        period=edges_of(resolved.visitor_period),
        previous=before_of(resolved.visitors_before),
        note=visitors_note(resolved),
    )
    return replace(table, not_comparable=resolved.visitors_comparable.reason)


def satisfaction_components(view: OpenedView) -> Table:
    """The components of the satisfaction index."""
    resolved = view.resolved
    opened: Attribution = cached.satisfaction_attribution(view).value
    return of_conversations(
        resolved, satisfaction_index.table(opened, is_compared=resolved.comparability.is_shown)
    )


def satisfaction_series(view: OpenedView) -> Table:
    """The index over time, both periods, with the components missing in each bucket."""
    series = satisfaction_index.index_table(cached.kpi_timeseries(view).value)
    return of_conversations(view.resolved, in_buckets(series), IN_EACH_BUCKET)


def answers_over_time(view: OpenedView, name: rating_bars.Name) -> Table:
    """How often each answer to one question was given, over time."""
    asked = next(each for each in (rating_bars.RATINGS, rating_bars.SENTIMENT) if each.name == name)
    counts = rating_bars.table(cached.satisfaction_distributions(view).value, asked)
    return of_now(view.resolved, counts)


def rated_share(view: OpenedView) -> Table:
    """Resolved and rated conversations over time, by the AI agent and by people."""
    series = cached.rated_share(view).value.series
    counts = {name: f"{name}_count" for name in map(str, series) if name.endswith(("_resolved", "_rated"))}
    return of_conversations(view.resolved, in_buckets(series.rename(columns=counts)))


def comment_list(view: OpenedView, rating: Literal[1, 2, 3, 4, 5] | None) -> Table:
    """Every comment, newest first."""
    resolved = view.resolved

    def table(rows: pd.DataFrame) -> pd.DataFrame:
        return comments.table(rows, resolved.website)

    return of_list(resolved, cached.every_comment(view, rating), table)


def visitor_minutes(view: OpenedView) -> Table:
    """Visitors by minute."""
    activity = cached.visitor_activity(view, view.resolved.now).value
    edges = (
        activity["minute"].min().to_pydatetime(),
        activity["minute"].max().to_pydatetime() + timedelta(minutes=1),
    )
    return Table((activity[["minute", "visitors"]],), edges, total=len(activity))


def live_visitors(view: OpenedView, window_minutes: Literal[5, 10, 30], place: str | None) -> Table:
    """Every visitor of the last minutes, newest first."""
    cell = None if place is None else Cell.parse(place)
    whole = cached.every_active_visitor(view, window_minutes, view.resolved.now, cell)
    return of_list(
        view.resolved,
        whole,
        visitors.listed,
        period=(view.resolved.now - timedelta(minutes=window_minutes), view.resolved.now),
    )


def events_by_type(view: OpenedView) -> Table:
    """Newest event and volume by event type."""
    flow = cached.event_flow(view, view.resolved.now).value
    named = flow.assign(
        event_type=flow["event_type"].map(source_health.event_name),
        state=flow["state"].map(source_health.FLOWS),
    )
    return Table((named,), last_days(view.resolved, EVENT_DAYS), total=len(flow))


def websites(view: OpenedView) -> Table:
    """Health of every website, worst first."""
    flow = cached.website_states(view.asked.viewer, view.resolved.now).value
    named = flow.assign(state=flow["state"].map(website_health.VERDICTS))
    return Table((named,), last_days(view.resolved, EVENT_DAYS), total=len(flow), notes=(OF_ALL_WEBSITES,))


def queries(view: OpenedView) -> Table:
    """Today's queries by pipe."""
    by_pipe = cached.query_use(view.asked.viewer, view.resolved.now).value.by_pipe
    return Table((by_pipe,), last_days(view.resolved, 1), total=len(by_pipe), notes=(OF_ALL_WEBSITES,))


def caches(view: OpenedView) -> Table:
    """Queries saved by each cache."""
    savings = cached.cache_savings(view.asked.viewer, view.resolved.now).value
    return Table((savings,), last_days(view.resolved, 1), total=len(savings), notes=(OF_ALL_WEBSITES,))


def quarantined(view: OpenedView) -> Table:
    """Quarantined rows by reason."""
    return of_list(
        view.resolved,
        cached.every_quarantined(view.asked.viewer, view.resolved.now),
        lambda reasons: reasons.rename(columns={"total": "quarantined_of_datasource"}),
        period=last_days(view.resolved, EVENT_DAYS),
        note=OF_ALL_WEBSITES,
    )


FILES: Final[Mapping[str, Callable[..., Table]]] = {
    read.__name__: read
    for read in (
        all_websites,
        card_tables.kpis,
        card_tables.escalated,
        card_tables.visitor_totals,
        card_tables.backlog_totals,
        card_tables.outcome_shares,
        card_tables.satisfaction_total,
        card_tables.rated_totals,
        kpi_series,
        funnel_steps,
        bands,
        percentiles_over_time,
        handled,
        hours,
        conversation_list,
        ai_and_people,
        goals,
        waiting_list,
        backlog_series,
        visitor_series,
        visitor_values,
        satisfaction_components,
        satisfaction_series,
        answers_over_time,
        rated_share,
        comment_list,
        visitor_minutes,
        live_visitors,
        events_by_type,
        websites,
        queries,
        caches,
        quarantined,
    )
}
"""Every file that can be requested, by name."""

WITH_BEFORE: Final[frozenset[Callable[..., Table]]] = frozenset(
    {
        card_tables.kpis,
        kpi_series,
        percentiles_over_time,
        visitor_series,
        satisfaction_components,
        satisfaction_series,
    }
)
"""Files whose chart shows the previous period."""
