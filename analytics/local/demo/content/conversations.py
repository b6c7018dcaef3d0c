"""Makes the conversations that start on one website on one day, from the first message to the feedback. Pure.

Each is followed to its end, however far ahead that is; `history` cuts at an instant.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.local.demo.content.customers.organizations import DAY
from analytics.local.demo.content.customers.websites import WebsiteProfile
from analytics.local.demo.content.identifiers import Bytes, Seconds, nanoids, ulids
from analytics.local.demo.content.schedule import HOUR, Floats, Schedule
from analytics.local.demo.content.visitors import Flags, Indexes

NEVER = np.iinfo(np.int64).max // 2
"""An instant that does not come."""

SENTIMENTS = ("", "positive", "neutral", "negative")
PRIORITIES = ("normal", "low", "high", "urgent")
CHANNELS = ("widget", "email", "api")

_SPAM_RATIO = 0.02
_UNANSWERED_RATIO = 0.035
_DELETED_RATIO = 0.01
_ESCALATED_RATIO = 0.80
_HUMAN_RESOLVES_RATIO = 0.90
_REOPENED_RATIO = 0.055
_FEEDBACK_RATIO = 0.23
_RATING_STEPS = np.array([-1.80, -1.48, -1.00, -0.27])
_USUAL_RESPONSE_SECONDS = 180.0
_USUAL_RESOLUTION_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Conversations:
    """Conversations as columns, in order of start; instants that never come are `NEVER`.

    Attributes:
        feedback_id: ULID, for the feedback if there is any.
        started: Instant of the visitor's first words.
        escalated: The AI agent handed over to a person.
        resolved: First time it was resolved.
        reopened: The visitor came back to it.
        resolved_again: Second time it was resolved; only after `reopened`.
        closed: The team put it away without an answer or a resolution: as spam, or, once answered, for silence. No event tells.
        is_resolved_by_ai: Who resolved it, both times.
        resolver: Which member of the team, as a number to be taken modulo the team's size.
        has_resolution_time: The product stored the duration besides the instants.
        is_spam: Marked as spam.
        is_deleted: Soft-deleted a moment after its start; counts nowhere.
        priority: Index into `PRIORITIES`.
        channel: Index into `CHANNELS`.
        sentiment: Index into `SENTIMENTS`; 0 means not rated.
        confidence: Of the sentiment, 0..1; NaN means not given.
        rated: Instant of the feedback.
        rating: 1..5, meaningful where `rated` comes.
        comment: A number that chooses the comment; negative means none.
        topic: Index into the website's topics.
    """

    id: Bytes
    feedback_id: Bytes
    started: Seconds
    answered: Seconds
    escalated: Seconds
    resolved: Seconds
    reopened: Seconds
    resolved_again: Seconds
    closed: Seconds
    is_resolved_by_ai: Flags
    resolver: Indexes
    has_resolution_time: Flags
    is_spam: Flags
    is_deleted: Flags
    priority: Indexes
    channel: Indexes
    sentiment: Indexes
    confidence: Floats
    rated: Seconds
    rating: Indexes
    comment: Indexes
    topic: Indexes


def conversations(
    random: np.random.Generator,
    website: WebsiteProfile,
    schedule: Schedule,
    started: Seconds,
    days_from_anchor: int,
    week: npt.NDArray[np.float64],
) -> Conversations:
    """One conversation per instant of `started`.

    `started` are sorted instants of one day. `week` are three standard normal numbers that the week's conversations share:
    how fast, how well, how able.
    """
    count = len(started)

    def chance(ratio: float | Floats) -> Flags:
        drawn: Flags = random.random(count) < ratio
        return drawn

    def around(median: float, spread: float) -> Floats:
        return median * np.exp(random.normal(0, spread, count))

    haste = float(np.exp(0.05 * week[0]))
    is_spam = chance(_SPAM_RATIO)
    is_ai_first = chance(min(0.97, website.ai_first_ratio.at(days_from_anchor))) & ~is_spam
    is_answered = ~chance(_UNANSWERED_RATIO) & ~is_spam
    by_ai = started + 4 + around(website.ai_seconds.at(days_from_anchor) * haste, 0.75).astype(np.int64)
    work = around(website.human_minutes.at(days_from_anchor) * haste * 60, 0.9)
    by_human = schedule.after_work(started, work + 20)
    answered = np.where(is_answered, np.where(is_ai_first, by_ai, by_human), NEVER)

    able = website.ai_resolves_ratio.at(days_from_anchor) + 0.012 * week[2]
    is_ai = is_ai_first & is_answered & chance(min(0.95, able))
    hands_over = is_ai_first & is_answered & ~is_ai & chance(_ESCALATED_RATIO)
    escalated = np.where(hands_over, by_ai + around(150, 0.8).astype(np.int64), NEVER)
    is_human = is_answered & (hands_over | ~is_ai_first) & chance(_HUMAN_RESOLVES_RATIO)
    taken_up = np.where(is_human, np.where(hands_over, escalated, by_human), started)
    work = around(website.human_hours.at(days_from_anchor) * haste * HOUR, 1.0)
    human_end = schedule.after_work(taken_up, work + 60)
    ai_end = by_ai + 20 + around(330, 0.95).astype(np.int64)
    resolved = np.where(is_ai, ai_end, np.where(is_human, human_end, NEVER))

    comes_back = (resolved < NEVER) & chance(_REOPENED_RATIO)
    reopened = np.where(comes_back, resolved + 600 + around(5 * HOUR, 1.1).astype(np.int64), NEVER)
    again = np.where(comes_back, reopened, started)
    human_again = schedule.after_work(again, around(0.7 * HOUR, 0.8) + 60)
    ai_again = again + 30 + around(400, 0.8).astype(np.int64)
    resolved_again = np.where(comes_back, np.where(is_ai, ai_again, human_again), NEVER)

    waited = np.log(np.where(is_answered, answered - started, HOUR * 6) / _USUAL_RESPONSE_SECONDS)
    took = np.log(np.where(resolved < NEVER, resolved - started, HOUR * 24) / _USUAL_RESOLUTION_SECONDS)
    quarter = min(days_from_anchor, 0) / 90
    satisfaction = website.satisfaction + website.satisfaction_a_quarter * quarter + 0.05 * week[1]
    satisfaction = (
        satisfaction
        + random.normal(0, 0.82, count)
        - 0.12 * waited
        - 0.07 * took
        - 0.5 * comes_back
        - 0.15 * hands_over
    )

    is_rated = (resolved < NEVER) & chance(_FEEDBACK_RATIO)
    closed = np.where(comes_back, resolved_again, resolved)
    rated = np.where(is_rated, closed + 15 + around(240, 1.4).astype(np.int64), NEVER)
    felt = satisfaction + random.normal(0, 0.45, count)
    has_comment = chance(0.45)
    comment = np.where(has_comment, random.integers(0, 1 << 30, count), -1)

    is_read_by_ai = is_answered & chance(0.88)
    tone = satisfaction + random.normal(0, 0.7, count)
    sentiment = np.where(tone > -0.05, 1, np.where(tone > -1.2, 2, 3)) * is_read_by_ai
    confidence: Floats = random.beta(6, 1.8, count).clip(0.3, 0.99).round(3)
    confidence[chance(0.12)] = np.nan

    # From a number that was drawn already: another draw would change all numbers drawn after it.
    silence = np.where(is_answered, 2 * DAY, DAY) + (np.abs(tone) * 1000 % 1 * 6 * DAY).astype(np.int64)
    is_left = (resolved == NEVER) & ~is_spam
    closed = np.where(is_left, np.where(is_answered, answered, started) + silence, NEVER)

    return Conversations(
        id=nanoids(random, count),
        feedback_id=ulids(random, np.where(is_rated, rated, started)),
        started=started,
        answered=answered,
        escalated=escalated,
        resolved=resolved,
        reopened=reopened,
        resolved_again=resolved_again,
        closed=closed,
        is_resolved_by_ai=is_ai,
        resolver=random.integers(0, 1 << 30, count),
        has_resolution_time=chance(0.7),
        is_spam=is_spam,
        is_deleted=chance(_DELETED_RATIO),
        priority=np.searchsorted(np.cumsum([0.80, 0.08, 0.09]), random.random(count)),
        channel=np.searchsorted(np.cumsum([0.88, 0.09]), random.random(count)),
        sentiment=sentiment,
        confidence=confidence,
        rated=rated,
        rating=1 + np.searchsorted(_RATING_STEPS, felt),
        comment=comment,
        topic=random.integers(0, len(website.topics), count),
    )
