"""Live in a real browser: the globe in pixels, the list, and an event that arrives while one looks."""

import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from pages.components.charts.globe import LATITUDE, LONGITUDE, NIGHT_ALPHA_LIGHT, RAMP_LIGHT
from pages.components.theme_colors import palette, rgba
from tests.browser.conftest import Demo, Window, new_visitor, windows

GLOBE = ".st-key-globe-view canvas"
ACCENT = (79, 70, 229)
VIEW = """selector => {
  const canvas = document.querySelector(selector)
  let at = canvas[Object.keys(canvas).find(key => key.startsWith('__reactFiber$'))]
  while (!at.memoizedState?.next?.memoizedState?.current?.deck) at = at.return
  return at.memoizedState.next.memoizedState.current.deck.props.viewState
}"""
HIDE = """is_hidden => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => is_hidden})
  document.dispatchEvent(new Event('visibilitychange'))
}"""


def _globe(page: Page) -> Image.Image:
    """What the globe's canvas shows, once it shows something."""
    canvas = page.locator(GLOBE).first
    expect(canvas).to_be_visible()
    for _attempt in range(40):
        picture = Image.open(io.BytesIO(page.locator(".st-key-globe-view").screenshot())).convert("RGB")
        if len(_colours(picture)) > 20:
            return picture
        page.wait_for_timeout(500)
    raise AssertionError("The globe stayed blank.")


def _colours(picture: Image.Image) -> Counter[tuple[int, ...]]:
    found = picture.getcolors(picture.width * picture.height) or []
    return Counter({colour: count for count, colour in found})  # type: ignore[misc]  # RGB: tuples


def _is_near(colour: tuple[int, ...], wanted: Sequence[int]) -> bool:
    return all(abs(part - other) < 24 for part, other in zip(colour, wanted, strict=True))


def _seen(demo: Demo, website_id: str, city: str, latitude: float, longitude: float) -> None:
    """One visitor event through the public events endpoint, as the README's curl line sends it."""
    answer = httpx2.post(
        f"{demo.env['TINYBIRD_HOST']}/v0/events",
        params={"name": "visitor_events", "wait": "true"},
        headers={"Authorization": f"Bearer {demo.env['TINYBIRD_APPEND_TOKEN']}"},
        json={
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
        },
        timeout=30,
    )
    assert answer.json() == {"successful_rows": 1, "quarantined_rows": 0}


def test_the_globe_is_drawn_with_land_sea_borders_and_visitors(
    chromium: Browser, demo: Demo, quiet_website: str
) -> None:
    """Pixels, not only the element: the sphere fills its card, and there are dots in the accent colour."""
    _seen(demo, quiet_website, "Paris", 48.85, 2.35)
    context = new_visitor(chromium, has_borders=True)
    with windows(context, demo) as window:
        opened = window(f"/live?website={quiet_website}")
        picture = _globe(opened.page)
        opened.page.wait_for_timeout(4000)
        picture = _globe(opened.page)
    context.close()
    colours = _colours(picture)
    background = colours.most_common(1)[0][0] if colours else None
    drawn = sum(count for colour, count in colours.items() if colour != (255, 255, 255))
    assert background is not None
    assert drawn > 0.5 * picture.width * picture.height
    dots = [rgba(colour)[:3] for colour in RAMP_LIGHT]
    assert sum(n for colour, n in colours.items() if any(_is_near(colour, dot) for dot in dots)) > 12


