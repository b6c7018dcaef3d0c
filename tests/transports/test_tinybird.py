"""The Tinybird transport: the real request, and an error of ours for everything that can go wrong."""

import gzip
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl

import httpx2
import pytest

from analytics.errors import (
    ConfigError,
    SchemaMismatch,
    SourceError,
    SourceRejected,
    SourceUnavailable,
)
from analytics.settings import load_settings
from analytics.transports.redaction import LONGEST
from analytics.transports.tinybird import (
    MAX_ATTEMPTS,
    READ_SECONDS,
    Tinybird,
)
from analytics.transports.tinybird_messages import Ingested, Json, ndjson_line

READ, APPEND, ADMIN = "p.read-token", "p.append-token", "p.admin-token"
HOST = "https://api.example.com"
EVENT = b'{"event_type":"seen"}\n'
GOOD = {
    "meta": [{"name": "n", "type": "UInt64"}],
    "data": [{"n": 1}],
    "rows": 1,
    "statistics": {"elapsed": 0.01},
}
Handler = Callable[[httpx2.Request], httpx2.Response]


class Recorder:
    """A server that answers with the given responses in turn, then repeats the last, and remembers everything."""

    def __init__(self, *responses: httpx2.Response | Exception | Handler) -> None:
        self.responses = list(responses)
        self.requests: list[httpx2.Request] = []
        self.slept: list[float] = []
        self.queries: list[tuple[datetime, str]] = []
        self.now = 0.0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answers one request."""
        self.requests.append(request)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, Exception):
            raise response
        return response if isinstance(response, httpx2.Response) else response(request)

    def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.slept.append(seconds)
        self.now += seconds

    def client(
        self, append: str | None = APPEND, admin: str | None = ADMIN, *, is_hasty: bool = False
    ) -> Tinybird:
        """A client that talks to this server."""
        return Tinybird(
            HOST,
            READ,
            append,
            admin,
            transport=httpx2.MockTransport(self),
            on_query=lambda at, pipe: self.queries.append((at, pipe)),
            is_hasty=is_hasty,
            sleep=self.sleep,
            monotonic=lambda: self.now,
        )


def ok(body: object = GOOD) -> httpx2.Response:
    """A good answer."""
    return httpx2.Response(200, json=body)


def refused(status: int, error: str = "", **headers: str) -> httpx2.Response:
    """A refusal as Tinybird writes it."""
    return httpx2.Response(status, json={"error": error} if error else {}, headers=headers)


def failure(server: Recorder) -> SourceError:
    """The error of one query."""
    with server.client() as client, pytest.raises(SourceError) as caught:
        client.query_pipe("inbox_analytics", {"website_id": "w1"})
    return caught.value


def test_what_a_server_says_is_made_printable() -> None:
    """Neither colours of a terminal nor half a character nor a change of direction reaches a log or a screen."""
    said = rb'{"error": "no\u001b[31m\ud800 way\n\u202eback\u0000"}'
    server = Recorder(httpx2.Response(400, content=said))
    assert failure(server).said == "no [31m way back"


def test_a_query_is_one_get_with_the_token_in_the_header() -> None:
    """Path, parameters and token as Tinybird documents them; None is left out; nothing secret in the address."""
    server = Recorder(ok())
    with server.client() as client:
        answer = client.query_pipe(
            "inbox_analytics", {"website_id": "w & 1", "prev_date_from": None, "minutes": 5}
        )
    (request,) = server.requests
    assert request.method == "GET"
    assert request.url.path == "/v0/pipes/inbox_analytics.json"
    assert dict(request.url.params) == {"website_id": "w & 1", "minutes": "5"}
    assert request.headers["Authorization"] == f"Bearer {READ}"
    assert READ not in str(request.url)
    assert answer.rows == [{"n": 1}]
    assert answer.read_at.tzinfo is UTC
    assert [pipe for _at, pipe in server.queries] == ["inbox_analytics"]


def test_parameters_too_long_for_an_address_go_as_a_form() -> None:
    """The same parameters, in a body; an address of the usual length is still asked for."""
    server = Recorder(ok(), ok())
    ids = [f"conversation-{number}" for number in range(500)]
    with server.client() as client:
        client.query_pipe(
            "conversation_events", {"website_id": "w & 1", "conversation_ids": ids, "limit": None}
        )
        client.query_pipe("conversation_events", {"website_id": "w & 1", "conversation_ids": ids[:5]})
    long, short = server.requests
    assert (long.method, short.method) == ("POST", "GET")
    assert (long.url.path, long.url.query) == ("/v0/pipes/conversation_events.json", b"")
    assert dict(parse_qsl(long.content.decode())) == {
        "website_id": "w & 1",
        "conversation_ids": ",".join(ids),
    }
    assert long.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert long.headers["Authorization"] == f"Bearer {READ}"


def test_sql_is_one_get_with_the_admin_token() -> None:
    """For what no pipe may read: the statement in the query, the answer as a pipe's, counted under its name."""
    server = Recorder(ok())
    with server.client() as client:
        assert client.has_admin_token
        assert client.query_sql("quarantined_rows", "SELECT 1 AS n").rows == [{"n": 1}]
    (request,) = server.requests
    assert (request.method, request.url.path) == ("GET", "/v0/sql")
    assert dict(request.url.params) == {"q": "SELECT 1 AS n FORMAT JSON"}
    assert request.headers["Authorization"] == f"Bearer {ADMIN}"
    assert [pipe for _at, pipe in server.queries] == ["quarantined_rows"]


