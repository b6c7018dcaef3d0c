"""Answers about many websites: an answer about other websites, periods or buckets than the requested ones is refused."""

from collections.abc import Mapping

import httpx2
import pytest

from analytics import schemas, sources
from analytics.errors import SchemaMismatch
from analytics.kpis.all_websites.rows import WebsitePeriods
from analytics.sources import Bounds, Buckets
from analytics.transports.tinybird import Tinybird

BOUNDS = Bounds("2026-11-10 00:00:00", "2026-11-12 00:00:00", "2026-11-08 00:00:00", "2026-11-10 00:00:00")
BUCKETS = Buckets("1794268800,1794355200", "1794096000,1794182400")
SAMPLES: dict[str, object] = {
    "int": 0,
    "float": None,
    "datetime": None,
    "counts": [0, 0],
    "measures": [None, 1.5],
}


def row(website_id: str, period: str, **changed: object) -> dict[str, object]:
    """A row of zeros, of the requested period and buckets."""
    columns = schemas.WEBSITE_KPIS.columns
    starts, ends = BOUNDS.date_from, BOUNDS.date_to
    if period == "previous":
        starts, ends = BOUNDS.prev_date_from, BOUNDS.prev_date_to
    own = {"website_id": website_id, "period": period, "starts_at": starts, "ends_at": ends}
    return {column.name: SAMPLES.get(column.dtype) for column in columns} | own | changed


def asked(rows: list[dict[str, object]]) -> Mapping[str, WebsitePeriods]:
    """What `website_kpis` makes of such an answer to a question about w1 and w2."""
    names = [{"name": column.name, "type": "String"} for column in schemas.WEBSITE_KPIS.columns]
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"meta": names, "data": rows}))
    with Tinybird("https://api.example.com", "p.read", transport=transport) as tinybird:
        return sources.website_kpis(tinybird, ("w1", "w2"), BOUNDS, BUCKETS, BOUNDS.date_from).value


def every(*websites: str, **changed: object) -> list[dict[str, object]]:
    """Both rows of each website."""
    return [row(each, period, **changed) for each in websites for period in ("current", "previous")]


def test_each_website_has_both_periods() -> None:
    """By its id; a bucket without a value has None, and no rate without a resolution."""
    found = asked(every("w1", "w2", bucket_resolved=[0, 4], bucket_ai_resolved=[0, 1]))
    assert set(found) == {"w1", "w2"}
    first, second = found["w1"].current.buckets
    assert (first.median_response_seconds, second.median_response_seconds) == (None, 1.5)
    assert (first.ai_handled_ratio, second.ai_handled_ratio) == (None, 0.25)
    assert found["w2"].newest_event is None


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param(every("w1"), "other websites", id="one is missing"),
        pytest.param(every("w1", "w2", "w3"), "other websites", id="one too many"),
        pytest.param(every("w1", "w2", ends_at=BOUNDS.date_from), "other periods", id="other periods"),
        pytest.param(every("w1", "w2", bucket_started=[0]), "other buckets", id="other buckets"),
    ],
)
def test_an_answer_about_something_else_is_refused(rows: list[dict[str, object]], found: str) -> None:
    """Never shown under another name."""
    with pytest.raises(SchemaMismatch, match=found):
        asked(rows)
