"""visitor_breakdown against rows that can be counted by hand, with filters, and against unique_visitors."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise, product

import pytest

from analytics.geo.country_codes import folded
from tests.tinybird.website import LocalWebsite, Row, ago, dice, stamp

COLUMNS = [
    "dimension",
    "value",
    "country_code",
    "visitors",
    "sessions",
    "page_views",
    "previous_visitors",
    "previous_sessions",
    "previous_page_views",
    "visitors_by_day",
    "sessions_by_day",
    "page_views_by_day",
    "previous_visitors_by_day",
    "previous_sessions_by_day",
    "previous_page_views_by_day",
]
SHARED = [*COLUMNS[3:10], "previous_visitors_by_day"]
"""What a row has as well as the total: sessions and page views by day are the total's alone."""
NOON = ago(days=2).replace(hour=12, minute=0, second=0)
PERIOD = {"date_from": stamp(NOON), "date_to": stamp(NOON + timedelta(hours=1))}
CODES = (
    "DE",
    "de",
    "De",
    "dE",
    "NA",
    "na",
    "XK",
    "xk",
    "T1",
    "A1",
    "A2",
    "XX",
    "xx",
    "EU",
    "AP",
    "",
    "USA",
    "D",
    " DE",
    "DE\n",
)
HOSTILE = "'; DROP TABLE visitor_events; -- {{ error('x') }} <b>\\"


def _event(visitor: str, at: datetime, event_type: str = "seen", **columns: str) -> Row:
    return {
        "visitor_id": visitor,
        "session_id": f"{visitor}-1",
        "timestamp": stamp(at),
        "event_type": event_type,
        "country_code": "FR",
        "city": "Paris",
        "device_type": "desktop",
        "browser": "Firefox",
        "page_url": "https://acme.example/",
        **columns,
    }


def _unix(starts: list[datetime]) -> str:
    return ",".join(str(int(start.timestamp())) for start in starts)


def _counts(rows: list[Row], dimension: str) -> list[tuple[object, ...]]:
    """Value, visitors, sessions and page views of a dimension, in the order of the answer."""
    return [
        (row["value"], row["visitors"], row["sessions"], row["page_views"])
        for row in rows
        if row["dimension"] == dimension
    ]


def test_each_dimension_counts_visitors_sessions_and_page_views(website: LocalWebsite) -> None:
    """Two visitors with three sessions: each row counts them once, most visitors first."""
    minute = timedelta(minutes=1)
    pricing = "https://acme.example/pricing"
    website.visits(
        _event("v1", NOON),
        _event("v1", NOON, "page_view"),
        _event("v1", NOON + minute, "page_view", page_url=pricing),
        _event("v1", NOON + 2 * minute, session_id="v1-2", device_type="mobile"),
        _event("v2", NOON, city="Lyon", browser="Safari"),
        _event("v2", NOON, "page_view", city="Lyon", browser="Safari", page_url=pricing),
    )

    rows = website.ask("visitor_breakdown", **PERIOD)

    assert [list(row) for row in rows] == [COLUMNS] * len(rows)
    assert _counts(rows, "total") == [("", 2, 3, 3)]
    assert _counts(rows, "country_code") == [("FR", 2, 3, 3)]
    assert _counts(rows, "city") == [("Paris", 1, 2, 2), ("Lyon", 1, 1, 1)]
    assert _counts(rows, "device_type") == [("desktop", 2, 2, 3), ("mobile", 1, 1, 0)]
    assert _counts(rows, "browser") == [("Firefox", 1, 2, 2), ("Safari", 1, 1, 1)]
    assert _counts(rows, "page_url") == [(pricing, 2, 2, 2), ("https://acme.example/", 2, 3, 1)]
    assert [row["country_code"] for row in rows if row["dimension"] == "city"] == ["FR", "FR"]


