"""The page that a browser is led back to after signing in: one of ours, whatever it says."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from analytics.web.middleware.sign_in_return import SignInReturn, own_page
from tests.web.asgi_requests import send_request

PAGES = {"overview", "live", "visitors"}


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("https://inbox.example.com/", "/"),
        ("https://inbox.example.com/live", "/live"),
        ("https://INBOX.example.com:443/live?website=a&range=10d", "/live?website=a&range=10d"),
        ("https://inbox.example.com/live?q=%C3%A4%26%3D%23+b&empty=", "/live?q=%C3%A4%26%3D%23+b&empty="),
        ("https://inbox.example.com/live?website=a&sign-in=late#part", "/live?website=a"),
        ("https://inbox.example.com/live?q=" + "x" * 5000, "/live"),
        ("https://inbox.example.com/live?next=https://evil.example", "/live?next=https://evil.example"),
    ],
)
def test_a_page_of_ours_is_kept_with_what_it_shows(referer: str, page: str) -> None:
    """Its query as long as there is room for it."""
    assert own_page(referer, "https://inbox.example.com", PAGES) == page


@pytest.mark.parametrize(
    "referer",
    [
        "",
        "/live",
        "//evil.example/live",
        "https://evil.example/live",
        "http://inbox.example.com/live",
        "https://inbox.example.com:8443/live",
        "https://inbox.example.com:x/live",
        "https://inbox.example.com.evil.example/live",
        "https://inbox.example.com@evil.example/live",
        "https://inbox.example.com//evil.example",
        "https://inbox.example.com/\\evil.example",
        "https://inbox.example.com/%2F%2Fevil.example",
        "https://inbox.example.com/%5Cevil.example",
        "https://inbox.example.com/https:evil.example",
        "https://inbox.example.com/live/../..//evil.example",
        "https://inbox.example.com/live/",
        "https://inbox.example.com/liv%65",
        "https://inbox.example.com/nothing",
        "https://inbox.example.com/auth/logout",
        "https://inbox.example.com/oauth2callback?state=x",
        "https://[inbox.example.com/live",
        "javascript:alert(1)",
        "data:text/html,live",
        "https://inbox.example.com/live\x00",
        "https://inbox.example.com/live\r\nSet-Cookie: a=b",
    ],
)
def test_any_other_address_is_the_start_page(referer: str) -> None:
    """Another host, another scheme, and what a browser might read as one."""
    page = own_page(referer, "https://inbox.example.com", PAGES)
    assert page == "/"


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("https://a.example/team/live?x=1", "/live?x=1"),
        ("https://a.example/team/", "/"),
        ("https://a.example/team", "/"),
        ("https://a.example/live", "/"),
        ("https://a.example/teamevil/live", "/"),
        ("https://a.example/team//live", "/"),
        ("https://a.example/team/team/live", "/"),
    ],
)
def test_under_a_prefix_only_what_is_under_it_is_ours(referer: str, page: str) -> None:
    """Another app of the same host is not."""
    assert own_page(referer, "https://a.example/team", PAGES) == page


@pytest.mark.parametrize(
    ("route", "led_to"),
    [
        ("/auth/login?provider=x", "/live?place=2&sign-in=unreachable"),
        ("/oauth2callback?state=x&code=y", "/?sign-in=unreachable"),
        ("/auth/logout", "/?sign-in=signed-out"),
    ],
)
def test_a_provider_that_never_ends_its_answer_is_given_up(route: str, led_to: str) -> None:
    """The browser is led back with a sentence; signing out deletes its cookies all the same."""

    async def waiting(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.Event().wait()

    public = "https://inbox.example.com/team"
    answer = send_request(
        SignInReturn(waiting, "/team", public, PAGES, provider_seconds=0.01),
        f"/team{route}",
        at="https://inbox.example.com",
        headers={"Referer": f"{public}/live?place=2", "Cookie": "_streamlit_user=x"},
    )
    assert (answer.status_code, answer.headers["location"]) == (302, public + led_to)
    deleted = {
        each.partition("=")[0] for each in answer.headers.get_list("set-cookie") if "Max-Age=0" in each
    }
    is_out = route == "/auth/logout"
    assert deleted == ({"_streamlit_user", "_streamlit_user_tokens"} if is_out else set())
    assert all("Path=/team;" in each for each in answer.headers.get_list("set-cookie"))
