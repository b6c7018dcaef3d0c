"""Exports say what the page says: pictures of charts and cards, and the files of numbers."""

import csv
import io
import re
from collections.abc import Callable, Iterator

import openpyxl
import pytest
from openpyxl.workbook import Workbook
from PIL import Image, ImageChops, ImageFilter
from playwright.sync_api import BrowserContext, Page, expect

from analytics.kpis.declarations import KPIS, KpiKey
from pages.components import formatting
from tests.browser.conftest import Demo, Window, windows
from tests.browser.test_every_page import settled


@pytest.mark.parametrize(
    ("path", "width", "scheme", "charts"),
    [
        pytest.param("/?website=northwind-outdoor", 1440, "light", 2, id="Overview"),
        pytest.param("/conversations?response=band:0", 390, "dark", 4, id="Conversations"),
        pytest.param("/satisfaction", 1440, "dark", 5, id="Satisfaction"),
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
        box = chart.bounding_box()
        assert box is not None
        # A chart between two pixels has one more in its screenshot.
        shown = shown.crop((0, 0, round(box["width"]), round(box["height"])))
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
        page.locator(f".st-key-csv-{name} button[data-format=csv]").locator("visible=true").first.click()
    text = coming.value.path().read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, "")))


@pytest.fixture(scope="module")
def overview(visitor: BrowserContext, demo: Demo) -> Iterator[Page]:
    """Overview, opened once for the tests that only save its files."""
    with windows(visitor, demo) as open_window:
        page = open_window("/?website=northwind-outdoor&range=7d&tz=Europe/London").page
        settled(page)
        yield page


def test_cards_and_their_export_are_one(overview: Page) -> None:
    """Every number of the file, said as the card says it, is the card's; the file names website, days and timezone."""
    rows = {row["kpi"]: row for row in download(overview, "kpis")}
    said: dict[KpiKey, tuple[str, Callable[[float], str]]] = {
        "median_response": ("seconds", formatting.duration),
        "median_resolution": ("seconds", formatting.duration),
        "ai_handled": ("ratio", formatting.rate),
        "satisfaction_index": ("points", formatting.score),
        "unique_visitors": ("visitors", formatting.count),
    }
    shown = {
        key: overview.locator(f".st-key-kpi-{key} [data-testid=stMetricValue]").inner_text() for key in said
    }
    written = {key: text(float(rows[KPIS[key].title]["value"])) for key, (_, text) in said.items()}
    assert written == shown
    units = {key: rows[KPIS[key].title]["unit"] for key in said}
    assert units == {key: unit for key, (unit, _) in said.items()}
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


def opened(page: Page, press: Callable[[], None]) -> tuple[str, Workbook]:
    """The workbook of a click, and its name."""
    with page.expect_download() as coming:
        press()
    name = coming.value.suggested_filename
    return name, openpyxl.load_workbook(io.BytesIO(coming.value.path().read_bytes()))


def test_a_workbook_has_the_numbers_of_the_csv(overview: Page) -> None:
    """Typed: a program adds them up without reading text."""
    rows = download(overview, "funnel")
    name, book = opened(overview, overview.locator(".st-key-csv-funnel button[data-format=xlsx]").click)
    assert re.fullmatch(r"northwind-outdoor-funnel-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.xlsx", name)
    written = [[cell.value for cell in line[:2]] for line in book["Funnel"].iter_rows(min_row=2)]
    assert written == [[row["step"], int(row["conversations"])] for row in rows]


def test_one_click_gives_all_tables_of_the_page(overview: Page) -> None:
    """A sheet per panel that offers a file, after one that says what the header of the page says."""
    name, book = opened(overview, overview.get_by_role("button", name="Export page").click)
    assert re.fullmatch(r"northwind-outdoor-overview-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.xlsx", name)
    assert book.sheetnames == ["About", "KPIs", "KPIs over time", "Funnel"]
    facts = dict([cell.value for cell in line[:2]] for line in book["About"].iter_rows(max_row=8))
    shown = overview.locator(".st-key-header-facts p").first.inner_text()
    assert shown.startswith(f"{facts['Website']} · Last 7 days · {facts['Dates']} · vs ")
    assert (facts["Page"], facts["Timezone"]) == ("Overview", "Europe/London")
    expect(overview.locator(".st-key-page-files [role=status]")).to_have_text("File saved.")


LATE_FILES = """{
  const loaded = new Promise(done => { window.load = done })
  window.filesLoaded = loaded
  const Real = window.Blob
  window.Blob = class extends Real {
    constructor(parts, options) {
      super((parts ?? []).map(each => String(each).includes('dataset.table =') ? `await window.filesLoaded\\n${each}` : each), options)
    }
  }
}"""
"""Holds the code of the buttons that offer a table, which a browser loads after the panels are there."""


def test_the_workbook_has_all_tables_of_a_page_that_is_still_loading(window: Callable[..., Window]) -> None:
    """Export page waits for every panel, also for one whose button for files is not there yet when the run has ended."""
    page = window("/visitors?website=northwind-outdoor", script=LATE_FILES).page
    settled(page)
    page.get_by_role("button", name="Export page").click()
    status = page.locator(".st-key-page-files [role=status]")
    expect(status).to_have_text("Making the workbook.")
    page.wait_for_timeout(1500)
    expect(status).to_have_text("Making the workbook.")
    _, book = opened(page, lambda: page.evaluate("() => window.load()"))
    assert len(book.sheetnames) == 1 + page.locator("[class*=st-key-csv-]").count() == 8


