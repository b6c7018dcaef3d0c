"""Waiting in a real browser: its lists are read anew while the tab is visible, and rest in a hidden tab."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import settled
from tests.browser.test_live import HIDE, QUICK_TIMERS

QUICK = QUICK_TIMERS.replace("15_000", "30_000")
"""The same for panels that are read anew every 30 s."""

TIMERS = """{
  const every = window.setInterval, end = window.clearInterval
  window.timers = new Set()
  window.setInterval = (task, ms, ...rest) => {
    const timer = every(task, ms, ...rest)
    if (ms === 30_000) window.timers.add(timer)
    return timer
  }
  window.clearInterval = timer => {
    window.timers.delete(timer)
    end(timer)
  }
}"""
"""Counts the timers of 30 s that run."""

STILL_ASKING = "before => window.asked > before"


def test_the_lists_are_read_anew_and_rest_in_a_hidden_tab(window: Callable[..., Window]) -> None:
    """Its own timers alone: none is left while the tab is hidden, and what is seen again is read at once."""
    page = window("/waiting?website=northwind-outdoor", script=QUICK).page
    settled(page)
    expect(page.get_by_text("refreshes every 30 s")).to_be_visible()
    page.wait_for_function(STILL_ASKING, arg=page.evaluate("window.asked"), timeout=10_000)
    page.evaluate(HIDE, True)
    expect(page.get_by_text("paused")).to_be_visible()
    page.evaluate(HIDE, False)
    expect(page.get_by_text("refreshes every 30 s")).to_be_visible()


@pytest.mark.parametrize(("path", "others"), [("/waiting", 1), ("/", 2)], ids=["Waiting", "Overview"])
def test_a_hidden_tab_has_the_timers_of_other_parts_alone(
    window: Callable[..., Window], path: str, others: int
) -> None:
    """That of the access watch, and on Overview that of the header's age; those of who waits are back with the tab."""
    page = window(f"{path}?website=northwind-outdoor", script=TIMERS).page
    settled(page)
    page.wait_for_function("others => window.timers.size > others", arg=others)
    page.evaluate(HIDE, True)
    page.wait_for_function("others => window.timers.size === others", arg=others)
    page.evaluate(HIDE, False)
    page.wait_for_function("others => window.timers.size > others", arg=others)


def test_a_card_explains_itself_to_a_keyboard(window: Callable[..., Window]) -> None:
    """Enter opens, Escape closes, and the focus is where it was."""
    page = window("/waiting?website=northwind-outdoor").page
    settled(page)
    explain = page.locator(".st-key-explain-waiting-answer button")
    explain.focus()
    page.keyboard.press("Enter")
    definition = page.get_by_text("Conversations that are open now and were never answered")
    expect(definition).to_be_visible()
    page.keyboard.press("Escape")
    expect(definition).not_to_be_visible()
    expect(explain).to_be_focused()


def test_overview_leads_to_who_waits(window: Callable[..., Window]) -> None:
    """With the dates of the page."""
    page = window("/?website=northwind-outdoor&range=14d").page
    settled(page)
    panel = page.locator(".st-key-panel-waiting-now")
    expect(panel).to_contain_text("waiting for an answer")
    panel.get_by_role("link", name="Open waiting").click()
    expect(page.get_by_role("heading", level=1, name="Waiting")).to_be_visible()
    assert "range=14d" in page.url
