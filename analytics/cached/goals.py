"""Goals of websites: their history, what conversations did against them, and the one place that changes them.

Goals are in the dashboard's own store; conversations are judged in the product's Postgres, which knows start, answer and
resolution of each, also of those that were never answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from analytics import schemas, sources
from analytics.cached.access import admitted, websites, week_start
from analytics.cached.reading import (
    ACCESS_TRUST,
    ACCESS_TTL,
    KPI_TTL,
    connections,
    needed,
    reads,
    store,
    usable,
)
from analytics.cached.shared.question import question
from analytics.cached.shared.reads import Asked
from analytics.cached.view import OpenedView, readable
from analytics.errors import AccessDenied, Conflict
from analytics.kpis.goals import definitions, results
from analytics.kpis.goals.definitions import Goal, GoalHistory, GoalSpan, GoalVersion
from analytics.kpis.goals.results import GoalResult, GoalResults
from analytics.readings import Answer, Reading, stalest
from analytics.scope import access, views
from analytics.scope.access import Viewer, Website
from analytics.scope.periods import Period
from analytics.scope.selection import Measure
from analytics.scope.views import ResolvedView
from analytics.web import audit
from analytics.web.audit import Event

GOALS_TTL: Final = timedelta(seconds=20)
"""How long another process of this server may not see a change; the one that saved it sees it at once."""


def has_store() -> bool:
    """Whether a store is set; without one there are no goals.

    Raises:
        ConfigError: The environment is not complete.
    """
    return store() is not None


def goal_history(view: OpenedView) -> Reading[GoalHistory]:
    """All versions of the website's goals; none where no goal was ever set.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        ConfigError: No store is set.
        SourceError: The store could not be read and there is no last good value.

    Source: the store's `goal`.
    """
    reading = _histories((readable(view).website.id,)).reading()
    return reading.with_value(reading.value[0])


def goal_results(view: OpenedView) -> Reading[GoalResults]:
    """What the conversations started in the period did against the goals of their time, beside the period before.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        ConfigError: No store is set.
        SourceError: The store or Postgres could not be read and there is no last good value.

    Source: the store's `goal`; Postgres `conversation`, `visitor`, `website`.
    """
    resolved = readable(view)
    histories = _histories((resolved.website.id,)).reading()
    history = histories.value[0]
    asked = [
        (period, _counts(resolved, (history,), period))
        for period in (resolved.period, resolved.before)
        if period is not None
    ]
    counted = [(period, None if each is None else each.reading()) for period, each in asked]
    judged = [
        results.results(history, period, schemas.GOAL_COUNTS.empty() if each is None else each.value)
        for period, each in counted
    ]
    found = [each for _, each in counted if each is not None]
    value = GoalResults(history, judged[0], judged[1] if len(judged) > 1 else None)
    read = stalest(histories, *found)
    return Reading(
        value,
        min(each.as_of for each in (histories, *found)),
        read.is_stale,
        read.stale_reason,
        queries=tuple(query for each in found for query in each.queries),
    )


def ask_goals(listed: Sequence[Website]) -> None:
    """Asks for the goals of websites, so that they come beside what else is read of them; nothing without a store."""
    if has_store():
        _histories(_ids(listed))


def website_goal_results(view: OpenedView) -> Reading[Mapping[str, Mapping[Measure, GoalResult]]]:
    """What the conversations of every website that the viewer may see did against its goals, each by its plan's dates.

    By website id and measure; a website without a goal in the period has none. One read of the store, and one query for all
    websites of a plan.

    Args:
        view: Who looks, and the dates; its own website does not matter.

    Raises:
        AccessDenied: The viewer may not look at anything.
        ConfigError: No store is set.
        SourceError: The store or Postgres could not be read and there is no last good value.

    Source: the store's `goal`; Postgres `conversation`, `visitor`, `website`.
    """
    listed = websites(view.asked.viewer, readable(view).now)
    histories = _histories(_ids(listed)).reading()
    asked = []
    for tier in sorted({each.tier for each in listed}):
        of_tier = {each.id: each for each in listed if each.tier == tier}
        resolved = views.resolve(view.asked, next(iter(of_tier.values())), week_start())
        some = tuple(each for each in histories.value if each.website_id in of_tier)
        asked.append((some, resolved.period, _counts(resolved, some, resolved.period)))
    counted = [(some, period, None if each is None else each.reading()) for some, period, each in asked]
    found = [each for _, _, each in counted if each is not None]
    value = {
        history.website_id: {} if each is None else results.results(history, period, each.value)
        for some, period, each in counted
        for history in some
    }
    read = stalest(histories, *found)
    as_of = min(each.as_of for each in (histories, *found))
    queries = tuple(query for each in found for query in each.queries)
    return Reading(value, as_of, read.is_stale, read.stale_reason, queries=queries)


def may_edit_goals(view: OpenedView, now: datetime) -> bool:
    """Whether the viewer may change the goals of the website: staff, and owners and admins of its organization.

    Args:
        view: The website, and who looks.
        now: An aware instant.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres is down, and has been for too long to trust what was known.

    Source: Postgres `member`, `user`.
    """
    viewer, organization = admitted(view.asked.viewer, now), readable(view, now).website.organization_id
    key = "member_roles", viewer.user_id, organization
    question = _member_roles(viewer.user_id, organization)
    return access.may_edit(viewer, reads.read(key, question, not_before=now - ACCESS_TRUST).value)


def save_goal(
    view: OpenedView,
    measure: Measure,
    goal: Goal | None,
    seen: GoalVersion | None,
    now: datetime,
    *,
    is_from_start: bool = False,
) -> None:
    """Saves a goal of the website, valid from now on, and writes an audit line with before and after.

    Args:
        view: The website, and who saves.
        measure: Of which time.
        goal: The new goal; None removes it. One that is as it was adds no version.
        seen: The version that the person saw; None where there was none. If there is a newer one, nothing is saved.
        now: An aware instant.
        is_from_start: Whether a first goal also judges the conversations before it.

    Raises:
        AccessDenied: The website is not the viewer's, or they may not change its goals.
        Conflict: Another person has changed this goal since; `goal_history` then has their change.
        ConfigError: No store is set.
        SourceError: Postgres could not be read, or the store could not be written.
    """
    viewer, website = admitted(view.asked.viewer, now), readable(view, now).website
    website_id = website.id
    event = Event("goal", who=viewer.email, website=website_id, after=_in_words(measure, goal))
    with audit.written(event) as saving:
        check_editor(viewer, website, "Goals are")
        (history,) = needed(store()).goals([website_id]).value
        newest = history.newest(measure)
        saving.event = replace(saving.event, before=_in_words(measure, history.current(measure)))
        _renew(website_id)
        if _number(newest) != _number(seen):
            raise Conflict(
                "Another person has changed this goal since you opened it.", "Your entries are kept."
            )
        if goal == history.current(measure):
            return  # A new version would begin to judge anew.
        needed(store()).add_goal(
            website_id, measure, _number(seen) + 1, goal, viewer.email, is_from_start=is_from_start
        )
        _renew(website_id)


def check_editor(viewer: Viewer, website: Website, what: str) -> None:
    """Checks that the viewer may change settings of the website now, past the cache: a role may just have been taken away.

    Args:
        viewer: Who saves.
        website: Of which website.
        what: Names the settings in the error: "Goals are".

    Raises:
        AccessDenied: They may not.
        SourceError: Postgres could not be read.
    """
    roles = sources.member_roles(connections().postgres, viewer.user_id, website.organization_id).value
    if not access.may_edit(viewer, roles):
        raise AccessDenied(
            f"{what} changed by the owners and admins of the website's organization.", "Ask one of them."
        )


def _ids(listed: Sequence[Website]) -> tuple[str, ...]:
    return tuple(sorted(each.id for each in listed))


def _renew(website_id: str) -> None:
    """Lets the goals of the website be read again, alone and among those of others."""
    reads.renew_where(
        lambda asked: (
            asked.name == "goals" and isinstance(asked.args[0], tuple) and website_id in asked.args[0]
        )
    )


def _number(version: GoalVersion | None) -> int:
    return 0 if version is None else version.version


def _in_words(measure: Measure, goal: Goal | None) -> str:
    if goal is None:
        return f"{measure}: no goal"
    return f"{measure}: {goal.share_pct:g} % within {goal.limit_seconds} s"


def _histories(website_ids: tuple[str, ...]) -> Asked[tuple[GoalHistory, ...]]:
    needed(store())
    return reads.ask(("goals", website_ids), _goals(website_ids))


def _counts(
    resolved: ResolvedView, histories: Sequence[GoalHistory], period: Period
) -> Asked[pd.DataFrame] | None:
    """Asks for the counts of a period; None where no goal was valid in it."""
    spans = tuple(span for history in histories for span in definitions.spans(history, period))
    if not spans:
        return None
    versions = tuple((each.website_id, each.measure, each.version) for each in spans)
    key = resolved.last_good_key("goal_counts", period), period == resolved.period, versions
    check: Callable[[pd.DataFrame], None] = usable(
        lambda rows: [results.results(each, period, rows) for each in histories], schemas.GOAL_COUNTS
    )
    return reads.ask(key, _goal_counts(spans), check=check)


@question("store", GOALS_TTL)
def _goals(website_ids: tuple[str, ...]) -> Answer[tuple[GoalHistory, ...]]:
    return needed(store()).goals(website_ids)


@question("postgres", ACCESS_TTL)
def _member_roles(user_id: str, organization_id: str) -> Answer[frozenset[str]]:
    return sources.member_roles(connections().postgres, user_id, organization_id)


@question("postgres", KPI_TTL)
def _goal_counts(spans: tuple[GoalSpan, ...]) -> Answer[pd.DataFrame]:
    return sources.goal_counts(connections().postgres, spans)