PAPER = """() => {
  const seen = element => element.checkVisibility() && element.getBoundingClientRect().width > 0
  const main = document.querySelector('.stMainBlockContainer').getBoundingClientRect()
  return {
    width: main.width,
    left: [...document.querySelectorAll('button, [data-testid=stSidebar]')].filter(seen).map(each => each.innerText).filter(Boolean),
    cut: [...document.querySelectorAll('.main-svg')].filter(seen).filter(each => each.getBoundingClientRect().right > main.right + 1).length,
    charts: document.querySelectorAll('.main-svg').length,
    blank: [...document.querySelectorAll('.stPlotlyChart')].filter(seen).filter(each => each.closest('.stElementContainer')
      .getBoundingClientRect().bottom > each.querySelector('.main-svg').getBoundingClientRect().bottom + 5).length,
    facts: document.querySelector('.st-key-header-facts p').innerText,
    heading: document.adoptedStyleSheets.map(each => [...each.cssRules].map(rule => rule.cssText).join()).join(),
  }
}"""


@pytest.mark.parametrize("is_drawn_anew", [True, False], ids=["button", "menu of the browser"])
def test_paper_has_neither_controls_nor_cut_charts(
    window: Callable[..., Window], is_drawn_anew: bool
) -> None:
    """On A4, which leaves 703 px: website and dates on the first page and in the heading of the others, in any window."""
    page = window("/visitors?website=northwind-outdoor", width=1440).page
    settled(page)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    if is_drawn_anew:
        page.evaluate("() => { window.printed = new Promise(done => { window.print = done }) }")
        page.get_by_role("button", name="Print").click()
        page.evaluate("() => window.printed")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    paper = page.evaluate(PAPER)
    assert paper["charts"] > 0
    assert (round(paper["width"]), paper["cut"], paper["blank"]) == (703, 0, 0)
    assert not {"CSV", "PNG", "Excel", "Print", "Export page", "Copy link"} & {
        word.strip() for text in paper["left"] for word in text.split("\n")
    }
    assert paper["facts"].startswith("Northwind Outdoor · Last 7 days")
    assert "Northwind Outdoor" in paper["heading"]
    assert "@page" in paper["heading"]


FREEZE = """() => { window.printed = new Promise(done => { window.print = () => {
  // What the page looks like while the dialog is open: it would be given back at once.
  const heights = [...document.querySelectorAll('[data-testid=stDataFrameResizable]')].map(each => [each, each.style.height])
  setTimeout(() => {
    document.documentElement.classList.add('is-printing')
    for (const [each, height] of heights) each.style.height = height
    done()
  })
} }) }"""
SHEETS = """() => {
  const box = each => each.getBoundingClientRect()
  const shown = [...document.querySelectorAll('.stDataFrame')].map(each => [each.closest('.stGridCell, [class*=st-key-panel-]'), box(each), box(each.querySelector('canvas'))])
  return {
    tables: shown.length,
    spilt: shown.filter(([card, frame]) => frame.bottom > box(card).bottom + 1).length,
    empty: shown.filter(([card, frame, picture]) => Math.abs(picture.bottom - frame.bottom) > 30).length,
    panels: [...document.querySelectorAll('[class*=st-key-panel-]')].map(each => [box(each).height, getComputedStyle(each).breakInside]),
    left: [...document.querySelectorAll('[class*=st-key-edit-], button[aria-label^=Help], [class*=st-key-swipe-]')].filter(each => each.checkVisibility()).length,
    said: [...document.querySelectorAll('.stDataFrame')].map(each => getComputedStyle(each, '::after').content.replaceAll('"', '')),
  }
}"""
SHEET_PX = 1020


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/waiting?website=northwind-outdoor", "none"),
        ("/all_websites", "Printed: the first 29 of"),
        ("/data_health?website=northwind-outdoor", "Printed: the first 29 of"),
        ("/ai_and_people?website=northwind-outdoor", None),
    ],
    ids=["Waiting", "All websites", "Data health", "AI and people"],
)
def test_a_printed_table_has_a_frame_of_its_height_and_names_what_is_left_out(
    window: Callable[..., Window], path: str, said: str | None
) -> None:
    """No table lies over what follows it or above a blank, no panel that is kept whole is higher than a sheet of A4."""
    page = window(path, width=1440).page
    settled(page)
    page.evaluate(FREEZE)
    page.get_by_role("button", name="Print", exact=True).click()
    page.evaluate("() => window.printed")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stDataFrameResizable]')].every(each =>"
        " each.clientWidth >= 1000 && each.clientHeight - each.querySelector('canvas').clientHeight < 5)"
    )
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    paper = page.evaluate(SHEETS)
    assert (paper["spilt"], paper["empty"], paper["left"]) == (0, 0, 0)
    assert [height for height, kept in paper["panels"] if kept == "avoid" and height > SHEET_PX] == []
    assert bool(paper["tables"]) is (said is not None)
    assert said is None or any(each.startswith(said) for each in paper["said"])
