"""Satisfaction in a real browser, on the demo's data."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import settled

FIVES = "[class*=st-key-ratings-chart] .barlayer .trace:nth-child(5) .point path"


def _opened(window: Callable[..., Window], path: str = "/satisfaction", **size: int) -> Page:
    page = window(path, **size).page
    expect(page.locator(FIVES).first).to_be_visible()
    expect(page.locator(".st-key-comments").first).to_be_visible()
    return page


def _rating(page: Page) -> list[str] | None:
    return parse_qs(urlsplit(page.url).query).get("rating")


def _click_a_five(page: Page) -> None:
    """A click in the middle of a bar, where Plotly's own layer takes it."""
    bar = page.locator(FIVES).first
    bar.scroll_into_view_if_needed()
    settled(page)
    box = bar.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_function(
        "bar => bar.closest('.js-plotly-plot')._hoverdata?.length", arg=bar.element_handle()
    )
    page.mouse.click(x, y)


def test_the_index_its_parts_its_answers_and_comments_are_there(window: Callable[..., Window]) -> None:
    """Everything that the page promises, and nothing went wrong on the way."""
    opened = window("/satisfaction")
    page = opened.page
    expect(page.locator(FIVES).first).to_be_visible()
    expect(page.locator(".st-key-index [data-testid=stMetricValue]")).to_have_text(re.compile(r"^\d+\.\d$"))
    parts = page.locator(".st-key-parts")
    for name in ("Rating", "Sentiment", "Response", "Resolution"):
        expect(parts.get_by_text(name, exact=False).first).to_be_visible()
    for title in ("Index over time", "Ratings", "Sentiment", "Latest comments"):
        expect(page.get_by_text(title).first).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_a_click_on_a_bar_keeps_its_comments_and_a_second_one_lets_them_go(
    window: Callable[..., Window],
) -> None:
    """The rating is in the address, as a chip, and in every comment shown."""
    page = _opened(window)
    _click_a_five(page)
    expect(page).to_have_url(re.compile("rating=5"))
    expect(page.get_by_role("button", name="Rating: 5 of 5")).to_be_visible()
    ratings = page.locator(".st-key-comments .stMarkdownBadge")
    expect(ratings.filter(has_not_text="5 of 5")).to_have_count(0)
    expect(ratings.first).to_be_visible()
    expect(page.locator(".st-key-ratings-chart-5 .point path").locator("visible=true").first).to_be_visible()
    _click_a_five(page)
    expect(
        page.locator(".st-key-ratings-chart-all .point path").locator("visible=true").first
    ).to_be_visible()
    assert _rating(page) is None


def test_a_rating_is_reached_by_the_keyboard(window: Callable[..., Window]) -> None:
    """What a click on a bar does, the switch above the comments does, too."""
    page = _opened(window)
    page.get_by_role("radio", name="5 of 5").or_(page.get_by_role("button", name="5 of 5")).first.focus()
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("rating="))


def test_what_visitors_wrote_is_text(window: Callable[..., Window]) -> None:
    """The demo's hostile comments make no link, no picture and no dialog."""
    page = _opened(window, "/satisfaction?range=30d&page=10")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    comments = page.locator(".st-key-comments")
    expect(comments.locator("a, img, script")).to_have_count(0)
    assert dialogs == []


def test_a_phone_shows_everything_within_its_width(window: Callable[..., Window]) -> None:
    """At 390 px nothing scrolls sideways, and no two texts of the parts lie on each other."""
    page = _opened(window, width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    overlapping = page.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll('.st-key-parts .annotation-text')]
            .map(e => [e.textContent, e.getBoundingClientRect()]);
          return boxes.flatMap(([a, p], i) => boxes.slice(i + 1)
            .filter(([, q]) => p.left < q.right && q.left < p.right && p.top + 2 < q.bottom && q.top + 2 < p.bottom)
            .map(([b]) => [a, b]));
        }"""
    )
    assert overlapping == []
