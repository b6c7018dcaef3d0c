"""The content of the pages' files: one function per file, from a view to a table.

A file is made at the click, and access is checked then. So each function takes the view and its filters, and reads from the
same cache as its panel. Lists that a panel shows in part are complete here.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Literal

import pandas as pd

from analytics import cached
from analytics.cached import OpenedView, VisitorFilters, Waits, Whole
from analytics.cached.whole import ROW_LIMIT
from analytics.geo.cells import Cell
from analytics.kpis.declarations import KPIS
from analytics.kpis.satisfaction.attribution import Attribution
from analytics.kpis.timeseries import COUNTS
from analytics.kpis.visitor_breakdown import DIMENSIONS, DimensionName
from analytics.scope import tiers
from analytics.scope.clock import day_starts
from analytics.scope.periods import Period
from analytics.scope.selection import BAND_COUNT, Measure, Selection, Sort
from analytics.scope.views import ResolvedView
from pages.components import formatting
from pages.components.charts import percentiles, rating_bars
from pages.components.exports.table import Instants, Table
from pages.components.metrics import changes, kpi_cards
from pages.components.page.conversation_filters import HANDLED, WEEKDAYS, band_label
from pages.components.panels import (
    backlog,
    funnel,
    source_health,
    waiting,
    website_health,
)
from pages.components.panels import conversation_list as work_list
from pages.components.panels import live_visitors as visitors
from pages.components.panels.ai_and_people import cohort, sides
from pages.components.panels.satisfaction import comments, satisfaction_index

PERIODS: Final = {"current": "This period", "previous": "Period before"}
IN_EACH_BUCKET: Final = "What happened to one conversation in two buckets counts in both."
SEEN_IN_EACH_BUCKET: Final = "A visitor or session of two buckets counts in both."
OF_ALL_WEBSITES: Final = "The rows are about all websites."
EVENT_DAYS: Final = 30


def kpis(view: OpenedView) -> Table:
    """The KPIs of Overview."""
    resolved = view.resolved
    since = resolved.visitor_period.start if resolved.visitors_since else None
    return _of_conversations(
        resolved, kpi_cards.table(cached.kpis(view).value.kpis.values(), since), _visitors_note(resolved)
    )


def kpi_series(view: OpenedView) -> Table:
    """All KPIs over time."""
    resolved = view.resolved
    series = _buckets(cached.kpi_timeseries(view).value)
    named = series.assign(
        satisfaction_missing=series["satisfaction_missing"].map(satisfaction_index.missing_words)
    )
    return _of_conversations(resolved, named, IN_EACH_BUCKET, _visitors_note(resolved))


def funnel_steps(view: OpenedView) -> Table:
    """The steps of the funnel; no rows if conversations could not be counted."""
    resolved, steps = view.resolved, cached.kpis(view).value.funnel
    table = pd.DataFrame(columns=["step"]) if steps is None else funnel.table(steps)
    return _of_now(resolved, table.assign(step=table["step"].map(funnel.NAMES)))


def bands(view: OpenedView, measure: Measure, selection: Selection) -> Table:
    """Response or resolution times by band."""
    rows = cached.conversation_breakdown(view, selection).value.bands[measure]
    named = rows.assign(band=[band_label(band) for band in range(BAND_COUNT)])
    before = cached.conversation_breakdown_before(view, selection)
    if before is None:
        return _of_now(view.resolved, named)
    compared = ["conversations", "share_ratio", "cumulative_ratio"]
    previous = before.value.bands[measure][compared].add_prefix("previous_")
    return _of_conversations(view.resolved, pd.concat([named, previous], axis=1))


def percentiles_over_time(view: OpenedView, measure: Measure, selection: Selection) -> Table:
    """Median and 90th percentile of response or resolution time, over time."""
    series = percentiles.columns_of(cached.conversation_timeseries(view, selection).value, measure)
    counted = "responded_count" if measure == "response" else "resolved_count"
    table = _buckets(series.rename(columns={"n": counted}))
    return _of_conversations(view.resolved, table, IN_EACH_BUCKET)


def handled(view: OpenedView, selection: Selection) -> Table:
    """AI-resolved and human-handled conversations."""
    rows = cached.conversation_breakdown(view, selection).value.handled
    return _of_now(view.resolved, rows.assign(handled_by=rows["handled_by"].map(HANDLED)))


def hours(view: OpenedView, selection: Selection) -> Table:
    """Conversations by hour of the week."""
    resolved = view.resolved
    rows = cached.conversation_breakdown(view, selection).value.hours
    named = rows.assign(weekday=[WEEKDAYS[day - 1] for day in rows["weekday"]])
    return _of_now(resolved, named)


def conversation_list(view: OpenedView, selection: Selection, sort: Sort) -> Table:
    """Every selected conversation, in the order of the list."""
    resolved = view.resolved
    whole = cached.every_conversation(view, selection, sort)
    return _of_list(resolved, whole, lambda rows: work_list.in_words(rows, resolved.website))


def ai_and_people(view: OpenedView, part: Literal["cohort", "sides", "likeness"]) -> Table:
    """The panels of AI and people: outcomes of the conversations, both sides compared, and whether they are alike."""
    if part == "likeness":
        return _of_now(view.resolved, sides.likeness_table(cached.likeness_of_sides(view).value))
    if part == "sides":
        return _of_conversations(view.resolved, sides.table(cached.side_by_side(view).value))
    return _of_conversations(view.resolved, cohort.table(cached.resolution_outcomes(view).value))


def waiting_list(view: OpenedView, waits_for: Waits) -> Table:
    """Every conversation that waits for an answer, or escalated one for a resolution, longest wait first."""
    resolved, now = view.resolved, view.resolved.now
    whole = cached.every_waiting(view, waits_for, now)
    pages = waiting.pages_of(view, now)
    return _of_list(
        resolved,
        whole,
        lambda rows: waiting.in_words(rows, resolved.website, pages),
        period=(tiers.earliest_conversations(resolved.website.tier, now), now),
        note=f"{waiting.reach_sentence(resolved.website)} {waiting.pages_note(pages)}".strip(),
    )


def backlog_series(view: OpenedView) -> Table:
    """Open conversations at the end of each bucket, and how many started and were resolved in it."""
    return _of_now(view.resolved, backlog.table(cached.backlog(view).value.series), backlog.LAST_STATE)


def visitor_series(view: OpenedView, filters: VisitorFilters) -> Table:
    """Visitors, sessions and page views over time."""
    series = _buckets(cached.visitor_timeseries(view, filters).value)
    return _of_visitors(view.resolved, series, SEEN_IN_EACH_BUCKET)


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

    return _of_list(
        resolved,
        cached.every_visitor_value(view, filters, dimension),
        shown,
        period=_edges(resolved.visitor_period),
        previous=_before(resolved.visitors_before),
        note=_visitors_note(resolved),
    )


def satisfaction_components(view: OpenedView) -> Table:
    """The components of the satisfaction index."""
    resolved = view.resolved
    opened: Attribution = cached.satisfaction_attribution(view).value
    return _of_conversations(
        resolved, satisfaction_index.table(opened, is_compared=resolved.comparability.is_shown)
    )


def satisfaction_series(view: OpenedView) -> Table:
    """The index over time, both periods, with the components missing in each bucket."""
    series = satisfaction_index.index_table(cached.kpi_timeseries(view).value)
    return _of_conversations(view.resolved, _buckets(series), IN_EACH_BUCKET)


def answers_over_time(view: OpenedView, name: rating_bars.Name) -> Table:
    """How often each answer to one question was given, over time."""
    asked = next(each for each in (rating_bars.RATINGS, rating_bars.SENTIMENT) if each.name == name)
    counts = rating_bars.table(cached.satisfaction_distributions(view).value, asked)
    return _of_now(view.resolved, counts)


def rated_share(view: OpenedView) -> Table:
    """Resolved and rated conversations over time, by the AI agent and by people."""
    series = cached.rated_share(view).value.series
    counts = {name: f"{name}_count" for name in map(str, series) if name.endswith(("_resolved", "_rated"))}
    return _of_conversations(view.resolved, _buckets(series.rename(columns=counts)))


def comment_list(view: OpenedView, rating: Literal[1, 2, 3, 4, 5] | None) -> Table:
    """Every comment, newest first."""
    resolved = view.resolved

    def table(rows: pd.DataFrame) -> pd.DataFrame:
        return comments.table(rows, resolved.website)

    return _of_list(resolved, cached.every_comment(view, rating), table)


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
    return _of_list(
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
    return Table((named,), _last_days(view.resolved, EVENT_DAYS), total=len(flow))


def websites(view: OpenedView) -> Table:
    """Health of every website, worst first."""
    flow = cached.website_states(view.asked.viewer, view.resolved.now).value
    named = flow.assign(state=flow["state"].map(website_health.VERDICTS))
    return Table((named,), _last_days(view.resolved, EVENT_DAYS), total=len(flow), notes=(OF_ALL_WEBSITES,))


def queries(view: OpenedView) -> Table:
    """Today's queries by pipe."""
    by_pipe = cached.query_use(view.asked.viewer, view.resolved.now).value.by_pipe
    return Table((by_pipe,), _last_days(view.resolved, 1), total=len(by_pipe), notes=(OF_ALL_WEBSITES,))


