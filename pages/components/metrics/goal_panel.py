"""Goals: what share met each, who set it when, and the form that changes it. Who may not change it sees it without the form."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from analytics import cached
from analytics.cached import GoalHistory, GoalResult, GoalResults, OpenedView, Reading, SentQuery
from analytics.kpis.declarations import Metric
from analytics.kpis.goals.definitions import LONGEST_SECONDS, MEASURES, Goal, GoalVersion
from analytics.kpis.metrics import compared_kpi
from analytics.scope.selection import Measure
from analytics.scope.tiers import Comparability
from pages.components import formatting
from pages.components.metrics import changes, goals, kpi_cards, saving
from pages.components.metrics.goals import DONE, UNITS
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.selection import conversation_filters

NAMES: dict[Measure, str] = {"response": "answers", "resolution": "resolutions"}
DEFAULTS: dict[Measure, Goal] = {"response": Goal(90.0, 300), "resolution": Goal(80.0, 4 * 3600)}
"""What the form of a website without that goal begins with."""

LATE = (
    "Of the conversations that started in the period. Those without an answer or resolution in time count as missed; the bands "
    "above count only what was answered or resolved."
)
FROM_NOW = "Valid for conversations that start from now on; earlier ones keep the goal of their time."
REMOVED = "Conversations that start from now on are not judged; earlier ones keep the goal of their time."
FIRST = "There was no goal before. Later changes never change how earlier conversations are judged."
CARD_MIN_WIDTH_PX = 300
JUDGED_OF = "conversations"
ALL_GOALS = "all goals of the period"
_COLUMNS = (
    "measure",
    "goal",
    "goal_share_ratio",
    "goal_seconds",
    "valid_since",
    "met_count",
    "missed_count",
    "open_count",
    "met_ratio",
    "interval_low_ratio",
    "interval_high_ratio",
    "goal_verdict",
)
_CHANGE_COLUMNS = (
    "previous_met_ratio",
    "previous_judged_count",
    "change_percentage_points",
    "change_low_percentage_points",
    "change_high_percentage_points",
    "verdict",
    "reason",
)
JUDGED = (
    "Conversations that started in the period, each judged by the goal that was valid then, once its time is over. Met: {done} "
    "within the time. Missed: later, or not at all. Before that a conversation is not in the share, {done} or not: it is known "
    "early only of the fast ones."
)


@st.fragment(parallel=True)
def draw_panel(view: OpenedView, timezone: str, offer: Callable[[], None]) -> None:
    """Draw the panel of both goals; `offer` draws the buttons of its file, where there is a result."""
    with panel("goals", "Goals"):
        if _draw(view, timezone):
            offer()


def _draw(view: OpenedView, timezone: str) -> bool:
    """Draw both goals side by side; returns whether there is a result."""
    if not cached.has_store():
        empty(
            "Goals need a store",
            "Set INBOX_ANALYTICS_STORE_URL to a Postgres in which the dashboard may have a schema of its own, then run "
            "`inbox-analytics store migrate`. All other numbers work without it.",
        )
        return False
    reading = note_staleness(cached.goal_results(view), timezone)
    selection, _ = conversation_filters.read_selection()
    if not selection.is_everything:
        st.caption("The filters of this page do not apply to goals.")
    may_edit = cached.may_edit_goals(view, datetime.now(UTC))
    with st.grid(2, min_column_width=CARD_MIN_WIDTH_PX, gap="medium", key="goal-grid") as grid:
        for measure in MEASURES:
            with grid.cell(), st.container(gap="xsmall", key=f"kpi-{measure}_goal"):
                _draw_goal(view, measure, reading, timezone)
                if may_edit:
                    _draw_form(view, measure, reading.value.history, timezone)
    if reading.value.current:
        st.caption(LATE)
    return bool(reading.value.current)


def table(results: GoalResults, comparability: Comparability) -> pd.DataFrame:
    """The results for a file: per measure one row per goal that was valid in the period, oldest first, then one of all together.

    The last one only where there were several goals. It has the change of the card, as has the row of the only goal.
    """
    columns = [*_COLUMNS, *(_CHANGE_COLUMNS if comparability.is_compared else ())]
    rows = [row for result in results.current.values() for row in _rows(result, results, comparability)]
    frame = pd.DataFrame(rows, columns=columns, dtype="object")
    return frame.assign(valid_since=pd.to_datetime(frame["valid_since"], utc=True))


def _rows(result: GoalResult, results: GoalResults, comparability: Comparability) -> list[dict[str, object]]:
    rows = [
        _counts(only)
        | {
            "goal": goals.sentence(only.goal, only.measure),
            "goal_share_ratio": only.goal.share_pct / 100,
            "goal_seconds": only.goal.limit_seconds,
            "valid_since": only.parts[0].since,
            "goal_verdict": goals.verdict(only),
        }
        for only in result.by_goal
    ]
    if len(rows) > 1:
        rows.append(_counts(result) | {"goal": ALL_GOALS})
    delta = results.change(result.measure, comparability, JUDGED_OF)
    before = None if results.previous is None else results.previous.get(result.measure)
    rows[-1] |= {
        "previous_met_ratio": before and before.met_ratio,
        "previous_judged_count": before and before.judged,
        "change_percentage_points": delta.change,
        "change_low_percentage_points": delta.low,
        "change_high_percentage_points": delta.high,
        "verdict": changes.verdict_text(delta.verdict, "ratio"),
        "reason": delta.reason,
    }
    return rows


def _counts(result: GoalResult) -> dict[str, object]:
    return {
        "measure": result.measure,
        "met_count": result.met,
        "missed_count": result.missed,
        "open_count": result.open,
        "met_ratio": result.met_ratio,
        "interval_low_ratio": result.interval and result.interval.low,
        "interval_high_ratio": result.interval and result.interval.high,
    }


def _draw_goal(view: OpenedView, measure: Measure, reading: Reading[GoalResults], timezone: str) -> None:
    """Draw the share that met the goal as a card; without a goal in the period, what the goal is."""
    results, queries = reading.value, reading.queries
    current = results.current.get(measure)
    if current is None:
        st.markdown(f"**{DONE[measure].capitalize()} in time**")
        newest = results.history.newest(measure)
        words = "No goal is set." if newest is None else f"{_last_change(newest, timezone)}."
        is_later = newest is not None and newest.goal is not None
        st.caption(f"{words} No goal was valid in this period." if is_later else words)
        return
    _draw_card(view, results, current, queries)
    for only in reversed(current.by_goal):
        st.markdown(_judged_by(only, is_alone=len(current.parts) == 1))
    facts = [f"95 % interval {goals.interval(current)}"] if current.judged else []
    if current.open:
        facts.append(f"{formatting.count(current.open)} not judged yet: their time is not over")
    if facts:
        st.caption(" · ".join(facts))
    if (newest := results.history.newest(measure)) is not None:
        is_later = newest.goal != current.goal
        from_then = ". It judges conversations that start from then on." if is_later else ""
        st.caption(f"{_last_change(newest, timezone)}{from_then}")


def _draw_card(
    view: OpenedView, results: GoalResults, current: GoalResult, queries: tuple[SentQuery, ...]
) -> None:
    measure, comparability = current.measure, view.resolved.comparability
    within = f"within {goals.time(current.goal.limit_seconds)}" if current.has_one_time else "in time"
    metric = Metric(
        key=f"{measure}_goal",
        title=f"{DONE[measure].capitalize()} {within}",
        label="Goal",
        definition=JUDGED.format(done=DONE[measure]),
        kind="ratio",
        direction="higher",
        column="met_ratio",
        n_of=JUDGED_OF,
        nothing="No conversations judged",
    )
    before = None if results.previous is None else results.previous.get(measure)
    kpi = compared_kpi(metric, current.estimate, None if before is None else before.estimate, comparability)
    delta = results.change(measure, comparability, metric.n_of)
    kpi_cards.draw_card(replace(kpi, delta=delta), (), queries)


def _judged_by(only: GoalResult, *, is_alone: bool) -> str:
    """Whether one goal was reached, as Markdown; beside other goals of the period with its own share."""
    if not only.judged:
        return f"Goal {goals.sentence(only.goal, only.measure)}: none judged yet"
    verdict = goals.coloured(f"**{goals.verdict(only)}**", only)
    if is_alone:
        return f"Goal {goals.share(only.goal)}: {verdict}"
    share = f"{formatting.rate(only.met_ratio)} of {formatting.count(only.judged)}"
    return f"Goal {goals.sentence(only.goal, only.measure)}: {share}, {verdict}"


def _last_change(version: GoalVersion, timezone: str) -> str:
    """What a goal was changed to, who did it, and when, as Markdown."""
    at = formatting.since(version.set_at, datetime.now(UTC), timezone)
    words = goals.sentence(version.goal, version.measure)
    return f"{words[0].upper()}{words[1:]}: set by {formatting.markdown(version.set_by)}, {at}"


def _draw_removal(key: str, measure: Measure) -> bool:
    """Draw what removes a goal, closed: opened it says what follows, and asks. Returns whether the goal is to be removed."""
    with st.expander("Remove the goal", icon=":material/delete:"):
        st.caption(REMOVED)
        return st.button(f"Remove the goal for {NAMES[measure]}", key=key)


def _draw_form(view: OpenedView, measure: Measure, history: GoalHistory, timezone: str) -> None:
    """Draw the button that opens the form, and save what was entered."""
    key = f"goal-{view.resolved.website.id}-{measure}"
    newest = history.newest(measure)
    seen = saving.seen(key, newest)
    goal = (None if seen is None else seen.goal) or DEFAULTS[measure]
    number, unit = goals.split(goal.limit_seconds)
    label = "Set a goal" if history.current(measure) is None else "Change the goal"
    with st.popover(label, icon=":material/flag:", key=f"edit-{measure}-goal"):
        with st.form(key, border=False):
            st.markdown(f"**Goal for {NAMES[measure]}**")
            share = st.number_input(
                f"Share {DONE[measure]} in time, %", 0.1, 100.0, goal.share_pct, 1.0, "%g", key=f"{key}-share"
            )
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                limit = st.number_input(
                    "Within", 1, LONGEST_SECONDS, number, 1, key=f"{key}-number", width=130
                )
                words = st.selectbox(
                    "Unit", list(UNITS), list(UNITS).index(unit), key=f"{key}-unit", width=130
                )
            is_from_start = newest is None and st.checkbox(
                "Also judge earlier conversations", True, key=f"{key}-past"
            )
            st.caption(FROM_NOW if newest is not None else FIRST)
            is_saved = st.form_submit_button("Save", type="primary", key=f"{key}-save")
        is_removed = history.current(measure) is not None and _draw_removal(f"{key}-remove", measure)
        if is_saved or is_removed:

            def entered() -> Goal | None:
                return None if is_removed else Goal(share, limit * UNITS[words])

            is_past = is_from_start and not is_removed
            saving.save(
                key,
                lambda: cached.save_goal(
                    view, measure, entered(), seen, datetime.now(UTC), is_from_start=is_past
                ),
                lambda: cached.goal_history(view).value.newest(measure),
                lambda version: _last_change(version, timezone),
                lambda: f"Saved: {goals.sentence(entered(), measure)}.",
            )
        else:
            saving.confirm(key)
