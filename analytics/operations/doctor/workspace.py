"""Checks the Tinybird workspace: reachable, tokens with no more rights than needed, this version deployed.

Asks without changing anything: an empty body shows whether a token may append, a dry run of a delete that holds for no
row whether it may delete.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from analytics import schemas
from analytics.errors import AnalyticsError, SchemaMismatch, SourceError, SourceRejected
from analytics.health.source_health import SLOW_SECONDS
from analytics.ingest.deletes.deletion import DATASOURCES, is_busy
from analytics.ingest.events import ConversationEvent, VisitorEvent, utc_text
from analytics.operations.doctor.finding import Finding, differences, failed, listed, not_checked
from analytics.schemas import Dtype, Schema
from analytics.transports.tinybird import TOKEN_VARIABLES, Tinybird, TokenKind

NO_WEBSITE: Final = "inbox-analytics-doctor"
"""Asked for where a pipe wants a website: has no rows, so that an answer has columns and nothing else."""

_PROBES: Final = 3
_DELETING: Final = "a delete job is running"
_DEPLOY: Final = "Deploy this version: `cd tinybird && tb --cloud deploy`."
_FITS: Final[Mapping[Dtype, re.Pattern[str]]] = {
    "int": re.compile(r"U?Int\d+"),
    "float": re.compile(r"Float\d+|U?Int\d+|Decimal.*"),
    "string": re.compile(r"String|FixedString.*|Enum.*|UUID|Date(32|Time.*)?"),
    "datetime": re.compile(r"Date(32|Time.*)?"),
    "bool": re.compile(r"Bool|UInt8"),
    "counts": re.compile(r"Array\(U?Int\d+\)"),
    "measures": re.compile(r"Array\((Nullable\()?Float\d+\)?\)"),
}
_WRAPPED: Final = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)")


def promised_pipes() -> tuple[Schema, ...]:
    """Lists the pipes that this version reads, by name."""
    named = {
        schema.resource: schema
        for schema in vars(schemas).values()
        if isinstance(schema, Schema)
        and schema.source == "tinybird"
        and schema is not schemas.QUARANTINED_ROWS
    }
    return tuple(named[name] for name in sorted(named))


def promised_columns() -> dict[str, dict[str, Dtype]]:
    """Lists the columns that events are sent with, by data source."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    visitor = VisitorEvent(timestamp=at, website_id="w", visitor_id="v", event_type="seen")
    conversation = ConversationEvent(
        timestamp=at, website_id="w", visitor_id="v", event_type="escalated", conversation_id="c"
    )
    return {
        event.DATASOURCE: {name: _dtype(name, value) for name, value in event.row().items()}
        for event in (conversation, visitor)
    }


def _dtype(name: str, value: object) -> Dtype:
    if name == "timestamp":
        return "datetime"
    return "float" if isinstance(value, float) else "string"


def fits(dtype: Dtype, declared: str) -> bool:
    """Whether a ClickHouse type is read as what this version expects.

    >>> fits("string", "LowCardinality(String)"), fits("float", "Nullable(Float32)"), fits("int", "String")
    (True, True, False)
    >>> fits("counts", "Array(UInt64)"), fits("counts", "UInt64")
    (True, False)
    """
    while wrapped := _WRAPPED.fullmatch(declared):
        declared = wrapped.group(1)
    return declared == "Nothing" or _FITS[dtype].fullmatch(declared) is not None


def reached(tinybird: Tinybird) -> Finding:
    """Checks that the server answers, a refusal included, and how fast."""
    took: list[float] = []
    for _ in range(_PROBES):
        began = time.perf_counter()
        try:
            tinybird.manage("GET", "/v0/pipes", "read", "pipes")
        except (SourceRejected, SchemaMismatch) as error:
            if error.status is None:
                return failed("tinybird", "API", error)
        except AnalyticsError as error:
            return failed("tinybird", "API", error)
        took.append(time.perf_counter() - began)
    seconds = median(took)
    text = f"answers in {seconds * 1000:.0f} ms (median of {_PROBES})"
    if seconds > SLOW_SECONDS["tinybird"]:
        return Finding("tinybird", "API", "warning", text, "Run close to the workspace's region.")
    return Finding("tinybird", "API", "ok", text)


def pipes(tinybird: Tinybird, *, may_read: bool) -> tuple[Finding, ...]:
    """Checks each pipe of this version: deployed, readable, with its columns. One query each.

    `may_read` is False where the read token has a problem: every pipe would be one too.
    """
    if not may_read:
        return (not_checked("pipes", "all", "TINYBIRD_READ_TOKEN has a problem"),)
    return tuple(_pipe(tinybird, schema) for schema in promised_pipes())


