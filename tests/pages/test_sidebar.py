"""The sidebar: each control shows what the page shows and writes the URL; ranges, comparison, buckets, timezone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from analytics.scope import periods
from analytics.scope.comparison import BEFORE, compared_period
from analytics.scope.periods import Range
from tests.pages.conftest import RunPage, Site, query_of, text_of


def day(page: AppTest, label: str) -> date:
    """What a date field shows."""
    value = next(each for each in page.date_input if each.label == label).value
    assert isinstance(value, date)
    return value


def near(page: AppTest) -> ButtonGroup[Any]:
    """The ranges that the sidebar shows at once."""
    return page.button_group(key="range_widget")


def more(page: AppTest) -> ButtonGroup[Any]:
    """Those behind "More"."""
    (found,) = (each for each in page.button_group if each.label == "More ranges")
    return found


def chosen(page: AppTest) -> str | None:
    """The range that is marked in the sidebar, near or behind "More"."""
    values = [near(page).value, more(page).value]
    return next((str(value) for value in values if value is not None), None)


def test_each_range_is_kept_in_the_url(run_page: RunPage, make_site: Callable[..., Site]) -> None:
    """A range chosen in the sidebar is in the URL as a word; the default is not."""
    page = run_page("app.py", website=make_site(plan="pro").slug, tz="UTC")
    for group, name in ((near, "last-week"), (more, "14d"), (near, "last-month"), (more, "90d")):
        group(page).set_value(name).run()
        assert not page.exception
        assert query_of(page)["range"] == name
        assert chosen(page) == name
        assert Range.parse(name).label in text_of(page)
    near(page).set_value("7d").run()
    assert "range" not in query_of(page)
    assert chosen(page) == "7d"


def test_two_dates_count_once_they_are_applied(run_page: RunPage, site: Site) -> None:
    """Nothing happens before; then both are in the URL, in their order, whichever was given first."""
    page = run_page("app.py", website=site.slug, tz="UTC")
    today = datetime.now(UTC).date()
    assert (day(page, "From"), day(page, "To")) == (today - timedelta(days=6), today)
    first, last = today - timedelta(days=9), today - timedelta(days=3)
    next(each for each in page.date_input if each.label == "From").set_value(last)
    next(each for each in page.date_input if each.label == "To").set_value(first)
    assert "range" not in query_of(page)
    next(each for each in page.button if each.label == "Apply").click().run()
    assert query_of(page)["range"] == f"{first}..{last}"
    assert (day(page, "From"), day(page, "To")) == (first, last)
    assert chosen(page) is None
    assert not page.exception


def test_a_plan_offers_no_range_past_its_reach(run_page: RunPage, make_site: Callable[..., Site]) -> None:
    """21 days on free, 90 on paid; one line says how far history and comparison reach."""
    sites = make_site(), make_site(plan="pro")
    free, paid = (run_page("app.py", website=site.slug) for site in sites)
    assert {"10 d", "14 d", "21 d"} <= set(more(free).options)
    assert "30 d" not in near(free).options
    assert {"45 d", "90 d"} <= set(more(paid).options)
    assert list(near(paid).options)[:5] == [
        *("Today", "Yesterday", "This week", "Last week", "7 d"),
    ]
    assert "History: 21 days." in text_of(free)
    assert "History: 90 days (visitors 30)." in text_of(paid)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("2099-12-01..2099-12-10", "lies in the future. Showing the last 7 days."),
        ("2020-01-01..2020-02-01", "is too old; showing the last 7 days."),
        ("nonsense", "It was ignored."),
    ],
)
def test_after_a_fallback_the_sidebar_shows_what_the_page_shows(
    asked: str, said: str, run_page: RunPage, site: Site
) -> None:
    """One range on screen: in the header, marked in the sidebar, and in the date fields."""
    page = run_page("app.py", website=site.slug, tz="UTC", range=asked)
    words, today = text_of(page), datetime.now(UTC).date()
    first = today - timedelta(days=6)
    assert said in words
    assert f"Last 7 days · {periods.days_label(first, today)}" in words
    assert chosen(page) == "7d"
    assert (day(page, "From"), day(page, "To")) == (first, today)


@pytest.mark.parametrize(
    ("path", "name", "bucket"),
    [
        ("overview", "last-month", "week"),
        ("conversations", "this-week", "hour"),
        ("satisfaction", "last-month", "week"),
        ("visitors", "this-week", "hour"),
    ],
)
def test_every_page_compares_a_calendar_range_with_the_unit_before(
    path: str, name: str, bucket: str, run_page: RunPage, make_site: Callable[..., Site]
) -> None:
    """The page alone, from its link: label, dates and the dates of the other side."""
    page = run_page(
        f"pages/{path}.py", website=make_site(plan="pro").slug, tz="UTC", range=name, bucket="day"
    )
    assert not page.exception
    selected, now = Range.parse(name), datetime.now(UTC)
    period = periods.resolve(selected, now, ZoneInfo("UTC"))
    other = compared_period(BEFORE, selected, period, now)
    assert other is not None
    words = text_of(page)
    assert chosen(page) == name
    if path != "visitors" and not period.is_empty and other.start > now - timedelta(days=90):
        assert selected.label in words
        assert periods.days_label(*period.local_days()) in words
        days = other.local_days()
        assert f"vs {days[0].day}" in words.replace("–", " ")


def test_the_comparison_is_kept_in_the_url(run_page: RunPage, make_site: Callable[..., Site]) -> None:
    """Nothing, the same weekdays, a chosen start, and back to the period before, which the URL leaves out."""
    page = run_page("app.py", website=make_site(plan="pro").slug, tz="UTC", range="10d")
    today = datetime.now(UTC).date()
    control = page.selectbox(key="compare_widget")
    control.set_value("weekdays").run()
    assert query_of(page)["compare"] == "weekdays"
    assert "Weekdays do not line up" not in text_of(page)
    control.set_value("off").run()
    assert query_of(page)["compare"] == "off"
    control.set_value("chosen").run()
    latest = today - timedelta(days=19)
    assert query_of(page)["compare"] == str(latest)
    next(each for each in page.date_input if each.label == "Compare from").set_value(
        latest - timedelta(days=30)
    )
    [each for each in page.button if each.label == "Apply"][-1].click().run()
    assert query_of(page)["compare"] == str(latest - timedelta(days=30))
    assert not page.exception
    control.set_value("before").run()
    assert "compare" not in query_of(page)


def test_a_start_is_offered_where_the_plan_has_as_many_days_before(
    run_page: RunPage, make_site: Callable[..., Site]
) -> None:
    """Not before 90 days of 90; where a link names one all the same, the notice says what to choose."""
    slug = make_site(plan="pro").slug
    for name, is_offered in (("45d", True), ("46d", False)):
        page = run_page("app.py", website=slug, tz="UTC", range=name)
        assert ("Chosen start" in page.selectbox(key="compare_widget").options) == is_offered, name
    page = run_page("app.py", website=slug, tz="UTC", range="90d", compare=str(datetime.now(UTC).date()))
    assert "a shorter range leaves room" in text_of(page)
    assert page.selectbox(key="compare_widget").value == "chosen"
    assert not [each for each in page.date_input if each.label == "Compare from"]


def test_the_same_weekdays_are_one_click_away(run_page: RunPage, make_site: Callable[..., Site]) -> None:
    """Ten days against the ten before begin on other weekdays: said, and mended by a click."""
    page = run_page("app.py", website=make_site(plan="pro").slug, tz="UTC", range="10d")
    assert "Weekdays do not line up" in text_of(page)
    page.button(key="same-weekdays").click().run()
    assert query_of(page)["compare"] == "weekdays"
    assert page.selectbox(key="compare_widget").value == "weekdays"
    assert "Weekdays do not line up" not in text_of(page)


def test_an_overlapping_start_is_refused_in_words(run_page: RunPage, site: Site) -> None:
    """No change is shown, the reason is, and the page stands."""
    page = run_page("app.py", website=site.slug, tz="UTC", compare=str(datetime.now(UTC).date()))
    assert not page.exception
    assert "does not end before the range begins" in text_of(page)
    assert {metric.delta for metric in page.metric} == {"–"}


def test_charts_are_drawn_by_what_is_chosen(run_page: RunPage, site: Site) -> None:
    """Hours and days for a week, in the URL but for what suits it; what is not offered falls back with a notice."""
    page = run_page("app.py", website=site.slug, tz="UTC")
    control = page.button_group(key="bucket_widget")
    assert (list(control.options), control.value) == (["Hour", "Day"], "day")
    control.set_value("hour").run()
    assert query_of(page)["bucket"] == "hour"
    control.set_value("day").run()
    assert "bucket" not in query_of(page)
    page = run_page("app.py", website=site.slug, tz="UTC", bucket="week")
    assert page.button_group(key="bucket_widget").value == "day"
    assert "not drawn by the week" in text_of(page)


def test_weeks_begin_as_the_deployment_says(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last week from Sunday."""
    monkeypatch.setenv("INBOX_ANALYTICS_WEEK_START", "Sunday")
    page = run_page("app.py", website=site.slug, tz="UTC", range="last-week")
    first, last = day(page, "From"), day(page, "To")
    assert (f"{first:%A}", f"{last:%A}") == ("Sunday", "Saturday")


