"""Visitors without a browser: every state of the page, its filters and its switch."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analytics.ingest.events.descriptions import MAX_PAGE_URL_CHARACTERS
from analytics.kpis.visitor_breakdown import DIMENSIONS
from tests.pages.conftest import RunPage, SendEvents, Site, offered, query_of, source_of, text_of

VISITORS = "pages/visitors.py"
SCRIPT = "<script>alert(1)</script>"
PRICING = "https://acme.example/pricing?plan=[pro](x)"


@pytest.fixture
def three_visitors(site: Site, send_events: SendEvents) -> Site:
    """Yesterday at noon: two visitors from France, one of them on a phone, and one from nowhere known with a script."""
    noon = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)

    def event(visitor: str, event_type: str, page: str, **columns: str) -> dict[str, Any]:
        return {
            "timestamp": noon.isoformat(),
            "website_id": site.id,
            "visitor_id": visitor,
            "session_id": visitor,
            "event_type": event_type,
            "country_code": "FR",
            "city": "Paris",
            "device_type": "desktop",
            "browser": "Firefox",
            "page_url": page,
            **columns,
        }

    rows = [
        event("a", "seen", PRICING),
        event("a", "page_view", PRICING),
        event("b", "seen", "https://acme.example/", device_type="mobile", browser="Safari"),
        event("c", "seen", "javascript:alert(1)", country_code="", city=SCRIPT, browser=SCRIPT),
    ]
    assert send_events("visitor_events", rows) == {"successful_rows": 4, "quarantined_rows": 0}
    return site


def rows_of(page: AppTest, dimension: str) -> list[str]:
    """The labels of a dimension's rows, in order, as a viewer reads them."""
    labels = [button.label for button in page.button if str(button.key).startswith(f"pick-{dimension}-")]
    return [label.replace("\\", "").replace("\u2060", "") for label in labels]


def totals_of(page: AppTest) -> dict[str, str]:
    """The three numbers by their titles."""
    return {metric.label: metric.value for metric in page.metric}


def test_data_shows_totals_map_and_ranked_rows(run_page: RunPage, three_visitors: Site) -> None:
    """Three visitors: the numbers, the series, the map and the rankings."""
    page = run_page(VISITORS, website=three_visitors.slug)
    assert not page.exception
    assert totals_of(page) == {"Unique visitors": "3", "Sessions": "3", "Page views": "1"}
    assert rows_of(page, "country") == ["France", "Unknown"]
    assert rows_of(page, "city") == ["Paris :gray[FR]", SCRIPT]
    assert rows_of(page, "device") == ["Desktop", "Mobile"]
    assert set(rows_of(page, "browser")) == {"Firefox", "Safari", SCRIPT}
    assert set(rows_of(page, "page")) == {"/pricing?plan=[pro](x)", "/", "javascript:alert(1)"}
    assert len(page.get("plotly_chart")) == 2
    lists = {f"visitors-by-{dimension.one}" for dimension in DIMENSIONS.values()}
    assert offered(page) == lists | {"visitors-over-time", "visitor-totals"}


def test_the_page_says_how_far_visitor_data_reaches(run_page: RunPage, three_visitors: Site) -> None:
    """Thirty days, and what the tier leaves of them."""
    page = run_page(VISITORS, website=three_visitors.slug)
    assert "Visitor data reaches back 30 days, 21 on the free plan." in text_of(page)


def test_what_visitors_wrote_is_never_markup(run_page: RunPage, three_visitors: Site) -> None:
    """Names of cities, browsers and pages are escaped in labels, and no HTML of the page holds them."""
    page = run_page(VISITORS, website=three_visitors.slug)
    labels = [button.label for button in page.button]
    assert not [label for label in labels if SCRIPT in label or "[pro](x)" in label]
    assert SCRIPT not in source_of(page)
    html = "".join(str(element.proto) for element in page.get("html"))
    assert "alert(1)" not in html
    assert "acme" not in html


@pytest.mark.parametrize(
    ("dimension", "number", "query", "visitors", "chip"),
    [
        ("country", 0, {"country_code": "FR"}, "2", "Country: France"),
        ("country", 1, {"country_code": "-"}, "1", "Country: Unknown"),
        ("city", 0, {"city": "Paris, FR"}, "2", "City: Paris, FR"),
        ("city", 1, {"city": f"{SCRIPT}, -"}, "1", f"City: {SCRIPT}"),
        ("device", 1, {"device_type": "mobile"}, "1", "Device: Mobile"),
    ],
)
def test_a_row_filters_the_page_as_a_chip_and_in_the_url(
    run_page: RunPage,
    three_visitors: Site,
    dimension: str,
    number: int,
    query: dict[str, str],
    visitors: str,
    chip: str,
) -> None:
    """The totals become what the row said; the chip takes the filter away again."""
    page = run_page(VISITORS, website=three_visitors.slug)
    page.button(key=f"pick-{dimension}-{number}").click().run()
    assert not page.exception
    (name,) = query
    assert query_of(page)[name] == query[name]
    assert totals_of(page)["Unique visitors"] == visitors
    button = page.button(key=f"chip-{name}")
    assert button.label.replace("\\", "") == chip
    button.click().run()
    assert name not in query_of(page)
    assert totals_of(page)["Unique visitors"] == "3"


