"""Exports say what the page says: pictures of charts and cards, and the files of numbers."""

import csv
import io
import re
from collections.abc import Callable, Iterator

import pytest
from PIL import Image, ImageChops, ImageFilter
from playwright.sync_api import BrowserContext, Page, expect

from analytics.kpis.declarations import KPIS, KpiKey
from pages.components import formatting
from tests.browser.conftest import Demo, Window, windows
from tests.browser.test_every_page import settled


@pytest.mark.parametrize(
    ("path", "width", "scheme", "charts"),
    [
        pytest.param("/", 1440, "light", 2, id="Overview"),
        pytest.param("/conversations?response=band:0", 390, "dark", 4, id="Conversations"),
        pytest.param("/satisfaction", 1440, "dark", 4, id="Satisfaction"),
        pytest.param("/visitors?country_code=GB", 390, "light", 2, id="Visitors"),
        pytest.param("/live", 1440, "light", 1, id="Live"),
    ],
)
def test_every_chart_leaves_as_the_picture_that_is_seen(
    window: Callable[..., Window], path: str, width: int, scheme: str, charts: int
) -> None:
    """The PNG is the chart, or the cards, in twice its size, letter for letter, under what it shows; its file says so as well."""
    query = f"{'&' if '?' in path else '?'}website=northwind-outdoor"
    page = window(f"{path}{query}", width=width, scheme=scheme).page
    drawn_ones = ".js-plotly-plot, .st-key-kpi-grid"
    panels = page.locator("[class*=st-key-panel-]").filter(has=page.locator(drawn_ones))
    panels = panels.filter(has_not=page.locator("[class*=st-key-panel-]"))
    expect(panels).to_have_count(charts)
    settled(page)
    names = set()
    for number in range(charts):
        chart = panels.nth(number).locator(drawn_ones)
        unpressed = "[class*=st-key-explain-] { visibility: hidden }"
        shown = Image.open(io.BytesIO(chart.screenshot(style=unpressed))).convert("L")
        with page.expect_download() as coming:
            panels.nth(number).get_by_role("button", name="PNG").click()
        names.add(coming.value.suggested_filename)
        picture = Image.open(coming.value.path()).convert("L")
        margin = 32
        left, top = margin, picture.height - margin - 2 * shown.height
        drawn = picture.crop((left, top, picture.width - margin, picture.height - margin)).resize(shown.size)
        assert _apart(shown, drawn) < 0.004  # in another typeface up to 0.03
        heading = picture.crop((0, 0, picture.width, top))
        empty = heading.crop((0, 0, 1, 1)).resize(heading.size)
        assert sum(ImageChops.difference(heading, empty).histogram()[100:]) > 500
    assert len(names) == charts
    for name in names:
        assert re.fullmatch(r"northwind-outdoor-[a-z-]+-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.png", name)


def _apart(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ where two pictures lie best on each other: a screenshot begins at a whole pixel."""
    one, other = (each.filter(ImageFilter.GaussianBlur(1.5)) for each in (one, other))
    inner = (2, 2, one.width - 2, one.height - 2)
    return min(
        sum(ImageChops.difference(ImageChops.offset(one, x, y), other).crop(inner).histogram()[40:])
        for x in (-1, 0, 1)
        for y in (-1, 0, 1)
    ) / (one.width * one.height)


def download(page: Page, name: str) -> list[dict[str, str]]:
    """The rows of an export."""
    with page.expect_download() as coming:
        page.locator(f".st-key-csv-{name} button").locator("visible=true").first.click()
    text = coming.value.path().read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, "")))


@pytest.fixture(scope="module")
def overview(visitor: BrowserContext, demo: Demo) -> Iterator[Page]:
    """Overview, opened once for the tests that only save its files."""
    with windows(visitor, demo) as open_window:
        page = open_window("/?range=7d&tz=Europe/London").page
        settled(page)
        yield page


def test_cards_and_their_export_are_one(overview: Page) -> None:
    """Every number of the file, said as the card says it, is the card's; the file names website, days and timezone."""
    rows = {row["kpi"]: row for row in download(overview, "kpis")}
    said: dict[KpiKey, tuple[str, Callable[[float], str]]] = {
        "median_response": ("value_seconds", formatting.duration),
        "median_resolution": ("value_seconds", formatting.duration),
        "ai_handled": ("value_ratio", formatting.rate),
        "satisfaction_index": ("value_points", formatting.score),
        "unique_visitors": ("value_visitors", formatting.count),
    }
    shown = {
        key: overview.locator(f".st-key-kpi-{key} [data-testid=stMetricValue]").inner_text() for key in said
    }
    written = {key: text(float(rows[KPIS[key].title][column])) for key, (column, text) in said.items()}
    assert written == shown
    (about,) = {(row["website"], row["period_start (Europe/London)"][11:]) for row in rows.values()}
    assert about == ("Northwind Outdoor", "00:00:00")


def test_chart_funnel_and_cards_count_the_same(overview: Page) -> None:
    """The funnel starts with what the exported series adds up to; what goes on is at most the n of the cards."""
    steps = {row["step"]: int(row["conversations"]) for row in download(overview, "funnel")}
    series = [
        row for row in download(overview, "median-response-over-time") if row["period"] == "This period"
    ]
    assert sum(int(row["started_count"]) for row in series) == steps["Started"]
    n = {row["kpi"]: int(row["n"]) for row in download(overview, "kpis")}
    assert steps["Started"] >= steps["Responded"] >= steps["Resolved"] >= steps["of these by AI"] > 0
    assert steps["Responded"] <= n["Median response"]
    assert steps["Resolved"] <= n["Median resolution"]