@pytest.mark.parametrize(
    ("said", "notice"),
    [
        (None, "Your browser does not report its timezone."),
        ("", "Your browser does not report its timezone."),
        ("Foo/Bar", "Your browser's timezone “Foo/Bar” is not known here."),
        ("Factory", "Your browser's timezone “Factory” is not known here."),
        ("x" * 10_000, "is not known here."),
    ],
)
def test_without_a_known_browser_timezone_a_notice_names_utc(
    run_page: RunPage,
    site: Site,
    browser_timezone: Callable[[str | None], None],
    said: str | None,
    notice: str,
) -> None:
    """UTC, with a notice, and it is not called the browser's; a timezone that was chosen needs none."""
    browser_timezone(said)
    page = run_page("app.py", website=site.slug)
    assert notice in text_of(page)
    assert "Times are in UTC" in text_of(page)
    control = page.selectbox(key="tz_widget")
    assert control.value == "UTC"
    assert not [name for name in control.options if "(browser)" in name]
    assert "Your browser" not in text_of(run_page("app.py", website=site.slug, tz="UTC"))


def test_a_timezone_is_known_in_any_case(
    run_page: RunPage, site: Site, browser_timezone: Callable[[str | None], None]
) -> None:
    """Some phones write asia/kolkata, and so may a link; the list has blanks, and older names too."""
    browser_timezone("asia/kolkata")
    page = run_page("app.py", website=site.slug)
    control = page.selectbox(key="tz_widget")
    assert (control.value, control.options[0]) == ("Asia/Kolkata", "Asia/Kolkata (browser)")
    assert {"America/New York", "Asia/Calcutta", "America/Argentina/Buenos Aires"} <= set(control.options)
    control.set_value("America/New_York").run()
    assert query_of(page)["tz"] == "America/New_York"
    page = run_page("app.py", website=site.slug, tz="EUROPE/london")
    assert page.selectbox(key="tz_widget").value == "Europe/London"
    assert not page.info
