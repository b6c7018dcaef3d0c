"""What holds on every page: no error, nothing cut off, accessible, and exports that say what the page says."""

import csv
import io
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageChops, ImageFilter
from playwright.sync_api import Page, expect

from analytics import cached
from analytics.metrics import KpiKey
from pages.components import cards, formatting, sidebar
from tests.browser.conftest import Window

PATHS = {
    title: "/" if number == 0 else f"/{path.removeprefix('pages/').removesuffix('.py')}"
    for number, (path, title, _) in enumerate(sidebar.PAGES)
}


def settled(page: Page) -> None:
    """Waits until the page has drawn all of its panels."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
    expect(page.locator("[data-test-script-state=notRunning]").first).to_be_attached()
    page.wait_for_timeout(1500)


def violations(page: Page) -> list[str]:
    """What axe finds serious now."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in Axe().run(page, options=options).response["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def unnamed_charts(page: Page) -> list[str]:
    """The charts that somebody who cannot see them is told nothing of."""
    unnamed: list[str] = page.locator(
        "[data-testid=stPlotlyChart], [data-testid=stDeckGlJsonChart]"
    ).evaluate_all(
        "charts => charts.filter(chart => !chart.closest('[aria-label]') && !chart.querySelector('[aria-label]'))"
        ".map(chart => chart.outerHTML.slice(0, 300))"
    )
    return unnamed


@pytest.mark.parametrize("title", PATHS)
def test_no_page_breaks_wcag_aa(window: Callable[..., Window], title: str) -> None:
    """Names, roles, contrast, in light and dark: axe finds nothing serious, and each chart has its text."""
    page = window(PATHS[title]).page
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        settled(page)
        expect(page.locator(".stApp")).to_have_css("color-scheme", scheme)
        serious = violations(page)
        for _ in range(4):
            if serious:
                # A panel that is being drawn anew fades for a moment, and its contrast with it.
                page.wait_for_timeout(3000)
                serious = violations(page)
        assert serious == [], scheme
    assert unnamed_charts(page) == []


CHOICES = {
    "Overview": ("metric", "Response", "Resolution"),
    "Conversations": ("heat", "Volume", "Median response"),
    "Satisfaction": ("range", "7 d", "30 d"),
    "Visitors": ("count", "Visitors", "Sessions"),
    "Live": ("window", "5 min", "30 min"),
    "Data health": ("website", "Northwind Outdoor", "Tea & Crumb"),
}


def is_chosen(page: Page, widget: str, choice: str) -> None:
    """Waits until a switch or a box of the page stands there."""
    place = page.locator(f".st-key-{widget}_widget")
    if widget == "website":
        expect(place.get_by_role("combobox")).to_have_value(re.compile(re.escape(choice)))
    else:
        expect(place.get_by_role("radio", name=choice, exact=True)).to_be_checked()


@pytest.mark.parametrize("title", PATHS)
def test_reload_keeps_and_back_restores(window: Callable[..., Window], title: str) -> None:
    """What is chosen is in the address: reloading shows it again, going back shows what stood before it."""
    widget, before, after = CHOICES[title]
    page = window(f"{PATHS[title]}?website=northwind-outdoor").page
    is_chosen(page, widget, before)
    address = page.url
    place = page.locator(f".st-key-{widget}_widget")
    if widget == "website":
        place.get_by_role("combobox").fill(after)
        page.keyboard.press("Enter")
    else:
        place.get_by_role("radio", name=after, exact=True).click()
    expect(page).not_to_have_url(address)
    chosen = page.url
    page.reload()
    is_chosen(page, widget, after)
    assert page.url == chosen
    page.go_back()
    is_chosen(page, widget, before)
    assert page.url == address