def test_sql_without_an_admin_token_sends_no_request() -> None:
    """The dashboard's own deployment has none: no request, nothing spent."""
    server = Recorder(ok())
    with server.client(admin=None) as client:
        assert not client.has_admin_token
        with pytest.raises(ConfigError, match="TINYBIRD_ADMIN_TOKEN"):
            client.query_sql("quarantined_rows", "SELECT 1 AS n")
    assert server.requests == []
    assert server.queries == []


@pytest.mark.parametrize("name", ["", "a/b", "../jobs", "a.json", "a b", "ä"])
def test_a_pipe_name_never_becomes_a_path(name: str) -> None:
    """Names are letters, digits and underscores."""
    server = Recorder(ok())
    with server.client() as client, pytest.raises(ValueError, match="letters"):
        client.query_pipe(name, {})
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (301, SourceRejected, "TINYBIRD_HOST"),
        (400, SourceRejected, "deploy"),
        (401, SourceRejected, "TINYBIRD_READ_TOKEN"),
        (403, SourceRejected, "TINYBIRD_READ_TOKEN"),
        (404, SourceRejected, "tb --cloud deploy"),
        (405, SourceRejected, "deploy"),
        (408, SourceRejected, "shorter range"),
        (413, SourceRejected, "fewer"),
        (429, SourceUnavailable, "Try again"),
        (500, SourceUnavailable, "Try again"),
        (502, SourceUnavailable, "Try again"),
        (503, SourceUnavailable, "Try again"),
        (599, SourceUnavailable, "Try again"),
    ],
)
def test_each_status_has_its_error_and_its_remedy(status: int, kind: type[SourceError], said: str) -> None:
    """The status is kept, the remedy names what to do, what Tinybird said is kept beside the message."""
    error = failure(Recorder(refused(status, "the column is gone")))
    assert type(error) is kind
    assert error.status == status
    assert error.source == "tinybird"
    assert error.resource == "inbox_analytics"
    assert said in error.remedy
    assert error.said == "the column is gone"


def test_what_tinybird_says_is_scrubbed_and_cut() -> None:
    """Tokens are blotted out, a page of text is cut, and no line breaks remain."""
    error = failure(Recorder(refused(400, f"token {READ} or {ADMIN}\n\n" + "x" * 5000)))
    assert error.said.startswith("token *** or *** xxx")
    assert len(error.said) == LONGEST


@pytest.mark.parametrize(
    "response",
    [
        *(refused(status, "inbox_analytics: no") for status in (301, 400, 401, 403, 404, 408, 413, 429, 500)),
        ok([]),
        ok({"data": []}),
        httpx2.ReadTimeout("inbox_analytics"),
        httpx2.ConnectError("inbox_analytics"),
        httpx2.ReadError("inbox_analytics"),
    ],
    ids=lambda response: (
        str(response.status_code) if isinstance(response, httpx2.Response) else type(response).__name__
    ),
)
def test_what_a_viewer_reads_names_no_pipe(response: httpx2.Response | Exception) -> None:
    """Message and remedy are for people; the pipe is an attribute, for logs and staff."""
    error = failure(Recorder(response))
    assert "inbox_analytics" not in str(error)
    assert error.resource == "inbox_analytics"


