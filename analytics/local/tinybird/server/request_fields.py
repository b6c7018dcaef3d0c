"""Reads a request: its body, the fields of its address and form, and Tinybird's own parameters among them.

A parameter of Tinybird's own that would change the answer is honoured or refused, never ignored. Names that neither
Tinybird nor the pipe knows are ignored, as on Tinybird.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from analytics.local.tinybird.query.parameters import Repeated
from analytics.transports.gzip_body import BadGzip, InflatedTooLarge, inflated

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024
BODY_SECONDS: Final = 60.0
"""Time for a body to arrive: 64 MB over 10 Mbit/s."""

MOST_FIELDS: Final = 10_000
"""Parameters of a request. Pipes have some twenty."""

MOST_VALUES: Final = 100_000
"""Values of one JSON list. As text, ids may have as many characters."""

LABELS: Final = frozenset({"token", "from", "cli_version", "debug", "release_replacements", "__tb__client"})
"""Parameters that every address takes and that change no answer here: there is one release, and jobs say all."""

_QUOTING: Final = ("output_format_json_quote_64bit_integers", "output_format_json_quote_denormals")
_STRINGS: Final = "output_format_parquet_string_as_string"
_DEPLOYMENTS: Final = ("__tb__deployment", "__tb__semver", "__tb__min_deployment")
_QUERY_NAMES: Final = frozenset({"q", "pipeline", "playground", "explain"})


async def body_of(request: Request, largest: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS) -> bytes:
    """The request's body of at most `largest` bytes, arrived within `seconds`, inflated if it says gzip.

    Raises:
        HTTPException: 413 past the limits, 408 when it does not arrive in time, 400 for a broken gzip stream or another
            encoding.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest:
        raise HTTPException(413, _too_large(largest))
    try:
        async with asyncio.timeout(seconds):
            body = await _received(request, largest)
    except TimeoutError:
        late = f"The body did not arrive within {seconds:g} seconds"
        raise HTTPException(408, late, {"Connection": "close"}) from None
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise HTTPException(400, f"Content-Encoding {encoding[:40]!r} is not supported: use gzip or none")
    return await inflated_body(body)


