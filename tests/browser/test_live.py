"""Live in a real browser: an event that arrives while one looks, the places for the keyboard, wall and phone."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser import globe_view as globe
from tests.browser.conftest import SPHERE, Demo, Window
from tests.browser.test_every_page import settled

HIDE = """is_hidden => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => is_hidden})
  document.dispatchEvent(new Event('visibilitychange'))
}"""

QUICK_TIMERS = """{
  const every = window.setInterval, send = WebSocket.prototype.send
  window.setInterval = (task, ms, ...rest) => every(task, ms === 15_000 ? 1500 : ms, ...rest)
  window.asked = 0
  WebSocket.prototype.send = function (...message) {
    window.asked++
    window.askedAt = performance.now()
    return send.apply(this, message)
  }
}"""
"""A page whose panels are read anew ten times as often as every 15 s, and that counts what it asks its server."""

UNTIL_NOTHING_IS_ASKED = """async () => {
  const until = performance.now() + 60_000
  while (performance.now() - window.askedAt < 5000) {
    if (performance.now() > until) throw new Error('The page goes on asking.')
    await new Promise(done => setTimeout(done, 100))
  }
}"""
"""Five seconds: three times as long as the timers of `QUICK_TIMERS` would let pass."""


def test_an_event_reaches_globe_and_list_letter_for_letter_within_20_seconds(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """An event posted while the page is open shows up without a reload or a click; a city that is a script runs nowhere."""
    page = window(f"/live?website={quiet_website}", script=SPHERE).page
    globe.wait_until_drawn(page)
    city = f"{uuid4().hex[:6]} <img src=x onerror=window.hacked=1>"
    globe.send_visitor(demo, quiet_website, city, 10.0, -20.0)
    expect(page.locator(".st-key-panel-visitors")).to_contain_text(
        f"{city}, FR", timeout=20_000, use_inner_text=False
    )
    # No other visitor is in the middle of the Atlantic: the dot there is this one.
    assert any(globe.is_near(colour, globe.ACCENT) for colour in globe.colours(globe.picture(page)))
    assert page.evaluate("window.hacked") is None


def test_the_busiest_places_are_buttons_for_the_keyboard(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """What a click on a dot does, the keyboard does on the names under the globe; it turns there, and back home.

    The places keep their order while one of them has the keyboard.
    """
    globe.send_visitor(demo, quiet_website, "Keytown", 10.0, 10.0, count=25)
    globe.send_visitor(demo, quiet_website, "Farville", -10.0, -170.0, count=19)
    page = window(f"/live?website={quiet_website}&window=30").page
    globe.wait_until_drawn(page)
    places, side = page.locator(".places button"), page.locator(".side")
    expect(places.nth(1)).to_contain_text("Farville, FR")
    expect(side).to_contain_text(re.compile(r"\d+ of \d+ visitors on this side"))
    here, home = side.inner_text(), globe.view(page)
    places.nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-chip-place")).to_contain_text("Farville, FR")
    expect(page).to_have_url(re.compile("place="))
    expect(places.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(side).not_to_have_text(here)
    view = globe.turned(page, -170)
    assert (view["latitude"], view["longitude"]) == pytest.approx((-10, -170), abs=0.1)
    globe.send_visitor(demo, quiet_website, "Farville", -10.0, -170.0, count=8)
    expect(places.nth(1)).to_contain_text("27")
    expect(places.nth(0)).to_contain_text("Keytown, FR")
    page.get_by_role("button", name="Zoom in").focus()
    expect(places.nth(0)).to_contain_text("Farville, FR")
    page.keyboard.press("Enter")
    globe.zoomed(page, view["zoom"] + 0.3)
    there = side.inner_text()
    page.get_by_role("button", name="Home view").press("Enter")
    assert globe.turned(page, home["longitude"])["zoom"] == pytest.approx(home["zoom"], abs=0.01)
    # A globe whose WebGL context is lost says so, and comes back as it was turned; its script has noted that with the side.
    expect(side).not_to_have_text(there)
    view = globe.view(page)
    page.locator(globe.GLOBE).evaluate(
        "canvas => canvas.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    )
    lost = page.locator(".lost")
    expect(lost).to_contain_text("The graphics card let go of the globe")
    expect(lost.get_by_role("button", name="Draw the globe again")).to_be_visible()
    expect(lost).not_to_be_visible()
    globe.wait_until_drawn(page)
    globe.turned(page, view["longitude"])


def test_a_hidden_tab_asks_for_nothing(window: Callable[..., Window], demo: Demo, quiet_website: str) -> None:
    """Streamlit's timers go on in a hidden tab; here they stop, and what is seen again is fresh at once."""
    page = window(f"/live?website={quiet_website}", script=QUICK_TIMERS).page
    expect(page.locator(".st-key-panel-visitors")).to_contain_text("No visitors in the last")
    page.wait_for_function("before => window.asked > before", arg=page.evaluate("window.asked"))
    page.evaluate(HIDE, True)
    page.evaluate(UNTIL_NOTHING_IS_ASKED)
    globe.send_visitor(demo, quiet_website, "Came meanwhile", 10.0, 10.0)
    asked = page.evaluate("window.asked")
    page.evaluate(HIDE, False)
    page.wait_for_function("before => window.asked > before", arg=asked, timeout=1000)
    expect(page.locator(".st-key-panel-visitors")).to_contain_text("Came meanwhile")


