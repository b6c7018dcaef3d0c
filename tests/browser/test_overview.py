"""Overview in a real browser, on the demo's data."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx2
from playwright.sync_api import Page, expect

from pages.components import formatting
from pages.components.theme_colors import palette
from tests.browser.conftest import Demo, Window
from tests.browser.test_every_page import settled

TITLES = ("Median response", "Median resolution", "Handled by AI", "Satisfaction", "Unique visitors")
CHART_POINTS = ".js-plotly-plot .scatterlayer .trace path.js-line"


def _card(page: Page, key: str) -> str:
    card = page.locator(f".st-key-kpi-{key} [data-testid=stMetricValue]")
    expect(card).to_be_visible()
    return card.inner_text()


def _query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def test_overview_shows_five_cards_a_chart_and_no_error(window: Callable[..., Window]) -> None:
    """Everything that the page promises is there, and nothing went wrong on the way."""
    opened = window("/?website=northwind-outdoor")
    page = opened.page
    for title in TITLES:
        expect(page.get_by_text(title, exact=True).first).to_be_visible()
    expect(page.locator(CHART_POINTS).first).to_be_visible()
    expect(page.get_by_text("From start to resolved")).to_be_visible()
    expect(page.get_by_text(re.compile("visitors? right now"))).to_be_visible()
    expect(page.get_by_text("Demo data").first).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    # Colours follow the theme of the system at once: nothing else on this page runs again within minutes.
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        accent = palette(is_dark=scheme == "dark").rgba("accent")[:3]
        expect(page.locator(CHART_POINTS).last).to_have_css(
            "stroke", f"rgb({accent[0]}, {accent[1]}, {accent[2]})"
        )
        expect(page.locator(".sparkline").first).to_have_css(
            "color", f"rgb({accent[0]}, {accent[1]}, {accent[2]})"
        )


def test_cards_equal_a_direct_query_of_the_pipe(window: Callable[..., Window], demo: Demo) -> None:
    """A finished range reads the same on the page and from the pipe itself."""
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=7), today - timedelta(days=3)
    page = window(f"/?website=northwind-outdoor&range={first}..{last}&tz=UTC").page
    shown = {key: _card(page, key) for key in ("median_response", "median_resolution", "ai_handled")}
    website = _query(page.url)["website"][0]
    website_id = _website_id(demo, website)
    answer = httpx2.get(
        f"{demo.env['TINYBIRD_HOST']}/v0/pipes/inbox_analytics.json",
        params={
            "website_id": website_id,
            "date_from": f"{first} 00:00:00",
            "date_to": f"{last + timedelta(days=1)} 00:00:00",
        },
        headers={"Authorization": f"Bearer {demo.env['TINYBIRD_READ_TOKEN']}"},
        timeout=30,
    )
    current = next(row for row in answer.json()["data"] if row["period"] == "current")
    assert current["responded"] > 0
    assert shown == {
        "median_response": formatting.duration(current["median_response_seconds"]),
        "median_resolution": formatting.duration(current["median_resolution_seconds"]),
        "ai_handled": formatting.rate(current["ai_handled_ratio"]),
    }


def _website_id(demo: Demo, slug: str) -> str:
    import psycopg

    with psycopg.connect(demo.env["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT id FROM website WHERE slug = %s", (slug,)).fetchone()
    assert row is not None
    return str(row[0])


def test_the_address_restores_the_page_in_a_new_window(window: Callable[..., Window]) -> None:
    """Website, range, comparison, timezone and metric come back from the URL alone."""
    page = window("/?website=northwind-outdoor&range=10d&compare=off&tz=Asia/Kolkata&metric=ai_handled").page
    shown = _card(page, "median_response")
    address = page.url
    again = window(address.removeprefix(address.split("/?")[0])).page
    assert _card(again, "median_response") == shown
    expect(again.locator(".st-key-more-ranges")).to_contain_text("Last 10 days")
    expect(again.get_by_text("Handled by AI", exact=True).nth(1)).to_be_visible()
    expect(again.get_by_label("Timezone")).to_have_value(re.compile("Asia/Kolkata"))
    expect(again.locator(".st-key-header")).not_to_contain_text(" vs ")


def test_a_range_changes_numbers_and_address_and_the_back_button_restores_it(
    window: Callable[..., Window],
) -> None:
    """Choosing a range writes it into the URL; going back in the browser's history goes back to what was shown."""
    page = window("/?website=northwind-outdoor").page
    before = _card(page, "unique_visitors")
    page.get_by_role("radio", name="30 d", exact=True).click()
    expect(page.locator(".st-key-kpi-unique_visitors [data-testid=stMetricValue]")).not_to_have_text(before)
    assert _query(page.url)["range"] == ["30d"]
    page.go_back()
    expect(page.get_by_role("radio", name="7 d", exact=True)).to_be_checked()
    _typed_dates_count_once_they_are_applied(page)