def _pipe(tinybird: Tinybird, schema: Schema) -> Finding:
    name, now = schema.resource, datetime.now(UTC)
    params = {
        # A pipe of one website refuses a list.
        "website_ids" if name == schemas.WEBSITE_KPIS.resource else "website_id": NO_WEBSITE,
        "date_from": utc_text(now - timedelta(days=1)),
        "date_to": utc_text(now),
        "day_starts": str(int(now.timestamp())),
        "conversation_ids": NO_WEBSITE,
    }
    try:
        answer = tinybird.query_pipe(name, params)
    except SourceRejected as error:
        if error.status == 404:
            return Finding("pipes", name, "problem", "not deployed", _DEPLOY)
        if error.status in {401, 403}:
            return Finding("pipes", name, "problem", "TINYBIRD_READ_TOKEN may not read it", _DEPLOY)
        return failed("pipes", name, error)
    except SourceError as error:
        return failed("pipes", name, error)
    declared = {column["name"]: column["type"] for column in answer.meta}
    wrong = _differences({column.name: column.dtype for column in schema.columns}, declared)
    if wrong:
        return Finding("pipes", name, "problem", listed(wrong), _DEPLOY)
    return Finding("pipes", name, "ok", f"deployed, {len(schema.columns)} columns as expected")


def _differences(expected: Mapping[str, Dtype], declared: Mapping[str, str]) -> list[str]:
    return differences(expected, declared, lambda name: fits(expected[name], declared[name]))


def datasources(tinybird: Tinybird, tokens: Iterable[TokenKind]) -> tuple[Finding, ...]:
    """Checks each data source: deployed, with the columns that events are sent with.

    `tokens` are those that are set and valid; one that may append or administer sees the data sources.
    """
    kind: TokenKind | None = next((each for each in ("admin", "append") if each in set(tokens)), None)
    if kind is None:
        reason = "neither TINYBIRD_ADMIN_TOKEN nor TINYBIRD_APPEND_TOKEN is set and valid"
        return (not_checked("data sources", "all", reason),)
    try:
        answer = tinybird.manage("GET", "/v0/datasources", kind, "datasources")
    except SourceError as error:
        return (failed("data sources", "all", error),)
    deployed = _columns_by_datasource(answer.get("datasources"))
    findings = []
    for name, expected in promised_columns().items():
        if name not in deployed:
            seen = "not deployed" if kind == "admin" else "not deployed, or not for TINYBIRD_APPEND_TOKEN"
            findings.append(Finding("data sources", name, "problem", seen, _DEPLOY))
        elif not deployed[name]:
            findings.append(not_checked("data sources", name, "Tinybird does not tell its columns"))
        elif wrong := _differences(expected, deployed[name]):
            findings.append(Finding("data sources", name, "problem", listed(wrong), _DEPLOY))
        else:
            text = f"deployed, {len(expected)} columns as expected"
            findings.append(Finding("data sources", name, "ok", text))
    return tuple(findings)


def _columns_by_datasource(listing: object) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for each in listing if isinstance(listing, list) else []:
        columns = each.get("columns") if isinstance(each, dict) else None
        found[str(each.get("name")) if isinstance(each, dict) else ""] = {
            str(column.get("name")): str(column.get("type"))
            for column in (columns if isinstance(columns, list) else [])
            if isinstance(column, dict)
        }
    return found


def tokens(tinybird: Tinybird, is_set: Mapping[TokenKind, bool], *, is_local: bool) -> tuple[Finding, ...]:
    """Checks each token: it may do what it is for, and nothing else.

    On the local stack, which holds no other data, an admin token that deletes is right.
    """
    checks: Mapping[TokenKind, Callable[[], Finding]] = {
        "read": lambda: _read_token(tinybird),
        "append": lambda: _append_token(tinybird),
        "admin": lambda: _admin_token(tinybird, is_local=is_local),
    }
    uses = {"append": "nothing is sent from here", "admin": "nothing is purged from here"}
    findings = []
    for kind, check in checks.items():
        name = TOKEN_VARIABLES[kind]
        if not is_set[kind]:
            findings.append(Finding("tokens", name, "ok", f"not set: {uses[kind]}"))
            continue
        try:
            findings.append(check())
        except SourceError as error:
            findings.append(failed("tokens", name, error))
    return tuple(findings)


