"""Signing in against a real provider, request by request: where a browser is led, and what it keeps."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.oidc_provider import Provider, provider
from tests.sign_in import Tab, login_link, sign_in_variables
from tests.web_apps import free_port, web_app

SOURCES = {
    "TINYBIRD_HOST": "http://127.0.0.1:1",
    "TINYBIRD_READ_TOKEN": "p.read",
    "DATABASE_URL": "postgresql://reader@127.0.0.1:1/inbox",
}


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    """The provider of this module, which knows Ann."""
    with provider(free_port()) as running:
        running.add("ann", email="ann@example.com", email_verified=True, groups=["g" * 40] * 200)
        yield running


@pytest.fixture(scope="module")
def app(idp: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web app that signs people in there."""
    port, log = free_port(), tmp_path_factory.mktemp("app") / "output.log"
    with web_app(port, SOURCES | sign_in_variables(f"http://localhost:{port}", idp.metadata_url), log) as url:
        yield url


def test_a_sign_in_leads_back_to_the_page(app: str, idp: Provider) -> None:
    """With its query; what remembered it is gone, and 200 groups left no trace."""
    tab = Tab(app)
    there = tab.leave("/live?website=acme&window=15").headers["location"]
    assert "groups" not in parse_qs(urlsplit(there).query)["scope"][0]
    kept = [cookie for cookie in tab.jar.jar if cookie.name.startswith("inbox_sign_in")]
    assert [(cookie.path, cookie.has_nonstandard_attr("HttpOnly")) for cookie in kept] == [
        ("/oauth2callback", True)
    ]
    assert tab.come_back(idp.sign_in(there, "ann")) == f"{app}/live?website=acme&window=15"
    assert tab.cookies <= {"_streamlit_user", "_streamlit_user_tokens"}
    assert "_streamlit_user" in tab.cookies


def test_tabs_that_sign_in_at_once_all_come_back(app: str, idp: Provider) -> None:
    """Each to its own page, in any order."""
    pages = ["/live", "/visitors?range=10d", "/"]
    first = Tab(app)
    tabs = [first, Tab(app, first.jar), Tab(app, first.jar)]
    led = [tab.leave(page).headers["location"] for tab, page in zip(tabs, pages, strict=True)]
    for number in (1, 0, 2):
        assert tabs[number].come_back(idp.sign_in(led[number], "ann")) == f"{app}{pages[number]}"


def test_an_answer_that_was_used_leads_to_the_page_without_a_word(app: str, idp: Provider) -> None:
    """The Back button while signed in."""
    tab = Tab(app)
    back = idp.sign_in(tab.leave("/live").headers["location"], "ann")
    tab.come_back(back)
    assert tab.come_back(back) == f"{app}/"
    assert "_streamlit_user" in tab.cookies


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        ("error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E", "denied"),
        ("error=server_error", "failed"),
        ("code=made-up", "failed"),
    ],
)
def test_what_the_provider_refuses_leads_back_with_a_code(
    app: str, idp: Provider, query: str, outcome: str
) -> None:
    """To the page, and never with the provider's own words."""
    tab = Tab(app)
    state = parse_qs(urlsplit(tab.leave("/live?website=a").headers["location"]).query)["state"][0]
    found = tab.come_back(f"{app}/oauth2callback?state={state}&{query}")
    assert found == f"{app}/live?website=a&sign-in={outcome}"
    assert "_streamlit_user" not in tab.cookies


@pytest.mark.parametrize("query", ["state=unknown&code=x", "code=x", "state=&code="])
def test_an_answer_without_its_request_opens_no_session(app: str, query: str) -> None:
    """It came too late, or to another browser."""
    assert Tab(app).come_back(f"{app}/oauth2callback?{query}") == f"{app}/?sign-in=late"


def test_an_answer_in_another_browser_opens_no_session(app: str, idp: Provider) -> None:
    """A person who gets the answer of another would work in the other's name."""
    back = idp.sign_in(Tab(app).leave("/live").headers["location"], "ann")
    other = Tab(app)
    assert other.come_back(back) == f"{app}/?sign-in=late"
    assert "_streamlit_user" not in other.cookies


def test_a_link_that_is_too_old_says_so(app: str) -> None:
    """The button's link holds for two minutes."""
    answer = httpx2.get(f"{app}/auth/login?provider=x", headers={"Referer": f"{app}/live"})
    assert (answer.status_code, answer.headers["location"]) == (302, f"{app}/live?sign-in=late")