def test_what_tinybird_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The operator finds pipe, status and reason there; no token."""
    failure(Recorder(refused(400, f"the column is gone {READ}")))
    assert caplog.messages == [
        "Tinybird refused inbox_analytics with status 400: the column is gone ***",
    ]


def test_secrets_of_others_in_what_tinybird_says_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """As a proxy may answer that repeats the request; nor are they kept in the error."""
    said = "boom secret p.SECRETTOKEN\nAuthorization: Bearer hu5h\npostgresql://a:hu5h@db/x?sslmode=require"
    error = failure(Recorder(refused(502, said)))
    (line,) = caplog.messages
    assert line.endswith(f": {error.said}")
    assert error.said == "boom secret *** Authorization: *** postgresql://***@db/x?***"


def test_a_question_that_fails_again_and_again_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With how often; every try counts. Another question and another status have lines of their own."""
    now = 1000.0
    monkeypatch.setattr("analytics.transports.throttled_log.time.monotonic", lambda: now)
    server = Recorder(refused(503, "busy"))

    def ask(name: str) -> None:
        with pytest.raises(SourceError):
            client.query_pipe(name, {})

    with server.client() as client:
        for _ in range(5):
            ask("inbox_analytics")
        ask("unique_visitors")
        server.responses = [refused(403, "no")]
        ask("inbox_analytics")
        now += 61
        server.responses = [refused(503, "busy")]
        ask("inbox_analytics")
    head = "Tinybird refused inbox_analytics with status"
    assert caplog.messages == [
        f"{head} 503: busy",
        "Tinybird refused unique_visitors with status 503: busy",
        f"{head} 403: no",
        f"{head} 503: busy ({5 * MAX_ATTEMPTS} times)",
    ]


@pytest.mark.parametrize(
    "response",
    [refused(503), refused(403), ok([]), httpx2.ConnectError(f"{HOST}/?token={READ}")],
    ids=["unavailable", "rejected", "mismatch", "network"],
)
def test_no_traceback_carries_a_token_or_an_address(response: httpx2.Response | Exception) -> None:
    """Neither the error nor anything it is chained to repeats the request."""
    text = "".join(traceback.format_exception(failure(Recorder(response))))
    assert READ not in text
    assert "api.example.com" not in text