def test_empty_periods_have_the_total_alone(website: LocalWebsite) -> None:
    """Without events there is one row of zeros."""
    assert website.ask("visitor_breakdown", **PERIOD) == [
        dict(zip(COLUMNS, ["total", "", "", *[0] * 6, *[[0]] * 6], strict=True))
    ]


def test_periods_are_half_open_and_beside_each_other(website: LocalWebsite) -> None:
    """The first instant is in, the end is not; what only the period before had comes with zero now."""
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    website.visits(
        _event("too-early", NOON - hour - second, country_code="AT"),
        _event("before", NOON - hour, country_code="ES"),
        _event("before", NOON - second, country_code="ES"),
        _event("now", NOON, country_code="DE"),
        _event("now-too", NOON + hour - second, country_code="DE"),
        _event("too-late", NOON + hour, country_code="AT"),
    )

    rows = website.ask("visitor_breakdown", **PERIOD)

    assert [
        (row["value"], row["visitors"], row["previous_visitors"])
        for row in rows
        if row["dimension"] == "country_code"
    ] == [("DE", 2, 0), ("ES", 0, 1)]


def test_countries_are_folded_as_in_the_app(website: LocalWebsite) -> None:
    """By the rule of `country_codes.folded`: one row per country, whose filter counts every way that it was written."""
    codes = [*CODES, *("".join(pair) for pair in product("AdEnPTXxZ1é", repeat=2))]
    website.visits(
        *(_event(f"v{number}", NOON, country_code=code, city="X") for number, code in enumerate(codes))
    )
    counted = Counter(folded(code) for code in codes)

    rows = website.ask("visitor_breakdown", **PERIOD)

    assert {value: visitors for value, visitors, *_ in _counts(rows, "country_code")} == counted
    assert {r["country_code"]: r["visitors"] for r in rows if r["dimension"] == "city"} == counted
    for country, visitors in {name: counted[name] for name in ("DE", "NA", "XK", "")}.items():
        for filters in ({"country_code": country or "-"}, {"city": "X", "city_country_code": country or "-"}):
            only = website.ask("visitor_breakdown", **PERIOD, **filters)
            assert _counts(only, "total") == [("", visitors, visitors, 0)]
            (now, _) = website.ask("visitor_timeseries", **PERIOD, **filters)
            assert (now["period"], now["visitors"]) == ("current", visitors)


def test_a_visitor_who_was_never_seen_is_none(website: LocalWebsite) -> None:
    """Page views alone make no visitor, as in unique_visitors; they are page views all the same."""
    website.visits(_event("ghost", NOON, "page_view"), _event("v1", NOON, country_code="DE"))

    rows = website.ask("visitor_breakdown", **PERIOD)

    assert _counts(rows, "total") == [("", 1, 1, 1)]
    assert _counts(rows, "country_code") == [("DE", 1, 1, 0), ("FR", 0, 0, 1)]


def test_events_without_a_session_belong_to_none(website: LocalWebsite) -> None:
    """An empty session id is no session, and one id of two visitors is two sessions."""
    website.visits(
        _event("v1", NOON, session_id=""),
        _event("v2", NOON, session_id="same"),
        _event("v3", NOON, session_id="same"),
    )

    assert _counts(website.ask("visitor_breakdown", **PERIOD), "total") == [("", 3, 2, 0)]


@pytest.mark.parametrize(
    ("filters", "visitors"),
    [
        ({"country_code": "FR"}, 3),
        ({"country_code": "GB"}, 1),
        ({"country_code": "-"}, 1),
        ({"city": "London"}, 2),
        ({"city": "London", "city_country_code": "CA"}, 1),
        ({"city": "-"}, 1),
        ({"device_type": "mobile"}, 1),
        ({"browser": "Safari"}, 1),
        ({"page_url": "https://acme.example/pricing"}, 1),
        ({"country_code": "FR", "device_type": "mobile"}, 1),
        ({"country_code": "GB", "device_type": "mobile"}, 0),
        ({"country_code": "fr"}, 0),
        ({"browser": HOSTILE}, 0),
    ],
)
def test_filters_match_exactly_and_combine(
    website: LocalWebsite, filters: dict[str, str], visitors: int
) -> None:
    """An event counts when it matches all filters; `-` means not known; letters count as they are."""
    website.visits(
        _event("v1", NOON),
        _event("v2", NOON, device_type="mobile", browser="Safari"),
        _event("v3", NOON, page_url="https://acme.example/pricing"),
        _event("v4", NOON, city="London", country_code="GB"),
        _event("v5", NOON, city="London", country_code="CA"),
        _event("v6", NOON, city="", country_code=""),
    )

    rows = website.ask("visitor_breakdown", **PERIOD, **filters)

    assert [row["visitors"] for row in rows if row["dimension"] == "total"] == [visitors]


