"""Who the visitors are: totals, shares, verdicts and the series, by hand."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics import schemas
from analytics.kpis import visitor_breakdown
from analytics.scope import views
from analytics.scope.access import Viewer, Website
from analytics.scope.comparison import BEFORE, OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import ResolvedView, View

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)


def resolved(days: str = "7d", *, is_compared: bool = True) -> ResolvedView:
    """A paid website's view in London."""
    website = Website("w", "Acme", "acme", "acme.example", "o", "Acme", "paid")
    viewer = Viewer("u", "A", True, Identity("a@example.com", None))
    return views.resolve(
        View(viewer, "w", Range.parse(days), "Europe/London", NOW, BEFORE if is_compared else OFF), website
    )


def rows(*values: tuple[str, str, int, int, int, int, int, int]) -> pd.DataFrame:
    """Rows of the pipe: dimension, value, then the counts of both periods."""
    names = [column.name for column in schemas.VISITOR_BREAKDOWN.columns]
    counts = [name for name in names if name != "country_code" and not name.endswith("_by_day")]
    days = dict.fromkeys([name for name in names if name.endswith("_by_day")], ())
    found = [{**dict(zip(counts, value, strict=True)), **days, "country_code": ""} for value in values]
    return schemas.VISITOR_BREAKDOWN.frame(names, found)


TOTAL = ("total", "", 400, 500, 900, 300, 380, 850)


def test_totals_and_shares_are_those_of_the_rows() -> None:
    """A share is of all visitors; the order is kept; what the period lacks is left out."""
    found = visitor_breakdown.breakdown(
        rows(TOTAL, ("country_code", "FR", 300, 1, 1, 150, 1, 1), ("country_code", "DE", 0, 0, 0, 9, 1, 1)),
        resolved(),
    )
    assert {name: total.value for name, total in found.totals.items()} == {
        "visitors": 400,
        "sessions": 500,
        "page_views": 900,
    }
    assert found.totals["visitors"].previous_value == 300
    values = found.values["country_code"]
    assert list(values["value"]) == ["FR"]
    assert list(values["visitors_ratio"]) == [0.75]
    assert list(values["change_ratio"]) == [1.0]
    assert list(values["verdict"]) == ["better"]
    assert not found.is_empty


def test_a_value_differs_where_its_range_leaves_out_the_change_of_all() -> None:
    """All visitors changed by a third: what is plausibly a third differs from nothing."""
    found = visitor_breakdown.breakdown(rows(TOTAL), resolved())
    assert found.totals["visitors"].delta.change == pytest.approx(1 / 3)
    assert found.differs(0.4, 0.9)
    assert found.differs(-0.2, 0.3)
    assert not found.differs(0.3, 0.4)
    assert not found.differs(float("nan"), float("nan"))
    assert not visitor_breakdown.breakdown(rows(TOTAL), resolved(is_compared=False)).differs(0.4, 0.9)


def test_nothing_is_compared_when_it_is_switched_off_or_out_of_reach() -> None:
    """Without a comparison there is no previous value and no change, in totals and rows."""
    answer = rows(TOTAL, ("country_code", "FR", 300, 1, 1, 0, 0, 0))
    for view, verdict in ((resolved(is_compared=False), "off"), (resolved("30d"), "not_comparable")):
        found = visitor_breakdown.breakdown(answer, view)
        assert found.totals["visitors"].previous is None
        assert found.totals["visitors"].delta.verdict == verdict
        assert found.values["country_code"]["previous_visitors"].isna().all()
        assert found.values["country_code"]["change_ratio"].isna().all()


def test_an_empty_period_is_empty_and_out_of_reach_is_unknown() -> None:
    """Zero visitors are 0; a period before the reach has no number at all."""
    empty = visitor_breakdown.breakdown(rows(("total", "", 0, 0, 0, 0, 0, 0)), resolved())
    assert empty.is_empty
    assert empty.totals["visitors"].value == 0
    assert len(empty.values["page_url"]) == 0
    unknown = visitor_breakdown.breakdown(None, resolved())
    assert unknown.is_empty
    assert unknown.totals["visitors"].value is None
    assert len(unknown.values["country_code"]) == 0


def test_shares_without_visitors_are_unknown() -> None:
    """Page views without visitors have no share."""
    found = visitor_breakdown.breakdown(
        rows(("total", "", 0, 0, 3, 0, 0, 0), ("page_url", "/", 0, 0, 3, 0, 0, 0)), resolved()
    )
    assert found.values["page_url"]["visitors_ratio"].isna().all()


