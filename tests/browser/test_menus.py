"""Menus: what a viewer did last holds, although the server's answers to what was done before come only then."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import QUIET, settled

HELD = """{
  const add = WebSocket.prototype.addEventListener, later = window.setTimeout, held = []
  let latest = 0
  const hold = (...what) => { held.push(what); latest = performance.now() }
  WebSocket.prototype.addEventListener = function (type, listener, ...how) {
    const holding = event => window.isHeld ? hold(listener, event) : listener(event)
    add.call(this, type, type === 'message' ? holding : listener, ...how)
  }
  window.setTimeout = (what, delay, ...args) => later(what, delay || (window.isHeld ? 500 : 0), ...args)
  window.hasAnswered = () => held.length > 0 && performance.now() - latest > 500
  window.release = () => { window.isHeld = false; for (const [listener, event] of held.splice(0)) listener(event) }
}"""
"""A script for a busy machine: while `window.isHeld`, what the server says is held back, and what the page puts off is put off long."""


def escape(page: Page, opener: Locator) -> None:
    """Closes a menu, and goes on by key."""
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.keyboard.press("Tab")


def click_elsewhere(page: Page, opener: Locator) -> None:
    """Closes a menu by two clicks on what does nothing."""
    title = page.get_by_role("heading", level=1)
    title.click()
    expect(opener).to_have_attribute("aria-expanded", "false")
    title.click()


def click_its_button(page: Page, opener: Locator) -> None:
    """Closes a menu by what opened it."""
    opener.click()
    page.mouse.move(1, 1)


@pytest.mark.parametrize("close", [escape, click_elsewhere, click_its_button])
@pytest.mark.parametrize(
    ("path", "key"),
    [("/ai_and_people?range=30d&", "explain-sides"), ("/?", "explain-median_response")],
    ids=["table", "card"],
)
def test_what_is_closed_before_the_answer_stays_closed(
    window: Callable[..., Window], path: str, key: str, close: Callable[[Page, Locator], None]
) -> None:
    """Whatever follows; what is opened after that stays open, and has the focus."""
    page = window(f"{path}website=northwind-outdoor", script=HELD).page
    settled(page)
    menu, opener = page.get_by_role("dialog"), page.locator(f".st-key-{key} button")
    page.evaluate("window.isHeld = true")
    opener.press("Enter")
    expect(menu).to_be_visible()
    page.wait_for_function("() => window.hasAnswered()")
    close(page, opener)
    expect(menu).not_to_be_visible()
    page.evaluate("window.release()")
    page.wait_for_timeout(1000)
    page.evaluate(QUIET)
    expect(menu).not_to_be_visible()
    opener.press("Enter")
    expect(menu).to_contain_text("From the Tinybird pipe")
    page.wait_for_function("() => document.activeElement.closest('[data-testid=stPopoverBody]')")


@pytest.mark.parametrize(
    "second", ["explain-ai_handled", "explain-median_response"], ids=["another", "the same"]
)
def test_what_is_opened_last_is_open_alone(window: Callable[..., Window], second: str) -> None:
    """One menu, then another or the same again, before the server has answered to any of it."""
    page = window("/?website=northwind-outdoor", script=HELD).page
    settled(page)
    menu, first = page.get_by_role("dialog"), page.locator(".st-key-explain-median_response button")
    page.evaluate("window.isHeld = true")
    first.click()
    expect(menu).to_be_visible()
    page.wait_for_function("() => window.hasAnswered()")
    page.keyboard.press("Escape")
    page.locator(f".st-key-{second} button").click()
    page.evaluate("window.release()")
    page.wait_for_timeout(1000)
    page.evaluate(QUIET)
    expect(page.locator("[data-testid=stPopoverButton][aria-expanded=true]")).to_have_count(1)
    expect(page.locator(f".st-key-{second} button")).to_have_attribute("aria-expanded", "true")
    expect(menu).to_contain_text("From the Tinybird pipe")