async def _received(request: Request, largest: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > largest:
            raise HTTPException(413, _too_large(largest))
        parts.append(part)
    return b"".join(parts)


async def inflated_body(body: bytes) -> bytes:
    """The content of a gzip file, of at most `MAX_INFLATED_BYTES`. Other requests go on meanwhile.

    Raises:
        HTTPException: 413 past the limit, 400 for a broken stream or one of too many members.
    """
    try:
        return await asyncio.to_thread(inflated, body, MAX_INFLATED_BYTES)
    except InflatedTooLarge:
        raise HTTPException(413, _too_large(MAX_INFLATED_BYTES)) from None
    except BadGzip as error:
        raise HTTPException(400, str(error)) from None


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit // 1024 // 1024} MB: send fewer rows per request"


def kind_of(request: Request) -> str:
    """The media type of the body, without its parameters; empty when the request names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def form_of(request: Request, largest: int = MAX_BODY_BYTES) -> FormData:
    """The parts of a multipart body of at most `largest` bytes.

    Raises:
        HTTPException: as `body_of`; 400 when it is not multipart.
    """
    body = await body_of(request, largest)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    try:
        return await MultiPartParser(request.headers, stream(), max_part_size=largest).parse()
    except (MultiPartException, KeyError) as error:
        raise HTTPException(400, f"the body is not the multipart form that it says: {error}") from None


async def fields_of(request: Request) -> dict[str, str]:
    """Query string and, on POST, the fields of a form or JSON body, as text; the body wins.

    A name that is sent several times is a `Repeated`, its values joined by commas. A body of another kind is the
    field `q`, as Tinybird's own command line sends SQL.

    Raises:
        HTTPException: 400 for a body that is not what its Content-Type says, 413 past the limit.
    """
    fields = query_of(request)
    if request.method != "POST":
        return fields
    kind = kind_of(request)
    if kind == "multipart/form-data":
        form = await form_of(request)
        return fields | _joined(_text_parts(form))
    body = await body_of(request)
    return fields | await asyncio.to_thread(_body_fields, body, kind)


def _body_fields(body: bytes, kind: str) -> dict[str, str]:
    if kind == "application/json":
        return _json_fields(body)
    text = _decoded(body)
    if kind == "application/x-www-form-urlencoded":
        _refuse_many(text.count("&") + 1)
        form_fields = _joined(parse_qsl(text, keep_blank_values=True))
        is_sql = any(
            character.isspace() for character in next(iter(form_fields), "")
        )  # curl --data "SELECT 1"
        return {"q": text} if is_sql else form_fields
    return {"q": text} if text.strip() else {}


def _text_parts(form: FormData) -> Iterator[tuple[str, str]]:
    for name, value in form.multi_items():
        if not isinstance(value, str):
            raise HTTPException(400, f"The parameter '{name[:100]}' was sent as a file: send it as text")
        yield name, value


def query_of(request: Request) -> dict[str, str]:
    """The query string's fields; a name that is sent several times is a `Repeated`.

    Raises:
        HTTPException: 413 for more than `MOST_FIELDS`.
    """
    _refuse_many(request.url.query.count("&") + 1)
    return _joined(request.query_params.multi_items())


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """One text per name.

    >>> _joined([("ids", "a"), ("n", "1"), ("ids", "b")])
    {'ids': 'a,b', 'n': '1'}
    """
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else Repeated(",".join(each)) for name, each in values.items()}


def _refuse_many(count: int, most: int = MOST_FIELDS) -> None:
    if count > most:
        raise HTTPException(413, f"The request has more than {most:,} parameters or values")


def _json_fields(body: bytes) -> dict[str, str]:
    if not body.strip():
        return {}
    try:
        sent = json.loads(_decoded(body), object_pairs_hook=_without_repeats)
        if isinstance(sent, dict):
            _refuse_many(len(sent))
            return {name: _as_text(value) for name, value in sent.items() if value is not None}
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON, or is nested too deeply") from None
    raise HTTPException(400, "the JSON body must be an object of parameters")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            raise _repeated(name)
        fields[name] = value
    return fields


def _as_text(value: object) -> str:
    if isinstance(value, list):
        _refuse_many(len(value), MOST_VALUES)
        text = ",".join(_as_text(item) for item in value)
        return Repeated(text) if len(value) > 1 else text
    return value if isinstance(value, str) else json.dumps(value)


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "the body is not UTF-8 text") from None


def only(fields: Mapping[str, str], known: Collection[str]) -> None:
    """Refuses a parameter that the route does not know, and one that is sent several times.

    Raises:
        HTTPException: 400; names the parameter.
    """
    for name, value in fields.items():
        if name not in known and name not in LABELS:
            takes = f"takes {', '.join(sorted(known))}" if known else "takes none"
            raise HTTPException(
                400,
                f"The parameter '{name[:100]}' is not supported by the local server: this address {takes}",
            )
        if name not in LABELS:
            once(name, value)


def once(name: str, value: str) -> None:
    """Refuses a parameter of the API that is sent several times.

    Raises:
        HTTPException: 400; names the parameter.
    """
    if isinstance(value, Repeated):
        raise _repeated(name)


def _repeated(name: str) -> HTTPException:
    return HTTPException(400, f"The parameter '{name[:100]}' was sent more than once: send it once")


def query_settings(fields: Mapping[str, str]) -> dict[str, str]:
    """The ClickHouse settings that a query's parameters set; empty for the defaults.

    Raises:
        HTTPException: 400 for a parameter of Tinybird's that would change the answer and is not supported.
    """
    settings: dict[str, str] = {}
    for name, value in fields.items():
        if name in _QUERY_NAMES or name in _QUOTING:
            once(name, value)
        if name in _QUOTING:
            settings[name] = _zero_or_one(name, value)
        elif name == _STRINGS and _zero_or_one(name, value) == "1":
            pass  # text in Parquet is always written as text
        elif (
            name.startswith("output_format_")
            or (name == "playground" and value)
            or (name == "explain" and is_true(fields, name))
        ):
            raise _unsupported(name)
        elif name in _DEPLOYMENTS and value not in {"", "live"}:
            raise HTTPException(
                400, f"{name}={value[:40]}: the local server has one deployment, the live one"
            )
    return {name: value for name, value in settings.items() if value == "1"}


def _zero_or_one(name: str, value: str) -> str:
    if value not in {"0", "1"}:
        raise HTTPException(400, f"The parameter '{name}' is 0 or 1")
    return value


def _unsupported(name: str) -> HTTPException:
    return HTTPException(400, f"The parameter '{name[:100]}' is not supported by the local server")


def arguments_of(fields: Mapping[str, str]) -> dict[str, str]:
    """The pipe parameters among the fields of a request."""
    return {
        name: value
        for name, value in fields.items()
        if name not in _QUERY_NAMES | LABELS and not name.startswith(("__", "output_format_"))
    }


def is_true(fields: Mapping[str, str], name: str) -> bool:
    """Whether a flag of the API is set; False when it is not sent.

    Raises:
        HTTPException: 400 for anything but `true`, `false`, `1` and `0` in any case: a dry run that is taken for none
            would delete.
    """
    value = fields.get(name, "false").lower()
    if value not in {"true", "1", "false", "0"}:
        raise HTTPException(400, f"The parameter '{name}' is true or false")
    return value in {"true", "1"}
