"""Messages of pages: those that would affect all viewers never reach Streamlit."""

import asyncio
from collections.abc import Iterator
from importlib import import_module

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from analytics.web.middleware.messages import REFUSED, PageMessages

KINDS = [field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields]
PAGES_SEND = {"rerun_script", "stop_script", "app_heartbeat", "backend_operation_request"}


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """The web app is made when its module is loaded, from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "TINYBIRD_HOST": "http://127.0.0.1:1",
            "TINYBIRD_READ_TOKEN": "p.read",
            "DATABASE_URL": "postgresql://reader@127.0.0.1:1/inbox",
            "INBOX_ANALYTICS_DEMO": "1",
        }.items():
            patch.setenv(name, value)
        import_module("asgi_app")
        yield


def of_kind(kind: str) -> bytes:
    """A message of that kind, as a browser sends it."""
    message = BackMsg()
    try:
        setattr(message, kind, True)
    except (AttributeError, TypeError):
        getattr(message, kind).SetInParent()
    return bytes(message.SerializeToString())


def through(*sent: Message) -> tuple[list[Message], list[Message]]:
    """What the app receives of what a browser sends, up to the end, and what the browser is answered."""
    waiting = iter(sent)
    seen: list[Message] = []
    answered: list[Message] = []

    async def receive() -> Message:
        return next(waiting, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: Message) -> None:
        answered.append(message)

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while not seen or seen[-1]["type"] != "websocket.disconnect":
            seen.append(await receive())

    kind_of = import_module("asgi_app").kind_of
    asyncio.run(PageMessages(app, kind_of)({"type": "websocket"}, receive, send))
    return seen[:-1], answered


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_pages_send_is_passed_on(kind: str) -> None:
    """Every kind that this Streamlit knows is one or the other."""
    assert {kind in REFUSED, kind in PAGES_SEND} == {True, False}
    content: Message = {"type": "websocket.receive", "bytes": of_kind(kind)}
    after: Message = {"type": "websocket.receive", "bytes": of_kind("rerun_script")}
    seen, answered = through({"type": "websocket.connect"}, content, after)
    assert seen == [{"type": "websocket.connect"}, *([content] if kind in PAGES_SEND else []), after]
    assert answered == []


def test_the_last_of_two_kinds_decides_as_it_does_for_streamlit() -> None:
    """One message that says both."""
    hidden: Message = {"type": "websocket.receive", "bytes": of_kind("rerun_script") + of_kind("clear_cache")}
    assert through(hidden) == ([], [])


def test_what_is_no_message_is_left_to_streamlit() -> None:
    """Which closes the connection."""
    broken: Message = {"type": "websocket.receive", "bytes": b"\xff" * 9}
    assert through(broken) == ([broken], [])


def test_text_closes_the_connection() -> None:
    """Without an exception in the log."""
    seen, answered = through({"type": "websocket.receive", "text": "hello"})
    assert (seen, answered) == ([], [{"type": "websocket.close", "code": 1003}])
