"""All websites in a browser, on the demo's organizations of one, two, three and sixty websites."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import settled

HEAD_PX, ROW_PX = 35, 35
"""Heights of the head and of a row of a table."""


def _table(page: Page) -> Locator:
    return page.locator("[class*=st-key-all-websites-] [data-testid=stDataFrame]")


def _cell(page: Page, row: int, column: int = 0) -> str:
    """The text of a cell, as the grid tells screen readers; rows and columns from 0."""
    cell = _table(page).locator(f"[data-testid=glide-cell-{column}-{row}]")
    return str(cell.inner_text())


def test_staff_start_here_and_a_click_opens_a_website_with_the_same_dates(
    window: Callable[..., Window],
) -> None:
    """From `/` to all websites, the worst first; from a name to its Overview, and back by the browser's history."""
    page = window("/?range=10d&tz=UTC").page
    expect(page.get_by_role("heading", level=1)).to_have_text("All websites")
    expect(page.locator(".st-key-header")).to_contain_text(re.compile(r"\d+ websites"))
    settled(page)
    name = _cell(page, 0)
    _table(page).click(position={"x": 60, "y": HEAD_PX + ROW_PX // 2})
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.locator(".st-key-header")).to_contain_text(name)
    assert re.search(r"[?&]range=10d\b", page.url)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("All websites")


def test_a_phone_shows_websites_on_the_first_screen(window: Callable[..., Window]) -> None:
    """Below header, filters and totals there is room for the head of the table and five rows."""
    page = window("/all_websites?range=7d&tz=UTC", width=360, height=800).page
    settled(page)
    box = _table(page).bounding_box()
    assert box is not None
    assert box["y"] + HEAD_PX + 5 * ROW_PX < 800


def test_a_click_on_a_head_sorts_and_the_filter_narrows(window: Callable[..., Window]) -> None:
    """By name and the other way round, of the three of one organization; then those of another by a part of their name."""
    page = window("/all_websites?website=northwind-outdoor&name=northwind").page
    settled(page)
    _table(page).click(position={"x": 60, "y": HEAD_PX // 2})
    expect(page).to_have_url(re.compile(r"sort=website"))
    settled(page)
    assert _cell(page, 0) == "Northwind Outdoor"
    _table(page).click(position={"x": 60, "y": HEAD_PX // 2})
    expect(page).to_have_url(re.compile(r"sort=-website"))
    settled(page)
    assert [_cell(page, row) for row in range(3)] == [
        "Northwind Trade",
        "Northwind Outdoor DE",
        "Northwind Outdoor",
    ]
    box = page.get_by_label("Name or domain")
    box.fill("willow house")
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"name=willow"))
    settled(page)
    assert _cell(page, 0) == "Willow House Zwolle"