def _typed_dates_count_once_they_are_applied(page: Page) -> None:
    """Escape closes calendar and fields and changes nothing; both dates by keyboard, then Apply."""
    address = page.url
    last = datetime.now(UTC).date() - timedelta(days=3)
    first = last - timedelta(days=6)
    more = page.locator(".st-key-more-ranges button").first
    fields = page.get_by_test_id("stDateInput")
    more.click()
    fields.first.get_by_role("spinbutton").first.click()
    page.keyboard.type(f"{first:%Y%m%d}")
    page.keyboard.press("Escape")
    expect(fields).to_have_count(0)
    assert page.url == address
    more.click()
    for at, day in enumerate((first, last)):
        fields.nth(at).get_by_role("spinbutton").first.click()
        page.keyboard.type(f"{day:%Y%m%d}")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(re.escape(f"range={first}..{last}")))


def test_a_tampered_address_falls_back_with_a_notice(window: Callable[..., Window]) -> None:
    """A wrong URL is said to be wrong, each part of it, and the page stands.

    A copied link has what was understood, by one click, the dates fixed; where the browser refuses, the link stands there.
    """
    page = window(
        "/?website=northwind-outdoor&range=soon&tz=Mars/Olympus&compare=maybe&metric=ai_handled&utm_source=mail"
    ).page
    for word in ("range of dates", "timezone", "comparison"):
        expect(page.get_by_text(f"a {word} we do not know").first).to_be_visible()
    _card(page, "median_response")
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text } }")
    button, status = (
        page.get_by_role("button", name="Copy link"),
        page.locator(".st-key-copy-link [role=status]"),
    )
    button.press("Enter")
    expect(status).to_have_text("Copied")
    first, last = _days_of_a_week("Europe/London")
    expected = {
        "website": [_query(page.url)["website"][0]],
        "range": [f"{first}..{last}"],
        "metric": ["ai_handled"],
    }
    assert _query(page.evaluate("window.copied")) == expected | {
        "tz": ["Europe/London"],
        "compare": ["before"],
    }
    page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error('refused') } }")
    button.click()
    expect(status).to_contain_text("Press Ctrl+C")
    by_hand = page.get_by_label("Link to copy")
    expect(by_hand).to_be_focused()
    assert by_hand.input_value() == page.evaluate("window.copied")
    remove = page.get_by_role("button", name="Remove it")
    expect(remove).to_have_count(4)
    remove.first.click()
    expect(remove).to_have_count(3)


def _days_of_a_week(timezone: str) -> tuple[date, date]:
    today = datetime.now(ZoneInfo(timezone)).date()
    return today - timedelta(days=6), today


def test_a_phone_shows_two_cards_to_a_row(window: Callable[..., Window]) -> None:
    """At 390 px all five are nearly one screen."""
    page = window("/?website=northwind-outdoor", width=390, height=844).page
    cards = page.locator("[class*=st-key-kpi-] [data-testid=stMetric]")
    expect(cards).to_have_count(5)
    settled(page)
    lefts = page.evaluate(
        "[...document.querySelectorAll('[class*=st-key-kpi-] [data-testid=stMetric]')]"
        ".map(card => Math.round(card.getBoundingClientRect().left))"
    )
    assert len(lefts) == 5
    assert len(set(lefts)) == 2
