"""The cards of the sources on Data health: whether and how fast each answers. `analytics.health.source_health` judges."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import streamlit as st

from analytics import cached
from analytics.cached import Reading, Viewer
from analytics.errors import Source
from analytics.health.source_health import SourceHealth, SourceState
from pages.components import formatting

STATES: Final[dict[SourceState, Literal["green", "orange", "red"]]] = {
    "ok": "green",
    "slow": "orange",
    "refused": "red",
    "not migrated": "red",
    "unreachable": "red",
}
TITLES: Final[dict[Source, str]] = {
    "tinybird": "Tinybird",
    "postgres": "Postgres",
    "store": "Store of goals",
}
SLOW_REMEDY: Final = "Look at its status page, and for other load on it."


def cards(viewer: Viewer, timezone: str) -> dict[str, Callable[[datetime], None]]:
    """What draws the card of each source, by its name; the store has one where it is set."""

    def card(source: Source) -> Callable[[datetime], None]:
        return lambda now: draw(cached.source_health(viewer, source, now), timezone)

    return {source: card(source) for source in TITLES if source != "store" or cached.has_store()}


def draw(reading: Reading[SourceHealth], timezone: str) -> None:
    """Draw the card of a source: whether and how fast it answers, and what to do if it does not."""
    source = reading.value
    is_down = STATES[source.state] == "red"
    st.metric(
        TITLES[source.source],
        latency(None if is_down else source.median_seconds),
        source.state,
        delta_color=STATES[source.state],
        delta_arrow="off",
        help="Median time of the checks of the last hour, one every half minute while this page is open; retries "
        "included. A check costs no query of the plan.",
    )
    if is_down and source.median_seconds is not None:
        st.caption(f"{latency(source.median_seconds)} while it answered")
    elif source.p95_seconds is not None:
        st.caption(f"95 % within {latency(source.p95_seconds)}")
    checks = formatting.counted(source.probes, "checks")
    st.caption(f"{checks}, last {formatting.clock_seconds(source.checked_at, timezone)}")
    if source.error is not None:
        st.caption(f"{formatting.markdown(source.error.message)} {formatting.markdown(source.error.remedy)}")
        if source.error.said:
            st.caption(f"It said: {formatting.markdown(source.error.said)}")
    elif source.state == "slow":
        st.caption(SLOW_REMEDY)


def latency(seconds: float | None) -> str:
    """The duration of a request as text.

    >>> latency(0.0384), latency(0.0004), latency(0.9996), latency(1.24), latency(None)
    ('38 ms', '1 ms', '1.0 s', '1.2 s', '–')
    """
    if seconds is None:
        return formatting.MISSING
    milliseconds = max(1, round(seconds * 1000))
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{seconds:.1f} s"
