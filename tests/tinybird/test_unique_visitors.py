"""unique_visitors against rows that can be counted by hand."""

from datetime import timedelta

from tests.tinybird.website import LocalWebsite, ago, stamp


def test_visitors_count_once_per_period_and_only_when_seen(website: LocalWebsite) -> None:
    """A visitor seen twice counts once in each period it is seen in; a page view is no visit."""
    midnight = ago(days=2).replace(hour=0, minute=0, second=0)
    second = timedelta(seconds=1)
    end = midnight + timedelta(days=1)
    website.visit("before", midnight - timedelta(days=1) - second)
    website.visit("previous", midnight - timedelta(days=1))
    website.visit("both", midnight - second)
    website.visit("both", midnight)
    website.visit("both", midnight)
    website.visit("current", end - second)
    website.visit("after", end)
    website.visit("reader", midnight, "page_view")

    rows = website.ask("unique_visitors", date_from=stamp(midnight), date_to=stamp(end))

    before = stamp(midnight - timedelta(days=1))
    assert [tuple(row.items()) for row in rows] == [
        (("period", name), ("starts_at", first), ("ends_at", last), ("unique_visitors", 2))
        for name, first, last in (
            ("current", stamp(midnight), stamp(end)),
            ("previous", before, stamp(midnight)),
        )
    ]


def test_previous_period_is_taken_as_given(website: LocalWebsite) -> None:
    """An explicit previous period replaces the default one and may overlap the current one."""
    start = ago(days=3)
    for day in range(3):
        website.visit(f"day-{day}", start + timedelta(days=day))

    rows = website.ask(
        "unique_visitors",
        date_from=stamp(start + timedelta(days=1)),
        date_to=stamp(start + timedelta(days=3)),
        prev_date_from=stamp(start),
        prev_date_to=stamp(start + timedelta(days=3)),
    )

    assert [row["unique_visitors"] for row in rows] == [2, 3]
    assert [(row["starts_at"], row["ends_at"]) for row in rows] == [
        (stamp(start + timedelta(days=day)), stamp(start + timedelta(days=3))) for day in (1, 0)
    ]


def test_empty_periods_have_zero_visitors(website: LocalWebsite) -> None:
    """Both rows are there without any event."""
    rows = website.ask("unique_visitors", date_from=stamp(ago(days=1)), date_to=stamp(ago(days=0)))

    assert [(row["period"], row["unique_visitors"]) for row in rows] == [("current", 0), ("previous", 0)]


def test_many_visitors_are_counted_exactly(website: LocalWebsite) -> None:
    """Far above any sampling threshold of the engine's small sets, the count is exact."""
    at = ago(hours=1)
    website.visits(
        *(
            {"visitor_id": f"v{number}", "timestamp": stamp(at), "event_type": "seen"}
            for number in range(20_000)
        )
    )

    rows = website.ask("unique_visitors", date_from=stamp(at), date_to=stamp(at + timedelta(seconds=1)))

    assert rows[0]["unique_visitors"] == 20_000