@pytest.mark.parametrize(
    ("current", "previous", "verdict"),
    [
        pytest.param(300, 200, "better", id="more"),
        pytest.param(200, 300, "worse", id="fewer"),
        pytest.param(210, 200, "within_noise", id="noise"),
        pytest.param(200, 200, "unchanged", id="same"),
        pytest.param(5, 0, "not_comparable", id="from-zero"),
        pytest.param(0, 300, "worse", id="to-zero"),
    ],
)
def test_totals_and_rows_have_the_same_verdict(current: int, previous: int, verdict: str) -> None:
    """A country that all visitors are from changed as the total did."""
    counts = (current, current, current, previous, previous, previous)
    found = visitor_breakdown.breakdown(
        rows(("total", "", *counts), ("country_code", "FR", *counts)), resolved()
    )
    assert {total.delta.verdict for total in found.totals.values()} == {verdict}
    if current:
        assert list(found.values["country_code"]["verdict"]) == [verdict]


def test_rows_are_judged_by_their_own_days() -> None:
    """Both countries fall by a tenth: in one on every day, in the other on some."""
    before = (100, 110, 90, 105, 95, 102, 98)
    steady = [each * 9 for each in before]
    wild = [each * 10 + (300 if at % 2 else -390) for at, each in enumerate(before)]
    counts = tuple(each * 10 for each in before)
    answer = rows(TOTAL, *(("country_code", name, 6300, 0, 0, 7000, 0, 0) for name in ("FR", "DE")))
    answer["visitors_by_day"] = [(), tuple(steady), tuple(wild)]
    answer["previous_visitors_by_day"] = [(), counts, counts]
    assert list(visitor_breakdown.breakdown(answer, resolved()).values["country_code"]["verdict"]) == [
        "worse",
        "within_noise",
    ]


def test_a_longer_side_is_compared_per_hour() -> None:
    """24,000 in a day of 24 hours and 25,000 in one of 25 are as many an hour, and the change says what it is of."""
    autumn = resolved("2026-10-25..2026-10-25")
    found = visitor_breakdown.breakdown(rows(("total", "", 25_000, 0, 0, 24_000, 0, 0)), autumn)
    delta = found.totals["visitors"].delta
    assert (delta.change, delta.verdict, delta.basis) == (0.0, "unchanged", "per hour, 25 h against 24 h")


def series_rows(view: ResolvedView) -> pd.DataFrame:
    """One row per day of both periods, the visitors counting up from 1."""
    found = []
    for name, period in (("current", view.visitor_period), ("previous", view.previous)):
        start, index = period.start, 0
        while start < period.end:
            found.append(
                {
                    "period": name,
                    "bucket_start": start.isoformat(),
                    "bucket_index": index,
                    "visitors": index + 1,
                    "sessions": None,
                    "page_views": 0,
                }
            )
            start, index = start + timedelta(days=1), index + 1
    return schemas.VISITOR_TIMESERIES.frame(found[0], found)


def test_the_series_lays_the_period_before_under_this_one() -> None:
    """Local days, each previous one drawn where the same day of this period stands; today is not over."""
    view = resolved()
    found = visitor_breakdown.series(series_rows(view), view)
    assert list(found.columns) == list(visitor_breakdown.SERIES_COLUMNS)
    now, before = found[found["period"] == "current"], found[found["period"] == "previous"]
    assert list(now["visitors"]) == list(before["visitors"]) == [1, 2, 3, 4, 5, 6, 7]
    assert list(now["is_complete"]) == [True] * 6 + [False]
    assert list(before["aligned_start"]) == list(now["bucket_start"])
    assert str(now["bucket_start"].iloc[0]) == "2026-11-16 00:00:00+00:00"
    assert found["sessions"].isna().all()


def test_the_series_has_no_period_before_where_none_is_compared() -> None:
    """Switched off or out of reach, this period stands alone."""
    for view in (resolved(is_compared=False), resolved("30d")):
        assert set(visitor_breakdown.series(series_rows(view), view)["period"]) == {"current"}


def test_buckets_follow_what_visitor_data_reaches() -> None:
    """Ninety days of conversations are weeks; the thirty of them that have visitors are days."""
    view = resolved("90d")
    assert view.bucket == "week"
    assert view.visitors_bucket == "day"


def test_a_country_has_its_name_in_page_and_file() -> None:
    """Beside its code, because a program takes Namibia's NA for a missing value; other dimensions have none."""
    names = [column.name for column in schemas.VISITOR_BREAKDOWN.columns]
    found = [(*("country_code", code, code), *(9, 9, 9, 0, 0, 0)) for code in ("NA", "XK", "ZZ", "")]
    city, device = (
        ("city", "Windhoek", "NA", 9, 9, 9, 0, 0, 0),
        ("device_type", "mobile", "", 9, 9, 9, 0, 0, 0),
    )
    total = ("total", "", "", 9, 9, 9, 0, 0, 0)
    answer = schemas.VISITOR_BREAKDOWN.frame(
        names,
        [
            dict(zip(names, (*row, *[()] * (len(names) - len(row))), strict=True))
            for row in (total, *found, city, device)
        ],
    )
    values = visitor_breakdown.breakdown(answer, resolved()).values
    assert values["country_code"]["country"].tolist() == ["Namibia", "Kosovo", "ZZ", "Unknown"]
    assert values["city"]["country"].tolist() == ["Namibia"]
    assert values["device_type"]["country"].tolist() == [""]