def test_an_event_reaches_globe_and_list_untouched_within_20_seconds(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """An event posted while the page is open shows up without a reload or a click."""
    page = window(f"/live?website={quiet_website}").page
    _globe(page)
    city = f"Testville {uuid4().hex[:6]}"
    _seen(demo, quiet_website, city, 10.0, -20.0)
    expect(page.locator(".st-key-panel-visitors")).to_contain_text(
        f"{city}, FR", timeout=20_000, use_inner_text=False
    )
    # Nobody else is in the middle of the Atlantic: what is drawn there is this visitor.
    middle = _globe(page)
    accent = [colour for colour in _colours(middle) if _is_near(colour, ACCENT)]
    assert accent


def test_a_refresh_keeps_the_viewers_view_and_both_poles_have_land_and_dots(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """A globe that was turned stays turned when new data arrives; over a pole there is what is there."""
    for latitude in (88.0, -88.0):
        _seen(demo, quiet_website, "Station", latitude, 0.0)
    page = window(f"/live?website={quiet_website}&window=30").page
    before = _globe(page)
    box = page.locator(GLOBE).first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 180, y, steps=8)
    page.mouse.up()
    page.wait_for_timeout(1500)
    turned = _globe(page)
    as_of = page.get_by_text("As of").inner_text()
    expect(page.get_by_text("As of")).not_to_have_text(as_of)
    page.wait_for_timeout(1500)
    refreshed = _globe(page)
    assert _difference(before, turned) > 0.1
    assert _difference(turned, refreshed) < 0.03
    reach = 0.42 * box["height"]
    for pole in (90.0, -90.0):
        for _attempt in range(12):
            if abs(page.evaluate(VIEW, GLOBE)["latitude"] - pole) < 15:
                break
            by = reach if pole > 0 else -reach
            page.mouse.move(x, y - by)
            page.mouse.down()
            page.mouse.move(x, y + by, steps=4)
            page.mouse.up()
            page.wait_for_timeout(500)
        over = _globe(page)
        assert _counted(over, *_grounds("land")) > 0.02 * over.width * over.height
        assert _counted(over, *_grounds("ocean")) > 0.02 * over.width * over.height
        middle = over.crop((over.width // 4, over.height // 4, 3 * over.width // 4, 3 * over.height // 4))
        assert any(_is_near(colour, ACCENT) for colour in _colours(middle))


def _grounds(role: str) -> list[tuple[int, ...]]:
    """The colour of land or sea by day and by night."""
    colours = palette(is_dark=False)
    day, night, shade = colours.rgba(role)[:3], colours.rgba("night")[:3], NIGHT_ALPHA_LIGHT / 255
    return [tuple(day), tuple(round(a + (b - a) * shade) for a, b in zip(day, night, strict=True))]


def _counted(picture: Image.Image, *wanted: tuple[int, ...]) -> int:
    """How many pixels have one of the colours."""
    return sum(
        count
        for colour, count in _colours(picture).items()
        if any(all(abs(a - b) < 8 for a, b in zip(colour, one, strict=True)) for one in wanted)
    )


def _difference(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ clearly."""
    pairs = zip(one.convert("L").get_flattened_data(), other.convert("L").get_flattened_data(), strict=True)
    return sum(abs(left - right) > 12 for left, right in pairs) / (one.width * one.height)  # type: ignore[operator]


def test_hostile_text_is_shown_letter_for_letter(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """A city that is a script runs nowhere: not in the list, not on the globe."""
    _seen(demo, quiet_website, "<img src=x onerror=window.hacked=1>", 20.0, -30.0)
    opened = window(f"/live?website={quiet_website}")
    expect(opened.page.locator(".st-key-panel-visitors")).to_contain_text("<img src=x")
    _globe(opened.page)
    assert opened.page.evaluate("window.hacked") is None


def test_hovering_a_dot_names_the_place(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """The globe opens on the busiest place; the tooltip finds its dot at every width, though the globe is scaled."""
    for _ in range(12):
        _seen(demo, quiet_website, "Middle <b>of</b> the view", LATITUDE, LONGITUDE)
    page = window(f"/live?website={quiet_website}&window=30", height=900).page
    _globe(page)
    for width in (1440, 1280, 900):
        page.set_viewport_size({"width": width, "height": 900})
        page.mouse.move(5, 5)
        expect(page.locator(".deck-tooltip")).not_to_be_visible()
        _globe(page)
        page.wait_for_timeout(2000)
        box = page.locator(GLOBE).first.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x - 40, y - 40)
        page.mouse.move(x, y, steps=4)
        expect(page.locator(".deck-tooltip")).to_contain_text("Middle <b>of</b> the view, FR")


def test_a_click_on_a_dot_filters_the_list_and_another_takes_it_away(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """The dot in the middle is clicked: address, chip and list say its place, the view stays; then again, and again."""
    for _ in range(12):
        _seen(demo, quiet_website, "Clicktown", LATITUDE, LONGITUDE)
    page = window(f"/live?website={quiet_website}&window=30").page
    _globe(page)
    page.wait_for_timeout(3000)
    before = _globe(page)
    box = page.locator(GLOBE).first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    chip = page.locator(".st-key-chip-place")

    def click(chips: int) -> None:
        """Click until so many chips are there: without a graphics card, a press may last too long to be a click.

        A click that was taken may show late, and another would take it back: hence the patience.
        """
        for _attempt in range(4):
            page.mouse.move(x - 40, y - 40)
            page.mouse.move(x, y, steps=4)
            expect(page.locator(".deck-tooltip")).to_contain_text("Clicktown, FR")
            page.wait_for_timeout(1000)
            page.mouse.click(x, y)
            for _wait in range(40):
                page.wait_for_timeout(500)
                if chip.count() == chips:
                    return
        raise AssertionError(f"No click was taken; {chip.count()} chips are there.")

    click(1)
    expect(chip).to_contain_text("Clicktown, FR")
    expect(page).to_have_url(re.compile("place="))
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.wait_for_timeout(1500)
    assert _difference(before, _globe(page)) < 0.05
    click(0)
    click(1)
    chip.get_by_role("button").click()
    expect(chip).to_have_count(0)
    expect(page).not_to_have_url(re.compile("place="))
    click(1)


def test_dots_come_apart_as_one_zooms(window: Callable[..., Window], demo: Demo, quiet_website: str) -> None:
    """Two towns twenty kilometres apart are one dot from afar and each its own from near."""
    for _ in range(6):
        _seen(demo, quiet_website, "Easttown", LATITUDE, LONGITUDE)
        _seen(demo, quiet_website, "Northtown", LATITUDE + 0.2, LONGITUDE)
    page = window(f"/live?website={quiet_website}&window=30").page
    _globe(page)
    page.wait_for_timeout(3000)
    box = page.locator(GLOBE).first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tooltip = page.locator(".deck-tooltip")
    page.mouse.move(x, y)
    page.mouse.move(x + 1, y, steps=3)
    expect(tooltip).to_contain_text("and 1 more place")
    zoom = page.evaluate(VIEW, GLOBE)["zoom"]
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(1500)
    assert page.evaluate(VIEW, GLOBE)["zoom"] == zoom  # the page scrolls
    page.mouse.wheel(0, -300)
    page.keyboard.down("Control")
    for _ in range(5):
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(1500)
    page.keyboard.up("Control")
    assert page.evaluate(VIEW, GLOBE)["zoom"] > zoom + 1
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.wait_for_timeout(1500)
    named = {_named(page, *spot) for spot in _dots(page)}
    assert {"Easttown, FR", "Northtown, FR"} <= named
    assert not any("more place" in name for name in named)


def _dots(page: Page) -> set[tuple[float, float]]:
    """Where on the screen there is the colour of a dot, at most one spot in 8 pixels."""
    box = page.locator(".st-key-globe-view").bounding_box()
    assert box is not None
    picture = _globe(page)
    accents = {colour for colour in _colours(picture) if _is_near(colour, ACCENT)}
    spots = {
        (x // 8, y // 8): (box["x"] + x, box["y"] + y)
        for x in range(picture.width)
        for y in range(picture.height)
        if picture.getpixel((x, y)) in accents
    }
    return set(spots.values())


def _named(page: Page, x: float, y: float) -> str:
    """What the tooltip at a point of the screen says first; empty without one."""
    page.mouse.move(x, y, steps=2)
    page.wait_for_timeout(250)
    tooltip = page.locator(".deck-tooltip").first
    return tooltip.inner_text().split("\n")[0] if tooltip.is_visible() else ""


def test_the_busiest_places_are_buttons_for_the_keyboard(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """What a click on a dot does, the keyboard does on the names under the globe; it turns there, and back home.

    The places keep their order while one of them has the keyboard.
    """
    for _ in range(25):
        _seen(demo, quiet_website, "Keytown", 10.0, 10.0)
    for _ in range(19):
        _seen(demo, quiet_website, "Farville", -10.0, -170.0)
    page = window(f"/live?website={quiet_website}&window=30").page
    _globe(page)
    places, side = page.locator(".places button"), page.locator(".side")
    expect(places.nth(1)).to_contain_text("Farville, FR")
    expect(side).to_contain_text(re.compile(r"\d+ of \d+ visitors on this side"))
    here, home = side.inner_text(), page.evaluate(VIEW, GLOBE)
    places.nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-chip-place")).to_contain_text("Farville, FR")
    expect(page).to_have_url(re.compile("place="))
    expect(places.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(side).not_to_have_text(here)
    view = _turned(page, -170)
    assert (view["latitude"], view["longitude"]) == pytest.approx((-10, -170), abs=0.1)
    for _ in range(8):
        _seen(demo, quiet_website, "Farville", -10.0, -170.0)
    expect(places.nth(1)).to_contain_text("27")
    expect(places.nth(0)).to_contain_text("Keytown, FR")
    page.get_by_role("button", name="Zoom in").focus()
    expect(places.nth(0)).to_contain_text("Farville, FR")
    page.keyboard.press("Enter")
    page.wait_for_timeout(3000)
    assert page.evaluate(VIEW, GLOBE)["zoom"] > view["zoom"] + 0.3
    page.get_by_role("button", name="Home view").press("Enter")
    assert _turned(page, home["longitude"])["zoom"] == pytest.approx(home["zoom"], abs=0.01)
    # A globe whose WebGL context is lost says so, and comes back as it was turned: its script notes that at its next tick.
    page.wait_for_timeout(1000)
    view = page.evaluate(VIEW, GLOBE)
    page.locator(GLOBE).evaluate(
        "canvas => canvas.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    )
    lost = page.locator(".lost")
    expect(lost).to_contain_text("The graphics card let go of the globe")
    expect(lost.get_by_role("button", name="Draw the globe again")).to_be_visible()
    expect(lost).not_to_be_visible()
    _globe(page)
    page.wait_for_timeout(2000)
    assert page.evaluate(VIEW, GLOBE)["longitude"] == pytest.approx(view["longitude"])


def _turned(page: Page, longitude: float) -> dict[str, float]:
    """The view of the globe once it shows that longitude."""
    for _attempt in range(120):
        view: dict[str, float] = page.evaluate(VIEW, GLOBE)
        if abs(view["longitude"] - longitude) < 0.01:
            return view
        page.wait_for_timeout(250)
    raise AssertionError(f"The globe did not turn to {longitude}: {view}")


def test_the_picture_is_what_the_globe_shows(window: Callable[..., Window]) -> None:
    """The PNG by keyboard: the globe as it was turned, on the page's colour, under a line that names what it counts.

    A globe that is not drawn gives none and says so.
    """
    page = window("/live?website=northwind-outdoor", scheme="dark").page
    _globe(page)
    page.wait_for_timeout(3000)
    box = page.locator(GLOBE).first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=8)
    page.mouse.up()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.wait_for_timeout(1500)
    page.locator(".st-key-export-globe button").focus()
    shown = _globe(page)
    with page.expect_download() as coming:
        page.keyboard.press("Enter")
    assert re.fullmatch(
        r"northwind-outdoor-globe-\d{4}-\d\d-\d\d-\d{4}\.png", coming.value.suggested_filename
    )
    picture = Image.open(coming.value.path()).convert("RGB")
    assert picture.getpixel((0, 0)) == (11, 13, 18)
    wide, high, drawn = page.locator(GLOBE).first.evaluate(
        "c => [c.width, c.height, c.width / c.clientWidth]"
    )
    margin = (picture.width - wide) // 2
    assert margin == pytest.approx(16 * drawn, abs=1)
    band = picture.height - high - margin
    assert 30 < band < 120
    globe = picture.crop((margin, band, margin + wide, band + high))
    assert _difference(shown.resize(globe.size), globe) < 0.06  # turned elsewhere: over 0.1
    heading = _colours(picture.crop((0, 0, picture.width, band)))
    assert sum(count for colour, count in heading.items() if _is_near(colour, (236, 238, 243))) > 100
    status = page.locator(".st-key-export-globe [role=status]")
    expect(status).to_have_text("Picture saved.")
    page.locator(".st-key-export-globe button").evaluate(f"""button => {{
        const gl = document.querySelector("{GLOBE}").getContext("webgl2")
        gl.bindFramebuffer(gl.FRAMEBUFFER, null)
        gl.clearColor(0, 0, 0, 0)
        gl.clear(gl.COLOR_BUFFER_BIT)
        button.click()
    }}""")
    expect(status).to_have_text("Nothing is drawn yet.")


def test_a_hidden_tab_asks_for_nothing(window: Callable[..., Window]) -> None:
    """Streamlit's timers go on in a hidden tab; here they stop, and what is seen again is fresh at once."""
    page = window("/live").page
    as_of = page.locator(".st-key-panel-visitors").get_by_text("As of")
    expect(as_of).to_be_visible()
    page.evaluate(HIDE, True)
    for _attempt in range(3):
        page.wait_for_timeout(5_000)  # what was asked for before may still arrive
        hidden = as_of.inner_text()
        page.wait_for_timeout(20_000)
        if as_of.inner_text() == hidden:
            break
    assert as_of.inner_text() == hidden
    page.evaluate(HIDE, False)
    expect(as_of).not_to_have_text(hidden, timeout=20_000)


def test_the_wall_fills_the_screen_and_leads_back(window: Callable[..., Window]) -> None:
    """Dark in a light theme, no sidebar, globe as high as the screen, nothing to scroll, and a way out."""
    page = window("/live?wall=1", width=1920, height=1080).page
    picture = _globe(page)
    assert picture.getpixel((3, 3)) == (11, 13, 18)
    expect(page.locator(".wall-now")).to_be_visible()
    expect(page.locator("[data-testid=stSidebar]")).not_to_be_visible()
    box = page.locator(GLOBE).first.bounding_box()
    assert box is not None
    assert 0.8 * 1080 < box["height"] < 1080
    expect(page.locator(".clock")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    page.get_by_role("button", name="Leave wall mode").click()
    expect(page.locator("[data-testid=stSidebar]")).to_be_visible()
    expect(page).not_to_have_url(re.compile("wall"))
    page.get_by_role("button", name="Wall mode").click()
    expect(page.locator(".wall-now")).to_be_visible()
    expect(page).to_have_url(re.compile("wall=1"))


def test_the_window_switch_is_kept_in_the_address(window: Callable[..., Window]) -> None:
    """Ten minutes chosen are ten minutes in the heading and in the URL."""
    page = window("/live").page
    page.get_by_role("radio", name="10 min", exact=True).click()
    expect(page.get_by_text("in the last 10 minutes")).to_be_visible()
    assert "window=10" in page.url


def test_a_phone_shows_the_whole_globe_and_the_list_under_it(window: Callable[..., Window]) -> None:
    """At 390 px the globe is square, within the screen, and nothing scrolls sideways; a finger on it scrolls the page."""
    page = window("/live", width=390, height=844).page
    _globe(page)
    box = page.locator(GLOBE).first.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert 0.8 < box["width"] / box["height"] < 1.25
    listed = page.locator(".st-key-panel-visitors").bounding_box()
    assert listed is not None
    assert listed["y"] > box["y"] + box["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    _swipe(page, 0, -200)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") > 100
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    longitude = page.evaluate(VIEW, GLOBE)["longitude"]
    _swipe(page, 150, 0)
    assert abs(page.evaluate(VIEW, GLOBE)["longitude"] - longitude) > 20
    page.emulate_media(color_scheme="dark")
    ocean = tuple(palette(is_dark=True).rgba("ocean")[:3])
    for _attempt in range(60):
        if _counted(_globe(page), ocean) > 1000:
            break
        page.wait_for_timeout(250)
    assert _counted(_globe(page), ocean) > 1000


def _swipe(page: Page, right: int, down: int) -> None:
    """Moves a finger over the middle of the globe."""
    box = page.locator(GLOBE).first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind: str, points: list[dict[str, float]]) -> None:
        browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(30)

    touch("touchStart", [{"x": x, "y": y}])
    for step in range(1, 11):
        touch("touchMove", [{"x": x + right * step / 10, "y": y + down * step / 10}])
    touch("touchEnd", [])
    page.wait_for_timeout(1000)