def caches(view: OpenedView) -> Table:
    """Queries saved by each cache."""
    savings = cached.cache_savings(view.asked.viewer, view.resolved.now).value
    return Table((savings,), _last_days(view.resolved, 1), total=len(savings), notes=(OF_ALL_WEBSITES,))


def quarantined(view: OpenedView) -> Table:
    """Quarantined rows by reason."""
    return _of_list(
        view.resolved,
        cached.every_quarantined(view.asked.viewer, view.resolved.now),
        lambda reasons: reasons.rename(columns={"total": "quarantined_of_datasource"}),
        period=_last_days(view.resolved, EVENT_DAYS),
        note=OF_ALL_WEBSITES,
    )


FILES: Final[Mapping[str, Callable[..., Table]]] = {
    read.__name__: read
    for read in (
        kpis,
        kpi_series,
        funnel_steps,
        bands,
        percentiles_over_time,
        handled,
        hours,
        conversation_list,
        ai_and_people,
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
    {kpis, kpi_series, percentiles_over_time, visitor_series, satisfaction_components, satisfaction_series}
)
"""Files whose chart shows the previous period."""


def _of_now(resolved: ResolvedView, frame: pd.DataFrame, *notes: str) -> Table:
    """A table without the previous period."""
    return Table((frame,), _edges(resolved.period), total=len(frame), notes=notes)


def _of_conversations(resolved: ResolvedView, frame: pd.DataFrame, *notes: str | None) -> Table:
    said = tuple(note for note in notes if note)
    return Table((frame,), _edges(resolved.period), _before(resolved.before), len(frame), said)


def _of_visitors(resolved: ResolvedView, frame: pd.DataFrame, *notes: str) -> Table:
    said = tuple(note for note in (*notes, _visitors_note(resolved)) if note)
    return Table(
        (frame,), _edges(resolved.visitor_period), _before(resolved.visitors_before), len(frame), said
    )


def _of_list(
    resolved: ResolvedView,
    whole: Whole,
    words: Callable[[pd.DataFrame], pd.DataFrame],
    *,
    period: Instants | None = None,
    previous: Instants | None = None,
    note: str | None = None,
) -> Table:
    notes = [note] if note else []
    if whole.is_cut:
        of = f"of {formatting.count(whole.total)} " if whole.total else ""
        notes.append(
            f"Only the first {formatting.count(ROW_LIMIT)} {of}rows: narrow the page down for the others."
        )
    total = None if whole.total is None else min(whole.total, ROW_LIMIT)
    return Table(
        (words(rows) for rows in whole.pages),
        period or _edges(resolved.period),
        previous,
        total,
        tuple(notes),
        whole.is_cut,
    )


def _edges(period: Period) -> Instants:
    return period.start, period.end


def _before(period: Period | None) -> Instants | None:
    return None if period is None else _edges(period)


def _visitors_note(resolved: ResolvedView) -> str | None:
    return f"Visitors: {resolved.visitors_note}" if resolved.visitors_note else None


def _last_days(resolved: ResolvedView, days: int) -> Instants:
    return day_starts(resolved.now, days, resolved.period.timezone)[0], resolved.now


def _buckets(series: pd.DataFrame) -> pd.DataFrame:
    """A series for a file: each bucket with its period, without the columns that only a chart needs."""
    units = {name: f"{name}_count" for name in COUNTS} | {
        kpi.column: f"{kpi.column}_points" for kpi in KPIS.values() if kpi.kind == "score"
    }
    words = series.drop(columns=["bucket_index", "aligned_start"], errors="ignore").rename(columns=units)
    return words.assign(period=words["period"].map(PERIODS))
