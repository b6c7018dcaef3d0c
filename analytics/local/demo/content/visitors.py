"""Makes the visits of one website on one day: people, durations, pages. Pure.

A *newcomer* is a person on the first visit; others come back to the day they were newcomers, so that a day
never depends on what the days before drew. A person is named by (kind, day, index among that day's newcomers).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.local.demo.content.cities import NOWHERE, VisitorCities
from analytics.local.demo.content.customers.organizations import DAY
from analytics.local.demo.content.customers.websites import WebsiteProfile
from analytics.local.demo.content.identifiers import Bytes, Seconds, ulids
from analytics.local.demo.content.schedule import HOUR, Floats

Indexes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HEARTBEAT_SECONDS = 280
LONGEST_VISIT_SECONDS = 45 * 60
SEEN, PAGE_VIEW = 0, 1

DEVICES = ("desktop", "mobile", "tablet")
_DEVICE_SHARES = np.cumsum([0.51, 0.45, 0.04])
BROWSERS = ("Chrome", "Safari", "Edge", "Firefox", "Samsung Internet", "Opera")
_BROWSER_SHARES = np.cumsum(
    [
        [0.60, 0.15, 0.14, 0.08, 0.00, 0.03],
        [0.48, 0.40, 0.01, 0.02, 0.08, 0.01],
        [0.38, 0.52, 0.02, 0.02, 0.06, 0.00],
    ],
    axis=1,
)
_UNKNOWN_PLACE_RATIO = 0.02
_TRAVELLING_RATIO = 0.01
_TEST_RATIO = 0.003


@dataclass(frozen=True, slots=True)
class Newcomers:
    """People on their first visit, as columns in order of arrival.

    Attributes:
        place: Index into the cities, or `NOWHERE`.
        device: Index into `DEVICES`.
        browser: Index into `BROWSERS`.
        is_test: A colleague trying the widget; counts nowhere.
    """

    id: Bytes
    created: Seconds
    place: Indexes
    device: Indexes
    browser: Indexes
    is_test: Flags


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits of one day, as columns.

    Attributes:
        page_count: How many pages are opened, at least one.
        person_day: The day the person was a newcomer.
        person_index: Which of that day's newcomers.
        place: Where the person is on this visit when away from home; `NOWHERE` means at home.
    """

    start: Seconds
    seconds: Seconds
    page_count: Indexes
    person_day: Indexes
    person_index: Indexes
    place: Indexes

    def last_seen(self) -> Seconds:
        """Instant of the last heartbeat of each visit."""
        return self.start + self.seconds // HEARTBEAT_SECONDS * HEARTBEAT_SECONDS


@dataclass(frozen=True, slots=True)
class VisitEvents:
    """Events of visits, as columns in order of time within each visit.

    Attributes:
        visit: Index into the visits.
        event_type: `SEEN` or `PAGE_VIEW`.
        page: Index into the website's pages: the page being looked at.
    """

    timestamp: Seconds
    visit: Indexes
    event_type: Indexes
    page: Indexes


def arrivals(random: np.random.Generator, day: int, hours: Floats, a_day: float) -> Seconds:
    """Instants on a UTC day, sorted; about `a_day` of them on an average day, by the volume of its `hours`."""
    counts = random.poisson(hours * a_day / 24)
    starts = day * DAY + np.repeat(np.arange(24), counts) * HOUR
    return np.sort(starts + random.integers(0, HOUR, len(starts)))


def newcomers(random: np.random.Generator, cities: VisitorCities, created: Seconds) -> Newcomers:
    """One person per instant of a first visit."""
    count = len(created)
    place = cities.draw(random, created % DAY // HOUR)
    place[random.random(count) < _UNKNOWN_PLACE_RATIO] = NOWHERE
    device = np.searchsorted(_DEVICE_SHARES, random.random(count)).clip(0, len(DEVICES) - 1)
    browser = (random.random(count)[:, None] > _BROWSER_SHARES[device]).sum(axis=1).clip(0, len(BROWSERS) - 1)
    is_test = random.random(count) < _TEST_RATIO
    return Newcomers(ulids(random, created), created, place, device, browser, is_test)


def visits(
    random: np.random.Generator,
    cities: VisitorCities,
    start: Seconds,
    seconds: Floats,
    page_mean: float,
    person_day: Indexes,
    person_index: Indexes,
) -> Visits:
    """One visit per `start`, lasting about `seconds`; a few from another city than the person's own."""
    count = len(start)
    away = cities.draw(random, start % DAY // HOUR)
    is_home = (random.random(count) >= _TRAVELLING_RATIO) | (person_day == start // DAY)
    return Visits(
        start=start,
        seconds=np.clip(seconds, 5, LONGEST_VISIT_SECONDS).astype(np.int64),
        page_count=1 + random.poisson(page_mean, count),
        person_day=person_day,
        person_index=person_index,
        place=np.where(is_home, NOWHERE, away),
    )


def events(random: np.random.Generator, website: WebsiteProfile, made: Visits) -> VisitEvents:
    """Page views at the start and at random instants of each visit, heartbeats at the start and every few minutes."""
    pages, seen = made.page_count, 1 + made.seconds // HEARTBEAT_SECONDS
    numbers = np.arange(len(made.start))
    visit = np.concatenate([np.repeat(numbers, pages), np.repeat(numbers, seen)])
    event_type = np.repeat([PAGE_VIEW, SEEN], [pages.sum(), seen.sum()])
    position = np.concatenate([_positions(pages), _positions(seen)])
    offset = np.where(event_type == SEEN, position * HEARTBEAT_SECONDS, 0)
    is_later_page = (event_type == PAGE_VIEW) & (position > 0)
    offset[is_later_page] = (random.random(is_later_page.sum()) * made.seconds[visit[is_later_page]]).astype(
        np.int64
    )
    weights = np.cumsum([weight for _path, weight in website.pages])
    page = np.searchsorted(weights / weights[-1], random.random(len(visit))).clip(0, len(weights) - 1)
    order = np.lexsort((-event_type, offset, visit))  # a page view comes before the heartbeat of its second
    visit, event_type, offset, page = visit[order], event_type[order], offset[order], page[order]
    newest_page_view = np.maximum.accumulate(np.where(event_type == PAGE_VIEW, np.arange(len(visit)), 0))
    return VisitEvents(made.start[visit] + offset, visit, event_type, page[newest_page_view])


def _positions(counts: Indexes) -> Indexes:
    """0, 1, … within each run of `counts` repetitions."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
