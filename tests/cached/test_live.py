"""What Live asks: an answer without visitors is told from one that lost them."""

from datetime import datetime, timedelta

import pandas as pd
import pytest

from analytics import cached, schemas, sources
from analytics.cached import View
from analytics.errors import SchemaMismatch
from analytics.readings import Answer
from tests.cached.test_cached import now, traffic, view, viewer  # noqa: F401  # fixtures
from tests.sources.test_conversations import Send
from tests.sources.test_sources import visit


@pytest.fixture
def no_visitors(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Answer[pd.DataFrame]:  # noqa: F811
    """The answer of `active_visitors` from now on: no rows."""
    answer = Answer(schemas.ACTIVE_VISITORS.empty(), now)
    monkeypatch.setattr(sources, "active_visitors", lambda *_: answer)
    return answer


@pytest.mark.usefixtures("no_visitors")
def test_visitors_that_were_lost_are_an_error(
    view: View,  # noqa: F811
    now: datetime,  # noqa: F811
    send_events: Send,
) -> None:
    """`visitor_locations` counts one of them, with or without a place."""
    send_events("visitor_events", [visit(view.website_id, "v1", now - timedelta(seconds=5), latitude=0.0)])
    with pytest.raises(SchemaMismatch, match="visitor_locations counts some"):
        cached.active_visitors(cached.open_view(view), 10, now)


def test_visitors_who_left_since_they_were_counted_are_not(
    view: View,  # noqa: F811
    now: datetime,  # noqa: F811
    no_visitors: Answer[pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The count that panels share is some seconds old; a new one decides."""
    place = {
        column.name: ["a" if column.dtype == "string" else 1] for column in schemas.VISITOR_LOCATIONS.columns
    }
    left = Answer(pd.DataFrame(place), now)
    counts = iter([left, Answer(schemas.VISITOR_LOCATIONS.empty(), now)])
    monkeypatch.setattr(sources, "visitor_locations", lambda *_: next(counts))
    opened = cached.open_view(view)
    assert cached.right_now(opened, now, 10).value.visitors == 1
    reading = cached.active_visitors(opened, 10, now)
    assert (len(reading.value), reading.is_stale) == (len(no_visitors.value), False)
    assert next(counts, None) is None
