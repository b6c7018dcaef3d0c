"""Views: the dates that header and panels share, after tier, TTL and tampered URLs."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scope.access import Viewer, Website
from analytics.scope.buckets import bucket_starts
from analytics.scope.clock import Bucket
from analytics.scope.comparison import Comparison
from analytics.scope.identity import Identity
from analytics.scope.periods import PRESETS, Range
from analytics.scope.tiers import TIER_DAYS, Tier
from analytics.scope.views import ResolvedView, View, resolve
from analytics.scope.weeks import WeekStart

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
VIEWER = Viewer("u1", "Ann", False, Identity("ann@example.com", None))


def resolved(
    text: str,
    tier: Tier = "paid",
    timezone: str = "UTC",
    *,
    now: datetime = NOW,
    compare: str = "before",
    bucket: Bucket | None = None,
    week_start: WeekStart = "monday",
) -> ResolvedView:
    """A view of a website in that tier."""
    website = Website("w1", "Shop", "shop", "shop.example", "o1", "Org", tier)
    view = View(VIEWER, "w1", Range.parse(text), timezone, now, Comparison.parse(compare), bucket)
    return resolve(view, website, week_start)


@pytest.mark.parametrize("tier", ["free", "paid"])
@pytest.mark.parametrize("text", ["today", "7d", "10d"])
def test_a_range_inside_every_limit_is_shown_as_asked(text: str, tier: Tier) -> None:
    """No cut, no notice, comparable on both tiers."""
    view = resolved(text, tier)
    assert view.notices == ()
    assert view.visitor_period == view.period
    assert view.visitors_note is None
    assert view.comparable.is_ok
    assert view.visitors_comparable.is_ok
    assert view.is_open


def test_the_free_tier_reaches_back_21_days() -> None:
    """90 days on free: cut on the grid after the limit, said, not comparable, 10 days offered."""
    view = resolved("90d", "free")
    assert view.period.utc_bounds() == ("2026-10-20 14:35:00", "2026-11-10 14:30:00")
    assert view.notices == (
        "Free plan: data reaches back 21 days. Last 90 days is shown from 20 Oct 2026, 14:35.",
    )
    assert not view.comparable.is_ok
    assert view.comparable.longest_days == 10


def test_visitors_end_at_the_ttl_without_touching_conversations() -> None:
    """45 days on paid: conversations in full and comparable, visitors 30 days and not."""
    view = resolved("45d")
    assert view.period.day_count() == 45
    assert view.visitor_period.utc_bounds() == ("2026-10-11 14:35:00", "2026-11-10 14:30:00")
    assert view.visitors_note == "Visitor data reaches back 30 days. Counted from 11 Oct, 14:35."
    assert view.comparable.is_ok
    assert not view.visitors_comparable.is_ok
    assert view.visitors_comparable.longest_days == 15
    assert view.notices == ()


@pytest.mark.parametrize(
    ("text", "is_ok", "is_visitors_ok"),
    [("15d", True, True), ("16d", True, False), ("45d", True, False), ("46d", False, False)],
)
def test_comparison_on_the_paid_tier_ends_at_15_and_45_days(
    text: str, is_ok: bool, is_visitors_ok: bool
) -> None:
    """The longest comparable range is comparable; one day more is not."""
    view = resolved(text)
    assert (view.comparable.is_ok, view.visitors_comparable.is_ok) == (is_ok, is_visitors_ok)


def test_visitor_data_may_not_reach_a_range_at_all() -> None:
    """Forty days ago on paid: conversations yes, visitors an empty period and the reason."""
    view = resolved("2026-09-28..2026-10-01")
    assert not view.period.is_empty
    assert view.visitor_period.is_empty
    assert view.visitors_note == "Visitor data reaches back 30 days."
    assert not view.is_open


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "2026-09-01..2026-09-10",
            "Free plan: data reaches back 21 days. 1–10 Sep 2026 is too old; showing the last 7 days.",
            id="before the limit",
        ),
        pytest.param(
            "2027-01-01..2027-01-10",
            "1–10 Jan 2027 lies in the future. Showing the last 7 days.",
            id="in the future",
        ),
    ],
)
def test_a_range_out_of_reach_falls_back_with_a_notice(text: str, said: str) -> None:
    """The last 7 days instead, and why."""
    view = resolved(text, "free")
    assert view.range == Range(days=7)
    assert view.period == resolved("7d", "free").period
    assert view.notices == (said,)


def test_an_unknown_timezone_falls_back_to_utc_with_a_notice() -> None:
    """A tampered URL never errors."""
    view = resolved("7d", timezone="Mars/Olympus")
    assert view.period.timezone == ZoneInfo("UTC")
    assert view.notices == ("That timezone does not exist. Times are in UTC.",)


def test_a_custom_range_that_includes_now_is_compared_with_as_many_days() -> None:
    """1 to 30 November on the 10th is ten days so far, and the ten before."""
    view = resolved("2026-11-01..2026-11-30")
    assert view.period.utc_bounds() == ("2026-11-01 00:00:00", "2026-11-10 14:30:00")
    assert view.previous.utc_bounds() == ("2026-10-22 00:00:00", "2026-10-31 14:30:00")
    assert view.notices == ("That range ends in the future. It is shown up to now.",)
    assert resolved("2026-11-01..2026-11-10").notices == ()


@pytest.mark.parametrize(
    ("tier", "days", "now", "said"),
    [
        pytest.param("paid", 90, "2026-11-02 23:57", "Paid plan: data reaches back 90 days.", id="an hour"),
        pytest.param(
            "free", 21, "2026-11-10 23:30", "Last 21 days is shown from 21 Oct 2026, 00:30", id="half an hour"
        ),
        pytest.param("free", 21, "2026-11-10 23:01", "from 21 Oct 2026, 00:05", id="one step of the grid"),
    ],
)
def test_every_cut_is_said(tier: Tier, days: int, now: str, said: str) -> None:
    """Also the hour that a 25-hour day costs: a limit is elapsed time, a range is calendar days."""
    view = resolved(f"{days}d", tier, "Europe/London", now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert len(view.notices) == 1
    assert said in view.notices[0]
    early = datetime.fromisoformat(now).replace(tzinfo=UTC, hour=22)
    assert resolved(f"{days}d", tier, "Europe/London", now=early).notices == ()


@pytest.mark.parametrize("text", ["today", "2026-11-10..2026-11-10", "2026-11-10..2026-11-12"])
def test_a_day_that_has_just_begun_says_so(text: str) -> None:
    """Two minutes after midnight there is nothing to count or compare, and no other range is shown instead."""
    view = resolved(text, now=datetime(2026, 11, 10, 0, 2, tzinfo=UTC))
    assert view.period.is_empty
    assert view.visitor_period.is_empty
    assert view.notices == ("The day has just begun: its first numbers come at 00:05.",)
    assert view.visitors_note == view.notices[0]
    assert (view.comparable.is_ok, view.comparable.reason) == (False, "the day has just begun")
    assert view.visitors_comparable.reason == "the day has just begun"
    assert not resolved(text, now=datetime(2026, 11, 10, 0, 5, tzinfo=UTC)).period.is_empty


@pytest.mark.parametrize("now", ["2026-10-25 01:00", "2026-10-25 01:04"])
def test_a_midnight_that_comes_twice_is_compared_with_nothing(now: str) -> None:
    """After an hour of today the clock reads 00:00 again, so the period before has no time to count per hour."""
    view = resolved("today", timezone="Atlantic/Azores", now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert view.period.utc_bounds() == ("2026-10-25 00:00:00", "2026-10-25 01:00:00")
    assert view.previous.is_empty
    expected = (False, "no time has passed in the period before", None)
    for found in (view.comparable, view.visitors_comparable):
        assert (found.is_ok, found.reason, found.longest_days) == expected


def test_just_after_midnight_last_7_days_are_the_six_that_are_over() -> None:
    """Both sides are whole days: a minute of today is compared with nothing."""
    view = resolved("7d", now=datetime(2026, 11, 10, 0, 2, tzinfo=UTC))
    assert view.period.utc_bounds() == ("2026-11-04 00:00:00", "2026-11-10 00:00:00")
    assert view.previous.utc_bounds() == ("2026-10-28 00:00:00", "2026-11-03 00:00:00")


@given(
    st.integers(1, 400).map(lambda days: f"{days}d")
    | st.sampled_from([str(preset) for preset in PRESETS])
    | st.tuples(st.dates(NOW.date() - timedelta(days=400), NOW.date()), st.integers(0, 400)).map(
        lambda pair: f"{pair[0]}..{pair[0] + timedelta(days=pair[1])}"
    ),
    st.sampled_from(("before", "weekdays", "off"))
    | st.dates(NOW.date() - timedelta(days=400), NOW.date()).map(str)
    | st.tuples(st.dates(NOW.date() - timedelta(days=400), NOW.date()), st.integers(0, 90)).map(
        lambda pair: f"{pair[0]}..{pair[0] + timedelta(days=pair[1])}"
    ),
    st.sampled_from(("free", "paid")),
    st.sampled_from(("UTC", "America/Santiago", "Pacific/Kiritimati", "nonsense")),
    st.integers(0, 400 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
def test_no_url_reads_before_the_limit(
    text: str, compare: str, tier: Tier, timezone: str, now: datetime
) -> None:
    """Whatever is asked for: conversations inside the tier, visitors inside the TTL too, what is compared as well."""
    view = resolved(text, tier, timezone, now=now, compare=compare)
    limit = now - timedelta(days=TIER_DAYS[tier])
    visitor_limit = max(limit, now - timedelta(days=30))
    assert not view.period.is_empty or view.comparable.reason == "the day has just begun"
    assert view.period.start >= limit
    assert view.visitor_period.is_empty or view.visitor_period.start >= visitor_limit
    assert not view.comparable.is_ok or limit <= view.previous.start < view.previous.end
    assert not view.comparable.is_ok or view.previous.end <= view.period.start
    assert view.comparable.is_ok or view.before is None
    assert not view.visitors_comparable.is_ok or view.previous.start >= visitor_limit


def test_a_question_outlives_five_minutes_and_no_midnight() -> None:
    """Bad times: the same days a little later are the same question; another day, range or timezone is not."""
    first = resolved("7d")
    later = resolved("7d", now=NOW + timedelta(minutes=30))
    key = first.last_good_key("kpis", first.period)
    assert later.period != first.period
    assert later.last_good_key("kpis", later.period) == key
    others = [
        resolved("7d", now=NOW + timedelta(days=1)),
        resolved("10d"),
        resolved("2026-11-04..2026-11-10"),
        resolved("7d", timezone="Asia/Kolkata"),
        resolved("2026-11-04..2026-11-09"),
        resolved("7d", compare="weekdays"),
        resolved("7d", compare="2026-10-01"),
        resolved("7d", bucket="hour"),
        resolved("7d", week_start="sunday"),
    ]
    assert all(other.last_good_key("kpis", other.period) != key for other in others)
    assert first.last_good_key("visitors", first.period) != key


def test_chosen_days_that_overlap_are_not_compared() -> None:
    """No number of them is read, the reason is said, and what to do."""
    view = resolved("7d", compare="2026-11-01")
    assert view.before is None
    assert view.visitors_before is None
    assert view.comparable.reason == "the chosen days do not end before this period begins"
    assert view.notices == (
        "A period from 1 Nov 2026 does not end before the range begins. It is not compared; "
        "choose a start up to 28 Oct 2026.",
    )
    assert resolved("7d", compare="2026-10-28").notices == ()


def test_where_the_plan_leaves_no_room_before_the_range_a_shorter_one_is_advised() -> None:
    """No start is named that the plan does not reach."""
    (notice,) = resolved("90d", compare="2026-11-01").notices
    assert notice.endswith("a shorter range leaves room before it within what the plan keeps.")


def test_chosen_days_beyond_those_shown_are_said() -> None:
    """Today runs, so of five chosen days one is compared."""
    view = resolved("today", compare="2026-11-01..2026-11-05")
    assert view.before is not None
    assert view.before.local_days() == (date(2026, 11, 1), date(2026, 11, 1))
    assert view.notices == (
        "Of 1–5 Nov 2026, 1 Nov 2026 is compared: the range shown runs on, and has no more days yet.",
    )


def test_chosen_days_out_of_reach_are_not_compared() -> None:
    """The tier's limit holds for every comparison, and no shorter range is offered that would not help."""
    view = resolved("7d", "free", compare="2026-10-01")
    assert (view.comparable.is_ok, view.comparable.reason) == (False, "data reaches back 21 days")
    assert view.comparable.longest_days is None


