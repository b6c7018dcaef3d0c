"""The globe of Live in a browser: how it is turned, its pixels, and a mouse over it.

What is waited for is deck.gl's own state: every layer is loaded, and nothing is left to draw.
"""

import io
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import httpx2
from PIL import Image
from playwright.sync_api import Page, expect

from pages.components.charts.globe import NIGHT_ALPHA_DARK, NIGHT_ALPHA_LIGHT
from pages.components.theme_colors import palette
from tests.browser.conftest import Demo

GLOBE: Final = ".st-key-globe-view canvas"
ACCENT: Final = (79, 70, 229)
DECK: Final = """() => {
  const canvas = document.querySelector('.st-key-globe-view canvas')
  const key = canvas && Object.keys(canvas).find(name => name.startsWith('__reactFiber$'))
  for (let part = key && canvas[key]; part; part = part.return)
    for (let hook = part.memoizedState; hook && typeof hook === 'object'; hook = hook.next) {
      const deck = hook.memoizedState?.current?.deck
      if (deck?.getViewports) return deck.isInitialized ? deck : null
    }
  return null
}"""
WAIT: Final = """async ([about, wanted]) => {
  const conditions = {
    drawn: deck => deck.layerManager.getLayers().every(layer => layer.isLoaded) && !deck.needsRedraw(),
    longitude: deck => Math.abs(deck.props.viewState.longitude - wanted) < 0.01,
    zoom: deck => deck.props.viewState.zoom > wanted,
    ocean: deck => deck.props.layers.some(
      layer => layer.id === 'ocean' && String(layer.props.getFillColor.slice(0, 3)) === String(wanted)),
  }
  const until = performance.now() + 60_000
  for (let held = 0; held < 2;) {
    if (performance.now() > until) throw new Error(`The globe's ${about} did not come to ${wanted}`)
    await new Promise(done => setTimeout(done, 50))
    await new Promise(requestAnimationFrame)
    const deck = (DECK)()
    held = deck && conditions[about](deck) ? held + 1 : 0
  }
  return (DECK)().props.viewState
}""".replace("DECK", DECK)
PLACE: Final = """([longitude, latitude]) => {
  const box = document.querySelector('.st-key-globe-view canvas').getBoundingClientRect()
  const deck = (DECK)(), [x, y] = deck.getViewports()[0].project([longitude, latitude])
  return [box.x + x * box.width / deck.width, box.y + y * box.height / deck.height]
}""".replace("DECK", DECK)
UNHURRIED: Final = """() => {
  for (const each of (DECK)().eventManager.manager.recognizers) if ('taps' in each.options) each.options.time = 60_000
}""".replace("DECK", DECK)
"""On a busy machine more than a quarter of a second passes while deck.gl looks what was pressed: it takes that for a long press."""

View = dict[str, float]
"""A view as deck.gl has it: longitude, latitude, zoom."""


def view(page: Page) -> View:
    """How the globe is turned now."""
    shown: View = page.evaluate(f"() => ({DECK})().props.viewState")
    return shown


def turned(page: Page, longitude: float) -> View:
    """The view once that longitude is in the middle."""
    shown: View = page.evaluate(WAIT, ["longitude", longitude])
    return shown


def zoomed(page: Page, past: float) -> View:
    """The view once it is nearer than that."""
    shown: View = page.evaluate(WAIT, ["zoom", past])
    return shown


def wait_for_sea(page: Page, *, is_dark: bool) -> None:
    """Waits until the sea has the colour of that theme."""
    page.evaluate(WAIT, ["ocean", list(palette(is_dark=is_dark).rgba("ocean")[:3])])


def wait_until_drawn(page: Page) -> None:
    """Waits until the page has run, and all of the globe is on the screen."""
    expect(page.locator(GLOBE).first).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]").first).to_be_attached()
    page.evaluate(WAIT, ["drawn", None])


