"""AI and people in a real browser: its explanations by keyboard, and the way from a week that is not over to a longer range."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import settled


def test_a_week_that_is_not_over_leads_to_a_longer_range(window: Callable[..., Window]) -> None:
    """Nothing is judged in the last 7 days; a click shows 30, where both sides have a share."""
    page = window("/ai_and_people?website=northwind-outdoor").page
    settled(page)
    durable = page.locator(".st-key-panel-durable")
    expect(durable).to_contain_text("No resolution is 7 days old yet")
    durable.get_by_role("button", name="Show the last 30 days").click()
    expect(durable).to_contain_text("Durable, by the AI agent")
    expect(durable).to_contain_text("Not known yet")
    assert "range=30d" in page.url


def test_the_table_explains_itself_to_a_keyboard(window: Callable[..., Window]) -> None:
    """Enter opens, Escape closes, and the focus is where it was."""
    page = window("/ai_and_people?website=northwind-outdoor&range=30d").page
    settled(page)
    explain = page.locator(".st-key-explain-sides button")
    explain.focus()
    page.keyboard.press("Enter")
    definition = page.get_by_text("Half of the conversations that the side resolved first were resolved")
    expect(definition).to_be_visible()
    page.keyboard.press("Escape")
    expect(definition).not_to_be_visible()
    expect(explain).to_be_focused()
