"""Data health in a real browser: the cards at the narrowest desktop width, and a link for staff."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Window

CARDS = (
    *("Tinybird", "Postgres", "Store of goals"),
    *("Stopped websites", "Newest event", "Quarantined rows", "Queries today"),
)


def test_cards_and_tables_stand_uncut_at_1280_px(window: Callable[..., Window]) -> None:
    """From the sidebar: seven cards with whole titles, five tables, nothing asked of another host."""
    shown = window("/live", width=1280, height=1400)
    shown.page.get_by_role("link", name="Data health").click()
    labels = shown.page.get_by_test_id("stMetricLabel")
    expect(labels).to_have_count(len(CARDS))
    for title in CARDS:
        label = labels.filter(has_text=title).locator("p").first
        expect(label).to_be_visible()
        assert label.evaluate("node => node.scrollWidth <= node.clientWidth"), title
    for heading in (
        "Websites",
        "Events by type",
        "Tinybird queries today",
        "Served from the caches",
        "Quarantined rows",
    ):
        expect(shown.page.get_by_text(heading, exact=True).last).to_be_visible()
    expect(shown.page.get_by_test_id("stMetric").first).to_contain_text("ok")
