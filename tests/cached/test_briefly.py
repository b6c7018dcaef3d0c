"""What a panel can be drawn without never holds it up: it is drawn without it, and again when it comes."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics import cached, sources
from analytics.cached import OpenedView, View
from analytics.cached.reading import reads as shared
from analytics.cached.shared.waits import Patience
from analytics.errors import NotYetAnswered
from analytics.readings import Reading
from analytics.scope.selection import EVERYTHING
from tests.product_database import Product

LONG_SECONDS = 60.0
"""Longer than any read of these tests takes; who waits for the silent one waits so long."""

Ask = Callable[[OpenedView], Reading[Any]]

CASES: dict[str, tuple[str, Ask]] = {
    "cards without the scores": ("rating_and_sentiment", cached.kpis),
    "cards without who still waits": ("still_waiting", cached.kpis),
    "chart without the scores": ("rating_and_sentiment", cached.kpi_timeseries),
    "list without what Postgres knows": (
        "conversations_by_id",
        lambda view: cached.conversation_list(view, EVERYTHING, 1),
    ),
    "both sides without ratings": ("ratings_by_side", cached.side_by_side),
    "all websites without the scores": ("website_scores", cached.all_websites),
}


@pytest.mark.parametrize(("silent", "ask"), CASES.values(), ids=CASES.keys())
def test_a_silent_query_holds_up_no_panel(
    product: Product,
    view: View,
    send_events: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    silent: str,
    ask: Ask,
) -> None:
    """Postgres does not answer one query: the rest is there at once, and the panel follows what is missing."""
    row = {
        "timestamp": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
        "website_id": product.website_id,
        "visitor_id": "v",
        "event_type": "conversation_started",
        "conversation_id": f"c-{product.key}",
        "duration_seconds": 0,
    }
    send_events("conversation_metrics", [row])
    opened, answers, read = cached.open_view(view), threading.Event(), getattr(sources, silent)

    def held(*args: object) -> object:
        assert answers.wait(10 * LONG_SECONDS)
        return read(*args)

    monkeypatch.setattr(sources, silent, held)
    monkeypatch.setattr(shared, "patience", Patience(LONG_SECONDS, LONG_SECONDS, 0.05))
    began = time.monotonic()
    try:
        with cached.waiting_together() as block:
            reading = ask(opened)
        assert time.monotonic() - began < LONG_SECONDS / 2
        assert [each.is_late for each in block.unsettled] == [True]
        assert not reading.is_stale
        assert all(isinstance(each, NotYetAnswered) for each in reading.failures)
    finally:
        answers.set()
    while not block.unsettled[0].has_changed():
        assert time.monotonic() - began < LONG_SECONDS
        time.sleep(0.02)
    assert ask(opened).failures == ()
