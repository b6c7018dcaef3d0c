"""The time that the AI saved, and the one place that changes how long a person works on a conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from analytics.cached.access import admitted
from analytics.cached.ai_and_people.outcomes import resolution_outcomes
from analytics.cached.goals import GOALS_TTL, check_editor, has_store
from analytics.cached.reading import needed, reads, store
from analytics.cached.shared.question import question
from analytics.cached.view import OpenedView, readable
from analytics.errors import Conflict
from analytics.kpis.ai_and_people.time_saved import ASSUMED, Minutes, MinutesVersion, TimeSaved
from analytics.kpis.ai_and_people.time_saved import time_saved as saved_by
from analytics.readings import Answer, Reading, stalest
from analytics.web import audit
from analytics.web.audit import Event


def minutes_per_conversation(view: OpenedView) -> Reading[MinutesVersion | None]:
    """How long a person works on a conversation of the website, as set last; None where it was never set.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        ConfigError: No store is set.
        SourceError: The store could not be read and there is no last good value.

    Source: the store's `minutes_per_conversation`.
    """
    website_id = readable(view).website.id
    needed(store())
    return reads.read(("minutes", website_id), _minutes(website_id))


def time_saved(view: OpenedView) -> Reading[TimeSaved]:
    """The working time that people saved by what the AI resolved; by `ASSUMED` minutes where none are set or there is no store.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird or the store could not be read and there is no last good value.

    Source: as `resolution_outcomes` and `minutes_per_conversation`.
    """
    outcomes = resolution_outcomes(view)
    if not has_store():
        return outcomes.with_value(saved_by(outcomes.value.current, ASSUMED))
    found = minutes_per_conversation(view)
    minutes = ASSUMED if found.value is None else found.value.minutes
    read = stalest(outcomes, found)
    return replace(
        outcomes.with_value(saved_by(outcomes.value.current, minutes)),
        is_stale=read.is_stale,
        stale_reason=read.stale_reason,
    )


def save_minutes(view: OpenedView, minutes: Minutes, seen: MinutesVersion | None, now: datetime) -> None:
    """Saves how long a person works on a conversation of the website, and writes an audit line with before and after.

    Args:
        view: The website, and who saves.
        minutes: The range.
        seen: The version that the person saw; None where there was none. If there is a newer one, nothing is saved.
        now: An aware instant.

    Raises:
        AccessDenied: The website is not the viewer's, or they may not change its settings.
        Conflict: Another person has changed it since; `minutes_per_conversation` then has their change.
        ConfigError: No store is set.
        SourceError: Postgres could not be read, or the store could not be written.
    """
    viewer, website = admitted(view.asked.viewer, now), readable(view, now).website
    event = Event("minutes", who=viewer.email, website=website.id, after=_in_words(minutes))
    with audit.written(event) as saving:
        check_editor(viewer, website, "The minutes are")
        newest = needed(store()).minutes(website.id).value
        saving.event = replace(saving.event, before=_in_words(None if newest is None else newest.minutes))
        reads.renew(_minutes(website.id))
        if _number(newest) != _number(seen):
            raise Conflict("Another person has changed this since you opened it.", "Your entries are kept.")
        needed(store()).add_minutes(website.id, _number(seen) + 1, minutes, viewer.email)
        reads.renew(_minutes(website.id))


def _number(version: MinutesVersion | None) -> int:
    return 0 if version is None else version.version


def _in_words(minutes: Minutes | None) -> str:
    return "not set" if minutes is None else f"{minutes.low:g} to {minutes.high:g} minutes per conversation"


@question("store", GOALS_TTL)
def _minutes(website_id: str) -> Answer[MinutesVersion | None]:
    return needed(store()).minutes(website_id)
