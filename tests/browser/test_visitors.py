"""Visitors in a real browser, on the demo's data."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2
import psycopg
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, Window
from tests.browser.test_every_page import settled

# More than the demo has in any city: the lists show the first few alone.
MANY_VISITORS: Final = 60
TOTAL = ".st-key-total-visitors [data-testid=stMetricValue]"


def _number(page: Page, selector: str) -> int:
    found = page.locator(selector).first
    expect(found).to_be_visible()
    return int(found.inner_text().replace(",", ""))


def test_a_row_filters_the_page_and_chip_and_back_button_undo_it(window: Callable[..., Window]) -> None:
    """Data, a filter in the URL and as a chip, a second one beside it, the chip away, and back in the history."""
    opened = window("/visitors")
    page = opened.page
    everybody = _number(page, TOTAL)
    expect(page.locator(".st-key-panel-countries path").first).to_be_attached()
    expect(page.get_by_text("Visitor data reaches back 30 days").first).to_be_visible()

    page.locator(".st-key-pick-device-0 button").click()
    expect(page).to_have_url(re.compile("device_type="))
    expect(page.locator(".st-key-chip-device_type")).to_be_visible()
    expect(page.locator("[class*=st-key-pick-device-]")).to_have_count(1)
    assert 0 < _number(page, TOTAL) < everybody

    # With the keyboard, as a reader without a mouse would.
    page.locator(".st-key-pick-browser-0 button").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("browser="))
    expect(page.locator(".st-key-chip-browser")).to_be_visible()

    page.locator(".st-key-chip-device_type").get_by_role("button", name="Device").first.click()
    expect(page.locator(".st-key-chip-device_type")).to_have_count(0)
    assert "device_type=" not in page.url
    assert "browser=" in page.url

    page.go_back()
    expect(page.locator(".st-key-chip-device_type")).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_a_click_on_the_map_filters_by_country(window: Callable[..., Window]) -> None:
    """The country under the pointer, and the same with others after the chip is taken away, however small."""
    opened = window("/visitors")
    page = opened.page
    everybody = _number(page, TOTAL)
    for code, name, place in (
        ("US", "United States", (-98.0, 39.0)),
        ("AU", "Australia", (134.0, -25.0)),
        ("SG", "Singapore", (103.8, 1.35)),
    ):
        _click_on_map(page, place)
        with suppress(AssertionError):
            expect(page).to_have_url(re.compile(f"country_code={code}"), timeout=10_000)
        if (
            "country_code=" not in page.url
        ):  # It was drawn anew between the hover and the click, which is then lost.
            _click_on_map(page, place)
        expect(page).to_have_url(re.compile(f"country_code={code}"))
        chip = page.locator(".st-key-chip-country_code")
        expect(chip).to_contain_text(name)
        expect(page.locator("[class*=st-key-pick-country-]")).to_have_count(1)
        assert 0 < _number(page, TOTAL) < everybody
        chip.get_by_role("button").first.click()
        expect(chip).to_have_count(0)
        expect(page).not_to_have_url(re.compile("country_code="))


def _click_on_map(page: Page, place: tuple[float, float]) -> None:
    """Click where the map has a longitude and latitude, on the map without a filter: each filter has one of its own."""
    plot = page.locator(".st-key-world--None .js-plotly-plot")
    expect(plot).to_be_visible()
    settled(page)
    plot.scroll_into_view_if_needed()
    x, y = plot.evaluate(
        """(plot, place) => {
          const [x, y] = plot._fullLayout.geo._subplot.projection(place), box = plot.getBoundingClientRect()
          return [box.x + x, box.y + y]
        }""",
        place,
    )
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y, steps=3)
    expect(plot.locator(".hoverlayer .hovertext")).to_be_visible()
    page.mouse.click(x, y)


def test_what_a_visitor_wrote_is_no_icon_and_no_markup(window: Callable[..., Window], demo: Demo) -> None:
    """A city, a page and a browser that name icons, colours and links are shown letter for letter, on buttons too."""
    with psycopg.connect(demo.env["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT id FROM website WHERE slug = 'tea-classes'").fetchone()
    assert row is not None
    hostile = ":material/home: :red[x] **b** $a$ [l](https://evil.example)"
    # Counted by both pages: periods end on the last five-minute mark, Live is asked for half an hour.
    long_enough_ago = datetime.now(UTC) - timedelta(minutes=6)
    answer = httpx2.post(
        f"{demo.env['TINYBIRD_HOST']}/v0/events",
        params={"name": "visitor_events", "wait": "true"},
        headers={"Authorization": f"Bearer {demo.env['TINYBIRD_APPEND_TOKEN']}"},
        content="\n".join(
            json.dumps(
                {
                    "timestamp": long_enough_ago.isoformat(),
                    "website_id": row[0],
                    "visitor_id": f"hostile-{number}",
                    "session_id": f"hostile-{number}",
                    "event_type": "seen",
                    "country_code": "NO",
                    "city": hostile,
                    "latitude": 59.9,
                    "longitude": 10.7,
                    "device_type": hostile,
                    "browser": hostile,
                    "page_url": hostile,
                }
            )
            for number in range(MANY_VISITORS)
        ),
        timeout=30,
    )
    assert answer.json()["successful_rows"] == MANY_VISITORS
    for path, place in (("/visitors", "[class*=st-key-pick-city-]"), ("/live", ".places button")):
        opened = window(f"{path}?website=tea-classes&range=2d&window=30&tz=UTC")
        button = opened.page.locator(place).filter(has_text="material/home").first
        expect(button).to_be_visible()
        assert ":material/home: :red[x] **b**" in button.inner_text().replace("\u2060", "")
        expect(button.locator("[data-testid=stIconMaterial], a, strong, .katex")).to_have_count(0)


def test_a_phone_shows_two_totals_to_a_row(window: Callable[..., Window]) -> None:
    """At 360 px, as on Overview; the third has a row of its own."""
    page = window("/visitors", width=360, height=844).page
    cards = page.locator(".st-key-total-grid [data-testid=stMetric]")
    expect(cards).to_have_count(3)
    settled(page)
    tops = cards.evaluate_all("cards => cards.map(card => card.getBoundingClientRect().top)")
    assert tops[0] == tops[1] < tops[2]
