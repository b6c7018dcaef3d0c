"""What the web server answers beside the pages, in this process."""

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import httpx2
import pytest
import streamlit as st
from streamlit.file_util import get_static_dir

from analytics.errors import AccessDenied
from analytics.web.middleware.headers import script_hashes
from tests.web.asgi_requests import open_websocket

ROOT = Path(__file__).parent.parent
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
ENVIRONMENT = {
    "TINYBIRD_HOST": "http://127.0.0.1:1",
    "TINYBIRD_READ_TOKEN": "p.read",
    "DATABASE_URL": "postgresql://reader@127.0.0.1:1/inbox",
}


@pytest.fixture(scope="module", autouse=True)
def app() -> Iterator[st.App]:
    """The application; it is made when its module is loaded, from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"INBOX_ANALYTICS_DEMO": "1"}).items():
            patch.setenv(name, value)
        made = import_module("asgi_app").app
        assert isinstance(made, st.App)
        yield made


def answer(method: str, path: str, *, content: bytes = b"", kind: str | None = None) -> httpx2.Response:
    """The answer to one request."""

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=import_module("asgi_app").app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            headers = {"Content-Type": kind} if kind else {}
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_file_is_answered_to_post_alone(method: str) -> None:
    """Also to the question of a browser whether a page of another website may send JSON: it may not."""
    found = answer(method, "/export")
    assert (found.status_code, found.headers["Allow"]) == (405, "POST")
    assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_type_that_any_website_may_send_is_refused(kind: str | None) -> None:
    """Before anything is read."""
    assert answer("POST", "/export", content=b"{}", kind=kind).status_code == 415


@pytest.mark.parametrize("content", [b"", b"null", b"NaN", b"\xff", b"{}", b"[" * 90_000], ids=len)
@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_what_is_no_request_is_a_sentence(content: bytes, kind: str) -> None:
    """JSON that the page reads aloud."""
    found = answer("POST", "/export", content=content, kind=kind)
    assert (found.status_code, list(found.json())) == (400, ["message"])


def test_a_request_of_any_length_is_not_read_to_its_end() -> None:
    """Past the limit it is refused."""
    found = answer("POST", "/export", content=b" " * 100_001, kind="application/json")
    assert found.status_code == 413


def test_a_file_for_claims_without_access_is_refused_and_audited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cookie is signed by this server, and its address opens no account."""
    from pages.components.page import sign_in

    def refuse(_request: object) -> None:
        raise AccessDenied("The address is not verified.", "Verify it.")

    monkeypatch.setattr(sign_in, "identity_of_request", refuse)
    found = answer("POST", "/export", content=b"{}", kind="application/json")
    assert (found.status_code, found.json()) == (
        403,
        {"message": "The address is not verified. Verify it."},
    )
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if each.startswith("{")]
    assert (line["audit"], line["outcome"], line["who"]) == ("export", "refused", None)
    assert line["reason"] == "The address is not verified."


def test_the_process_is_alive_while_no_source_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here nothing listens at either address: alive, not ready, and the reasons name no address."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert answer("GET", "/livez").status_code == 200
    found = answer("GET", "/readyz")
    while "No answer within" in found.text:  # the first time libraries are loaded, which may take longer
        time.sleep(0.2)
        found = answer("GET", "/readyz")
    assert found.status_code == 503
    assert found.json() == {
        "ready": False,
        "sources": {"tinybird": "Tinybird cannot be reached.", "postgres": "Postgres cannot be reached."},
    }
    assert answer("POST", "/readyz").status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/index.html", 200),
        ("/live", 200),
        ("/live/", 301),
        ("/nothing", 404),
        ("/media/nothing", 404),
        ("/_stcore/health", None),
        ("/_stcore/host-config", 200),
        ("/_stcore/upload_file/a/b", 404),
        ("/favicon.png", 200),
        ("/export", 405),
        ("/..%5Cnothing", 400),
        ("/static/nothing", 404),
        ("/app/static/nothing", 404),
    ],
)
def test_every_answer_says_what_a_browser_may_do_with_it(path: str, status: int | None) -> None:
    """From all routes: pages, files, Streamlit's own, redirects and refusals."""
    found = answer("GET", path)
    assert found.status_code == (status or found.status_code)
    assert "script-src 'self'" in found.headers["Content-Security-Policy"]
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["Cache-Control"]
    assert not [name for name in found.headers if name.startswith("access-control")]


