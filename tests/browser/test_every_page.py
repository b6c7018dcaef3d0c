"""What holds on every page: no error, nothing cut off at any width, nothing that jumps, accessible."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pages.components.page import sidebar
from tests.browser.conftest import SIGN_IN, Demo, Window, windows

PATHS = {
    title: "/" if path == sidebar.DEFAULT else f"/{path.removeprefix('pages/').removesuffix('.py')}"
    for path, title, _ in sidebar.PAGES
}
WEBSITE = "website=northwind-outdoor"
"""Without it, staff start on All websites."""

WIDTHS_PX = range(1600, 399, -75)
MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
MOST_SHIFTED = 0.1
"""Cumulative layout shift; the usual bar of what a reader does not notice."""

SHIFTS = """async () => {
  const found = []
  const note = list => list.getEntries().filter(each => !each.hadRecentInput).forEach(each => found.push(each))
  const observer = new PerformanceObserver(note)
  observer.observe({type: 'layout-shift', buffered: true})
  await new Promise(done => setTimeout(done, 200))
  note({getEntries: () => observer.takeRecords()})
  const name = node => [...(node?.classList ?? [])].find(each => each.startsWith('st-key-')) ?? node?.dataset?.testid ?? '-'
  const at = box => `${Math.round(box.x)},${Math.round(box.y)} ${Math.round(box.width)}x${Math.round(box.height)}`
  return found.map(each => [each.value, each.sources.map(
    one => `${name(one.node)} ${at(one.previousRect)} to ${at(one.currentRect)}`).join('; ')])
}"""


QUIET = """() => new Promise(done => {
  const still = () => { observer.disconnect(); clearTimeout(latest); done() }
  const latest = setTimeout(still, 5000)
  let quiet = setTimeout(still, 500)
  const observer = new MutationObserver(() => { clearTimeout(quiet); quiet = setTimeout(still, 500) })
  observer.observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true})
})"""
"""Half a second in which nothing of the page changes; five seconds at most, for a page whose clock goes on."""


def settled(page: Page) -> None:
    """Waits until the page has drawn all of its panels, and nothing of it changes."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
    expect(page.locator("[data-test-script-state=notRunning]").first).to_be_attached()
    page.evaluate(QUIET)


FAULTS = f"""async () => {{
  const measure = {MEASURE.rstrip()}
  for (let tries = 1; ; tries++) {{
    await new Promise(done => setTimeout(done, 50))
    await new Promise(requestAnimationFrame)
    const found = measure()
    if (!found.length || tries === 60) return found
  }}
}}"""


def faults(page: Page, width: int) -> list[str]:
    """What a reader stumbles over at a width; charts get a moment to follow it."""
    page.set_viewport_size({"width": width, "height": 1000})
    found: list[str] = page.evaluate(FAULTS)
    return found


def steady(page: Page) -> None:
    """What loads last has its room from the first moment on.

    On a busy machine a frame may fall between two messages of one run, so the best of three loads counts.
    """
    for _ in range(3):
        settled(page)
        shifts: list[tuple[float, str]] = page.evaluate(SHIFTS)
        if sum(value for value, _ in shifts) < MOST_SHIFTED:
            break
        page.reload()
    assert sum(value for value, _ in shifts) < MOST_SHIFTED, sorted(shifts, reverse=True)[:5]


def violations(page: Page, options: dict[str, list[str]]) -> set[str]:
    """Serious violations that every one of five readings finds: a part that a timer runs anew fades for a moment."""
    found: set[str] | None = None
    for _ in range(5):
        settled(page)
        read = _violations(page, options)
        found = read if found is None else found & read
        if not found:
            break
    return found or set()


