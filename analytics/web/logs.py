"""Sets up logging of the server's process: one handler, one line of JSON per record or text for people.

Streamlit gives each of its loggers a handler of its own, and uvicorn brings a configuration; here the records of all
libraries go through one handler.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal

from analytics.transports.redaction import without_secrets
from analytics.web import request_id

Format = Literal["json", "text"]
FIELDS: Final = "fields"
"""Key of the structured values of a record: `logger.info("…", extra={FIELDS: {"status": 200}})`."""


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, logger, message, request id, exception, and the record's fields.

    Secrets are removed, because an exception of a library may repeat any text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Formats the record; a traceback is one of the values."""
        line: dict[str, object] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        request = request_id.current()
        if request is not None:
            line["request_id"] = request
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        elif record.exc_text:
            line["exception"] = without_secrets(record.exc_text)
        if record.stack_info:
            line["stack"] = record.stack_info
        for name, value in getattr(record, FIELDS, {}).items():
            line.setdefault(name, value)
        return json.dumps(line, ensure_ascii=True, default=str)


class Text(logging.Formatter):
    """Formats a record for people: time, level, request id, logger, message; a traceback is on indented lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats the record. Its time is in UTC; text from a visitor cannot start a line."""
        request = request_id.current() or "-"
        text = (
            f"{_time(record):%Y-%m-%d %H:%M:%S}Z {record.levelname:<7} {request} {record.name}: "
            f"{without_secrets(record.getMessage().rstrip())}"
        )
        lines = [text]
        if record.exc_info:
            lines += [
                f"  {line}" for line in without_secrets(self.formatException(record.exc_info)).split("\n")
            ]
        return "\n".join(map(_shown, lines))


class _OneWayOut(logging.Logger):
    """A logger whose records go to the root's handlers only, even when it is given handlers."""

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Passes the record to the root's handlers."""
        logging.getLogger().callHandlers(record)


def set_up(chosen: Format) -> None:
    """Sends log records, warnings and uncaught exceptions, also of threads, to standard error through one handler."""
    logging.setLoggerClass(_OneWayOut)
    for each in logging.getLogger().manager.loggerDict.values():
        if isinstance(each, logging.Logger):
            each.__class__ = _OneWayOut
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if chosen == "json" else Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Below a warning, libraries log whole addresses with queries and tokens.
    root.setLevel(logging.WARNING)
    logging.getLogger("analytics").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    threading.excepthook = _from_thread
    sys.excepthook = _from_program


def _shown(line: str) -> str:
    """The line with unprintable characters escaped, because a terminal would execute some of them."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _from_thread(raised: threading.ExceptHookArgs) -> None:
    name = raised.thread.name if raised.thread is not None else "a thread"
    value = raised.exc_value or raised.exc_type()
    logging.getLogger(__name__).error("An exception ended %s.", name, exc_info=value)


def _from_program(kind: type[BaseException], value: BaseException, where: TracebackType | None) -> None:
    logging.getLogger(__name__).critical("An exception ended the program.", exc_info=(kind, value, where))
