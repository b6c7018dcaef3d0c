"""The data sources: which columns an event must have, and what the others are when it has not."""

import pytest

from tests.tinybird.website import LocalWebsite, Row, ago, stamp

REQUIRED = {
    "visitor_events": ("timestamp", "website_id", "visitor_id", "event_type"),
    "conversation_metrics": (
        "timestamp",
        "website_id",
        "visitor_id",
        "event_type",
        "conversation_id",
        "duration_seconds",
    ),
}


def _complete(datasource: str, website_id: str) -> Row:
    row: Row = {
        "timestamp": stamp(ago(seconds=30)),
        "website_id": website_id,
        "visitor_id": "v1",
        "event_type": "seen",
    }
    if datasource == "conversation_metrics":
        row |= {"event_type": "conversation_started", "conversation_id": "c1", "duration_seconds": 0}
    return row


@pytest.mark.parametrize(
    ("datasource", "column"), [(name, column) for name, columns in REQUIRED.items() for column in columns]
)
def test_event_without_a_required_column_is_quarantined(
    website: LocalWebsite, datasource: str, column: str
) -> None:
    """What nothing can be counted by is kept aside; the rest of the batch goes in."""
    row = _complete(datasource, website.id)
    incomplete = {name: value for name, value in row.items() if name != column}

    assert website.quarantined(datasource, row, incomplete, row) == 1
    events = {line["event_type"]: line["events"] for line in website.ask("data_freshness")}
    assert events[row["event_type"]] == 2


@pytest.mark.parametrize(
    ("column", "value"),
    [("timestamp", "yesterday"), ("latitude", "north"), ("visitor_id", None), ("timestamp", None)],
)
def test_event_of_the_wrong_type_is_quarantined(
    website: LocalWebsite, column: str, value: str | None
) -> None:
    """A value that does not fit its column takes its own row aside and no other."""
    row = _complete("visitor_events", website.id)

    assert website.quarantined("visitor_events", row, row | {column: value}) == 1
    assert len(website.ask("active_visitors")) == 1


def test_optional_columns_default_to_unknown(website: LocalWebsite) -> None:
    """An event with the required columns alone is taken: no place, no device, no page."""
    assert website.quarantined("visitor_events", _complete("visitor_events", website.id)) == 0

    (visitor,) = website.ask("active_visitors")
    unknown = ("city", "country_code", "latitude", "longitude", "device_type", "browser", "page_url")
    assert [visitor[column] for column in unknown] == ["", "", 0, 0, "", "", ""]


@pytest.mark.parametrize("text", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.250Z", "%Y-%m-%d %H:%M:%S"])
def test_timestamps_come_in_iso_8601_or_with_a_blank(website: LocalWebsite, text: str) -> None:
    """Each form is the same instant, in UTC."""
    at = ago(seconds=30)
    row = _complete("visitor_events", website.id) | {"timestamp": at.strftime(text)}

    assert website.quarantined("visitor_events", row) == 0
    assert website.ask("active_visitors")[0]["last_seen"] == stamp(at)
