"""Makes the visits and conversations of one website day by day, and caches each day. Pure but for the cache.

Every day has its own random generators, seeded by (seed, website, day, purpose): days may be made in any order.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import Final, Literal, TypeVar

import numpy as np

from analytics.local.demo.content import conversations as conversation_days
from analytics.local.demo.content import visitors
from analytics.local.demo.content.cities import visitor_cities
from analytics.local.demo.content.conversations import NEVER, Conversations
from analytics.local.demo.content.customers.organizations import DAY, Identity, Organization
from analytics.local.demo.content.customers.websites import WebsiteProfile
from analytics.local.demo.content.identifiers import Bytes, Seconds, ulids
from analytics.local.demo.content.schedule import schedule
from analytics.local.demo.content.visitors import (
    HEARTBEAT_SECONDS,
    Flags,
    Indexes,
    Newcomers,
    VisitEvents,
    Visits,
)

T = TypeVar("T")

Kind = Literal["writer", "reader"]
"""Writers start a conversation on their visits, readers never do."""

CONVERSATION_DAYS: Final = 180
VISITOR_DAYS: Final = 30
WATCHED_DAYS: Final = 2
"""How many days before the anchor readers' visits last as in life. Before, each is short and one sign of life stands for
it: how long a visit of last week was is shown nowhere, and would be a quarter of all events."""
_LONGEST_ABSENCE_DAYS: Final[dict[Kind, int]] = {"writer": 60, "reader": 21}
_NEWCOMER_RATIO: Final[dict[Kind, float]] = {"writer": 0.72, "reader": 0.58}
_USUAL_ABSENCE_DAYS: Final[dict[Kind, float]] = {"writer": 14.0, "reader": 6.0}
_CODES: Final = {
    "writer": 1,
    "reader": 2,
    "start": 3,
    "who": 4,
    "visit": 5,
    "page": 6,
    "talk": 7,
    "week": 8,
    "day": 9,
}


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Arrivals of a day: instants, and for each the person, as (day, index) among the newcomers."""

    start: Seconds
    is_new: Flags
    person_day: Indexes
    person_index: Indexes


@dataclass(frozen=True, slots=True)
class DayVisits:
    """Visits of one kind of person on one day.

    Attributes:
        visits: The visits.
        session_id: ULID of each.
    """

    visits: Visits
    session_id: Bytes