def test_a_script_of_ours_runs_before_plotly() -> None:
    """In the one file of the frontend that has Plotly's code, whatever a new version of Streamlit calls it."""
    module = import_module("asgi_app")
    ((name, script),) = module.PREAMBLES.items()
    (plotly,) = Path(get_static_dir(), "static", "js").glob(f"{name}*")
    assert plotly.stat().st_size > 1_000_000
    assert answer("GET", f"/static/js/{plotly.name}").text == script + plotly.read_text()


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("http://stats.example.com/team/?a=1", "/team/?a=1"),
        ("https://stats.example.com/team/", "/team/"),
        ("http://stats.example.com//evil.example/", "/evil.example/"),
        ("http://stats.example.com/\\evil.example/", "/evil.example/"),
        ("https://id.example.com/authorize?x=1", "https://id.example.com/authorize?x=1"),
        ("../live", "../live"),
    ],
)
def test_a_redirect_to_this_server_names_its_path_alone(location: str, sent: str) -> None:
    """Behind a proxy the scheme and the name that it is asked by are not the browser's."""
    scope = {"type": "http", "headers": [(b"host", b"stats.example.com")]}
    given = [(b"location", location.encode()), (b"vary", b"Origin")]
    assert list(import_module("asgi_app").without_host(given, scope)) == [
        (b"location", sent.encode()),
        (b"vary", b"Origin"),
    ]


@pytest.mark.parametrize("path", ["/", "/index.html", *(f"/{name}" for name in PAGES), "/nothing"])
def test_the_scripts_of_our_documents_run_and_no_others(path: str) -> None:
    """What is served is what was hashed: all inline scripts, and nothing runs by an attribute."""
    found = answer("GET", path)
    hashes = script_hashes([found.text])
    assert set(hashes) <= set(found.headers["Content-Security-Policy"].replace(";", "").split())
    assert bool(hashes) == (path != "/nothing")
    assert not re.search(r"<[^>]*\son[a-z]+\s*=|javascript:", found.text)


@pytest.mark.parametrize("path", ["/", "/index.html", *(f"/{name}" for name in PAGES)])
def test_a_document_says_nothing_of_streamlit(path: str) -> None:
    """Title, icon and what is read without scripts are ours from the first moment, and the server is named."""
    text = re.sub(
        r"<!--.*?-->|<script.*?</script>|<style.*?</style>", "", answer("GET", path).text, flags=re.DOTALL
    )
    assert "<title>Inbox Analytics</title>" in text
    assert "./app/static/icon.png" in text
    assert not re.search(r"\bstreamlit\b", text, re.IGNORECASE)
    assert "Inbox Analytics needs JavaScript." in text
    assert "BACKEND_BASE_URL" in answer("GET", path).text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/_stcore/upload_file/a/b", "/_stcore/metrics", "/_stcore/agent/interact", "/_stcore/agent/mcp"]
)
def test_nothing_is_uploaded_and_no_program_clicks(method: str, path: str) -> None:
    """Streamlit's addresses for that are closed, and so is the one for its own counts."""
    assert answer(method, path, content=b"x").status_code == 404


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost", "https://evil.example"),
        ("localhost", "https://any.streamlit.app"),
        ("localhost", "http://localhost:3000"),
        ("localhost", "null"),
        ("evil.example", "http://evil.example"),
        ("evil.example", None),
    ],
)
def test_a_page_of_another_origin_opens_no_websocket(host: str, origin: str | None) -> None:
    """Nor one whose name was given this machine's address, nor a program elsewhere."""
    found = open_websocket(import_module("asgi_app").app, "/_stcore/stream", host=host, origin=origin)
    assert found == ["websocket.close"]