def _read_token(tinybird: Tinybird) -> Finding:
    name = TOKEN_VARIABLES["read"]
    may_read = _readable_pipes(tinybird, "read")
    may_delete = _may_delete(tinybird, "read")
    beyond = [*_appendable(tinybird, "read"), *(["deletes"] if may_delete else [])]
    if not may_read:
        remedy = "Set it to the token `dashboard_read` of this workspace (`tb --cloud token ls`)."
        is_it = (
            f"may read no pipe: {_doing(beyond)}"
            if beyond
            else "may read no pipe, or is not of this workspace"
        )
        return Finding("tokens", name, "problem", is_it, remedy)
    if beyond:
        text = f"may do more than read: {_doing(beyond)}"
        remedy = "Use `dashboard_read`: a dashboard that is broken into then gives nothing but numbers away."
        return Finding("tokens", name, "warning", text, remedy)
    return Finding("tokens", name, "ok", f"reads {len(may_read)} pipes, {_nothing_else(may_delete)}")


def _append_token(tinybird: Tinybird) -> Finding:
    name = TOKEN_VARIABLES["append"]
    may_append = _appendable(tinybird, "append")
    missing = [datasource for datasource in DATASOURCES if datasource not in may_append]
    if missing:
        remedy = "Set it to the token `events_append` of this workspace (`tb --cloud token ls`)."
        return Finding("tokens", name, "problem", f"may not append to {listed(missing)}", remedy)
    may_delete = _may_delete(tinybird, "append")
    beyond = [
        *(["reads pipes"] if _readable_pipes(tinybird, "append") else []),
        *(["deletes"] if may_delete else []),
    ]
    if beyond:
        text = f"may do more than append: {_doing(beyond)}"
        return Finding("tokens", name, "warning", text, "Use `events_append`, which can do nothing else.")
    return Finding("tokens", name, "ok", f"appends to both data sources, {_nothing_else(may_delete)}")


def _admin_token(tinybird: Tinybird, *, is_local: bool) -> Finding:
    name = TOKEN_VARIABLES["admin"]
    may_delete = _may_delete(tinybird, "admin")
    if may_delete is None:
        return Finding("tokens", name, "ok", f"{_DELETING}: whether it may delete cannot be asked meanwhile")
    if not may_delete:
        remedy = "Set it to a workspace admin token, or unset it (`tb --cloud token ls`)."
        return Finding("tokens", name, "problem", "may not delete rows, or is not of this workspace", remedy)
    if is_local:
        return Finding("tokens", name, "ok", "may delete rows; on the local stack it is at home")
    remedy = "Right for purge, retention and doctor; unset it in the dashboard's own deployment."
    return Finding("tokens", name, "warning", "may delete rows and everything else", remedy)


def _doing(beyond: Iterable[str]) -> str:
    return ", ".join(f"appends to {each}" if each in DATASOURCES else each for each in beyond)


def _readable_pipes(tinybird: Tinybird, token: TokenKind) -> list[str]:
    try:
        listing = tinybird.manage("GET", "/v0/pipes", token, "pipes").get("pipes")
    except SourceRejected as error:
        if error.status in {401, 403}:
            return []
        raise
    names = (
        [str(each.get("name")) for each in listing if isinstance(each, dict)]
        if isinstance(listing, list)
        else []
    )
    return sorted(set(names) & {schema.resource for schema in promised_pipes()})


def _appendable(tinybird: Tinybird, token: TokenKind) -> list[str]:
    """Lists the data sources that the token may append to: an empty body is refused as empty, not as forbidden."""
    return [name for name in DATASOURCES if _may_append(tinybird, token, name)]


def _may_append(tinybird: Tinybird, token: TokenKind, name: str) -> bool:
    try:
        tinybird.manage("POST", "/v0/events", token, name, params={"name": name})
    except SourceError as error:
        return _is_permitted(error)
    return True


def _nothing_else(may_delete: bool | None) -> str:
    return f"and nothing else; {_DELETING}" if may_delete is None else "and nothing else"


def _may_delete(tinybird: Tinybird, token: TokenKind) -> bool | None:
    """Whether the token may delete rows: a dry run, with a condition that holds for no row besides.

    None while Tinybird refuses it because a delete job, such as a purge's, is running.
    """
    form = {"delete_condition": "1 = 0", "dry_run": "true"}
    path = f"/v0/datasources/{DATASOURCES[0]}/delete"
    try:
        tinybird.manage("POST", path, token, DATASOURCES[0], form=form)
    except SourceError as error:
        return None if is_busy(error) else _is_permitted(error)
    return True


def _is_permitted(error: SourceError) -> bool:
    """Whether a refusal is about the request and not about the token; other errors are raised."""
    if not isinstance(error, SourceRejected | SchemaMismatch):
        raise error
    return error.status not in {401, 403, 404}