def test_the_visitors_stand_uncut_beside_the_globe(window: Callable[..., Window]) -> None:
    """From 1280 px on, place, page, device and time are there without scrolling sideways."""
    page = window("/live?window=30", width=1280).page
    table = page.locator(".st-key-panel-visitors .dvn-scroller")
    expect(table).to_be_visible()
    assert table.evaluate("table => table.scrollWidth <= table.clientWidth")


def test_a_phone_is_told_where_a_table_goes_on(window: Callable[..., Window]) -> None:
    """The two tables of Data health wider than 390 px say so; the others are not, and a desk needs no word."""
    page = window("/data_health", width=390, height=844).page
    hint = page.get_by_text("Swipe the table for more columns.")
    expect(hint).to_have_count(2)
    expect(hint.first).to_be_visible()
    for name in ("queries", "savings"):
        table = page.locator(f".st-key-panel-{name} .dvn-scroller")
        expect(table).to_be_visible()
        assert table.evaluate("table => table.scrollWidth <= table.clientWidth"), name
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(hint.first).not_to_be_visible()


@pytest.mark.parametrize("title", ["Conversations", "Live", "Data health"])
def test_tables_leave_by_the_safe_button_alone(window: Callable[..., Window], title: str) -> None:
    """Streamlit's own download would hand a visitor's formula to a spreadsheet."""
    page = window(PATHS[title]).page
    settled(page)
    expect(page.locator("[data-testid=stDataFrame]").first).to_be_visible()
    page.locator("[data-testid=stDataFrame]").first.hover()
    expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)
    expect(page.locator("[class*=st-key-csv-]").first).to_be_visible()


@pytest.mark.parametrize(
    ("path", "width", "scheme", "charts"),
    [
        pytest.param("/", 1440, "light", 2, id="Overview"),
        pytest.param("/conversations?band=response:0", 390, "dark", 4, id="Conversations"),
        pytest.param("/satisfaction", 1440, "dark", 4, id="Satisfaction"),
        pytest.param("/visitors?country=GB", 390, "light", 2, id="Visitors"),
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


def test_cards_and_their_export_are_one(window: Callable[..., Window]) -> None:
    """Every number of the file, said as the card says it, is the card's; the file names website, days and timezone."""
    page = window("/?range=7d&tz=Europe/London").page
    settled(page)
    shown = {
        key: page.locator(f".st-key-kpi-{key} [data-testid=stMetricValue]").inner_text()
        for key in cached.KPI_ORDER
    }
    rows = {row["kpi"]: row for row in download(page, "kpis")}
    said: dict[KpiKey, tuple[str, Callable[[float], str]]] = {
        "median_response": ("value_seconds", formatting.duration),
        "median_resolution": ("value_seconds", formatting.duration),
        "ai_handled": ("value_ratio", formatting.rate),
        "satisfaction": ("value_points", formatting.score),
        "unique_visitors": ("value_visitors", formatting.count),
    }
    written = {
        key: text(float(rows[cards.WORDING[key].title][column])) for key, (column, text) in said.items()
    }
    assert written == shown
    (about,) = {(row["website"], row["period_start (Europe/London)"][11:]) for row in rows.values()}
    assert about == ("Northwind Outdoor", "00:00:00")


def test_chart_funnel_and_cards_count_the_same(window: Callable[..., Window]) -> None:
    """The funnel starts with what the exported series adds up to; what goes on is at most the n of the cards."""
    page = window("/?range=7d&tz=Europe/London").page
    settled(page)
    steps = {row["step"]: int(row["conversations"]) for row in download(page, "funnel")}
    series = [row for row in download(page, "response-over-time") if row["period"] == "This period"]
    assert sum(int(row["started_count"]) for row in series) == steps["Started"]
    n = {row["kpi"]: int(row["n"]) for row in download(page, "kpis")}
    assert steps["Started"] >= steps["Responded"] >= steps["Resolved"] >= steps["of these by AI"] > 0
    assert steps["Responded"] <= n["Median response"]
    assert steps["Resolved"] <= n["Median resolution"]