def test_files_of_our_own_say_nothing_to_other_origins() -> None:
    """Streamlit offers them to every page there is."""
    found = answer("GET", "/app/static/icon.png")
    assert found.status_code == 200
    assert "access-control-allow-origin" not in found.headers
    assert found.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_streamlit_itself_is_as_closed_as_it_can_be() -> None:
    """Whatever its defaults become."""
    assert st.get_option("server.allowedHosts") == ["127.0.0.1", "::1", "localhost"]
    assert st.get_option("server.enableAgentApi") is False
    assert st.get_option("server.enableXsrfProtection") is True
    assert st.get_option("client.allowedOrigins") == []
    assert answer("GET", "/_stcore/host-config").json()["allowedOrigins"] == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Sign-in is not configured"),
        ({"TINYBIRD_HOST": ""}, "TINYBIRD_HOST is missing"),
        ({"INBOX_ANALYTICS_OIDC_CLIENT_ID": "x"}, "INBOX_ANALYTICS_COOKIE_SECRET"),
        ({"INBOX_ANALYTICS_DEMO": "1", "TINYBIRD_HOST": "https://api.example.com"}, "local stack only"),
    ],
    ids=["no sign-in", "incomplete", "half a sign-in", "demo on other data"],
)
def test_without_a_safe_configuration_there_is_no_server(changed: dict[str, str], said: str) -> None:
    """It ends with an exit code and a sentence, and listens nowhere."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_")}
    program = [sys.executable, "-m", "streamlit", "run", "asgi_app.py", "--server.port", "0"]
    ended = subprocess.run(
        program, cwd=ROOT, env=environ | ENVIRONMENT | changed, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("program", "changed", "said"),
    [
        (("streamlit", "run", "asgi_app.py"), {}, "this machine only"),
        (("streamlit", "run", "asgi_app.py", "--server.address", "0.0.0.0"), {}, "this machine only"),  # noqa: S104
        (("streamlit", "run", "asgi_app.py", "--server.address", "::"), {}, "this machine only"),
        (
            ("streamlit", "run", "asgi_app.py"),
            {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"},  # noqa: S104
            "this machine only",
        ),
        (("uvicorn", "asgi_app:app"), {}, "this machine only"),
        (
            ("streamlit", "run", "asgi_app.py", "--server.address", "127.0.0.1"),
            {"DATABASE_URL": "postgresql://a:b@127.0.0.1/x?host=10.0.0.1"},
            "DATABASE_URL is another machine",
        ),
        (
            ("streamlit", "run", "asgi_app.py", "--server.address", "127.0.0.1"),
            {"PGHOSTADDR": "10.0.0.1"},
            "PGHOSTADDR",
        ),
    ],
    ids=[
        "no address",
        "all addresses",
        "all of IPv6",
        "by environment",
        "another server",
        "host",
        "hostaddr",
    ],
)
def test_the_demo_starts_on_this_machine_alone(
    program: tuple[str, ...], changed: dict[str, str], said: str
) -> None:
    """It signs every visitor in as staff: elsewhere it ends with an exit code and a sentence, and listens nowhere."""
    environ = os.environ | ENVIRONMENT | {"INBOX_ANALYTICS_DEMO": "1", "STREAMLIT_SERVER_PORT": "0"} | changed
    ended = subprocess.run(
        [sys.executable, "-m", *program], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_closed_sessions_are_freed_however_few_their_objects_are() -> None:
    """What refers to itself, as a session does, goes without Python's own collector."""

    class Session:
        def __init__(self) -> None:
            self.itself = self

    async def served() -> bool:
        closed = weakref.ref(Session())
        collecting = asyncio.create_task(import_module("asgi_app").collect_garbage(every_seconds=0.001))
        for _ in range(1000):
            await asyncio.sleep(0.005)
            if closed() is None:
                break
        collecting.cancel()
        return closed() is None

    gc.disable()
    try:
        assert asyncio.run(served())
    finally:
        gc.enable()