def test_a_filter_gives_the_number_that_its_row_showed(website: LocalWebsite) -> None:
    """Whatever row is clicked, the total under its filter is that row; over mixed events, in every dimension."""
    roll = dice(5)
    website.visits(
        *(
            _event(
                f"v{roll.randrange(60)}",
                NOON + timedelta(seconds=roll.randrange(-3600, 3600)),
                roll.choice(["seen", "page_view", "page_view"]),
                session_id=f"s{roll.randrange(3)}",
                country_code=roll.choice(["FR", "DE", ""]),
                city=roll.choice(["Paris", "Berlin", ""]),
                device_type=roll.choice(["desktop", "mobile", ""]),
                browser=roll.choice(["Firefox", "", HOSTILE]),
                page_url=roll.choice(["https://acme.example/", "/x?a=1&b=%20", ""]),
            )
            for _ in range(400)
        )
    )
    for row in website.ask("visitor_breakdown", **PERIOD):
        if row["dimension"] == "total":
            continue
        filters = {row["dimension"]: row["value"] or "-"}
        if row["dimension"] == "city":
            filters["city_country_code"] = row["country_code"] or "-"
        (total,) = (
            found
            for found in website.ask("visitor_breakdown", **PERIOD, **filters)
            if found["dimension"] == "total"
        )
        assert [total[column] for column in SHARED] == [row[column] for column in SHARED]


def test_each_day_is_counted_as_a_period_of_its_own(website: LocalWebsite) -> None:
    """Of 25 and 24 hours and an unfinished one: a visitor of two days counts in both, one only read about in none."""
    roll = dice(7)
    lengths = [25, 24, 24, 5]
    hours = [sum(lengths[:day]) for day in range(len(lengths) + 1)]
    current = [NOON - timedelta(hours=hours[-1] - hour) for hour in hours]
    previous = [start - timedelta(days=5) for start in current]
    website.visits(
        *(
            _event(
                f"v{roll.randrange(90)}",
                previous[0] + timedelta(minutes=roll.randrange(10 * 24 * 60)),
                roll.choice(["seen", "page_view"]),
                session_id=f"s{roll.randrange(3)}",
                country_code=roll.choice(["FR", "DE"]),
            )
            for _ in range(900)
        )
    )

    rows = website.ask(
        "visitor_breakdown",
        date_from=stamp(current[0]),
        date_to=stamp(current[-1]),
        prev_date_from=stamp(previous[0]),
        prev_date_to=stamp(previous[-1]),
        bucket_starts=_unix(current[:-1]),
        prev_bucket_starts=_unix(previous[:-1]),
    )

    expected = [(start, end) for edges in (current, previous) for start, end in pairwise(edges)]
    days = [
        website.ask("visitor_breakdown", date_from=stamp(start), date_to=stamp(end))
        for start, end in expected
    ]
    for row in rows:
        if row["dimension"] not in {"total", "country_code"}:
            continue
        alone = [
            next(
                each for each in day if (each["dimension"], each["value"]) == (row["dimension"], row["value"])
            )
            for day in days
        ]
        names = ["visitors", "sessions", "page_views"] if row["dimension"] == "total" else ["visitors"]
        for name in names:
            assert row[f"{name}_by_day"] + row[f"previous_{name}_by_day"] == [day[name] for day in alone]


