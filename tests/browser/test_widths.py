"""Every page at every width from a small phone to a wide desk: nothing cut, broken, overprinted or too narrow to read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Window
from tests.browser.test_every_page import PATHS, settled
from tests.browser.test_policy import SIGN_IN

WIDTHS_PX = range(1600, 359, -50)
MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
WALL = "/live?wall=on"
MOST_SHIFTED = 0.1
"""Cumulative layout shift; the usual bar of what a reader does not notice."""

SHIFTS = """async () => {
  const found = []
  const note = list => list.getEntries().filter(each => !each.hadRecentInput).forEach(each => found.push(each))
  const observer = new PerformanceObserver(note)
  observer.observe({type: 'layout-shift', buffered: true})
  await new Promise(done => setTimeout(done, 200))
  note({getEntries: () => observer.takeRecords()})
  const name = node => [...(node?.classList ?? [])].find(each => each.startsWith('st-key-')) ?? node?.dataset?.testid ?? '-'
  const at = box => `${Math.round(box.x)},${Math.round(box.y)} ${Math.round(box.width)}x${Math.round(box.height)}`
  return found.map(each => [each.value, each.sources.map(
    one => `${name(one.node)} ${at(one.previousRect)} to ${at(one.currentRect)}`).join('; ')])
}"""


def faults(page: Page, width: int) -> list[str]:
    """What a reader stumbles over at a width; charts get a moment to follow it."""
    page.set_viewport_size({"width": width, "height": 1000})
    found: list[str] = []
    for _ in range(30):
        page.wait_for_timeout(100)
        found = page.evaluate(MEASURE)
        if not found:
            break
    return found


def steady(page: Page) -> None:
    """What loads last has its room from the first moment on.

    On a busy machine a frame may fall between two messages of one run, so the best of three loads counts.
    """
    for _ in range(3):
        settled(page)
        shifts: list[tuple[float, str]] = page.evaluate(SHIFTS)
        if sum(value for value, _ in shifts) < MOST_SHIFTED:
            break
        page.reload()
    assert sum(value for value, _ in shifts) < MOST_SHIFTED, sorted(shifts, reverse=True)[:5]


@pytest.mark.parametrize("path", [*PATHS.values(), WALL])
def test_a_page_is_whole_at_every_width(window: Callable[..., Window], path: str) -> None:
    """No text is cut, broken within a word or overprinted, no bar a sliver, and the page scrolls in one direction.

    Nothing jumped while it loaded.
    """
    page = window(path, width=WIDTHS_PX[0]).page
    steady(page)
    found = {width: faults(page, width) for width in (*WIDTHS_PX, 360)}
    assert {width: each for width, each in found.items() if each} == {}


def test_the_page_to_sign_in_is_whole_at_every_width(
    window: Callable[..., Window], web_app: Callable[..., str]
) -> None:
    """As the pages behind it."""
    page = window("/", width=WIDTHS_PX[0], at=web_app(**SIGN_IN)).page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    found = {width: faults(page, width) for width in (*WIDTHS_PX, 360)}
    assert {width: each for width, each in found.items() if each} == {}


@pytest.mark.parametrize("path", PATHS.values())
def test_nothing_jumps_while_a_page_loads_on_a_phone(window: Callable[..., Window], path: str) -> None:
    """As on a desk, which the test of the widths measures."""
    steady(window(path, width=390, height=844).page)
