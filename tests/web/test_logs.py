"""The log of the server: one line of JSON per record, from every library, in a separate process."""

import json
import subprocess
import sys
from typing import Any

import pytest

HEAD = """
import logging, sys, threading, warnings
from analytics.web import logs, request_id
logs.set_up({format!r})
"""


def said(code: str, chosen: str = "json") -> str:
    """What a program with this log writes to standard error; nothing may stand on standard output."""
    program = HEAD.format(format=chosen) + code
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.stdout == ""
    return ended.stderr


def lines(code: str) -> list[dict[str, Any]]:
    """What it writes, each line read as JSON."""
    return [json.loads(line) for line in said(code).splitlines()]


def test_a_line_has_time_level_logger_message_and_request() -> None:
    """The request only where there is one."""
    first, second = lines(
        "log = logging.getLogger('analytics.x')\nlog.info('start %d', 1)\nrequest_id.begin('abc')\nlog.warning('then')"
    )
    assert list(first) == ["time", "level", "logger", "message"]
    assert first["time"].endswith("Z")
    assert (first["level"], first["logger"], first["message"]) == ("info", "analytics.x", "start 1")
    assert (second["level"], second["request_id"]) == ("warning", "abc")


@pytest.mark.parametrize("name", ["streamlit.web.x", "uvicorn.error", "websockets.server", "asyncio"])
def test_handlers_that_a_library_adds_are_left_out(name: str) -> None:
    """As Streamlit's, one for each logger, also where it does not propagate."""
    (line,) = lines(
        f"log = logging.getLogger({name!r})\nlog.addHandler(logging.StreamHandler())\nlog.propagate = False\n"
        "log.warning('once')"
    )
    assert (line["logger"], line["message"]) == (name, "once")


@pytest.mark.parametrize("imported", ["uvicorn.server", "streamlit"])
def test_loggers_that_were_there_before_go_through_it_too(imported: str) -> None:
    """Whatever was imported first."""
    before = f"import logging, {imported}\nlog = logging.getLogger('uvicorn.error')\n"
    program = before + HEAD.format(format="json") + "import streamlit\nlog.warning('once')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    (line,) = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (line["logger"], line["message"]) == ("uvicorn.error", "once")


def test_streamlits_own_loggers_go_through_it() -> None:
    """Those of the installed version."""
    (line,) = lines(
        "from streamlit.logger import get_logger, update_formatter\nlog = get_logger('streamlit.x')\n"
        "update_formatter()\nlog.warning('once')"
    )
    assert (line["logger"], line["message"]) == ("streamlit.x", "once")


def test_a_traceback_is_a_value_of_its_line() -> None:
    """All of it, with the lines that it has."""
    (line,) = lines(
        "try:\n    raise ValueError('a\\nb')\nexcept ValueError:\n    logging.getLogger('x').exception('oh')"
    )
    assert line["message"] == "oh"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: a\nb")


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("threading.Thread(target=lambda: 1 / 0).start()", "error"),
        ("1 / 0", "critical"),
        ("warnings.warn('old')", "warning"),
    ],
    ids=["thread", "program", "warning"],
)
def test_what_python_itself_would_print_is_a_line_too(code: str, level: str) -> None:
    """An exception that was not caught, and a warning."""
    (line,) = lines(code)
    assert line["level"] == level
    assert "ZeroDivisionError" in line.get("exception", "") or "old" in line["message"]


@pytest.mark.parametrize("name", ["httpx2", "httpcore2", "uvicorn.access", "anything"])
def test_libraries_say_what_goes_wrong_and_no_more(name: str) -> None:
    """Whole addresses would stand in it."""
    assert said(f"logging.getLogger({name!r}).info('GET /?token=1')") == ""


def test_what_a_visitor_sent_cannot_begin_a_line() -> None:
    """Nor end it early; fields cannot take the place of what each line has."""
    (line,) = lines(
        "log = logging.getLogger('analytics.x')\n"
        "log.info('a\\n\\u2028{\"level\": \"x\"}', extra={logs.FIELDS: {'level': 'y', 'status': 200}})"
    )
    assert (line["level"], line["status"]) == ("info", 200)
    assert line["message"] == 'a\n\u2028{"level": "x"}'


def test_text_is_for_people() -> None:
    """Time, level, request, logger, message; the traceback set in below."""
    text = said(
        "request_id.begin('abc')\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n"
        "    logging.getLogger('x').exception('oh')",
        "text",
    )
    first, *rest = text.splitlines()
    assert first.endswith("Z ERROR   abc x: oh")
    assert rest[-1] == "  ZeroDivisionError: division by zero"


@pytest.mark.parametrize("chosen", ["json", "text"])
def test_secrets_that_a_library_says_are_taken_out(chosen: str) -> None:
    """Of messages and of exceptions: they may repeat an address or a header."""
    text = said(
        "log = logging.getLogger('sqlalchemy.pool')\n"
        "log.error('lost %s', 'postgresql://maya:hu5h@db/inbox')\n"
        "try:\n    raise OSError('Authorization: Bearer ' + 'hu' + '5h')\n"
        "except OSError:\n    log.exception('no')\n",
        chosen,
    )
    assert "hu5h" not in text
    assert "postgresql://***@db/inbox" in text
    assert "Authorization: ***" in text


def test_text_is_shown_by_a_terminal_and_never_obeyed() -> None:
    """What a visitor sent neither begins a line nor changes colours, nor does what an exception says of it."""
    sent = "a\n2026-01-01 forged\r\x0b\u2028\x1b[31m\x9b31m\u202eb"
    text = said(
        f"log, sent = logging.getLogger('x'), {sent!r}\nlog.error(sent)\n"
        "try:\n    raise ValueError(sent)\nexcept ValueError:\n    log.exception('oh')",
        "text",
    )
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.split("\n")[0].endswith(r"x: a\n2026-01-01 forged\r\x0b\u2028\x1b[31m\x9b31m\u202eb")
    begun = [line for line in text.split("\n") if line and not line.startswith("  ")]
    assert [line.partition(" x: ")[2][:2] for line in begun] == ["a\\", "oh"]
