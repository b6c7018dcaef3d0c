"""Conversations in a real browser, on the demo's data: clicks filter the page, and the address holds the filter."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import settled

TODAY = datetime.now(UTC).date()
# Days that are over: no conversation joins them while a test counts.
DAYS = f"{TODAY - timedelta(days=8)}..{TODAY - timedelta(days=2)}"
PATH = f"/conversations?website=northwind-outdoor&tz=Europe/London&range={DAYS}"
ROWS = re.compile(r"^(?:[\d,]+–[\d,]+ of )?([\d,]+)(?: conversations?)? active in this period")


def _bars(page: Page, measure: str = "response") -> Locator:
    """The tracks and the bars on them, six each, fastest band first."""
    bars = page.locator(f".st-key-panel-bands-{measure} .js-plotly-plot .bars .point path")
    expect(bars).to_have_count(12)
    return bars


def _click_band(page: Page, index: int) -> None:
    """Clicks on the track of a band, right of its bar: the whole row is the target."""
    settled(page)
    box = _bars(page).nth(index).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)


def _total(page: Page) -> int:
    """How many conversations the list says there are."""
    words = page.get_by_text(ROWS)
    # While a page is drawn anew, the list before may stand under the new one for a moment.
    expect(words).to_have_count(1)
    found = ROWS.match(words.inner_text())
    assert found is not None
    return int(found[1].replace(",", ""))


def _query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_every_panel_shows_data(window: Callable[..., Window]) -> None:
    """Both distributions, the percentiles over time, who resolved, the week and the list, without an error."""
    opened = window(PATH)
    page = opened.page
    expect(page.get_by_text("answered within 15 minutes", exact=True)).to_be_visible()
    expect(page.get_by_text("resolved within 4 hours", exact=True)).to_be_visible()
    _bars(page, "resolution")
    for key in ("percentiles", "week"):
        expect(page.locator(f".st-key-panel-{key} .js-plotly-plot").first).to_be_visible()
    expect(page.get_by_role("button", name="AI agent")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    everything = _total(page)
    assert everything > 25
    _quick_clicks_lose_nothing(page, everything)
    _a_closed_popover_says_nothing_later(page)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def _quick_clicks_lose_nothing(page: Page, everything: int) -> None:
    """Two controls clicked in the same moment: address, chips, switches and rows have both."""
    measures, heat = page.locator(".st-key-measure_widget"), page.locator(".st-key-heat_widget")
    _click_at_once(page.get_by_role("button", name="AI agent"), measures.get_by_text("Resolution"))
    expect(page).to_have_url(re.compile("handled=ai.*measure=resolution|measure=resolution.*handled=ai"))
    expect(page.get_by_role("button", name="Handled by: AI agent")).to_be_visible()
    expect(page.get_by_text(re.compile("^Resolution time by"))).to_be_visible()
    expect(page.get_by_text(f" of {everything:,}")).to_have_count(0)
    selected = _total(page)
    assert 0 < selected < everything
    _click_at_once(heat.get_by_text("Median response"), page.get_by_role("button", name="People", exact=True))
    expect(page).to_have_url(re.compile("heat=response"))
    expect(page).to_have_url(re.compile("handled=human"))
    expect(page.get_by_role("button", name="Handled by: People")).to_be_visible()
    assert _query(page)["measure"] == ["resolution"]
    steps = page.locator(".st-key-bucket_widget")
    _click_at_once(page.get_by_role("button", name="Handled by: People"), steps.get_by_text("Hour"))
    expect(page).to_have_url(re.compile("bucket=hour"))
    expect(page.get_by_text(f" of {everything:,}")).to_have_count(1)
    assert set(_query(page)) == {"website", "tz", "range", "measure", "heat", "bucket"}


def _a_closed_popover_says_nothing_later(page: Page) -> None:
    """Choices that were looked at in "Filter" and "More" take back nothing that is chosen elsewhere afterwards."""
    for name in ("filter", "more-ranges"):
        page.locator(f".st-key-{name} button").first.click()
        expect(page.get_by_test_id("stPopoverBody")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    page.get_by_role("button", name="took longer").first.click()
    expect(page).to_have_url(re.compile("response=longer"))
    page.locator(".st-key-range_widget").get_by_text("30 d").click()
    expect(page).to_have_url(re.compile("range=30d"))
    settled(page)
    page.locator(".st-key-heat_widget").get_by_text("Volume").click()
    expect(page).not_to_have_url(re.compile("heat="))
    settled(page)
    assert (_query(page)["response"], _query(page)["range"]) == (["longer:900"], ["30d"])


def _click_at_once(*controls: Locator) -> None:
    """Clicks on several controls in one task of the browser: no answer of the server comes in between."""
    first, *others = [control.element_handle() for control in controls]
    first.evaluate("(first, others) => [first, ...others].forEach(each => each.click())", others)


def test_a_click_on_a_band_filters_and_reload_and_back_keep_what_was_shown(
    window: Callable[..., Window],
) -> None:
    """Click: chip, address, shorter list. Reload: the same. A second click: all again. Back: the filter again."""
    page = window(PATH).page
    everything = _total(page)
    _click_band(page, 1)
    expect(page).to_have_url(re.compile("response=band%3A1"))
    chip = page.get_by_role("button", name="Response time: 5 m to 15 m")
    expect(chip).to_be_visible()
    expect(page.get_by_text(f" of {everything:,}")).to_have_count(0)
    selected = _total(page)
    assert 0 < selected < everything

    page.reload()
    expect(chip).to_be_visible()
    assert _total(page) == selected

    _click_band(page, 1)
    expect(chip).to_have_count(0)
    assert "response" not in _query(page)
    expect(page.get_by_text(f" of {everything:,}")).to_have_count(1)

    page.go_back()
    expect(chip).to_be_visible()
    assert _query(page)["response"] == ["band:1"]
    chip.click()
    expect(chip).to_have_count(0)
    assert "response" not in _query(page)


def test_a_click_on_a_cell_of_the_week_selects_its_hour(window: Callable[..., Window]) -> None:
    """A cell is a bar, on which Streamlit hears the click; the list shrinks to that hour."""
    page = window(PATH).page
    week = page.locator(".st-key-panel-week .js-plotly-plot .nsewdrag").first
    expect(week).to_be_visible()
    week.scroll_into_view_if_needed()
    settled(page)
    box = week.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 14.5 / 25.5, box["y"] + box["height"] * 1.5 / 8)
    expect(page).to_have_url(re.compile("cell=2-14"))
    expect(page.get_by_role("button", name="Hour of the week: Tuesday 14:00–15:00")).to_be_visible()
    expect(page.get_by_text(re.compile("^1–25 of"))).to_have_count(0)
    assert _total(page) < 25


def test_pages_of_the_list_are_in_the_address(window: Callable[..., Window]) -> None:
    """The second page is another 25 rows, the back button returns to the first; the head of a column sorts all pages."""
    page = window(PATH).page
    _total(page)
    page.get_by_test_id("stPagination").get_by_role("button", name=re.compile("2")).first.click()
    expect(page).to_have_url(re.compile("page=2"))
    expect(page.get_by_text(re.compile("^26–50 of"))).to_be_visible()
    page.go_back()
    expect(page.get_by_text(re.compile("^1–25 of"))).to_be_visible()
    table = page.get_by_test_id("stDataFrame")
    expect(table, "the table of the page before has gone").to_have_count(1)
    # A canvas has no heads to ask for: 552 px from its left edge is the middle of the column "Response".
    table.click(position={"x": 552, "y": 16})
    expect(page).to_have_url(re.compile("sort=slowest_response"))
    expect(page.locator(".st-key-sort_widget input")).to_have_value("Slowest response first")