def picture(page: Page) -> Image.Image:
    """What the globe shows once it is drawn."""
    wait_until_drawn(page)
    shot = Image.open(io.BytesIO(page.locator(".st-key-globe-view").screenshot())).convert("RGB")
    assert len(colours(shot)) > 20, "The globe is blank."
    return shot


def colours(shot: Image.Image) -> Counter[tuple[int, ...]]:
    """How many pixels each colour has."""
    found = shot.getcolors(shot.width * shot.height) or []
    return Counter({colour: count for count, colour in found})  # type: ignore[misc]  # RGB: tuples


def is_near(colour: tuple[int, ...], wanted: Sequence[int]) -> bool:
    """Whether no part of a colour is far from the wanted one."""
    return all(abs(part - other) < 24 for part, other in zip(colour, wanted, strict=True))


def counted(shot: Image.Image, *wanted: tuple[int, ...]) -> int:
    """How many pixels have one of the colours."""
    return sum(
        count
        for colour, count in colours(shot).items()
        if any(all(abs(a - b) < 8 for a, b in zip(colour, one, strict=True)) for one in wanted)
    )


def grounds(role: str, *, is_dark: bool = False) -> list[tuple[int, ...]]:
    """The colour of land or sea by day and by night: what the globe shows depends on the time."""
    colours = palette(is_dark=is_dark)
    shade = (NIGHT_ALPHA_DARK if is_dark else NIGHT_ALPHA_LIGHT) / 255
    day, night = colours.rgba(role)[:3], colours.rgba("night")[:3]
    return [tuple(day), tuple(round(a + (b - a) * shade) for a, b in zip(day, night, strict=True))]


def box(page: Page) -> tuple[float, float, float, float]:
    """Left, top, width and height of the globe on the screen."""
    found = page.locator(GLOBE).first.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["width"], found["height"]


def middle(page: Page) -> tuple[float, float]:
    """The middle of the globe on the screen."""
    left, top, width, height = box(page)
    return left + width / 2, top + height / 2


def place(page: Page, longitude: float, latitude: float) -> tuple[float, float]:
    """Where on the screen a place of the near side is."""
    x, y = page.evaluate(PLACE, [longitude, latitude])
    return x, y


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Turns the globe with the mouse."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def point_at(page: Page, spot: tuple[float, float], said: str) -> None:
    """Points at a dot and waits for its tooltip."""
    wait_until_drawn(page)
    page.mouse.move(*spot)
    expect(page.locator(".deck-tooltip")).to_contain_text(said)


def click(page: Page, spot: tuple[float, float]) -> None:
    """Clicks there. The browser gets press and release in one message: for deck.gl a long press is no click."""
    page.evaluate(UNHURRIED)
    x, y = spot
    session = page.context.new_cdp_session(page)
    tap = {"x": x, "y": y, "duration": 1, "tapCount": 1, "gestureSourceType": "mouse"}
    session.send("Input.synthesizeTapGesture", tap)
    session.detach()


def send_visitor(
    demo: Demo, website_id: str, city: str, latitude: float, longitude: float, count: int = 1
) -> None:
    """Visitor events through the public events endpoint, as the README's curl line sends them; one visitor each."""
    rows = [
        {
            "timestamp": datetime.now(UTC).isoformat(),
            "website_id": website_id,
            "visitor_id": f"visitor-{uuid4().hex}",
            "session_id": "session",
            "event_type": "seen",
            "country_code": "FR",
            "city": city,
            "latitude": latitude,
            "longitude": longitude,
            "device_type": "desktop",
            "browser": "Firefox",
            "page_url": "https://example.com/from-the-test",
        }
        for _ in range(count)
    ]
    answer = httpx2.post(
        f"{demo.env['TINYBIRD_HOST']}/v0/events",
        params={"name": "visitor_events", "wait": "true"},
        headers={"Authorization": f"Bearer {demo.env['TINYBIRD_APPEND_TOKEN']}"},
        content="\n".join(json.dumps(row) for row in rows),
        timeout=30,
    )
    assert answer.json() == {"successful_rows": count, "quarantined_rows": 0}