def test_the_wall_fills_the_screen_and_leads_back(window: Callable[..., Window]) -> None:
    """Dark in a light theme, no sidebar, globe as high as the screen, nothing to scroll, and a way out.

    There, ten minutes chosen are ten minutes in the heading and in the URL.
    """
    page = window("/live?wall=1", width=1920, height=1080, script=SPHERE).page
    picture = globe.picture(page)
    assert picture.getpixel((3, 3)) == (11, 13, 18)
    expect(page.locator(".wall-now")).to_be_visible()
    expect(page.locator("[data-testid=stSidebar]")).not_to_be_visible()
    assert 0.8 * 1080 < globe.box(page)[3] < 1080
    expect(page.locator(".clock")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    page.get_by_role("button", name="Leave wall mode").click()
    expect(page.locator("[data-testid=stSidebar]")).to_be_visible()
    expect(page).not_to_have_url(re.compile("wall"))
    page.get_by_role("radio", name="10 min", exact=True).click()
    expect(page.get_by_text("in the last 10 minutes")).to_be_visible()
    expect(page).to_have_url(re.compile("window=10"))
    page.get_by_role("button", name="Wall mode").click()
    expect(page.locator(".wall-now")).to_be_visible()
    expect(page).to_have_url(re.compile("wall=1"))


def test_a_phone_shows_the_whole_globe_and_the_list_under_it(window: Callable[..., Window]) -> None:
    """At 390 px the globe is square, within the screen, and nothing scrolls sideways; a finger on it scrolls the page."""
    page = window("/live", width=390, height=844, script=SPHERE).page
    globe.wait_until_drawn(page)
    settled(page)
    left, top, width, height = globe.box(page)
    assert left >= 0
    assert left + width <= 390
    assert 0.8 < width / height < 1.25
    listed = page.locator(".st-key-panel-visitors").bounding_box()
    assert listed is not None
    assert listed["y"] > top + height
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    _swipe(page, 0, -200)
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop > 100")
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    longitude = globe.view(page)["longitude"]
    _swipe(page, 150, 0)
    globe.wait_until_drawn(page)
    assert abs(globe.view(page)["longitude"] - longitude) > 20
    page.emulate_media(color_scheme="dark")
    globe.wait_for_sea(page, is_dark=True)
    picture = globe.picture(page)
    assert (
        globe.counted(picture, *globe.grounds("ocean", is_dark=True)) > 0.3 * picture.width * picture.height
    )


def _swipe(page: Page, right: int, down: int) -> None:
    """Moves a finger over the middle of the globe."""
    x, y = globe.middle(page)
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind: str, points: list[dict[str, float]]) -> None:
        browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", [{"x": x, "y": y}])
    for step in range(1, 11):
        touch("touchMove", [{"x": x + right * step / 10, "y": y + down * step / 10}])
    touch("touchEnd", [])