def test_the_same_weekdays_are_offered_where_weekdays_do_not_line_up() -> None:
    """One click away, unless they lie out of reach or are compared already."""
    assert resolved("10d").are_weekdays_offered
    assert not resolved("7d").are_weekdays_offered
    assert not resolved("10d", compare="weekdays").are_weekdays_offered
    assert resolved("45d").difference is not None
    assert not resolved("45d").are_weekdays_offered
    assert resolved("10d", compare="off").difference is None


def test_a_bucket_that_is_not_offered_falls_back_with_a_notice() -> None:
    """A month has too many hours to draw."""
    view = resolved("30d", bucket="hour")
    assert (view.bucket, view.visitors_bucket) == ("day", "day")
    assert view.notices == ("This range is not drawn by the hour. It is drawn by the day.",)
    assert resolved("30d", bucket="week").bucket == "week"
    assert resolved("14d", bucket="hour").notices == ()


@pytest.mark.parametrize("compare", ["before", "weekdays", "2026-09-01", "off"])
@pytest.mark.parametrize("text", [str(preset) for preset in PRESETS] + ["2026-11-01..2026-11-30"])
def test_dates_of_a_view_show_the_same_days_later(text: str, compare: str) -> None:
    """A link with fixed dates: both sides have the days that they have now, three days on."""
    view = resolved(text, compare=compare)
    dates, against = view.fixed
    later = resolved(str(dates), compare=str(against), now=NOW + timedelta(days=3))
    assert later.is_compared == view.is_compared
    if not later.notices:  # else the plan's limit has moved into the range
        assert later.period.local_days() == view.period.local_days()
    if view.before is not None and later.comparable.reason is None:
        assert later.previous.local_days() == view.before.local_days()


