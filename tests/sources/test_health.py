"""What is read about the data itself, from the local stack and from servers that have no quarantine yet."""

from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

import httpx2
import pytest

from analytics import sources
from analytics.errors import SourceRejected
from analytics.settings import load_settings
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack

Send = Callable[[str, Sequence[Mapping[str, object]]], dict[str, object]]


def _answering(response: Callable[[httpx2.Request], httpx2.Response]) -> Tinybird:
    return Tinybird(
        "https://api.example.com",
        "p.read",
        admin_token="p.admin",
        transport=httpx2.MockTransport(response),
        sleep=lambda _: None,
    )


def test_volume_has_a_row_per_type_and_day(stack_environment: LocalStack) -> None:
    """Eight types by two days, typed."""
    del stack_environment
    with Tinybird.from_settings(load_settings()) as tinybird:
        volume = sources.event_volume(tinybird, f"site-{uuid4().hex}", "1794268800,1794355200").value
    assert len(volume) == 8 * 2
    assert list(map(str, volume.dtypes)) == ["str", "str", "datetime64[us, UTC]", "int64", "float64"]
    assert volume["longest_quiet_seconds"].isna().all()


def test_quarantined_rows_are_grouped_by_reason_and_counted_in_all(
    stack_environment: LocalStack, send_events: Send
) -> None:
    """Two rows of one reason and one of another, newest website kept, totals per data source."""
    del stack_environment
    website_id = f"site-{uuid4().hex}"
    row = {"timestamp": f"t-{website_id}", "website_id": website_id, "visitor_id": "v", "event_type": "seen"}
    other = {
        "timestamp": f"u-{website_id}",
        "website_id": website_id,
        "visitor_id": "v",
        "event_type": "seen",
    }
    assert send_events("visitor_events", [row, row, other])["quarantined_rows"] == 3
    with Tinybird.from_settings(load_settings()) as tinybird:
        rows = sources.quarantined_rows(tinybird).value
    ours = rows[rows["website_id"] == website_id]
    assert sorted(ours["quarantined"]) == [1, 2]
    assert set(ours["error_columns"]) == {"timestamp"}
    assert set(ours["datasource"]) == {"visitor_events"}
    assert ours["total"].iloc[0] >= 3
    assert rows["newest"].is_monotonic_decreasing


def test_a_quarantine_that_does_not_exist_yet_is_empty() -> None:
    """Tinybird makes it with its first row: until then it answers that there is no such thing."""
    names: list[str] = []

    def no_such(request: httpx2.Request) -> httpx2.Response:
        name = str(request.url.params["q"]).partition("FROM ")[2].split()[0]
        names.append(name)
        return httpx2.Response(404, json={"error": f"Resource '{name}' not found"})

    with _answering(no_such) as tinybird:
        rows = sources.quarantined_rows(tinybird).value
    assert rows.empty
    assert "reason" in rows.columns
    assert names == ["conversation_metrics_quarantine", "visitor_events_quarantine"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param(403, "invalid token", id="wrong token"),
        pytest.param(403, "visitor_events_quarantine not found for this token", id="missing right"),
        pytest.param(400, "Unknown identifier c__error in visitor_events_quarantine", id="other columns"),
        pytest.param(404, "not found", id="wrong host"),
    ],
)
def test_another_refusal_is_not_taken_for_an_empty_quarantine(status: int, said: str) -> None:
    """A wrong token, host or schema is no zero."""
    with (
        _answering(lambda _: httpx2.Response(status, json={"error": said})) as tinybird,
        pytest.raises(SourceRejected),
    ):
        sources.quarantined_rows(tinybird)


def test_probes_say_how_long_an_answer_took(stack_environment: LocalStack) -> None:
    """A positive number of seconds, and when."""
    del stack_environment
    settings = load_settings()
    with Tinybird.from_settings(settings) as tinybird, Postgres.from_settings(settings) as postgres:
        for answer in (
            sources.tinybird_probe(tinybird),
            sources.postgres_probe(postgres),
        ):
            assert 0 < answer.value < 30
            assert answer.read_at.tzinfo is not None
