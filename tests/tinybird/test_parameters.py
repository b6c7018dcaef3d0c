"""What the pipes refuse: each bad parameter is a 400 that says which one."""

import pytest

from tests.tinybird.website import Website, ago

PERIOD = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-12 00:00:00"}
BY_PERIOD = ("inbox_analytics", "unique_visitors", "kpi_timeseries")
BY_MINUTES = ("active_visitors", "visitor_locations", "visitor_activity")
PIPES = [
    *((pipe, PERIOD) for pipe in BY_PERIOD),
    *((pipe, {}) for pipe in (*BY_MINUTES, "conversation_events", "data_freshness")),
    ("event_volume", {"day_starts": "1794268800"}),
]


@pytest.mark.parametrize(("pipe", "parameters"), PIPES)
def test_website_id_is_required(website: Website, pipe: str, parameters: dict[str, str]) -> None:
    """No pipe but website_freshness answers for all websites at once."""
    answer = website.request(pipe, **parameters)

    assert answer.status_code == 400
    assert "website_id" in answer.json()["error"]


@pytest.mark.parametrize(("pipe", "parameters"), PIPES)
@pytest.mark.parametrize("website_id", ["", "x" * 101], ids=["empty", "overlong"])
def test_website_id_has_1_to_100_characters(
    website: Website, pipe: str, parameters: dict[str, str], website_id: str
) -> None:
    """An empty or overlong id is refused before it reaches the engine."""
    message = website.refusal(pipe, **parameters, website_id=website_id)

    assert "website_id must be 1 to 100 characters long" in message


@pytest.mark.parametrize(("pipe", "parameters"), PIPES)
def test_website_id_is_never_sql(website: Website, pipe: str, parameters: dict[str, str]) -> None:
    """A quote in the id is an id that nobody has."""
    website.visit("v1", ago(seconds=5))
    website.conversations((PERIOD["date_from"], "conversation_started", "c1"))

    answer = website.request(pipe, **parameters, website_id="x' OR '1'='1")

    assert answer.status_code == 200, answer.text
    counted = ("started", "visitors", "unique_visitors", "visitor_id", "events")
    assert not any(row.get(column) for row in answer.json()["data"] for column in counted)


@pytest.mark.parametrize("pipe", BY_PERIOD)
@pytest.mark.parametrize("missing", ["date_from", "date_to"])
def test_both_dates_are_required(website: Website, pipe: str, missing: str) -> None:
    """A period without one of its ends is refused, and the message names it."""
    given = {name: value for name, value in PERIOD.items() if name != missing}

    assert missing in website.refusal(pipe, **given)


@pytest.mark.parametrize("pipe", BY_PERIOD)
@pytest.mark.parametrize("value", ["", "yesterday", "2026-11-31 00:00:00", "2026-11-10", "1' OR 1"])
def test_dates_that_are_none_are_refused(website: Website, pipe: str, value: str) -> None:
    """Garbage, half a timestamp and a day that does not exist are no instants."""
    website.refusal(pipe, **{**PERIOD, "date_to": value})


@pytest.mark.parametrize("pipe", BY_PERIOD)
def test_periods_do_not_run_backwards(website: Website, pipe: str) -> None:
    """An end before the start is a mistake and not an empty period."""
    swapped = {"date_from": PERIOD["date_to"], "date_to": PERIOD["date_from"]}

    assert "date_from must not be after date_to" in website.refusal(pipe, **swapped)
    assert "prev_date_from must not be after prev_date_to" in website.refusal(
        pipe, **PERIOD, prev_date_from="2026-11-02 00:00:00", prev_date_to="2026-11-01 00:00:00"
    )


@pytest.mark.parametrize("pipe", BY_PERIOD)
@pytest.mark.parametrize("given", ["prev_date_from", "prev_date_to"])
def test_half_a_previous_period_is_refused(website: Website, pipe: str, given: str) -> None:
    """One end of the previous period without the other is never filled in by guessing."""
    message = website.refusal(pipe, **PERIOD, **{given: "2026-11-01 00:00:00"})

    assert "give both or neither" in message


@pytest.mark.parametrize("pipe", BY_MINUTES)
@pytest.mark.parametrize("minutes", ["0", "-1", "1441", "99999999999", "ten", "1.5", ""])
def test_minutes_are_1_to_1440(website: Website, pipe: str, minutes: str) -> None:
    """A window is at most a day, and a whole number of minutes."""
    assert "minutes" in website.refusal(pipe, minutes=minutes)


@pytest.mark.parametrize("pipe", BY_MINUTES)
@pytest.mark.parametrize("minutes", [1, 1440])
def test_shortest_and_longest_window_are_answered(website: Website, pipe: str, minutes: int) -> None:
    """Both ends of the allowed range are in it."""
    website.ask(pipe, minutes=minutes)


@pytest.mark.parametrize("limit", ["0", "-1", "100001", "all"])
def test_limit_is_1_to_100000(website: Website, limit: str) -> None:
    """The number of rows is bounded."""
    assert "limit" in website.refusal("active_visitors", limit=limit)