def _violations(page: Page, options: dict[str, list[str]]) -> set[str]:
    return {
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in Axe().run(page, options=options).response["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    }


def unnamed_charts(page: Page) -> list[str]:
    """The charts that somebody who cannot see them is told nothing of."""
    unnamed: list[str] = page.locator(
        "[data-testid=stPlotlyChart], [data-testid=stDeckGlJsonChart]"
    ).evaluate_all(
        "charts => charts.filter(chart => !chart.closest('[aria-label]') && !chart.querySelector('[aria-label]'))"
        ".map(chart => chart.outerHTML.slice(0, 300))"
    )
    return unnamed


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that was opened once for all tests that only look at it."""

    title: str
    page: Page


@pytest.fixture(scope="module", params=PATHS)
def shown(request: pytest.FixtureRequest, visitor: BrowserContext, demo: Demo) -> Iterator[Shown]:
    """Each page in turn; what went wrong on it fails the last of its tests."""
    with windows(visitor, demo) as open_window:
        yield Shown(request.param, open_window(f"{PATHS[request.param]}?{WEBSITE}", width=WIDTHS_PX[0]).page)


def test_a_page_is_whole_at_every_width(shown: Shown) -> None:
    """No text is cut, broken within a word or overprinted, no bar a sliver, and the page scrolls in one direction.

    Nothing jumped while it loaded.
    """
    steady(shown.page)
    found = {width: faults(shown.page, width) for width in (*WIDTHS_PX, 360)}
    assert {width: each for width, each in found.items() if each} == {}


def test_no_page_breaks_wcag_aa(shown: Shown) -> None:
    """Names, roles, contrast, in light and dark: axe finds nothing serious, and each chart has its text."""
    page = shown.page
    page.set_viewport_size({"width": 1440, "height": 1000})
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    for scheme, options in (("light", rules), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        settled(page)
        expect(page.locator(".stApp")).to_have_css("color-scheme", scheme)
        assert violations(page, options) == set(), scheme
    assert unnamed_charts(page) == []


def test_tables_leave_by_the_safe_button_alone(shown: Shown) -> None:
    """Streamlit's own download would hand a visitor's formula to a spreadsheet."""
    tables = shown.page.locator("[data-testid=stDataFrame]")
    if shown.title in {"Conversations", "Waiting", "Live", "Data health"}:
        expect(tables.first).to_be_visible()
        tables.first.hover()
    expect(shown.page.get_by_role("button", name="Download as CSV")).to_have_count(0)
    expect(shown.page.locator("[class*=st-key-csv-]").first).to_be_visible()


BUTTON = "[class*=st-key-csv-] button"
CHART = ".js-plotly-plot .main-svg"
DRAWN = {
    "Overview": (CHART, ".sparkline i", BUTTON),
    "Live": (".st-key-globe-view canvas", CHART, "[data-testid=stDataFrame] canvas", BUTTON),
}


@pytest.mark.parametrize("shown", DRAWN, indirect=True)
def test_every_kind_of_drawing_is_there(shown: Shown) -> None:
    """Charts, sparklines, tables, the globe, and the buttons, whose scripts are loaded under the content security policy."""
    for kind in DRAWN[shown.title]:
        expect(shown.page.locator(kind).first).to_be_attached()


CHOICES = {
    "Overview": ("metric", "Response", "Resolution"),
    "Live": ("window", "5 min", "30 min"),
    "Data health": ("website", "Northwind Outdoor", "Tea & Crumb"),
}
"""One widget of each kind: in the page, in a panel with a timer, in the sidebar."""


def is_chosen(page: Page, widget: str, choice: str) -> None:
    """Waits until a switch or a box of the page stands there."""
    place = page.locator(f".st-key-{widget}_widget")
    if widget == "website":
        expect(place.get_by_role("combobox")).to_have_value(re.compile(re.escape(choice)))
    else:
        expect(place.get_by_role("radio", name=choice, exact=True)).to_be_checked()


ADD_TO_A_CHART = """() => {
  const chart = document.querySelector('.js-plotly-plot .main-svg')
  const added = chart.appendChild(document.createElementNS(chart.namespaceURI, 'g'))
  chart.getBoundingClientRect()
  added.remove()
}"""
MOST_RESTYLED = 100


@pytest.mark.parametrize(
    "shown", ["Overview", "Conversations", "Waiting", "Satisfaction", "Visitors"], indirect=True
)
def test_a_chart_that_draws_leaves_the_rest_of_the_page_alone(shown: Shown, chromium: Browser) -> None:
    """Where a style sheet ties the page to what is in it, each of a chart's hundreds of texts restyles thousands of elements."""
    settled(shown.page)
    expect(shown.page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    # Three times: a timer of the page may draw in one of them.
    assert min(_most_restyled(shown.page, chromium) for _ in range(3)) < MOST_RESTYLED


def _most_restyled(page: Page, chromium: Browser) -> int:
    """Most elements that were restyled at once while a chart drew."""
    chromium.start_tracing(page=page, categories=["devtools.timeline"])
    page.evaluate(ADD_TO_A_CHART)
    events = json.loads(chromium.stop_tracing())["traceEvents"]
    restyled = [each["args"].get("elementCount", 0) for each in events if each["name"] == "UpdateLayoutTree"]
    assert restyled
    return int(max(restyled))


@pytest.mark.parametrize("title", CHOICES)
def test_reload_keeps_and_back_restores(window: Callable[..., Window], title: str) -> None:
    """What is chosen is in the address: reloading shows it again, going back shows what stood before it."""
    widget, before, after = CHOICES[title]
    page = window(f"{PATHS[title]}?{WEBSITE}").page
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


@pytest.mark.parametrize("shown", ["Live"], indirect=True)
def test_the_visitors_stand_uncut_beside_the_globe(shown: Shown) -> None:
    """From 1280 px on, place, page, device and time are there without scrolling sideways."""
    shown.page.set_viewport_size({"width": 1280, "height": 1000})
    settled(shown.page)
    table = shown.page.locator(".st-key-panel-visitors .dvn-scroller")
    expect(table).to_be_visible()
    assert table.evaluate("table => table.scrollWidth <= table.clientWidth")


def test_a_phone_is_told_where_a_table_goes_on(window: Callable[..., Window]) -> None:
    """Every table of Data health that is wider than 390 px says so, and no other; a desk needs no word."""
    page = window("/data_health", width=390, height=844).page
    settled(page)
    hint = page.get_by_text("Swipe the table for more columns.")
    expect(hint.first).to_be_visible()
    tables = page.locator("[class*=st-key-panel-]:has(.dvn-scroller)")
    expect(tables).to_have_count(4)
    for table in tables.all():
        is_wide = table.locator(".dvn-scroller").evaluate("table => table.scrollWidth > table.clientWidth")
        expect(table.get_by_text("Swipe the table for more columns.")).to_have_count(int(is_wide))
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(hint.first).not_to_be_visible()


@pytest.mark.parametrize("path", PATHS.values())
def test_nothing_jumps_while_a_page_loads_on_a_phone(window: Callable[..., Window], path: str) -> None:
    """As on a desk."""
    steady(window(f"{path}?{WEBSITE}", width=390, height=844).page)


@pytest.mark.parametrize("path", ["/live?wall=1", "/"], ids=["wall", "sign in"])
def test_what_is_no_page_is_whole_at_every_width(
    window: Callable[..., Window], web_app: Callable[..., str], demo: Demo, path: str
) -> None:
    """The wall and the page to sign in, as the pages."""
    page = window(path, width=WIDTHS_PX[0], at=web_app(**SIGN_IN) if path == "/" else demo.url).page
    expect(page.locator("h1" if path == "/" else ".wall-now")).to_be_visible()
    found = {width: faults(page, width) for width in (*WIDTHS_PX[::4], 360)}
    assert {width: each for width, each in found.items() if each} == {}
