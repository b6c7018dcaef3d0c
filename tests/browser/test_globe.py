"""The globe in a real browser: its pixels, and what a mouse on it does."""

import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import expect

from pages.components.charts.globe import LATITUDE, LONGITUDE, RAMP_LIGHT
from pages.components.theme_colors import rgba
from tests.browser import globe_view as globe
from tests.browser.conftest import LAND, OUTLINES, SPHERE, Demo, Window


def _difference(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ clearly."""
    pairs = zip(one.convert("L").get_flattened_data(), other.convert("L").get_flattened_data(), strict=True)
    return sum(abs(left - right) > 12 for left, right in pairs) / (one.width * one.height)  # type: ignore[operator]


def test_the_globe_is_drawn_with_land_sea_borders_and_visitors(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """Pixels, not only the element: the sphere fills its card, and there are dots in the accent colour."""
    globe.send_visitor(demo, quiet_website, "Paris", 48.85, 2.35)
    picture = globe.picture(window(f"/live?website={quiet_website}", script=OUTLINES).page)
    pixels, colours = picture.width * picture.height, globe.colours(picture)
    assert pixels - colours[(255, 255, 255)] > 0.5 * pixels
    for role in ("land", "ocean"):
        assert globe.counted(picture, *globe.grounds(role)) > 0.02 * pixels, role
    assert globe.counted(picture, *globe.grounds("border")) > 100
    dots = [rgba(colour)[:3] for colour in RAMP_LIGHT]
    assert sum(n for colour, n in colours.items() if any(globe.is_near(colour, dot) for dot in dots)) > 12


def test_a_refresh_keeps_the_viewers_view_and_both_poles_have_land_and_dots(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """A globe that was turned stays turned when new data arrives; over a pole there is what is there."""
    for latitude in (88.0, -88.0):
        globe.send_visitor(demo, quiet_website, "Station", latitude, 0.0)
    page = window(f"/live?website={quiet_website}&window=30", script=LAND).page
    globe.wait_until_drawn(page)
    before = globe.view(page)
    x, y = globe.middle(page)
    globe.drag(page, (x, y), (x + 180, y))
    globe.wait_until_drawn(page)
    turned = globe.view(page)
    assert abs(turned["longitude"] - before["longitude"]) > 20
    globe.send_visitor(demo, quiet_website, "New arrival", -88.0, 0.0)
    expect(page.locator(".st-key-panel-visitors")).to_contain_text("New arrival")
    globe.wait_until_drawn(page)
    assert globe.view(page) == turned
    reach = 0.42 * globe.box(page)[3]
    for pole in (90.0, -90.0):
        by = reach if pole > 0 else -reach
        for _drag in range(12):
            if abs(globe.view(page)["latitude"] - pole) < 15:
                break
            globe.drag(page, (x, y - by), (x, y + by))
            globe.wait_until_drawn(page)
        over = globe.picture(page)
        assert globe.counted(over, *globe.grounds("land")) > 0.02 * over.width * over.height
        assert globe.counted(over, *globe.grounds("ocean")) > 0.02 * over.width * over.height
        middle = over.crop((over.width // 4, over.height // 4, 3 * over.width // 4, 3 * over.height // 4))
        assert any(globe.is_near(colour, globe.ACCENT) for colour in globe.colours(middle))


def test_hovering_a_dot_names_the_place(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """The globe opens on the busiest place; the tooltip finds its dot at every width, though the globe is scaled."""
    globe.send_visitor(demo, quiet_website, "Middle <b>of</b> the view", LATITUDE, LONGITUDE, count=12)
    page = window(f"/live?website={quiet_website}&window=30", height=900, script=SPHERE).page
    for width in (1440, 1280, 900):
        page.mouse.move(5, 5)
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator(".deck-tooltip")).not_to_be_visible()
        globe.wait_until_drawn(page)
        globe.point_at(page, globe.middle(page), "Middle <b>of</b> the view, FR")


def test_a_click_on_a_dot_filters_the_list_and_another_takes_it_away(
    window: Callable[..., Window], demo: Demo, quiet_website: str
) -> None:
    """The dot in the middle is clicked: address, chip and list say its place, the view stays; then again, and again."""
    globe.send_visitor(demo, quiet_website, "Clicktown", LATITUDE, LONGITUDE, count=12)
    page = window(f"/live?website={quiet_website}&window=30", script=SPHERE).page
    globe.wait_until_drawn(page)
    before = globe.view(page)
    chip = page.locator(".st-key-chip-place")

    def click(chips: int) -> None:
        spot = globe.middle(page)
        page.mouse.move(5, 5)
        globe.point_at(page, spot, "Clicktown, FR")
        globe.click(page, spot)
        expect(chip).to_have_count(chips)

    click(1)
    expect(chip).to_contain_text("Clicktown, FR")
    expect(page).to_have_url(re.compile("place="))
    globe.wait_until_drawn(page)
    after = globe.view(page)
    for part in ("longitude", "latitude", "zoom"):
        assert after[part] == pytest.approx(before[part], abs=0.1), part
    click(0)
    click(1)
    chip.get_by_role("button").click()
    expect(chip).to_have_count(0)
    expect(page).not_to_have_url(re.compile("place="))
    click(1)


def test_dots_come_apart_as_one_zooms(window: Callable[..., Window], demo: Demo, quiet_website: str) -> None:
    """Two towns twenty kilometres apart are one dot from afar and each its own from near."""
    towns = {"Easttown": (LONGITUDE, LATITUDE), "Northtown": (LONGITUDE, LATITUDE + 0.2)}
    for name, (longitude, latitude) in towns.items():
        globe.send_visitor(demo, quiet_website, name, latitude, longitude, count=6)
    page = window(f"/live?website={quiet_website}&window=30", height=700, script=SPHERE).page
    globe.wait_until_drawn(page)
    globe.point_at(page, globe.middle(page), "and 1 more place")
    zoom = globe.view(page)["zoom"]
    main = page.get_by_test_id("stMain")
    page.mouse.wheel(0, 300)
    expect(main).not_to_have_js_property("scrollTop", 0)
    globe.wait_until_drawn(page)
    assert globe.view(page)["zoom"] == zoom
    page.mouse.wheel(0, -300)
    expect(main).to_have_js_property("scrollTop", 0)
    page.keyboard.down("Control")
    near = zoom
    for _ in range(5):
        page.mouse.wheel(0, -300)
        near = globe.zoomed(page, near)["zoom"]
    page.keyboard.up("Control")
    assert near > zoom + 1
    for name, (longitude, latitude) in towns.items():
        page.mouse.move(5, 5)
        globe.point_at(page, globe.place(page, longitude, latitude), f"{name}, FR")
        expect(page.locator(".deck-tooltip")).not_to_contain_text("more place")


def test_the_picture_is_what_the_globe_shows(window: Callable[..., Window]) -> None:
    """The PNG by keyboard: the globe as it was turned, on the page's colour, under a line that names what it counts.

    A globe that is not drawn gives none and says so.
    """
    page = window("/live?website=northwind-outdoor", scheme="dark", script=LAND).page
    globe.wait_until_drawn(page)
    x, y = globe.middle(page)
    globe.drag(page, (x, y), (x + 150, y))
    page.mouse.move(5, 5)
    button = page.locator(".st-key-export-globe button")
    button.focus()
    shown = globe.picture(page)
    with page.expect_download() as coming:
        page.keyboard.press("Enter")
    assert re.fullmatch(
        r"northwind-outdoor-globe-\d{4}-\d\d-\d\d-\d{4}\.png", coming.value.suggested_filename
    )
    picture = Image.open(coming.value.path()).convert("RGB")
    assert picture.getpixel((0, 0)) == (11, 13, 18)
    wide, high, drawn = page.locator(globe.GLOBE).first.evaluate(
        "c => [c.width, c.height, c.width / c.clientWidth]"
    )
    margin = (picture.width - wide) // 2
    assert margin == pytest.approx(16 * drawn, abs=1)
    band = picture.height - high - margin
    assert 30 < band < 120
    sphere = picture.crop((margin, band, margin + wide, band + high))
    assert _difference(shown.resize(sphere.size), sphere) < 0.06  # turned elsewhere: over 0.1
    heading = globe.colours(picture.crop((0, 0, picture.width, band)))
    assert sum(count for colour, count in heading.items() if globe.is_near(colour, (236, 238, 243))) > 100
    status = page.locator(".st-key-export-globe [role=status]")
    expect(status).to_have_text("Picture saved.")
    button.evaluate(f"""button => {{
        const gl = document.querySelector("{globe.GLOBE}").getContext("webgl2")
        gl.bindFramebuffer(gl.FRAMEBUFFER, null)
        gl.clearColor(0, 0, 0, 0)
        gl.clear(gl.COLOR_BUFFER_BIT)
        button.click()
    }}""")
    expect(status).to_have_text("Nothing is drawn yet.")
