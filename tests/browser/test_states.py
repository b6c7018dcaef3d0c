"""Pages in a real browser where things are missing: no data, one source down, both down, the free plan.

tests/pages does the same for every page without a browser; here are those whose panels differ most.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT, Demo, Window, new_visitor
from tests.browser.test_every_page import PATHS, settled

NOWHERE = "http://127.0.0.1:9"
NO_DATABASE = "postgresql://nobody:a-secret-4711@127.0.0.1:9/nowhere"
FAILED = ".stAlert, [data-testid=stAlert]"


def _is_whole(page: Page) -> None:
    """No defect, no value that is none, and nothing that scrolls sideways."""
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    text = page.locator("[data-testid=stMain]").inner_text()
    assert not {"nan", "None", "NaT", "inf"} & set(text.split())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("title", ["Overview", "Visitors", "Live"])
def test_a_website_without_data_says_what_is_missing(
    window: Callable[..., Window], quiet_website: str, title: str
) -> None:
    """The page stands, and says that nothing was there."""
    opened = window(f"{PATHS[title]}?website={quiet_website}")
    settled(opened.page)
    _is_whole(opened.page)
    expect(opened.page.locator("[data-testid=stMain]").locator(FAILED)).to_have_count(0)
    main = opened.page.locator("[data-testid=stMain]")
    expect(main).to_contain_text(_EMPTY[title], use_inner_text=True)


_EMPTY = {
    "Overview": "No ",
    "Visitors": "No visitors in this period",
    "Live": "No visitors in the last 5 minutes",
}


@pytest.mark.parametrize("title", ["Conversations", "Data health"])
def test_without_tinybird_each_page_says_so_and_offers_to_try_again(
    window: Callable[..., Window], web_app: Callable[..., str], title: str
) -> None:
    """What needs Tinybird fails on its own; the sidebar and what Postgres knows stand."""
    opened = window(PATHS[title], at=web_app(TINYBIRD_HOST=NOWHERE))
    settled(opened.page)
    _is_whole(opened.page)
    expect(opened.page.get_by_role("link", name="Overview")).to_be_visible()
    expect(opened.page.get_by_text("Tinybird").first).to_be_visible()
    if title != "Data health":
        expect(opened.page.get_by_role("button", name="Try again").first).to_be_visible()


def test_without_postgres_access_is_refused_and_the_page_says_why(
    window: Callable[..., Window], web_app: Callable[..., str]
) -> None:
    """Who may see what is in Postgres: one message, a way to try again, and not a number."""
    opened = window("/live", at=web_app(DATABASE_URL=NO_DATABASE))
    settled(opened.page)
    _is_whole(opened.page)
    expect(opened.page.get_by_text("Postgres").first).to_be_visible()
    expect(opened.page.get_by_role("button", name="Try again")).to_have_count(1)
    expect(opened.page.locator("[data-testid=stMetricValue]")).to_have_count(0)


def test_without_both_it_is_one_message(window: Callable[..., Window], web_app: Callable[..., str]) -> None:
    """Both sources down look like what they are, and name neither password nor address."""
    opened = window("/", at=web_app(TINYBIRD_HOST=NOWHERE, DATABASE_URL=NO_DATABASE))
    settled(opened.page)
    _is_whole(opened.page)
    expect(opened.page.get_by_role("button", name="Try again")).to_have_count(1)
    assert "a-secret-4711" not in opened.page.content()
    assert "127.0.0.1:9" not in opened.page.content()


@pytest.mark.parametrize("title", ["Visitors", "Live"])
def test_the_free_plan_says_how_far_it_reaches(window: Callable[..., Window], title: str) -> None:
    """A range past 21 days is cut with a notice, and what is past it is not offered."""
    opened = window(f"{PATHS[title]}?website=tea-and-crumb&range=90")
    settled(opened.page)
    _is_whole(opened.page)
    expect(opened.page.get_by_text("Free plan", exact=True)).to_be_visible()
    if title != "Live":
        expect(opened.page.get_by_text("21 days").first).to_be_visible()
        expect(opened.page.get_by_role("button", name="45 d")).to_have_count(0)
        expect(opened.page.get_by_role("radio", name="45 d")).to_have_count(0)


def test_an_address_that_leads_nowhere_says_so(demo: Demo, chromium: Browser) -> None:
    """It leads to the first page; what Streamlit answers at its own addresses stays as it is."""
    page = new_visitor(chromium).new_page()
    answer = page.goto(f"{demo.url}/a/nothing-here")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("link", name="Open the dashboard").click()
    expect(page.get_by_role("heading", name="All websites", level=1)).to_be_visible()
    page.context.close()
    assert httpx2.get(f"{demo.url}/_stcore/health").text == "ok"
    assert httpx2.get(f"{demo.url}/app/static/style.css").is_success
    assert httpx2.get(f"{demo.url}/live").is_success


def test_pages_are_found_under_a_base_path(web_app: Callable[..., str]) -> None:
    """With Streamlit's own setting for it, which has no part of the addresses taken away by a proxy."""
    url = web_app(base="/stats")
    for path, status in (("", 200), ("live", 200), ("nothing-here", 404)):
        assert httpx2.get(f"{url}/{path}").status_code == status
    assert httpx2.post(f"{url}/export", json={}).json() == {
        "message": "This page is older than the server. Reload it and try again."
    }
    document = httpx2.get(f"{url}/live").text
    assert "BACKEND_BASE_URL" in document, "the page asks for its server beside itself first: two answers 404"


def test_a_slash_after_a_page_leads_to_the_page(demo: Demo, web_app: Callable[..., str]) -> None:
    """By an address relative to it, which holds where a proxy takes a prefix away; the query stays."""
    for url in (demo.url, web_app(base="/stats")):
        for slashes in (1, 2):
            answer = httpx2.get(f"{url}/live{'/' * slashes}?range=7d")
            assert (answer.status_code, answer.headers["location"]) == (
                301,
                "../" * slashes + "live?range=7d",
            )
        assert httpx2.get(f"{url}/live/", follow_redirects=True).url == f"{url}/live"


def test_a_mistake_of_ours_is_said_in_our_words(
    window: Callable[..., Window], web_app: Callable[..., str], tmp_path: Path
) -> None:
    """An unexpected exception shows what to do, no part of itself, and not Streamlit's own text."""
    shutil.copy(ROOT / "asgi_app.py", tmp_path)
    (tmp_path / "app.py").write_text("raise RuntimeError('secret-of-the-house')\n")
    for name in (".streamlit", "static"):
        (tmp_path / name).symlink_to(ROOT / name)
    page = window("/", at=web_app(tmp_path / "asgi_app.py", PYTHONPATH=str(ROOT))).page
    expect(page.get_by_text("an error in the dashboard")).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert "secret-of-the-house" not in page.content()


def test_a_part_that_cannot_be_loaded_is_said_in_our_words(demo: Demo, chromium: Browser) -> None:
    """A server that was updated, or a connection that breaks, while the frontend loads its parts one by one."""
    page = new_visitor(chromium).new_page()
    page.route("**/static/js/Metric.*", lambda route: route.abort())
    page.goto(f"{demo.url}/visitors?website=northwind-outdoor")
    said = """() => [...document.querySelectorAll(".stAlertContainer > :first-child")].some(
        node => getComputedStyle(node, "::after").content.includes("Reload the page")
    )"""
    page.wait_for_function(said)
    words = page.locator("body").inner_text()
    assert not [word for word in ("Failed to", "TypeError", ".js", "Streamlit") if word in words]
    page.context.close()