def test_a_chosen_row_clicked_again_takes_the_filter_away(run_page: RunPage, three_visitors: Site) -> None:
    """The row that filters is the way back, too."""
    page = run_page(VISITORS, website=three_visitors.slug, country_code="FR")
    page.button(key="pick-country-0").click().run()
    assert "country_code" not in query_of(page)
    assert totals_of(page)["Unique visitors"] == "3"


def test_filters_combine_and_restore_from_the_url(run_page: RunPage, three_visitors: Site) -> None:
    """A link shows what was filtered: country, device, browser and page together."""
    page = run_page(
        VISITORS, website=three_visitors.slug, country_code="FR", device_type="desktop", browser="Firefox"
    )
    page.query_params["page_url"] = PRICING
    page.run()
    assert totals_of(page) == {"Unique visitors": "1", "Sessions": "1", "Page views": "1"}
    assert page.button(key="chip-page_url").label.replace("\\", "") == "Page: /pricing?plan=[pro](x)"
    page.button(key="chip-all").click().run()
    assert not {"country_code", "device_type", "browser", "page_url"} & set(query_of(page))


@pytest.mark.parametrize("value", ["ZZ", "<b>unknown</b>", "' OR 1=1 --", "{{ error('x') }}", "x" * 5000])
def test_a_filter_without_matches_says_what_to_do(
    run_page: RunPage, three_visitors: Site, value: str
) -> None:
    """An unknown value is a filter without a result, never an error."""
    page = run_page(VISITORS, website=three_visitors.slug, browser=value)
    assert not page.exception
    assert not page.error
    assert totals_of(page)["Unique visitors"] == "0"
    assert text_of(page).count("No visitor matches these filters") == len(DIMENSIONS) + 1


def test_a_period_without_visitors_says_what_to_do(run_page: RunPage, site: Site) -> None:
    """No visitors without a filter: a longer range may have some."""
    page = run_page(VISITORS, website=site.slug)
    assert not page.exception
    assert totals_of(page)["Unique visitors"] == "0"
    assert text_of(page).count("No visitors in this period") == len(DIMENSIONS) + 1


def test_a_range_before_the_reach_has_no_numbers(run_page: RunPage, make_site: Callable[..., Site]) -> None:
    """Sixty days ago there may have been visitors, but their events are deleted."""
    today = datetime.now(UTC).date()
    days = f"{today - timedelta(days=60)}..{today - timedelta(days=50)}"
    page = run_page(VISITORS, website=make_site(plan="pro").slug, range=days)
    assert not page.exception
    assert set(totals_of(page).values()) == {"–"}
    assert "Visitor data reaches back 30 days." in text_of(page)
    assert "No visitor data" in text_of(page)


def test_a_range_that_is_cut_says_from_when_it_counts(
    run_page: RunPage, make_site: Callable[..., Site]
) -> None:
    """Ninety days show thirty, nothing is compared, and fifteen days are one click away."""
    page = run_page(VISITORS, website=make_site(plan="pro").slug, range="90d")
    assert text_of(page).count("Visitor data reaches back 30 days. Counted from") == 1
    start = datetime.now(UTC) - timedelta(days=30)
    assert set(totals_of(page).values()) == {f"0 since {start.day} {start:%b}"}
    page.button(key="longest-comparable").click().run()
    assert query_of(page)["range"] == "15d"
    assert "longest-comparable" not in [button.key for button in page.button]


def test_a_tripled_number_that_may_be_chance_says_why(
    run_page: RunPage, three_visitors: Site, send_events: SendEvents
) -> None:
    """Three visitors after one: the change is grey, its range is there, and total and row say that they are few."""
    before = {
        "timestamp": (datetime.now(UTC) - timedelta(days=9)).isoformat(),
        "website_id": three_visitors.id,
        "visitor_id": "z",
        "event_type": "seen",
        "country_code": "FR",
    }
    assert send_events("visitor_events", [before])["successful_rows"] == 1
    page = run_page(VISITORS, website=three_visitors.slug)
    (visitors,) = (metric for metric in page.metric if metric.label == "Unique visitors")
    assert (visitors.value, visitors.delta, visitors.proto.color) == ("3", "+200 %", visitors.proto.GRAY)
    words = text_of(page)
    assert " or more" in words
    assert "was 1" in words
    assert visitors.proto.delta_description == "no clear change"
    assert "May be chance: 3 against 1 visitors are too few to be sure of it" in words
    assert "+100 % may be chance: 2 against 1 visitors are too few to be sure of it." in words