def test_weeks_begin_with_the_day_of_the_deployment() -> None:
    """Range, buckets and comparison alike."""
    view = resolved("this-week", week_start="sunday")
    assert view.period.utc_bounds() == ("2026-11-08 00:00:00", "2026-11-10 14:30:00")
    assert view.previous.utc_bounds() == ("2026-11-01 00:00:00", "2026-11-03 14:30:00")
    starts = bucket_starts(resolved("30d", bucket="week", week_start="saturday").period, "week")
    assert {f"{start:%a}" for start in starts[1:]} == {"Sat"}


def test_a_day_that_a_calendar_skipped_is_said() -> None:
    """Samoa went from 29 to 31 December 2011: the day between has no instant to show."""
    view = resolved(
        "2011-12-30..2011-12-30", timezone="Pacific/Apia", now=datetime(2012, 1, 5, 12, tzinfo=UTC)
    )
    assert view.notices == ("The calendar of that timezone skipped this day. Showing the last 7 days.",)


def test_today_alone_is_compared_with_nothing() -> None:
    """Whatever range, comparison and bucket were chosen; website, viewer and timezone stay."""
    view = View(VIEWER, "w1", Range.parse("90d"), "Asia/Kolkata", NOW, Comparison.parse("weekdays"), "week")
    later = NOW + timedelta(hours=1)
    assert view.of_today(later) == View(
        VIEWER, "w1", Range(days=1), "Asia/Kolkata", later, Comparison.parse("off")
    )
