"""Live without a browser: every state of the page, and its switch."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import RunPage, Site, query_of, text_of
from tests.pages.test_self_check import exported

LIVE = "pages/live.py"


def _deck(page: AppTest) -> dict[str, Any]:
    """What the globe sends to the browser."""
    deck: dict[str, Any] = json.loads(page.get("deck_gl_json_chart")[0].proto.json)
    return deck


def _dots(page: AppTest) -> list[dict[str, Any]]:
    """The dots that the globe draws when one looks closely."""
    (layer,) = (layer for layer in _deck(page)["layers"] if layer["id"] == "visitors-2-0")
    return _features(layer)


def _features(layer: dict[str, Any]) -> list[dict[str, Any]]:
    """The dots of a layer, read from its data URL as a browser reads it."""
    kind, content = layer["data"].split(",", 1)
    assert kind == "data:application/json"
    return [feature["properties"] for feature in json.loads(unquote(content))["features"]]


def test_globe_and_list_show_the_visitors_of_the_window(run_page: RunPage, two_visitors: Site) -> None:
    """Two visitors: two dots, two rows, and the number in the heading."""
    page = run_page(LIVE, website=two_visitors.slug)
    assert not page.exception
    assert "2 :gray[visitors in the last 5 minutes]" in text_of(page)
    table = page.dataframe[0].value
    assert list(table.columns) == ["Last seen", "Place", "Page", "Device"]
    assert list(table["Place"]) == ["Paris, FR", "<script>alert(1)</script>, FR"]
    assert list(table["Page"]) == ["/pricing", "javascript:alert(1)"]
    assert all(device[0].isupper() for device in table["Device"])
    assert "2 listed, newest first" in text_of(page)
    assert {str(dot["place"]) for dot in _dots(page)} == set(table["Place"])


def test_the_strip_of_minutes_leaves_as_it_stands(run_page: RunPage, two_visitors: Site) -> None:
    """Its file has a row for each bar, and counts whom the number counts."""
    with exported() as files:
        run_page(LIVE, website=two_visitors.slug)
    rows = files["visitors-by-minute"]
    assert list(rows[0])[:3] == ["minute (UTC)", "minute", "visitors"]
    assert len(rows) == 30
    assert sum(int(row["visitors"]) for row in rows) == 2


def test_the_tooltip_is_text_and_never_html(run_page: RunPage, two_visitors: Site) -> None:
    """deck.gl shows a text tooltip letter for letter; an HTML one would run what a visitor wrote."""
    chart = run_page(LIVE, website=two_visitors.slug).get("deck_gl_json_chart")[0].proto
    assert set(json.loads(chart.tooltip)) == {"text"}


def test_without_visitors_the_page_says_what_to_do(run_page: RunPage, site: Site) -> None:
    """No visitors: the bare globe, a zero, and an explanation instead of an empty table."""
    page = run_page(LIVE, website=site.slug)
    assert not page.exception
    assert "0 :gray[visitors in the last 5 minutes]" in text_of(page)
    assert "No visitors in the last 5 minutes" in text_of(page)
    assert not page.dataframe
    assert _dots(page) == []


def test_tinybird_down_is_said_once(
    run_page: RunPage, two_visitors: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One source, one message with one button; header and sidebar stand."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = run_page(LIVE, website=two_visitors.slug)
    assert not page.exception
    assert len(page.error) == 1
    assert [button.key for button in page.button if str(button.key).startswith("retry")] == ["retry-live"]
    assert page.title[0].value == "Live"
    assert page.selectbox(key="website_widget").value == two_visitors.slug


def test_live_offers_no_dates(run_page: RunPage, two_visitors: Site) -> None:
    """Now has no range and no period before: controls without an effect are not drawn, the URL keeps its range."""
    page = run_page(LIVE, website=two_visitors.slug, range="30d")
    keys = {str(widget.key) for kind in ("button_group", "toggle", "date_input") for widget in page.get(kind)}
    assert keys == {"window_widget"}
    assert query_of(page)["range"] == "30d"


def test_a_place_filters_the_list_and_is_a_chip(run_page: RunPage, two_visitors: Site) -> None:
    """The list holds the visitors there, the number counts all; removing the chip shows all again."""
    page = run_page(LIVE, website=two_visitors.slug)
    (paris,) = (dot for dot in _dots(page) if dot["place"] == "Paris, FR")
    page = run_page(LIVE, website=two_visitors.slug, place=paris["cell"])
    assert not page.exception
    assert list(page.dataframe[0].value["Place"]) == ["Paris, FR"]
    assert "2 :gray[visitors in the last 5 minutes]" in text_of(page)
    chip = page.button(key="chip-place")
    assert "Paris, FR" in chip.label.replace("\\", "")
    chip.click().run()
    assert "place" not in query_of(page)
    assert len(page.dataframe[0].value) == 2


def test_the_busy_places_are_sent_to_the_browser(run_page: RunPage, two_visitors: Site) -> None:
    """Both places with their visitors; the chosen one with where the globe turns to."""
    page = run_page(LIVE, website=two_visitors.slug)
    (paris,) = (dot for dot in _dots(page) if dot["place"] == "Paris, FR")
    page = run_page(LIVE, website=two_visitors.slug, place=paris["cell"])
    sent = [
        json.loads(each.proto.json) for each in page.get("bidi_component") if '"places"' in each.proto.json
    ]
    (data,) = sent
    assert {(place["name"], place["visitors"]) for place in data["places"]} == {
        ("Paris, FR", 1),
        ("<script>alert(1)</script>, FR", 1),
    }
    assert data["chosen"]["cell"] == paris["cell"]
    assert sum(visitors for _longitude, _latitude, visitors in data["dots"]) == 2


def test_a_place_without_visitors_says_so(run_page: RunPage, two_visitors: Site) -> None:
    """A link to a place outlives its visitors: the chip names it by its coordinates."""
    page = run_page(LIVE, website=two_visitors.slug, place="2.5-20-20")
    assert not page.exception
    assert "No visitors there now" in text_of(page)
    assert "38.8° S" in page.button(key="chip-place").label.replace("\\", "")


@pytest.mark.parametrize("place", ["Paris", "2.5-1-9999", "<script>", "2.5-1-1' OR 1=1", "x" * 5000])
def test_a_corrupt_place_falls_back_with_a_notice(run_page: RunPage, two_visitors: Site, place: str) -> None:
    """No filter, all visitors listed, and a notice."""
    page = run_page(LIVE, website=two_visitors.slug, place=place)
    assert not page.exception
    assert "place" in text_of(page)
    assert len(page.info) == 1
    assert len(page.dataframe[0].value) == 2


def test_wall_mode_shows_large_numbers_and_the_way_back(run_page: RunPage, two_visitors: Site) -> None:
    """Name, number, cities and today's numbers as text; no table; what a visitor wrote is escaped."""
    page = run_page(LIVE, website=two_visitors.slug, wall="1")
    assert not page.exception
    html = "\n".join(element.proto.body for element in page.get("html"))
    assert '<div class="wall-now">2</div>' in html
    assert "Median response" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>" not in html
    assert not page.dataframe
    assert page.button(key="wall-leave").label == "Leave wall mode"
    page.button(key="wall-leave").click().run()
    assert "wall" not in query_of(page)
    page.button(key="wall-offer").click().run()
    assert query_of(page)["wall"] == "1"


