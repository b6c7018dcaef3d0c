"""The conversations started in a period: who resolved them first, and how many of these resolutions were durable.

Owns texts and layout. `analytics.kpis.ai_and_people.outcomes` counts.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Final

import pandas as pd
import streamlit as st

from analytics.cached import Cohorts, Kpi, SentQuery, SideBySide
from analytics.kpis.ai_and_people.outcomes import SIDES, Cohort, Outcome, Side, share_kpis
from analytics.scope.clock import parse_timezone
from analytics.scope.tiers import Comparability
from pages.components import formatting
from pages.components.metrics import kpi_cards
from pages.components.theme_colors import palette

CARD_MIN_WIDTH_PX: Final = 150
SIDE_MIN_WIDTH_PX: Final = 300
NOT_KNOWN: Final = "Ratings are missing, and it is not known which conversations are open again."
"""What follows where Postgres could not be read."""

NAMES: Final[dict[Side, str]] = {"ai": "AI agent", "people": "People"}

Part = tuple[str, int, float]
"""A part of a bar: its name, how many, and how strong its colour is, 0..1; a grey for 0, a paler one below."""


def draw_cards(cohorts: Cohorts, comparability: Comparability, queries: Sequence[SentQuery]) -> None:
    """Draw the shares of the started conversations: resolved by the AI, handed over, no resolution."""
    with st.grid(3, min_column_width=CARD_MIN_WIDTH_PX, gap="xsmall", border=True, key="cohort-grid") as grid:
        for kpi in share_kpis(cohorts, comparability):
            with grid.cell(), st.container(gap="xsmall", key=f"kpi-{kpi.metric.key}"):
                kpi_cards.draw_card(kpi, (), queries)


def draw_bar(cohorts: Cohorts) -> None:
    """Draw all started conversations as one bar of parts that exclude each other; at least one started."""
    cohort = cohorts.current
    st.markdown(f"**{formatting.counted(cohort.started, 'conversations')} started**")
    _draw_parts(parts_of(cohorts), cohort.started)
    if cohort.none.escalated:
        n = cohort.none.escalated
        was = "was" if n == 1 else "were"
        st.caption(f"Of those without a resolution, {formatting.count(n)} {was} handed over to people.")


def parts_of(cohorts: Cohorts) -> tuple[Part, ...]:
    """The parts of the bar; together all started conversations. What has no resolution is split where it is known what is open."""
    cohort = cohorts.current
    none = cohort.none
    open_or_closed: tuple[Part, ...] = (
        ("Open", none.open_now, 0.0),
        ("Closed without a resolution, or spam", none.conversations - none.open_now, -0.25),
    )
    return (
        ("Resolved by AI", cohort.ai.conversations, 1.0),
        ("By people, handed over", cohort.people.escalated, 0.55),
        (
            "By people directly",
            cohort.people.conversations - cohort.people.escalated,
            0.25,
        ),
        *(open_or_closed if cohorts.is_open_known else (("No resolution", none.conversations, 0.0),)),
    )


def draw_durable(
    cohorts: Cohorts, durable: SideBySide, known_until: datetime, timezone: str, queries: Sequence[SentQuery]
) -> None:
    """Draw for each side the share of durable resolutions, and what became of all of its first resolutions."""
    with st.grid(
        2, min_column_width=SIDE_MIN_WIDTH_PX, gap="xsmall", border=True, key="durable-grid"
    ) as grid:
        for side in SIDES:
            kpi, outcome = durable.of(side), cohorts.current.of(side)
            with grid.cell(), st.container(gap="xsmall", key=f"kpi-durable-{side}"):
                kpi_cards.draw_card(_titled(kpi, side), (), queries)
                if outcome.conversations:
                    _draw_parts(durable_parts(outcome), outcome.conversations)
                if outcome.not_known_yet:
                    st.caption(not_known_sentence(outcome, known_until, timezone))
    if cohorts.is_cut:
        st.caption(
            "More conversations are open than can be looked up: of those that changed longest ago, it is not known whether "
            "they are open again."
        )


def not_judged_yet(cohort: Cohort) -> tuple[str, str]:
    """Why there is no durable share yet, and what is known: a title and a sentence.

    >>> not_judged_yet(Cohort(Outcome(9, came_back_early=2), Outcome(4), Outcome()))[1]
    'Of 9 resolutions by the AI agent, 2 came back already; of 4 by people, 0. A longer range shows how many last.'
    """
    ai, people = cohort.ai, cohort.people
    return (
        "No resolution is 7 days old yet",
        f"Of {formatting.counted(ai.conversations, 'resolutions')} by the AI agent, {formatting.count(ai.came_back_early)} "
        f"came back already; of {formatting.count(people.conversations)} by people, "
        f"{formatting.count(people.came_back_early)}. A longer range shows how many last.",
    )


def durable_parts(outcome: Outcome) -> tuple[Part, ...]:
    """The first resolutions of one side; together all of them."""
    return (
        ("Durable", outcome.durable, 1.0),
        ("Came back", outcome.came_back, 0.35),
        ("Not known yet", outcome.not_known_yet, 0.0),
    )


def not_known_sentence(outcome: Outcome, known_until: datetime, timezone: str) -> str:
    """Which resolutions are not judged yet, and how many of them came back already.

    >>> from datetime import UTC
    >>> outcome = Outcome(conversations=9, known=2, durable=2, came_back_early=1)
    >>> not_known_sentence(outcome, datetime(2026, 11, 21, 14, 5, tzinfo=UTC), "UTC")
    'Not known yet: resolved after 21 Nov, 14:05, so their 7 days are not over. 1 of them came back already.'
    """
    local = known_until.astimezone(parse_timezone(timezone))
    words = f"Not known yet: resolved after {local.day} {local:%b, %H:%M}, so their 7 days are not over."
    if outcome.came_back_early:
        words += f" {formatting.count(outcome.came_back_early)} of them came back already."
    return words


def table(cohorts: Cohorts) -> pd.DataFrame:
    """The outcomes for a file: one row per side and for none, with those of the period before where it is compared."""
    frame = _counts(cohorts.current, is_open_known=cohorts.is_open_known)
    if cohorts.previous is None:
        return frame
    previous = _counts(cohorts.previous, is_open_known=cohorts.is_open_known).drop(
        columns="first_resolved_by"
    )
    return pd.concat([frame, previous.add_prefix("previous_")], axis=1)


def _counts(cohort: Cohort, *, is_open_known: bool) -> pd.DataFrame:
    parts = {"AI agent": cohort.ai, "People": cohort.people, "No resolution": cohort.none}
    return pd.DataFrame(
        {
            "first_resolved_by": name,
            "conversations_count": part.conversations,
            "share_ratio": part.conversations / cohort.started if cohort.started else float("nan"),
            "handed_over_count": part.escalated,
            "durable_count": part.durable,
            "came_back_count": part.came_back,
            "not_known_yet_count": 0 if part is cohort.none else part.not_known_yet,
            "open_now_count": part.open_now if is_open_known else None,
        }
        for name, part in parts.items()
    )


def _titled(kpi: Kpi, side: Side) -> Kpi:
    """The KPI of one side with a key and title of its own."""
    title = f"Durable, by {'the AI agent' if side == 'ai' else 'people'}"
    return replace(kpi, metric=replace(kpi.metric, key=f"durable-{side}", title=title))


def _draw_parts(parts: Sequence[Part], whole: int) -> None:
    """Draw a split bar with a legend that names each part with its number and share."""
    colours = palette()

    def look(strength: float) -> str:
        return (
            f"background:{colours.accent};opacity:{strength}"
            if strength > 0
            else f"background:{colours.muted};opacity:{0.45 + strength}"
        )

    bar = "".join(f'<i style="flex:{n};{look(strength)}"></i>' for _, n, strength in parts if n)
    legend = "".join(
        f'<li><i style="{look(strength)}"></i>{escape(name)} <b>{formatting.count(n)}</b> '
        f"<span>{formatting.rate(n / whole)}</span></li>"
        for name, n, strength in parts
    )
    st.html(f'<div class="split tall" aria-hidden="true">{bar}</div><ul class="parts">{legend}</ul>')