class Days:
    """One website day by day; days are UTC days since the epoch.

    Attributes:
        organization: Whose website it is.
        website: Whose days these are.
        identity: Identifiers of organizations, websites and people.
    """

    def __init__(
        self, organization: Organization, website: WebsiteProfile, identity: Identity, seed: int, anchor: int
    ) -> None:
        """Prepares schedule and cities of the website; makes no day yet."""
        self.organization = organization
        self.website = website
        self.identity = identity
        self._seed = seed
        self._anchor = anchor
        self._opened = anchor + website.opened_days * DAY
        self._schedule = schedule(website.timezone, website.hours)
        self._cities = visitor_cities(tuple(website.country_shares.items()))
        self._lock = RLock()
        self._starts = self._kept(self._make_starts)
        self.arrivals = self._kept(self._make_arrivals)
        self.newcomers = self._kept(self._make_newcomers)
        self.conversations = self._kept(self._make_conversations)
        self.visits = self._kept(self._make_visits)
        self.events = self._kept(self._make_events)
        self.writers = self._kept(self._make_writers)

    def is_open(self, instants: Seconds) -> Flags:
        """Whether the website existed, within the days that the demo covers, at each instant."""
        return instants >= max(self._opened, self._anchor - CONVERSATION_DAYS * DAY)

    def first_day(self, kind: Kind) -> int:
        """First day of the demo that has visitors of this kind."""
        reach = CONVERSATION_DAYS if kind == "writer" else VISITOR_DAYS
        return max(self._opened, self._anchor - reach * DAY) // DAY

    @property
    def website_id(self) -> str:
        """ULID of the website."""
        return self.identity.websites[self.website.slug]

    @property
    def organization_id(self) -> str:
        """ULID of the organization."""
        return self.identity.organizations[self.organization.slug]

    def people(self, kind: Kind, person_day: Indexes, person_index: Indexes) -> tuple[Newcomers, Indexes]:
        """All newcomers of the days that `person_day` spans, and the row of each named person among them."""
        if not len(person_day):
            return self.newcomers(self._anchor // DAY, kind), person_index
        first, last = int(person_day.min()), int(person_day.max())
        parts: list[Newcomers] = [self.newcomers(day, kind) for day in range(first, last + 1)]
        sizes = np.array([len(part.created) for part in parts])
        rows: Indexes = (np.cumsum(sizes) - sizes)[person_day - first] + person_index
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in Newcomers.__slots__)
        return Newcomers(*columns), rows

    def _kept(self, make: Callable[..., T]) -> Callable[..., T]:
        """`make` with a cache per instance; a second thread waits for a value that is being made."""
        kept = cache(make)

        def answer(*arguments: Hashable) -> T:
            with self._lock:
                return kept(*arguments)

        return answer

    def _random(self, day: int, purpose: str, kind: Kind) -> np.random.Generator:
        return np.random.default_rng([self._seed, self.website.number, day, _CODES[purpose], _CODES[kind]])

    def _make_starts(self, day: int, kind: Kind) -> tuple[Seconds, Flags]:
        """Instants of a day's arrivals and which are newcomers; the first always is."""
        if day < self._opened // DAY:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
        random = self._random(day, "start", kind)
        hours = self._schedule.hours(day)
        habit = self.website.conversations_a_day
        if (
            kind == "reader"
        ):  # they come at all hours of their own cities, where the writers keep to the team's
            hours = 0.4 * hours + 0.6 * self._cities.hourly_volume
            habit = self.website.sessions_a_day
        a_day = habit.at(day - self._anchor / DAY) * float(np.exp(random.normal(0, 0.06)))
        start = visitors.arrivals(random, day, hours, a_day)
        start = start[start >= self._opened]
        is_new = random.random(len(start)) < _NEWCOMER_RATIO[kind]
        is_new[:1] = True
        return start, is_new

    def _make_arrivals(self, day: int, kind: Kind) -> Arrivals:
        """Arrivals of a day, in order."""
        start, is_new = self._starts(day, kind)
        random = self._random(day, "who", kind)
        longest = min(_LONGEST_ABSENCE_DAYS[kind], day - self._opened // DAY)
        absence = random.geometric(1 / _USUAL_ABSENCE_DAYS[kind], len(start)).clip(1, max(longest, 1))
        person_day = np.where(is_new | (longest < 1), day, day - absence)
        drawn = random.random(len(start))
        person_index = np.cumsum(is_new) - 1
        for past in np.unique(person_day[~is_new]):
            is_back = ~is_new & (person_day == past)
            newcomer_count = int(self._starts(int(past), kind)[1].sum())
            if newcomer_count == 0 or past == day:
                person_day[is_back], person_index[is_back] = day, 0
            else:
                person_index[is_back] = (drawn[is_back] * newcomer_count).astype(np.int64)
        return Arrivals(start, is_new, person_day, person_index)

    def _make_newcomers(self, day: int, kind: Kind) -> Newcomers:
        start, is_new = self._starts(day, kind)
        lead = self._lead(day, start) if kind == "writer" else np.zeros(len(start), dtype=np.int64)
        return visitors.newcomers(self._random(day, kind, kind), self._cities, (start - lead)[is_new])

    def _lead(self, day: int, start: Seconds) -> Seconds:
        """Seconds between the start of a visit and its conversation."""
        return self._random(day, "day", "writer").integers(15, 240, len(start))

    def _make_conversations(self, day: int) -> Conversations:
        week = np.random.default_rng([self._seed, self.website.number, (day + 3) // 7, _CODES["week"]])
        return conversation_days.conversations(
            self._random(day, "talk", "writer"),
            self.website,
            self._schedule,
            self.arrivals(day, "writer").start,
            day - self._anchor // DAY,
            week.normal(0, 1, 3),
        )

    def _make_writers(self, day: int) -> tuple[Bytes, Flags]:
        """For each conversation of a day: the visitor's id, and whether it is a test visitor."""
        arrivals = self.arrivals(day, "writer")
        people, rows = self.people("writer", arrivals.person_day, arrivals.person_index)
        return people.id[rows], people.is_test[rows]

    def _make_visits(self, day: int, kind: Kind) -> DayVisits:
        arrivals = self.arrivals(day, kind)
        random = self._random(day, "visit", kind)
        count = len(arrivals.start)
        if kind == "writer":
            talk = self.conversations(day)
            lead = self._lead(day, arrivals.start)
            wait = np.where(talk.answered < NEVER, np.minimum(talk.answered - talk.started, 420), 300)
            start, seconds = arrivals.start - lead, lead + wait + 240 * np.exp(random.normal(0, 0.6, count))
            page_mean = 1.6
        else:
            start, seconds = arrivals.start, 250 * np.exp(random.normal(0, 0.8, count))
            if day < self._anchor // DAY - WATCHED_DAYS:
                seconds = np.minimum(seconds, HEARTBEAT_SECONDS - 1)
            page_mean = 0.2
        made = visitors.visits(
            random, self._cities, start, seconds, page_mean, arrivals.person_day, arrivals.person_index
        )
        return DayVisits(made, ulids(random, made.start))

    def _make_events(self, day: int, kind: Kind) -> VisitEvents:
        """Page views and heartbeats of a day's visits."""
        return visitors.events(self._random(day, "page", kind), self.website, self.visits(day, kind).visits)
