"""Live without a browser: every state of the page, and its switch."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import RunPage, Site, query_of, text_of

LIVE = "pages/live.py"


def _dots(page: AppTest) -> list[dict[str, object]]:
    """The places that the globe draws."""
    chart = page.get("deck_gl_json_chart")[0].proto
    layers = {layer["id"]: layer for layer in json.loads(chart.json)["layers"]}
    dots: list[dict[str, object]] = layers["visitors"]["data"]
    return dots


def test_globe_and_list_show_the_visitors_of_the_window(run_page: RunPage, two_visitors: Site) -> None:
    """Two visitors: two dots, two rows, and the number in the heading."""
    page = run_page(LIVE, website=two_visitors.slug)
    assert not page.exception
    assert "2 :gray[visitors in the last 5 minutes]" in text_of(page)
    table = page.dataframe[0].value
    assert list(table.columns) == ["Place", "Page", "Device", "Seen"]
    assert list(table["Place"]) == ["Paris, FR", "<script>alert(1)</script>, FR"]
    assert list(table["Page"]) == ["/pricing", "javascript:alert(1)"]
    assert {str(dot["place"]) for dot in _dots(page)} == set(table["Place"])


def test_the_tooltip_is_text_and_never_html(run_page: RunPage, two_visitors: Site) -> None:
    """deck.gl shows a text tooltip letter for letter; an HTML one would run what a visitor wrote."""
    chart = run_page(LIVE, website=two_visitors.slug).get("deck_gl_json_chart")[0].proto
    assert set(json.loads(chart.tooltip)) == {"text"}


def test_nobody_here_is_said_with_what_to_do(run_page: RunPage, site: Site) -> None:
    """No visitors: the bare globe, a zero, and an explanation instead of an empty table."""
    page = run_page(LIVE, website=site.slug)
    assert not page.exception
    assert "0 :gray[visitors in the last 5 minutes]" in text_of(page)
    assert "Nobody in the last 5 minutes" in text_of(page)
    assert not page.dataframe
    assert _dots(page) == []


def test_tinybird_down_shows_an_error_in_each_panel(
    run_page: RunPage, two_visitors: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each panel says so for itself; header and sidebar stand."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = run_page(LIVE, website=two_visitors.slug)
    assert not page.exception
    assert len(page.error) == 3
    assert page.title[0].value == "Live"
    assert page.selectbox(key="website_widget").value == two_visitors.slug


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
    assert "Possible are 5, 10, 30" in text_of(page)
    assert "in the last 5 minutes" in text_of(page)
