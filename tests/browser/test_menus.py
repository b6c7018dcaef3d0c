"""Menus: what a reader closes stays closed, although the server's answer to the opening comes only then."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

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


@pytest.mark.parametrize("close", ["key", "click"])
@pytest.mark.parametrize(
    ("path", "key"),
    [("/ai_and_people?range=30d&", "explain-sides"), ("/?", "explain-median_response")],
    ids=["table", "card"],
)
def test_what_is_closed_before_the_answer_stays_closed(
    window: Callable[..., Window], path: str, key: str, close: str
) -> None:
    """By Escape or by a click elsewhere; what is opened after that stays open."""
    page = window(f"{path}website=northwind-outdoor", script=HELD).page
    settled(page)
    menu, opener = page.get_by_role("dialog"), page.locator(f".st-key-{key} button")
    page.evaluate("window.isHeld = true")
    opener.press("Enter")
    expect(menu).to_be_visible()
    page.wait_for_function("() => window.hasAnswered()")
    if close == "key":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("heading", level=1).click()
    expect(menu).not_to_be_visible()
    page.evaluate("window.release()")
    page.wait_for_timeout(1000)
    page.evaluate(QUIET)
    expect(menu).not_to_be_visible()
    opener.press("Enter")
    expect(menu).to_contain_text("From the Tinybird pipe")