def test_tinybird_down_shows_an_error_in_each_panel(
    run_page: RunPage, three_visitors: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each panel says so for itself; header, sidebar and chips stand."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = run_page(VISITORS, website=three_visitors.slug, country_code="FR")
    assert not page.exception
    assert len(page.error) == len(DIMENSIONS) + 2
    assert page.title[0].value == "Visitors"
    assert page.button(key="chip-country_code")


def test_the_switch_is_in_the_url_and_on_the_chart(run_page: RunPage, three_visitors: Site) -> None:
    """Page views chosen are drawn and linked."""
    page = run_page(VISITORS, website=three_visitors.slug)
    page.button_group(key="metric_widget").set_value("page_views").run()
    assert query_of(page)["metric"] == "page_views"
    assert "Page views over time" in text_of(page)


def test_a_corrupt_switch_falls_back_with_a_notice(run_page: RunPage, three_visitors: Site) -> None:
    """A count that is not offered is not asked for."""
    page = run_page(VISITORS, website=three_visitors.slug, metric="money")
    assert not page.exception
    assert "a chart we do not know" in text_of(page)
    assert "Unique visitors over time" in text_of(page)


def test_the_map_points_at_countries_with_visitors_alone(run_page: RunPage, three_visitors: Site) -> None:
    """What can be clicked on the map is what was counted; the outlines come from this host."""
    page = run_page(VISITORS, website=three_visitors.slug)
    charts = [
        (json.loads(chart.proto.spec), json.loads(chart.proto.config)) for chart in page.get("plotly_chart")
    ]
    ((world, config),) = [chart for chart in charts if "geo" in chart[0]["layout"]]
    others, seen, small = world["data"]
    assert seen["customdata"] == [["FR", "France", "2 visitors", "66.7 %"]]
    assert not small["locations"]
    assert others["hoverinfo"] == "skip"
    assert "Germany" in others["locations"]
    assert "France" not in others["locations"]
    assert {trace["geojson"] for trace in world["data"]} == {"app/static/countries.geojson"}
    assert config["topojsonURL"] == "app/static/"


def test_more_rows_are_one_click_away(run_page: RunPage, site: Site, send_events: SendEvents) -> None:
    """Eight rows stand at first, twenty more after a click."""
    now = datetime.now(UTC) - timedelta(minutes=10)
    rows = [
        {
            "timestamp": now.isoformat(),
            "website_id": site.id,
            "visitor_id": f"v{number}",
            "event_type": "seen",
            "browser": f"Browser {number:02}",
        }
        for number in range(10)
    ]
    send_events("visitor_events", rows)
    page = run_page(VISITORS, website=site.slug)
    assert len(rows_of(page, "browser")) == 8
    page.button(key="more-browser").click().run()
    assert len(rows_of(page, "browser")) == 10


def test_a_country_is_one_row_however_it_was_written(
    run_page: RunPage, site: Site, send_events: SendEvents
) -> None:
    """By name; what is no country is Unknown; the filter counts all of a row, also from a link in small letters."""
    at = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    codes = ["de", "DE", "De", "XX", "T1", "NA"]
    rows = [
        {"timestamp": at, "website_id": site.id, "visitor_id": f"v{number}", "event_type": "seen", "country_code": code}
        for number, code in enumerate(codes)
    ]  # fmt: skip
    send_events("visitor_events", rows)
    page = run_page(VISITORS, website=site.slug)
    assert rows_of(page, "country") == ["Germany", "Unknown", "Namibia"]
    for link, chip, visitors in (("DE", "Germany", "3"), ("de", "Germany", "3"), ("T1", "Unknown", "2")):
        page = run_page(VISITORS, website=site.slug, country_code=link)
        assert page.button(key="chip-country_code").label == f"Country: {chip}"
        assert totals_of(page)["Unique visitors"] == visitors


@pytest.mark.parametrize("more", [0, 1], ids=["longest", "and its neighbour"])
def test_a_click_on_the_longest_page_finds_its_visitors(
    run_page: RunPage, site: Site, send_events: SendEvents, more: int
) -> None:
    """As long as the emitter lets it be; another page that begins alike is another page."""
    at = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    start = "https://acme.example/"
    longest = start + "a" * (MAX_PAGE_URL_CHARACTERS - len(start))
    rows = [
        {"timestamp": at, "website_id": site.id, "visitor_id": f"v{number}", "event_type": "seen", "page_url": url}
        for number, url in enumerate((longest, longest[:-1]))
    ]  # fmt: skip
    send_events("visitor_events", rows)
    page = run_page(VISITORS, website=site.slug)
    page.button(key=f"pick-page-{more}").click().run()
    assert totals_of(page)["Unique visitors"] == "1"
