"""Goals in a real browser: changed by keyboard alone, on a phone without a sideways scroll, and shown on the cards."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import settled

MOST_TABS = 10
"""A form that opens has the focus: its parts are this close by Tab."""


def tab_to(page: Page, part: Locator) -> None:
    """Presses Tab until a part of the form that has just opened has the focus; it is on the screen then."""
    page.wait_for_function("() => document.activeElement.closest('[data-testid=stPopoverBody]')")
    for _ in range(MOST_TABS):
        if part.evaluate("part => part === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(part).to_be_focused()
    expect(part).to_be_in_viewport()


def test_a_goal_is_changed_by_keyboard(window: Callable[..., Window]) -> None:
    """Open, type, save; the card and the line say the new goal, and what was judged before keeps its goal."""
    page = window("/conversations?website=tea-and-crumb&range=7d").page
    settled(page)
    panel = page.locator(".st-key-panel-goals")
    expect(panel).to_contain_text("Goal 90 %")
    panel.locator(".st-key-edit-response-goal button").focus()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("spinbutton", name="Within"))
    page.keyboard.press("Control+a")
    page.keyboard.type("7")
    tab_to(page, page.get_by_role("button", name="Save"))
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("90 % answered within 7 minutes: set by demo")
    expect(panel).to_contain_text("It judges conversations that start from then on.")
    expect(panel).to_contain_text("Answered within 5 minutes")


def test_a_goal_is_removed_by_keyboard_on_a_phone_in_two_steps(window: Callable[..., Window]) -> None:
    """The first one opens what says what follows and removes nothing; the second one removes the goal."""
    page = window("/conversations?website=northwind-de&range=7d", width=360, height=800).page
    settled(page)
    panel = page.locator(".st-key-panel-goals")
    panel.locator(".st-key-edit-response-goal button").focus()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Save"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Conversations that start from now on are not judged")).to_be_visible()
    settled(page)
    expect(panel).not_to_contain_text("No goal: set by")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("No goal: set by demo")


def test_a_phone_shows_goals_without_scrolling_sideways(window: Callable[..., Window]) -> None:
    """At 360 px, with the form open."""
    page = window("/conversations?website=northwind-outdoor&range=7d", width=360, height=800).page
    settled(page)
    button = page.locator(".st-key-edit-resolution-goal button")
    button.scroll_into_view_if_needed()
    button.click()
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