def test_no_log_of_the_http_client_holds_a_token(caplog: pytest.LogCaptureFixture) -> None:
    """Over a real socket, at every level: addresses with their queries stand there, headers of a request do not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        answering = threading.Thread(target=_answer_once, args=(server,))
        answering.start()
        with caplog.at_level(logging.DEBUG), Tinybird(host, READ) as client:
            client.query_pipe("inbox_analytics", {"website_id": "w1"})
        answering.join()
    assert {"httpx2", "httpcore2.http11"} <= {record.name for record in caplog.records}
    assert "website_id=w1" in caplog.text
    assert READ not in caplog.text


def _answer_once(server: socket.socket) -> None:
    """Answers the first request, and closes the connection."""
    connection, _address = server.accept()
    with connection:
        connection.recv(65536)
        body = json.dumps(GOOD).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def httpx_errors() -> Iterator[type[Exception]]:
    """Every exception that httpx2 publishes."""
    for name in httpx2.__all__:
        thing = getattr(httpx2, name)
        if isinstance(thing, type) and issubclass(thing, Exception):
            yield thing


def raised(kind: type[Exception]) -> Exception:
    """An instance of an httpx2 exception, whatever its constructor wants."""
    request = httpx2.Request("GET", f"{HOST}/?token={READ}")
    if issubclass(kind, httpx2.HTTPStatusError):
        return kind(f"failed {request.url}", request=request, response=httpx2.Response(500))
    if issubclass(
        kind, (httpx2.StreamConsumed, httpx2.StreamClosed, httpx2.ResponseNotRead, httpx2.RequestNotRead)
    ):
        return kind()
    return kind(f"failed {request.url}")


@pytest.mark.parametrize("kind", list(httpx_errors()), ids=lambda kind: kind.__name__)
def test_every_httpx_error_becomes_one_of_ours(kind: type[Exception]) -> None:
    """Nothing of httpx2 passes the transport, and nothing of its text either."""
    server = Recorder(raised(kind))
    with server.client() as client, pytest.raises((SourceError, ConfigError)) as caught:
        client.query_pipe("inbox_analytics", {})
    assert READ not in str(caught.value)
    assert "example.com" not in str(caught.value)
    assert caught.value.remedy


def test_an_unreachable_server_names_the_variable() -> None:
    """A real refused connection: TINYBIRD_HOST is what to look at."""
    client = Tinybird("http://127.0.0.1:1", READ, sleep=lambda _: None)
    with client, pytest.raises(SourceUnavailable, match="cannot be reached") as caught:
        client.query_pipe("inbox_analytics", {})
    assert "TINYBIRD_HOST" in caught.value.remedy


def test_a_read_is_tried_at_most_twice_more() -> None:
    """Three attempts, a growing pause, then the last error; none is a query of the budget, which counts answers."""
    server = Recorder(refused(503))
    assert failure(server).status == 503
    assert len(server.requests) == MAX_ATTEMPTS == 3
    assert server.slept == [0.25, 0.5]
    assert server.queries == []


@pytest.mark.parametrize(("status", "asked", "requests"), [(503, None, 2), (503, "2", 1), (429, "2", 1)])
def test_a_hasty_client_leaves_the_pauses_to_its_caller(
    status: int, asked: str | None, requests: int
) -> None:
    """One more attempt, none after 429 or where `Retry-After` asks for a pause; the error has it for the caller."""
    server = Recorder(refused(status, **({"Retry-After": asked} if asked else {})))
    with server.client(is_hasty=True) as client, pytest.raises(SourceUnavailable) as caught:
        client.query_pipe("inbox_analytics", {})
    assert (len(server.requests), server.queries) == (requests, [])
    assert caught.value.retry_after_seconds == (2 if asked else None)


@pytest.mark.parametrize(
    "first", [refused(500), refused(429), httpx2.ReadTimeout("slow"), httpx2.ConnectError("no")]
)
def test_a_second_attempt_may_succeed(first: httpx2.Response | Exception) -> None:
    """Network, timeout, 429 and 5xx are worth another try."""
    server = Recorder(first, ok())
    with server.client() as client:
        assert client.query_pipe("inbox_analytics", {}).rows == [{"n": 1}]


@pytest.mark.parametrize(
    "response", [refused(400), refused(403), refused(404), refused(408), httpx2.Response(200, text="x")]
)
def test_what_will_not_change_is_not_tried_again(response: httpx2.Response) -> None:
    """A refusal or a wrong answer costs one query."""
    server = Recorder(response)
    failure(server)
    assert len(server.requests) == 1


def test_retry_after_is_honoured() -> None:
    """Tinybird says two seconds, so two seconds it is."""
    server = Recorder(refused(429, **{"Retry-After": "2"}), ok())
    with server.client() as client:
        client.query_pipe("inbox_analytics", {})
    assert server.slept == [2.0]


def test_a_retry_after_beyond_the_bound_is_not_waited_for() -> None:
    """A page never hangs for a minute: it shows the error now."""
    server = Recorder(refused(429, **{"Retry-After": str(READ_SECONDS + 1)}))
    assert failure(server).status == 429
    assert server.slept == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(httpx2.Response(200, text="<html>"), id="not JSON"),
        pytest.param(ok([]), id="not an object"),
        pytest.param(ok({"data": []}), id="no meta"),
        pytest.param(ok({"meta": []}), id="no data"),
        pytest.param(
            httpx2.Response(200, content=b"x", headers={"Content-Encoding": "gzip"}), id="broken gzip"
        ),
    ],
)
def test_a_wrong_answer_is_a_mismatch(response: httpx2.Response) -> None:
    """An answer without what was promised is an error, never an empty list."""
    assert isinstance(failure(Recorder(response)), SchemaMismatch)


def test_a_compressed_answer_is_read() -> None:
    """Servers may gzip."""
    body = gzip.compress(json.dumps(GOOD).encode())
    server = Recorder(httpx2.Response(200, content=body, headers={"Content-Encoding": "gzip"}))
    with server.client() as client:
        assert client.query_pipe("inbox_analytics", {}).rows == [{"n": 1}]


def test_events_are_sent_as_ndjson_with_the_append_token() -> None:
    """Name and wait in the query, the body as it is."""
    server = Recorder(httpx2.Response(202, json={"successful_rows": 2, "quarantined_rows": 1}))
    rows: list[dict[str, Json]] = [{"event_type": "seen"}, {"event_type": "page_view"}, {"event_type": 7}]
    body = b"".join(map(ndjson_line, rows))
    with server.client() as client:
        assert client.post_batch("visitor_events", body, wait=True) == Ingested(2, 1)
    (request,) = server.requests
    assert request.method == "POST"
    assert request.url.path == "/v0/events"
    assert dict(request.url.params) == {"name": "visitor_events", "wait": "true"}
    assert request.headers["Authorization"] == f"Bearer {APPEND}"
    assert [json.loads(line) for line in request.content.splitlines()] == rows
    assert server.queries == []


@pytest.mark.parametrize("response", [refused(503), refused(429), httpx2.ReadTimeout("slow")])
def test_sending_is_never_repeated(response: httpx2.Response | Exception) -> None:
    """A row that arrived before the answer got lost would count twice."""
    server = Recorder(response)
    with server.client() as client, pytest.raises(SourceUnavailable):
        client.post_batch("visitor_events", EVENT, wait=False)
    assert len(server.requests) == 1


def test_a_management_get_is_retried_and_a_post_is_not() -> None:
    """A read may be asked again; what starts something may have started it."""
    server = Recorder(refused(503), ok({"pipes": []}))
    with server.client() as client:
        assert client.manage("GET", "/v0/pipes", "read", "pipes") == {"pipes": []}
    assert len(server.requests) == 2
    server = Recorder(refused(503))
    with server.client() as client, pytest.raises(SourceUnavailable):
        client.manage(
            "POST", "/v0/datasources/visitor_events/delete", "admin", "visitor_events", form={"a": "'"}
        )
    (request,) = server.requests
    assert parse_qs(request.content.decode()) == {"a": ["'"]}
    assert request.headers["Authorization"] == f"Bearer {ADMIN}"


def test_the_servers_clock_is_read_from_its_answers() -> None:
    """`Date` against our clock; an answer without one says nothing."""
    late = datetime.now(UTC) - timedelta(minutes=5)
    header = {"Date": late.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    server = Recorder(httpx2.Response(200, json=GOOD, headers=header), httpx2.Response(200, json=GOOD))
    with server.client() as client:
        assert client.ahead_seconds is None
        client.query_pipe("inbox_analytics", {})
        assert client.ahead_seconds == pytest.approx(-300, abs=2)
        client.query_pipe("inbox_analytics", {})
        assert client.ahead_seconds is None


def test_what_tinybird_says_is_shown_without_tokens() -> None:
    """In one line, cut."""
    with Recorder(ok()).client() as client:
        assert client.readable(f"no\n {ADMIN}  {READ}") == "no *** ***"
        assert len(client.readable("x" * 1000)) == LONGEST


def test_a_missing_token_is_named_by_its_variable() -> None:
    """Sending and deleting say which variable is missing, before any request."""
    server = Recorder(ok())
    with server.client(append=None, admin=None) as client:
        with pytest.raises(ConfigError, match="TINYBIRD_APPEND_TOKEN"):
            client.post_batch("visitor_events", EVENT, wait=False)
        with pytest.raises(ConfigError, match="TINYBIRD_ADMIN_TOKEN"):
            client.manage("POST", "/v0/datasources/visitor_events/delete", "admin", "visitor_events")
    assert server.requests == []


def test_a_client_is_what_the_settings_say() -> None:
    """Host and tokens come from the settings."""
    server = Recorder(ok(), httpx2.Response(202, json={"successful_rows": 1, "quarantined_rows": 0}))
    settings = load_settings(
        {
            "TINYBIRD_HOST": HOST,
            "TINYBIRD_READ_TOKEN": READ,
            "TINYBIRD_APPEND_TOKEN": APPEND,
            "DATABASE_URL": "postgresql://h/d",
        }
    )
    with Tinybird.from_settings(settings, transport=httpx2.MockTransport(server)) as client:
        client.query_pipe("inbox_analytics", {})
        client.post_batch("visitor_events", EVENT, wait=False)
    assert [request.headers["Authorization"] for request in server.requests] == [
        f"Bearer {READ}",
        f"Bearer {APPEND}",
    ]
    assert {request.url.host for request in server.requests} == {"api.example.com"}


def test_the_real_server_takes_what_is_sent(stack_environment: object) -> None:
    """Against the local stack over a real socket: send, query, manage, and a wrong pipe."""
    del stack_environment
    website_id = f"site-{datetime.now(UTC).timestamp():.6f}".replace(".", "-")
    now = datetime.now(UTC).replace(microsecond=0)
    event: dict[str, Json] = {
        "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"),
        "website_id": website_id,
        "visitor_id": "v1",
        "session_id": "s1",
        "event_type": "seen",
        "country_code": "NO",
        "city": "Oslo",
        "latitude": 59.91,
        "longitude": 10.75,
        "device_type": "desktop",
        "browser": "Firefox",
        "page_url": "https://shop.example/?q='",
    }
    with Tinybird.from_settings(load_settings()) as client:
        assert client.post_batch("visitor_events", ndjson_line(event), wait=True) == Ingested(1, 0)
        assert [
            row["visitor_id"] for row in client.query_pipe("active_visitors", {"website_id": website_id}).rows
        ] == ["v1"]
        with pytest.raises(SourceRejected, match="404"):
            client.query_pipe("no_such_pipe", {"website_id": website_id})
        assert client.manage("GET", "/v0/jobs", "admin", "jobs").keys() == {"jobs"}
