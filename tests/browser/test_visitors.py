"""Visitors in a real browser, on the demo's data."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Window

TOTAL = ".st-key-total-visitors [data-testid=stMetricValue]"


def _number(page: Page, selector: str) -> int:
    found = page.locator(selector).first
    expect(found).to_be_visible(timeout=60_000)
    return int(found.inner_text().replace(",", ""))


def test_a_row_filters_the_page_and_chip_and_back_button_undo_it(window: Callable[..., Window]) -> None:
    """Data, a filter in the URL and as a chip, a second one beside it, the chip away, and back in the history."""
    opened = window("/visitors")
    page = opened.page
    everybody = _number(page, TOTAL)
    expect(page.locator(".st-key-panel-countries path").first).to_be_attached(timeout=60_000)
    expect(page.get_by_text("Visitor data reaches back 30 days").first).to_be_visible()

    page.locator(".st-key-pick-device-0 button").click()
    expect(page).to_have_url(re.compile("device="), timeout=60_000)
    expect(page.locator(".st-key-chip-device")).to_be_visible(timeout=60_000)
    expect(page.locator("[class*=st-key-pick-device-]")).to_have_count(1, timeout=60_000)
    assert 0 < _number(page, TOTAL) < everybody

    # With the keyboard, as a reader without a mouse would.
    page.locator(".st-key-pick-browser-0 button").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("browser="), timeout=60_000)
    expect(page.locator(".st-key-chip-browser")).to_be_visible(timeout=60_000)

    page.locator(".st-key-chip-device").get_by_role("button", name="Device").first.click()
    expect(page.locator(".st-key-chip-device")).to_have_count(0, timeout=60_000)
    assert "device=" not in page.url
    assert "browser=" in page.url

    page.go_back()
    expect(page.locator(".st-key-chip-device")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert opened.foreign == []
    assert opened.errors == []
