"""Makes the lines sent to Tinybird: one JSON object per event. Pure.

Soft-deleted conversations and test visitors are left out: they are not counted. Spans are as in `history`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from analytics.local.demo.content.cities import NOWHERE, cities
from analytics.local.demo.content.conversations import NEVER
from analytics.local.demo.content.days import Days, Kind
from analytics.local.demo.content.identifiers import instant_texts, texts
from analytics.local.demo.content.visitors import BROWSERS, DEVICES, PAGE_VIEW


@dataclass(frozen=True, slots=True)
class EventChunk:
    """Some of the events of a span, made when `lines` is called."""

    datasource: str
    lines: Callable[[], list[str]]


def visitor_events(days: Days, day: int, kind: Kind, since: int, until: int) -> list[str]:
    """Lines for `visitor_events`: events in the span of the visitors of one kind who came on `day`."""
    made, drawn = days.visits(day, kind), days.events(day, kind)
    visits, is_new = made.visits, (drawn.timestamp > since) & (drawn.timestamp <= until)
    if not is_new.any():
        return []
    people, person = days.people(kind, visits.person_day, visits.person_index)
    is_counted = ~people.is_test[person]
    chosen = is_new & is_counted[drawn.visit]
    visit, position = np.unique(drawn.visit[chosen], return_inverse=True)
    person = person[visit]
    place_json = _place_json()
    place = np.where(visits.place[visit] == NOWHERE, people.place[person], visits.place[visit])
    columns = zip(
        texts(people.id[person]),
        texts(made.session_id[visit]),
        place.tolist(),
        people.device[person].tolist(),
        people.browser[person].tolist(),
        strict=True,
    )
    visit_json = [
        f'"website_id":"{days.website_id}","visitor_id":"{visitor}","session_id":"{session}",{place_json[where]},'
        f'"device_type":"{DEVICES[device]}","browser":"{BROWSERS[browser]}"'
        for visitor, session, where, device, browser in columns
    ]
    page_json = [json.dumps(f"https://{days.website.domain}{path}") for path, _weight in days.website.pages]
    return [
        f'{{"timestamp":"{at}","event_type":"{"page_view" if event_type == PAGE_VIEW else "seen"}",'
        f'{visit_json[row]},"page_url":{page_json[page]}}}\n'
        for at, event_type, row, page in zip(
            instant_texts(drawn.timestamp[chosen]),
            drawn.event_type[chosen].tolist(),
            position.tolist(),
            drawn.page[chosen].tolist(),
            strict=True,
        )
    ]


def conversation_events(days: Days, day: int, since: int, until: int) -> list[str]:
    """Lines for `conversation_metrics`: events in the span of the conversations started on `day`."""
    talk = days.conversations(day)
    by_ai = np.where(talk.is_resolved_by_ai, talk.resolved, NEVER)
    by_ai_again = np.where(talk.is_resolved_by_ai, talk.resolved_again, NEVER)
    kinds = [
        (event_type, instants, has_duration, (instants > since) & (instants <= until))
        for event_type, instants, has_duration in (
            ("conversation_started", talk.started, False),
            ("first_response", talk.answered, True),
            ("escalated", talk.escalated, False),
            ("ai_resolved", by_ai, True),
            ("conversation_resolved", talk.resolved, True),
            ("ai_resolved", by_ai_again, True),
            ("conversation_resolved", talk.resolved_again, True),
            ("feedback_submitted", talk.rated, False),
        )
    ]
    if not any(is_new.any() for *_, is_new in kinds):
        return []
    visitor_id, is_test = days.writers(day)
    is_counted = ~talk.is_deleted & ~is_test & days.is_open(talk.started)
    ids, visitors = texts(talk.id), texts(visitor_id)
    lines: list[str] = []
    for event_type, instants, has_duration, is_new in kinds:
        chosen = np.flatnonzero(is_new & is_counted)
        durations = (instants - talk.started)[chosen] * has_duration
        lines += [
            f'{{"timestamp":"{at}","website_id":"{days.website_id}","visitor_id":"{visitors[row]}",'
            f'"event_type":"{event_type}","conversation_id":"{ids[row]}","duration_seconds":{duration}}}\n'
            for at, row, duration in zip(
                instant_texts(instants[chosen]), chosen.tolist(), durations.tolist(), strict=True
            )
        ]
    return lines


@cache
def _place_json() -> list[str]:
    """The four location fields of each city; the last, found at `NOWHERE`, is an unknown place."""
    places = cities()
    columns = zip(places.name, places.country_code, places.latitude, places.longitude, strict=True)
    known = [
        f'"country_code":{json.dumps(country)},"city":{json.dumps(name)},"latitude":{latitude},"longitude":{longitude}'
        for name, country, latitude, longitude in columns
    ]
    return [*known, '"country_code":"","city":"","latitude":0,"longitude":0']
