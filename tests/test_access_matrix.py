"""Who gets to see a website by which way: every kind of viewer by every way in, at the sockets of a real server.

A picture (PNG) is made in the browser of what stands on the page: the server has no way that leads to one.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from analytics.scope.access import Viewer
from analytics.scope.comparison import OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import View
from pages.components.exports import download, tables
from tests.conftest import LocalStack
from tests.product_database import Product
from tests.sign_in import COOKIES, sign_in_variables
from tests.web_apps import free_port, web_app

MARKS = ("Zebrafinch", "zebrafinch.example", "Nanortalik")
"""Name and domain of the website, and a city that its visitor was in."""

TRUST_SECONDS = 21
"""After this a read asks Postgres again."""

QUIET_SECONDS = 0.5
TIMER_SECONDS = 3.0
"""A session says nothing of a part that it does not have."""


@dataclass
class Seen:
    """What a session was sent.

    Attributes:
        text: All of it, as it came.
        session: The session's id.
        timers: Parts of the page that renew themselves.
        drawn: How many elements were drawn.
    """

    text: bytes = b""
    drawn: int = 0
    session: str = ""
    timers: set[str] = field(default_factory=set)

    @property
    def marks(self) -> set[str]:
        """Which marks are in it."""
        return {mark for mark in MARKS if mark.encode() in self.text}


@dataclass(frozen=True, slots=True)
class Servers:
    """Two processes of one deployment, and its website.

    Attributes:
        public_url: Where browsers find them.
        first, second: Where each of them is; the second one is asked for one page alone, so `app.py` never runs there: each link is a cold one.
        product: The website's rows.
    """

    public_url: str
    first: str
    second: str
    product: Product


class Client:
    """A browser with the cookie of one person, or none."""

    def __init__(self, servers: Servers, claims: dict[str, object] | None) -> None:
        self.servers = servers
        self.cookies = {}
        if claims is not None:
            whole = {"is_logged_in": True, "origin": servers.public_url, "provider": "default", **claims}
            value = create_signed_value(COOKIES, "_streamlit_user", json.dumps(whole)).decode()
            self.cookies["_streamlit_user"] = value

    def run(
        self,
        *queries: tuple[str, str],
        at: str | None = None,
        session: str | None = None,
        timers: set[str] | None = None,
        meanwhile: Callable[[], None] | None = None,
        is_asked_again: bool = False,
    ) -> Seen:
        """Opens a session and asks for pages by name and query.

        Args:
            queries: Page and query of each run.
            at: The process; the first where not said.
            session: A session to go on with, which may be another person's.
            timers: Parts of another person's page to run on their own afterwards.
            meanwhile: What is sent before this session's messages; only the answers to the latter are returned.
            is_asked_again: Whether the last page is run as a whole before them.
        """
        at = at or self.servers.first
        cookies = self.cookies | {
            "_streamlit_xsrf": httpx2.get(f"{at}/_stcore/health").cookies["_streamlit_xsrf"]
        }
        protocols = [Subprotocol(each) for each in ("streamlit", cookies["_streamlit_xsrf"], session) if each]
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        seen = Seen()
        with connect(
            f"{at.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=protocols,
            origin=Origin(self.servers.public_url),
            additional_headers=header,
            max_size=None,
        ) as socket:

            def ask(page: str, query: str) -> None:
                wanted = BackMsg()
                wanted.rerun_script.page_name, wanted.rerun_script.query_string = page, query
                wanted.rerun_script.context_info.timezone = "UTC"
                socket.send(wanted.SerializeToString())
                _receive(socket, seen)

            for each in queries:
                ask(*each)
            if meanwhile is not None:
                meanwhile()
                if is_asked_again:
                    ask(*queries[-1])
                seen.text, seen.drawn = b"", 0
            again = timers if timers is not None else seen.timers if meanwhile else set()
            for timer in again:
                wanted = BackMsg()
                wanted.rerun_script.fragment_id = timer
                wanted.rerun_script.query_string = queries[-1][1]
                socket.send(wanted.SerializeToString())
            if again:
                _receive(socket, seen, patience=TIMER_SECONDS)
        return seen

    def export(self, asked: str) -> httpx2.Response:
        """Presses CSV."""
        return httpx2.post(
            f"{self.servers.first}/export",
            content=asked,
            cookies=self.cookies,
            headers={"Content-Type": "application/json"},
        )


def _receive(socket: ClientConnection, seen: Seen, patience: float | None = None) -> None:
    """Reads until a run has ended and nothing more comes; or, with patience, until nothing has come for so long."""
    has_ended, deadline = False, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            data = socket.recv(timeout=patience or QUIET_SECONDS)
        except TimeoutError:
            if has_ended or patience:
                return
            continue
        assert isinstance(data, bytes)
        message = ForwardMsg.FromString(data)
        seen.text += data
        kind = message.WhichOneof("type")
        if kind == "new_session":
            seen.session = message.new_session.initialize.session_id
        elif kind == "delta":
            seen.drawn += 1
        elif kind == "auto_rerun":
            seen.timers.add(message.auto_rerun.fragment_id)
        has_ended = has_ended or kind == "script_finished"
    raise AssertionError("The run did not end.")


@pytest.fixture(scope="module")
def servers(
    local_stack: LocalStack,
    send_events: Callable[..., dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Servers]:
    """Two processes with one cookie secret, and a website with a visitor."""
    log = tmp_path_factory.mktemp("matrix") / "output.log"
    ports = free_port(), free_port()
    public_url = f"http://localhost:{ports[0]}"
    env = {
        "TINYBIRD_HOST": local_stack.host,
        "TINYBIRD_READ_TOKEN": local_stack.read_token,
        "TINYBIRD_DAILY_QUERIES": "unlimited",
        "DATABASE_URL": local_stack.database_url,
    } | sign_in_variables(public_url, "http://127.0.0.1:1/.well-known/openid-configuration")
    with psycopg.connect(local_stack.owner_url, autocommit=True) as connection:
        product = Product(connection)
        product.update("website", product.website_id, name="Zebrafinch Supplies", domain="zebrafinch.example")
        row = {
            "timestamp": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            "website_id": product.website_id,
            "visitor_id": product.visitor_id,
            "session_id": "s",
            "event_type": "seen",
            "country_code": "GL",
            "city": "Nanortalik",
            "latitude": 60.14,
            "longitude": -45.24,
            "device_type": "desktop",
            "browser": "Firefox",
            "page_url": "https://zebrafinch.example/",
        }
        assert send_events("visitor_events", [row])["quarantined_rows"] == 0
        with web_app(ports[0], env, log) as first, web_app(ports[1], env, log) as second:
            yield Servers(public_url, first, second, product)


def claims_of(email: str, **other: object) -> dict[str, object]:
    """What a provider says of a person who has just signed in."""
    return {"email": email, "email_verified": True, "iat": int(time.time()), **other}


def admitted(servers: Servers, **row: Any) -> tuple[str, Client]:  # noqa: ANN401 - columns
    """A person with a row, and their browser."""
    email = f"{uuid4().hex}@example.com"
    return servers.product.add_user(email, **row), Client(servers, claims_of(email))


def turned_away(servers: Servers, kind: str) -> Client:
    """A browser of a person who may not see the website."""
    email = f"{uuid4().hex}@example.com"
    long_ago = int((datetime.now(UTC) - timedelta(hours=13)).timestamp())
    if kind == "anonymous":
        return Client(servers, None)
    if kind == "other organization":
        Product(servers.product.connection).add_user(email)
    elif kind != "unknown":
        servers.product.add_user(
            email, banned=kind == "banned", email_verified=kind != "unverified here", role="admin"
        )
    other: dict[str, dict[str, object]] = {
        "unverified there": {"email_verified": False},
        "expired": {"iat": long_ago},
    }
    return Client(servers, claims_of(email, **other.get(kind, {})))


def ways(servers: Servers, client: Client, member: Client) -> dict[str, set[str]]:
    """The marks that a browser got to see, by the way in."""
    query = f"website={servers.product.website_id}"
    theirs = member.run(("live", query))
    assert theirs.timers
    view = View(
        viewer=Viewer("made-up", "Ann", True, Identity("ann@example.com", None)),
        website_id=servers.product.website_id,
        range=Range(days=7),
        timezone="UTC",
        now=datetime.now(UTC),
        comparison=OFF,
    )
    asked = download.request(view, tables.live_visitors, (30, None), {})
    media = {address.decode() for address in re.findall(rb"/media/[\w.]+", theirs.text)}
    return {
        "address": client.run(("visitors", query), ("live", query), ("conversations", query)).marks,
        "restored session": client.run(("live", query), session=theirs.session).marks,
        "cross-filter": client.run(
            ("live", f"{query}&place=2.5-1-1"), ("visitors", f"{query}&country_code=GL")
        ).marks,
        "timer": client.run(("live", query), timers=theirs.timers).marks,
        "file": {mark for mark in MARKS if mark in client.export(asked).text},
        "media": {
            mark
            for address in media
            for mark in MARKS
            if mark.encode() in httpx2.get(servers.first + address, cookies=client.cookies).content
        },
        "cold link to a second process": client.run(("live", query), at=servers.second).marks,
    }


@pytest.mark.parametrize("row", [{}, {"role": "admin", "is_member": False}], ids=["member", "staff"])
def test_who_may_look_sees_the_website_by_every_way(servers: Servers, row: dict[str, Any]) -> None:
    """So that the ways in of the other tests are real; no file of media holds anything."""
    _, client = admitted(servers, **row)
    found = ways(servers, client, client)
    assert found.pop("media") == set()
    assert {way: marks for way, marks in found.items() if not marks} == {}
    assert found["address"] == set(MARKS)


@pytest.mark.parametrize(
    "kind",
    [
        "other organization",
        "banned",
        "unknown",
        "unverified here",
        "unverified there",
        "expired",
        "anonymous",
    ],
)
def test_a_viewer_without_access_gets_no_data(servers: Servers, kind: str) -> None:
    """By no way at all."""
    _, member = admitted(servers)
    found = ways(servers, turned_away(servers, kind), member)
    assert {way: marks for way, marks in found.items() if marks} == {}


def test_what_ends_ends_for_open_sessions_by_every_timer(servers: Servers) -> None:
    """A ban, a membership that was removed, a demotion, an account that was deleted; without an end it goes on."""
    query, staff = f"website={servers.product.website_id}", {"role": "admin", "is_member": False}
    ends: tuple[tuple[dict[str, Any], bytes | None], ...] = (
        ({}, None),
        ({}, b'UPDATE "user" SET banned = true WHERE id = %s'),
        ({}, b"DELETE FROM member WHERE user_id = %s"),
        (staff, b'UPDATE "user" SET role = NULL WHERE id = %s'),
        (staff, b'DELETE FROM "user" WHERE id = %s'),
    )

    def seen_after(row: dict[str, Any], end: bytes | None) -> set[str]:
        user_id, client = admitted(servers, **row)

        def meanwhile() -> None:
            if end is not None:
                servers.product.connection.execute(end, (user_id,))
            time.sleep(TRUST_SECONDS)

        return client.run(("live", query), meanwhile=meanwhile).marks

    with ThreadPoolExecutor() as pool:
        first, *others = pool.map(lambda each: seen_after(*each), ends)
    assert "Nanortalik" in first
    assert others == [set()] * 4


def test_no_timer_of_a_page_outlives_it(servers: Servers) -> None:
    """A part of the page before would be drawn where nothing is now, which a browser takes for the end of the app."""
    user_id, client = admitted(servers)

    def meanwhile() -> None:
        servers.product.connection.execute(b'UPDATE "user" SET banned = true WHERE id = %s', (user_id,))
        time.sleep(TRUST_SECONDS)

    query = f"website={servers.product.website_id}"
    seen = client.run(("live", query), meanwhile=meanwhile, is_asked_again=True)
    assert seen.timers
    assert seen.drawn == 0