def test_the_wall_is_dark_in_every_theme(run_page: RunPage, two_visitors: Site) -> None:
    """Its globe has the dark colours though the viewer's theme is light."""
    wall, desk = (_deck(run_page(LIVE, website=two_visitors.slug, **extra)) for extra in ({"wall": "1"}, {}))
    ocean = [next(layer for layer in deck["layers"] if layer["id"] == "ocean") for deck in (wall, desk)]
    assert [layer["getFillColor"] for layer in ocean] == [[24, 33, 54, 255], [233, 237, 246, 255]]


def test_a_corrupt_wall_is_the_page(run_page: RunPage, two_visitors: Site) -> None:
    """Only 1 asks for it."""
    page = run_page(LIVE, website=two_visitors.slug, wall="yes")
    assert not page.exception
    assert len(page.info) == 1
    assert len(page.dataframe) == 1


def test_the_window_is_in_the_url_and_in_the_heading(run_page: RunPage, two_visitors: Site) -> None:
    """Thirty minutes chosen are asked for, shown and linked."""
    page = run_page(LIVE, website=two_visitors.slug)
    page.button_group(key="window_widget").set_value("30").run()
    assert query_of(page)["window"] == "30"
    assert "in the last 30 minutes" in text_of(page)


def test_a_corrupt_window_falls_back_with_a_notice(run_page: RunPage, two_visitors: Site) -> None:
    """A window that is not offered is not asked for."""
    page = run_page(LIVE, website=two_visitors.slug, window="100000")
    assert not page.exception
    assert "a time window we do not know" in text_of(page)
    assert "in the last 5 minutes" in text_of(page)