def test_signing_out_says_so(app: str, idp: Provider) -> None:
    """Once the provider has led back; the cookies are gone before."""
    tab = Tab(app)
    tab.come_back(idp.sign_in(tab.leave("/live").headers["location"], "ann"))
    there = tab.get(f"{app}/auth/logout").headers["location"]
    assert there.startswith(f"{idp.url}/")
    assert "_streamlit_user" not in tab.cookies
    back = parse_qs(urlsplit(there).query)["post_logout_redirect_uri"][0]
    assert tab.come_back(back) == f"{app}/?sign-in=signed-out"


def test_a_restart_between_question_and_answer_does_no_harm(idp: Provider, tmp_path: Path) -> None:
    """And another process with the same secret takes the answer too."""
    port = free_port()
    env = SOURCES | sign_in_variables(f"http://localhost:{port}", idp.metadata_url)
    with web_app(port, env, tmp_path / "log") as url:
        tab = Tab(url)
        there = tab.leave("/visitors").headers["location"]
    with web_app(port, env, tmp_path / "log"):
        assert tab.come_back(idp.sign_in(there, "ann")) == f"{url}/visitors"
        assert "_streamlit_user" in tab.cookies


def test_a_provider_that_is_down_is_said_at_both_ends(tmp_path: Path) -> None:
    """Before the browser leaves, and when it comes back."""
    port, other = free_port(), free_port()
    with (
        provider(other) as idp,
        web_app(
            port, SOURCES | sign_in_variables(f"http://localhost:{port}", idp.metadata_url), tmp_path / "log"
        ) as url,
    ):
        idp.add("ann", email="ann@example.com", email_verified=True)
        tab = Tab(url)
        back = idp.sign_in(tab.leave("/live").headers["location"], "ann")
        idp.process.terminate()
        idp.process.wait(timeout=30)
        assert tab.come_back(back) == f"{url}/live?sign-in=unreachable"
        answer = tab.leave("/visitors?range=10d")
        assert (answer.status_code, answer.headers["location"]) == (
            302,
            f"{url}/visitors?range=10d&sign-in=unreachable",
        )


@pytest.mark.parametrize(("minutes", "outcome"), [(10, "&sign-in=clock"), (-10, ""), (-70, "&sign-in=clock")])
def test_clocks_that_differ_work_or_are_named(tmp_path: Path, minutes: int, outcome: str) -> None:
    """A provider that is behind does no harm until its answer is too old; the log names the clocks."""
    port, log = free_port(), tmp_path / "log"
    with (
        provider(free_port(), clock_seconds=60 * minutes) as idp,
        web_app(port, SOURCES | sign_in_variables(f"http://localhost:{port}", idp.metadata_url), log) as url,
    ):
        idp.add("ann", email="ann@example.com", email_verified=True)
        tab = Tab(url)
        back = idp.sign_in(tab.leave("/live?a=b").headers["location"], "ann")
        assert tab.come_back(back) == f"{url}/live?a=b{outcome}"
    assert ("the clocks of this server and of the identity provider differ" in log.read_text()) == bool(
        outcome
    )


@pytest.mark.parametrize(
    ("base", "public"),
    [
        ("/team", "https://inbox.example.com/team"),
        ("", "https://inbox.example.com/team"),
        ("", "https://inbox.example.com"),
    ],
    ids=["prefix passed on", "prefix taken away", "root"],
)
def test_behind_a_proxy_the_public_address_decides(
    idp: Provider, tmp_path: Path, base: str, public: str
) -> None:
    """Where it leads, what its cookies are for, and that they never travel without TLS."""
    port = free_port()
    with web_app(port, SOURCES | sign_in_variables(public, idp.metadata_url), tmp_path / "log", base) as url:
        left = httpx2.get(login_link(url), headers={"Referer": f"{public}/live?a=b"})
        back = idp.sign_in(left.headers["location"], "ann")
        assert back.startswith(f"{public}/oauth2callback?")
        texts = left.headers.get_list("set-cookie")
        sent = {name: value for name, _, value in (text.partition(";")[0].partition("=") for text in texts)}
        came = httpx2.get(f"{url}/oauth2callback?{urlsplit(back).query}", cookies=sent)
        assert came.headers["location"] == f"{public}/live?a=b"
        answers = [left, came, httpx2.get(f"{url}/_stcore/host-config"), httpx2.get(f"{url}/_stcore/health")]
        texts = [text for answer in answers for text in answer.headers.get_list("set-cookie")]
        assert len(texts) >= 5
        assert [text for text in texts if "; Secure" not in text] == []
        paths = {
            text.partition("Path=")[2].partition(";")[0] for text in texts if text.startswith("inbox_sign_in")
        }
        assert paths == {f"{urlsplit(public).path}/oauth2callback"}
        # The address without a slash leads on; a scheme and a name there would be those of this server.
        assert not urlsplit(httpx2.get(url).headers.get("location", "")).netloc