def test_sixty_days_are_the_most(website: LocalWebsite) -> None:
    """More starts than that are refused by the parameter's name."""
    many = ",".join(map(str, range(61)))
    assert "bucket_starts takes at most 60 days" in website.refusal(
        "visitor_breakdown", **PERIOD, bucket_starts=many
    )
    assert "prev_bucket_starts takes at most 60 days" in website.refusal(
        "visitor_breakdown", **PERIOD, prev_bucket_starts=many
    )


def test_the_total_equals_unique_visitors(website: LocalWebsite) -> None:
    """The card of Overview and the card of Visitors are the same number, in both periods."""
    roll = dice(11)
    website.visits(
        *(
            _event(
                f"v{roll.randrange(300)}",
                NOON + timedelta(seconds=roll.randrange(-3600, 3600)),
                roll.choice(["seen", "page_view"]),
            )
            for _ in range(500)
        )
    )

    (total,) = (row for row in website.ask("visitor_breakdown", **PERIOD) if row["dimension"] == "total")

    card = [row["unique_visitors"] for row in website.ask("unique_visitors", **PERIOD)]
    assert [total["visitors"], total["previous_visitors"]] == card
    assert min(card) > 50


def test_duplicated_events_make_no_visitor_and_no_session(website: LocalWebsite) -> None:
    """A batch delivered twice adds page views alone, which have no id to tell them by."""
    events = [_event(f"v{number % 3}", NOON, session_id=f"s{number}") for number in range(6)]
    website.visits(*events)
    once = website.ask("visitor_breakdown", **PERIOD)
    website.visits(*events)

    assert website.ask("visitor_breakdown", **PERIOD) == once


def test_each_dimension_has_at_most_limit_values(website: LocalWebsite) -> None:
    """The limit is per dimension, and the values with most visitors stay."""
    website.visits(
        *(_event(f"v{number}", NOON, country_code=2 * code) for number, code in enumerate("AAAABBBCCD"))
    )

    rows = website.ask("visitor_breakdown", **PERIOD, limit=2)

    assert _counts(rows, "country_code") == [("AA", 4, 4, 0), ("BB", 3, 3, 0)]
    assert _counts(rows, "total") == [("", 10, 10, 0)]


def test_the_total_is_no_dimension_to_ask_for(website: LocalWebsite) -> None:
    """It is in every answer."""
    assert "dimension" in website.refusal("visitor_breakdown", **PERIOD, dimension="total")


def test_pages_of_one_dimension_are_its_values_in_order(website: LocalWebsite) -> None:
    """Put together they are what one answer gives; the total is beside the first page alone."""
    website.visits(
        *(_event(f"v{number}", NOON, city=f"City {number // 2}", country_code="FR") for number in range(14))
    )
    whole = [row for row in website.ask("visitor_breakdown", **PERIOD) if row["dimension"] == "city"]
    pages = [
        website.ask("visitor_breakdown", **PERIOD, dimension="city", limit="3", offset=str(offset))
        for offset in (0, 3, 6, 9)
    ]
    assert [[row["dimension"] for row in page].count("total") for page in pages] == [1, 0, 0, 0]
    cities = [[row for row in page if row["dimension"] != "total"] for page in pages]
    assert [len(page) for page in cities] == [3, 3, 1, 0]
    assert [row for page in cities for row in page] == whole


def test_hostile_values_come_back_letter_for_letter(website: LocalWebsite) -> None:
    """Text of visitors is data, in the answer and as a filter."""
    website.visits(_event("v1", NOON, browser=HOSTILE, city=HOSTILE, page_url=HOSTILE))

    rows = website.ask(
        "visitor_breakdown", **PERIOD, browser=HOSTILE, city=HOSTILE, page_url=HOSTILE, country_code="FR"
    )

    for dimension in ("browser", "city", "page_url"):
        assert _counts(rows, dimension) == [(HOSTILE, 1, 1, 0)]
