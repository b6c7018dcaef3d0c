"""One clock: everything that a page shows is cut into the same local days, whatever other databases know."""

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analytics import cached
from analytics.cached import View
from analytics.scope import clock
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.selection import HourOfWeek, Selection
from analytics.sources import VisitorFilters
from tests.conftest import LocalStack
from tests.product_database import Product
from tests.timezones import installed, tzif

ZONES = (
    "America/Vancouver",
    "Africa/Casablanca",
    "America/Winnipeg",
    "America/Havana",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Test/Changed",
    "Test/Tomorrow",
)
DAY = timedelta(days=1)
EVERY = timedelta(hours=7, minutes=20)


def made_up(now: datetime) -> bytes:
    """Half past nine hours ahead of UTC; three and a half hours less since four days ago, more from tomorrow on."""
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    changes = [(noon - 4 * DAY, 21_600), (noon + DAY, 43_200)]
    return tzif(34_200, [(int(at.timestamp()), offset) for at, offset in changes])


@pytest.mark.parametrize("zone", ZONES)
def test_a_page_has_the_same_days_everywhere(
    stack_environment: LocalStack,
    product: Product,
    send_events: Callable[..., Any],
    tmp_path: Path,
    zone: str,
) -> None:
    """Series, visitors, answers, heatmap and list of nine days, against the local clock of each start."""
    now = datetime.now(UTC).replace(microsecond=0)
    with installed(tmp_path, zone, made_up(now)) if zone.startswith("Test/") else nullcontext():
        product.add_subscription("pro", "active")
        product.add_user(f"ann.{product.key}@example.com")
        viewer = cached.viewer_for(Identity(f"ann.{product.key}@example.com", None), now)
        view = View(viewer, product.website_id, Range(days=9), zone, now)
        period = cached.open_view(view).resolved.period
        starts = [period.start + EVERY * number for number in range(int((period.end - period.start) / EVERY))]
        _send(product, send_events, starts)
        local = [start.astimezone(clock.parse_timezone(zone)) for start in starts]
        by_day = Counter(start.date() for start in local)

        series = cached.kpi_timeseries(cached.open_view(view)).value
        answers = cached.satisfaction_distributions(cached.open_view(view)).value
        visitors = cached.visitor_timeseries(cached.open_view(view), VisitorFilters()).value
        for frame, column in (
            (series, "started"),
            (series, "unique_visitors"),
            (visitors, "visitors"),
            (answers, "rating_5_count"),
        ):
            shown = frame[frame["period"] == "current"] if "period" in frame else frame
            days = zip(shown["bucket_start"], shown[column], strict=True)
            assert Counter({start.date(): int(count) for start, count in days}) == by_day
            assert len(shown) == period.day_count()

        cells = Counter((start.isoweekday(), start.hour) for start in local)
        hours = cached.conversation_breakdown(cached.open_view(view), Selection()).value.hours
        busy = hours[hours["conversations"] > 0].set_index(["weekday", "hour"])["conversations"]
        assert busy.to_dict() == cells
        (weekday, hour), count = cells.most_common(1)[0]
        chosen = Selection(hour_of_week=HourOfWeek(weekday, hour))
        listed = cached.conversation_list(cached.open_view(view), chosen, 1).value.rows
        at = pd.Series(listed["started_at"]).dt.tz_convert(zone)
        assert {(start.isoweekday(), start.hour) for start in at} == {(weekday, hour)}
        filtered = cached.conversation_timeseries(cached.open_view(view), chosen).value
        assert len(listed) == count == filtered[filtered["period"] == "current"]["started"].sum()


def _send(product: Product, send_events: Callable[..., Any], starts: list[datetime]) -> None:
    rows = [
        {
            "timestamp": f"{start:%Y-%m-%d %H:%M:%S}",
            "website_id": product.website_id,
            "visitor_id": f"v{number}",
            "event_type": "conversation_started",
            "conversation_id": f"{product.website_id}-{number}",
            "duration_seconds": 0,
        }
        for number, start in enumerate(starts)
    ]
    assert send_events("conversation_metrics", rows)["quarantined_rows"] == 0
    visits = [{**row, "event_type": "seen"} for row in rows]
    assert send_events("visitor_events", visits)["quarantined_rows"] == 0
    for start in starts:
        product.add_feedback(start, 5)
